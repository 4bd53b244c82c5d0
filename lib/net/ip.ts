/**
 * IP addresses as values: a branded string in canonical text (dotted quad; RFC 5952), so that `===` is equality, a Map
 * can be keyed by it and JSON shows it. Bytes (network order) exist only where a record or a mask is computed.
 * Must not: accept what Go's net.ParseIP refuses (leading zeros, short forms, zones), nor IPv4-mapped IPv6.
 */
import { isIPv4, isIPv6 } from 'node:net'
import ipaddr from 'ipaddr.js'

declare const ipBrand: unique symbol

export type Family = 'ipv4' | 'ipv6'
export type Ipv4 = string & { readonly [ipBrand]: 'ipv4' }
export type Ipv6 = string & { readonly [ipBrand]: 'ipv6' }
export type Ip = Ipv4 | Ipv6

export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']

/** Bits of an address of the family: 32 or 128. */
export function addressBits(family: Family): 32 | 128 {
  return family === 'ipv4' ? 32 : 128
}

export function familyOf(ip: Ip): Family {
  return ip.includes(':') ? 'ipv6' : 'ipv4'
}

/** Text → address in canonical form; throws RangeError naming the text. */
export function parseIp(text: string): Ip {
  if (isIPv4(text)) return text as Ipv4
  if (isIPv6(text) && !text.includes('%')) {
    const address = ipaddr.IPv6.parse(text)
    if (!address.isIPv4MappedAddress()) return address.toRFC5952String() as Ipv6
  }
  throw new RangeError(`'${text}' is not an IP address`)
}

/** As parseIp, but the family is required too. */
export function parseIpOf(family: Family, text: string): Ip {
  const ip = parseIp(text)
  if (familyOf(ip) !== family)
    throw new RangeError(`'${text}' is not an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`)
  return ip
}

/** Network byte order; 4 or 16 bytes. */
export function ipToBytes(ip: Ip): Uint8Array {
  if (familyOf(ip) === 'ipv6') return Uint8Array.from(ipaddr.IPv6.parse(ip).toByteArray())
  return Uint8Array.from(ip.split('.', 4), Number)
}

/** From 4 or 16 bytes in network byte order; any other length throws RangeError. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Ipv4
  if (bytes.length === 16) return new ipaddr.IPv6(Array.from(bytes)).toRFC5952String() as Ipv6
  throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`)
}

/** The address as an unsigned number, most significant byte first: 32 or 128 bits. */
export function ipToBigInt(ip: Ip): bigint {
  let value = 0n
  for (const byte of ipToBytes(ip)) value = (value << 8n) | BigInt(byte)
  return value
}

/** What a host can have and be reached at: not unspecified, loopback, multicast, broadcast; link-local allowed. */
export function isUnicastHost(ip: Ip): boolean {
  const bytes = ipToBytes(ip)
  const first = bytes[0] ?? 0
  if (bytes.length === 4) return first !== 0 && first !== 127 && first < 224
  return first !== 0xff && !bytes.subarray(0, 15).every((byte) => byte === 0)
}

/** 169.254/16 or fe80::/10. */
export function isLinkLocal(ip: Ip): boolean {
  const [first = 0, second = 0] = ipToBytes(ip)
  return familyOf(ip) === 'ipv4' ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80
}
