/** Link-layer (Ethernet) addresses as values: `0e:2a:00:00:00:01`, lower case, so that `===` is equality. */
import { createHash, randomFillSync } from 'node:crypto'
import { wrongType } from '../util/wrong-input.ts'

declare const lladdrBrand: unique symbol
export type Lladdr = string & { readonly [lladdrBrand]: true }

const OCTETS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const CANONICAL = /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/

/** Six colon- or dash-separated octets in any case → canonical; RangeError naming the text, TypeError for what is none. */
export function parseLladdr(text: string): Lladdr {
  if (typeof text !== 'string') throw wrongType('MAC address', 'a string', text)
  if (CANONICAL.test(text)) return text as Lladdr
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) throw new RangeError(`'${text}' is not a MAC address`)
  return text.toLowerCase().replaceAll('-', ':') as Lladdr
}

/** Six bytes, in wire order. */
export function lladdrToBytes(lladdr: Lladdr): Uint8Array {
  return Uint8Array.from(lladdr.split(':', 6), (octet) => Number.parseInt(octet, 16))
}

export function lladdrFromBytes(bytes: Uint8Array): Lladdr {
  if (bytes.length !== 6) throw new RangeError(`a MAC address has 6 bytes, not ${bytes.length}`)
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes
  return `${OCTETS[a]}:${OCTETS[b]}:${OCTETS[c]}:${OCTETS[d]}:${OCTETS[e]}:${OCTETS[f]}` as Lladdr
}

/** Neither multicast nor all zero: what a VTEP may call its own. */
export function isUnicastLladdr(lladdr: Lladdr): boolean {
  // The lowest bit of the first octet.
  return '02468ace'.includes(lladdr.charAt(1)) && lladdr !== '00:00:00:00:00:00'
}

/** Random, unicast, locally administered (the two low bits of the first octet are 10), as flannel makes its own. */
export function randomLladdr(): Lladdr {
  const bytes = randomFillSync(new Uint8Array(6))
  bytes[0] = ((bytes[0] ?? 0) & 0xfe) | 0x02
  return lladdrFromBytes(bytes)
}

/**
 * The one that a Node's UID gives its VTEP: 46 bits of SHA-256 over the lines `vtepd lladdr`, UID, family and VNI; locally
 * administered and unicast. Nobody can choose a UID, so nobody can aim at another's.
 */
export function deriveLladdr(uid: string, family: 'ipv4' | 'ipv6', vni: number): Lladdr {
  const bytes = createHash('sha256').update(['vtepd lladdr', uid, family, vni].join('\n')).digest().subarray(0, 6)
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02
  return lladdrFromBytes(bytes)
}
