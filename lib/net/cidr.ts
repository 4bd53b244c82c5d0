/**
 * Networks as values: a branded string `address/length` whose host bits are zero and whose address is canonical, so that
 * `===` is equality. Must not: keep host bits (an interface address is an Ip and a length apart).
 */
import { wrongType } from '../util/wrong-input.ts'
import {
  addressBits,
  type Family,
  familyOf,
  type Ip,
  ipFromBytes,
  ipToBigInt,
  ipToBytes,
  maskIp,
  parseIp,
  samePrefix,
} from './ip.ts'
import { writeNetwork } from './ip-text.ts'

declare const cidrBrand: unique symbol
export type Cidr = string & { readonly [cidrBrand]: true }

const PREFIX_LENGTH = /^(?:0|[1-9][0-9]{0,2})$/

/** `10.42.1.7/24` → `10.42.1.0/24`; throws RangeError naming the text, TypeError for what is none. */
export function parseCidr(text: string): Cidr {
  if (typeof text !== 'string') throw wrongType('CIDR', 'a string', text)
  const slash = text.indexOf('/')
  const lengthText = text.slice(slash + 1)
  if (slash < 0 || !PREFIX_LENGTH.test(lengthText)) throw new RangeError(`'${text}' is not a CIDR`)
  const cidr = cidrOf(parseIp(text.slice(0, slash)), Number(lengthText))
  // The text itself, where it says the same: it is in one piece.
  return cidr === text ? (text as Cidr) : cidr
}

/** The network of `length` bits that holds `ip`; throws RangeError when the family has fewer bits. */
export function cidrOf(ip: Ip, length: number): Cidr {
  if (typeof ip !== 'string') throw wrongType('ip', 'a string', ip)
  if (typeof length !== 'number') throw wrongType('length', 'a number', length)
  if (!Number.isInteger(length) || length < 0 || length > addressBits(familyOf(ip)))
    throw new RangeError(`'${ip}/${length}' is not a CIDR`)
  return `${maskIp(ip, length)}/${length}` as Cidr
}

/** As cidrOf, from 4 or 16 bytes in network byte order, which are cleared beyond the length; undefined where that is too long. */
export function cidrFromBytes(bytes: Uint8Array, length: number): Cidr | undefined {
  const bits = bytes.length * 8
  if (length > bits) return undefined
  for (let i = length >> 3; i < bytes.length; i += 1)
    bytes[i] = i === length >> 3 ? (bytes[i] ?? 0) & ~(0xff >> (length & 7)) : 0
  return writeNetwork(bytes, bits === 32, length) as Cidr
}

/** The lowest address: flannel's overlay address of a VTEP (10.42.1.0 of 10.42.1.0/24). */
export function networkAddress(cidr: Cidr): Ip {
  return cidr.slice(0, cidr.indexOf('/')) as Ip
}

export function prefixLength(cidr: Cidr): number {
  return Number(cidr.slice(cidr.indexOf('/') + 1))
}

export function cidrFamily(cidr: Cidr): Family {
  return cidr.includes(':') ? 'ipv6' : 'ipv4'
}

/** False when the families differ. */
export function contains(cidr: Cidr, ip: Ip): boolean {
  return samePrefix(networkAddress(cidr), ip, prefixLength(cidr))
}

/** Whether every address of `inner` is in `outer`; equal networks count. */
export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return prefixLength(inner) >= prefixLength(outer) && contains(outer, networkAddress(inner))
}

export function overlaps(a: Cidr, b: Cidr): boolean {
  return containsCidr(a, b) || containsCidr(b, a)
}

/** The address after the network address: the pods' gateway in subnet.env (10.42.1.1 of 10.42.1.0/24). */
export function firstHost(cidr: Cidr): Ip {
  return hostAt(cidr, 1)
}

/** The address `index` (1 to 255) after the network address; in a network with fewer host bits those that fit. */
export function hostAt(cidr: Cidr, index: number): Ip {
  const bytes = ipToBytes(networkAddress(cidr))
  const last = bytes.length - 1
  bytes[last] = (bytes[last] ?? 0) | index
  return ipFromBytes(bytes)
}

/** Which one of the equally long subnets of `network` this is, counted from 0; the caller has checked containment. */
export function subnetIndex(network: Cidr, subnet: Cidr): bigint {
  const family = cidrFamily(subnet)
  const offset = ipToBigInt(networkAddress(subnet)) - ipToBigInt(networkAddress(network))
  return offset >> BigInt(addressBits(family) - prefixLength(subnet))
}
