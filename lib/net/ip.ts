/**
 * IP addresses as values: a branded string in canonical text (dotted quad; RFC 5952), so that `===` is equality, a Map
 * can be keyed by it and JSON shows it. Bytes (network order) exist only where a record or a mask is computed.
 * Must not: parse what Go's net.ParseIP refuses (leading zeros, short forms, zones), nor IPv4-mapped IPv6.
 */
import { wrongType } from '../util/wrong-input.ts'
import { readAddress, writeIpv4, writeIpv6 } from './ip-text.ts'

declare const ipBrand: unique symbol

export type Family = 'ipv4' | 'ipv6'
export type Ipv4 = string & { readonly [ipBrand]: 'ipv4' }
export type Ipv6 = string & { readonly [ipBrand]: 'ipv6' }
export type Ip = Ipv4 | Ipv6

export const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']

/** The address that was looked at last: overwritten by every function below, so it must not leave this file. */
const looked = new Uint8Array(16)
const comparedTo = new Uint8Array(16)

/** Bits of an address of the family: 32 or 128. */
export function addressBits(family: Family): 32 | 128 {
  return family === 'ipv4' ? 32 : 128
}

export function familyOf(ip: Ip): Family {
  return ip.includes(':') ? 'ipv6' : 'ipv4'
}

/** Text → address in canonical form; throws RangeError naming the text, TypeError for what is none. */
export function parseIp(text: string): Ip {
  if (typeof text !== 'string') throw wrongType('IP address', 'a string', text)
  const length = readAddress(text, looked)
  if (length === 4) return text as Ipv4
  if (length === 16 && !isMapped(looked)) return writeIpv6(looked) as Ipv6
  throw new RangeError(`'${text}' is not an IP address`)
}

/**
 * As parseIp, but undefined for what is no address, and IPv4-mapped IPv6 is one: the kernel may hold it, and what was read from
 * there can be written back.
 */
export function toIp(text: string): Ip | undefined {
  const length = readAddress(text, looked)
  if (length === 0) return undefined
  return length === 4 ? (text as Ipv4) : (writeIpv6(looked) as Ipv6)
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
  return looked.slice(0, readAddress(ip, looked))
}

/** From 4 or 16 bytes in network byte order; any other length throws RangeError. */
export function ipFromBytes(bytes: Uint8Array): Ip {
  if (bytes.length === 4) return writeIpv4(bytes) as Ipv4
  if (bytes.length === 16) return writeIpv6(bytes) as Ipv6
  throw new RangeError(`an address has 4 or 16 bytes, not ${bytes.length}`)
}

/** The address with all bits after the first `length` cleared; the very text when they are. RangeError for what is none. */
export function maskIp(ip: Ip, length: number): Ip {
  const bytes = readAddress(ip, looked)
  if (bytes === 0) throw new RangeError(`'${ip}' is not an IP address`)
  let changed = false
  for (let i = length >> 3; i < bytes; i += 1) {
    const byte = looked[i] ?? 0
    const kept = i === length >> 3 ? byte & ~(0xff >> (length & 7)) : 0
    looked[i] = kept
    changed ||= kept !== byte
  }
  if (!changed) return ip
  return bytes === 4 ? (writeIpv4(looked) as Ipv4) : (writeIpv6(looked) as Ipv6)
}

/** Whether both are of one family and their first `length` bits are equal. */
export function samePrefix(a: Ip, b: Ip, length: number): boolean {
  if (readAddress(a, looked) !== readAddress(b, comparedTo)) return false
  const whole = length >> 3
  for (let i = 0; i < whole; i += 1) if (looked[i] !== comparedTo[i]) return false
  const rest = length & 7
  return rest === 0 || (((looked[whole] ?? 0) ^ (comparedTo[whole] ?? 0)) & ~(0xff >> rest) & 0xff) === 0
}

/** The address as an unsigned number, most significant byte first: 32 or 128 bits. */
export function ipToBigInt(ip: Ip): bigint {
  let value = 0n
  for (const byte of ipToBytes(ip)) value = (value << 8n) | BigInt(byte)
  return value
}

/** What a host can have and be reached at: not unspecified, loopback, multicast, broadcast; link-local and 240/4 allowed. */
export function isUnicastHost(ip: Ip): boolean {
  const length = readAddress(ip, looked)
  const first = looked[0] ?? 0
  if (length === 4) return first !== 0 && first !== 127 && (first < 224 || first >= 240) && ip !== '255.255.255.255'
  return first !== 0xff && !isZero(looked, 15)
}

/** 169.254/16 or fe80::/10. */
export function isLinkLocal(ip: Ip): boolean {
  const length = readAddress(ip, looked)
  const [first = 0, second = 0] = looked
  return length === 4 ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80
}

/** ::ffff:0:0/96 (RFC 4291, 2.5.5.2). */
function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && isZero(bytes, 10)
}

function isZero(bytes: Uint8Array, length: number): boolean {
  for (let i = 0; i < length; i += 1) if (bytes[i] !== 0) return false
  return true
}
