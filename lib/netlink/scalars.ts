/**
 * Codecs of single values: integers in host (uN, sN) and network byte order (beN), text, bytes, addresses. The names are those of
 * the kernel's netlink specifications (Documentation/netlink). Must not: know which attribute a value stands in.
 */

import { LITTLE_ENDIAN } from '../addon/host-order.ts'
import { type Ip, ipFromBytes } from '../net/ip.ts'
import { readAddress } from '../net/ip-text.ts'
import { type Lladdr, lladdrFromBytes, lladdrToBytes, parseLladdr } from '../net/lladdr.ts'
import { shown, wrongValue } from '../util/wrong-input.ts'
import { asBytes, asCodec, asInteger, asObject, keyName } from './check.ts'
import type { Codec } from './codec.ts'

const U64_MOST = (1n << 64n) - 1n

/** One byte. */
export const u8: Codec<number> = {
  size: 1,
  write: (out, value, name) => out.u8(asInteger(name, value, 0, 0xff)),
  read: (view, start, end) => (end - start === 1 ? view.getUint8(start) : undefined),
}

/** Two bytes, host byte order. */
export const u16: Codec<number> = sixteen(LITTLE_ENDIAN)
/** Two bytes, network byte order. */
export const be16: Codec<number> = sixteen(false)
/** Four bytes, host byte order. */
export const u32: Codec<number> = thirtyTwo(LITTLE_ENDIAN)
/** Four bytes, network byte order. */
export const be32: Codec<number> = thirtyTwo(false)

/** Four bytes with a sign, host byte order. */
export const s32: Codec<number> = {
  size: 4,
  write: (out, value, name) => out.u32(asInteger(name, value, -0x80000000, 0x7fffffff) >>> 0),
  read: (view, start, end) => (end - start === 4 ? view.getInt32(start, LITTLE_ENDIAN) : undefined),
}

/** Eight bytes, host byte order. */
export const u64: Codec<bigint> = {
  size: 8,
  write(out, value, name) {
    if (typeof value !== 'bigint') throw new TypeError(`${name}: ${shown(value)} is not a bigint`)
    if (value < 0n || value > U64_MOST) throw new RangeError(`${name}: ${value} is not from 0 to 2^64-1`)
    out.u64(value)
  },
  read: (view, start, end) => (end - start === 8 ? view.getBigUint64(start, LITTLE_ENDIAN) : undefined),
}

/** A counter: eight bytes as a number, exact up to 2^53 (9 petabytes). */
export const count64: Codec<number> = {
  size: 8,
  write: (out, value, name) => out.u64(BigInt(asInteger(name, value, 0, Number.MAX_SAFE_INTEGER))),
  read(view, start, end) {
    if (end - start !== 8) return undefined
    const [first, second] = [view.getUint32(start, LITTLE_ENDIAN), view.getUint32(start + 4, LITTLE_ENDIAN)]
    return LITTLE_ENDIAN ? second * 2 ** 32 + first : first * 2 ** 32 + second
  },
}

/** Eight bytes, network byte order, as a number that is exact up to 2^53 (ids of tunnels). */
export const be64: Codec<number> = {
  size: 8,
  write: (out, value, name) => out.u64(BigInt(asInteger(name, value, 0, Number.MAX_SAFE_INTEGER)), false),
  read: (view, start, end) =>
    end - start === 8 ? view.getUint32(start) * 2 ** 32 + view.getUint32(start + 4) : undefined,
}

/** UTF-8, ended by a zero. Bytes that are no UTF-8 read as U+FFFD. */
export const text: Codec<string> = {
  write(out, value, name) {
    if (typeof value !== 'string') throw new TypeError(`${name}: ${shown(value)} is not a string`)
    if (value.includes('\0')) throw new RangeError(`${name}: ${shown(value)} has a zero byte`)
    if (/\p{Cs}/u.test(value)) throw new RangeError(`${name}: ${shown(value)} has half a surrogate pair`)
    out.bytes(Buffer.from(value, 'utf8'))
    out.u8(0)
  },
  read(view, start, end) {
    let stop = start
    while (stop < end && view.getUint8(stop) !== 0) stop += 1
    return Buffer.from(view.buffer, view.byteOffset + start, stop - start).toString('utf8')
  },
}

/** Bytes as they are; what is read is a copy. */
export const bytes: Codec<Uint8Array> = {
  write: (out, value, name) => out.bytes(asBytes(name, value)),
  read: (view, start, end) => bytesAt(view, start, end).slice(),
}

/** An attribute that says something by being there. */
export const flag: Codec<boolean> = {
  flag: true,
  write(_out, value, name) {
    if (typeof value !== 'boolean') throw new TypeError(`${name}: ${shown(value)} is not a boolean`)
  },
  read: () => true,
}

/** One byte, 0 or 1. */
export const bool8: Codec<boolean> = {
  size: 1,
  write(out, value, name) {
    if (typeof value !== 'boolean') throw new TypeError(`${name}: ${shown(value)} is not a boolean`)
    out.u8(value ? 1 : 0)
  },
  read: (view, start, end) => (end - start === 1 ? view.getUint8(start) !== 0 : undefined),
}

/** Overwritten by the next address that is written. */
const address = new Uint8Array(16)

/** IPv4 (4 bytes) or IPv6 (16), network byte order. Every IPv6 address is written, IPv4-mapped ones too: the kernel has such. */
export const ip: Codec<Ip> = {
  write(out, value, name) {
    if (typeof value !== 'string') throw new TypeError(`${name}: ${shown(value)} is not an IP address`)
    const length = readAddress(value, address)
    if (length === 0) throw new RangeError(`${name}: ${shown(value)} is not an IP address`)
    out.bytes(address.subarray(0, length))
  },
  read(view, start, end) {
    if (end - start === 4) return ipv4At(view, start)
    return end - start === 16 ? ipv6At(view, start) : undefined
  },
}

/** Of 100,000 routes most have one of a few gateways: the last address of each slot, by its words. */
const SLOTS = 256
const quadKeys = new Uint32Array(SLOTS)
const quadTexts: (Ip | undefined)[] = new Array(SLOTS)
const longKeys = new Uint32Array(SLOTS * 4)
const longTexts: (Ip | undefined)[] = new Array(SLOTS)
const quad = new Uint8Array(4)

function ipv4At(view: DataView, start: number): Ip {
  const key = view.getUint32(start)
  const slot = (key ^ (key >>> 8)) & (SLOTS - 1)
  const known = quadTexts[slot]
  if (known !== undefined && quadKeys[slot] === key) return known
  const text = ipFromBytes(copied(view, start, quad))
  quadKeys[slot] = key
  quadTexts[slot] = text
  return text
}

function ipv6At(view: DataView, start: number): Ip {
  const [a, b] = [view.getUint32(start), view.getUint32(start + 4)]
  const [c, d] = [view.getUint32(start + 8), view.getUint32(start + 12)]
  const slot = (b ^ c ^ d ^ (d >>> 8)) & (SLOTS - 1)
  const at = slot * 4
  const known = longTexts[slot]
  const isEqual = longKeys[at] === a && longKeys[at + 1] === b && longKeys[at + 2] === c && longKeys[at + 3] === d
  if (known !== undefined && isEqual) return known
  const text = ipFromBytes(copied(view, start, address))
  longKeys[at] = a
  longKeys[at + 1] = b
  longKeys[at + 2] = c
  longKeys[at + 3] = d
  longTexts[slot] = text
  return text
}

function copied(view: DataView, start: number, into: Uint8Array): Uint8Array {
  for (let i = 0; i < into.length; i += 1) into[i] = view.getUint8(start + i)
  return into
}

/** Ethernet, 6 bytes in wire order. A link-layer address of another length is none. */
export const lladdr: Codec<Lladdr> = {
  size: 6,
  write(out, value, name) {
    if (typeof value !== 'string') throw new TypeError(`${name}: ${shown(value)} is not a MAC address`)
    out.bytes(lladdrToBytes(named(name, () => parseLladdr(value))))
  },
  read: (view, start, end) => (end - start === 6 ? lladdrFromBytes(bytesAt(view, start, end)) : undefined),
}

/**
 * A number that has names: known ones are read as their name, others as the number; both are written.
 * `names`: each name with its number.
 */
export function oneOf<N extends string>(codec: Codec<number>, names: Readonly<Record<N, number>>): Codec<N | number> {
  asCodec('codec', codec)
  const byName = new Map<string, number>()
  const byNumber = new Map<number, N>()
  for (const [name, given] of Object.entries(asObject('names', names))) {
    const number = asInteger(keyName(name), given, -0x80000000, 0xffffffff)
    byName.set(name, number)
    if (!byNumber.has(number)) byNumber.set(number, name as N)
  }
  return {
    ...(codec.size === undefined ? {} : { size: codec.size }),
    write(out, value, name) {
      if (typeof value !== 'string') return codec.write(out, value, name)
      const number = byName.get(value)
      if (number === undefined) throw wrongValue(name, value, `is none of ${[...byName.keys()].join(', ')}`)
      codec.write(out, number, name)
    },
    read(view, start, end, name, faults) {
      const number = codec.read(view, start, end, name, faults)
      return number === undefined ? undefined : (byNumber.get(number) ?? number)
    },
  }
}

/**
 * A word of bits that have names, as the names of those that are set; a bit without a name is told, and written, as its value.
 * `names`: each name with its bit.
 */
export function bits<N extends string>(
  codec: Codec<number>,
  names: Readonly<Record<N, number>>,
): Codec<readonly (N | number)[]> {
  const known = Object.entries(names) as [N, number][]
  return {
    ...(codec.size === undefined ? {} : { size: codec.size }),
    write(out, value, name) {
      if (!Array.isArray(value)) throw new TypeError(`${name}: ${shown(value)} is not an array`)
      let word = 0
      for (const [i, one] of (value as readonly unknown[]).entries()) {
        if (typeof one === 'string' && !Object.hasOwn(names, one))
          throw new RangeError(`${name}[${i}]: ${shown(one)} is none of ${Object.keys(names).join(', ')}`)
        const bit = typeof one === 'string' ? names[one as N] : asInteger(`${name}[${i}]`, one, 0, 0xffffffff)
        word = (word | bit) >>> 0
      }
      codec.write(out, word, name)
    },
    read(view, start, end, name, faults) {
      const word = codec.read(view, start, end, name, faults)
      if (word === undefined) return undefined
      const value: (N | number)[] = []
      let rest = word
      for (const [one, bit] of known) {
        if ((rest & bit) === 0) continue
        value.push(one)
        rest = (rest & ~bit) >>> 0
      }
      if (rest !== 0) value.push(rest)
      return value
    },
  }
}

function sixteen(littleEndian: boolean): Codec<number> {
  return {
    size: 2,
    write: (out, value, name) => out.u16(asInteger(name, value, 0, 0xffff), littleEndian),
    read: (view, start, end) => (end - start === 2 ? view.getUint16(start, littleEndian) : undefined),
  }
}

function thirtyTwo(littleEndian: boolean): Codec<number> {
  return {
    size: 4,
    write: (out, value, name) => out.u32(asInteger(name, value, 0, 0xffffffff), littleEndian),
    read: (view, start, end) => (end - start === 4 ? view.getUint32(start, littleEndian) : undefined),
  }
}

function bytesAt(view: DataView, start: number, end: number): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset + start, end - start)
}

/** A RangeError of a parser begins with the name of the field. */
function named<T>(name: string, parse: () => T): T {
  try {
    return parse()
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    throw new RangeError(`${name}: ${error.message}`)
  }
}
