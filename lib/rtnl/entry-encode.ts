/**
 * One entry from a value to its 48 bytes (layout: abi.ts), checked on the way, in one pass: a batch may have 100,000. Whatever
 * entry-codec.ts reads from the kernel's bytes can be written again. Must not: run anything of the caller's once it has begun
 * to write.
 */

import * as abi from '../addon/abi.ts'
import { putUint32 } from '../addon/host-order.ts'
import type { Ip } from '../net/ip.ts'
import { readAddress } from '../net/ip-text.ts'
import {
  asBoolean,
  asCidr,
  asIfindex,
  asInteger,
  asIp,
  asLladdr,
  asObject,
  oneOf,
  refuseUnknownKeys,
} from '../netlink/check.ts'
import { hexDigit } from '../util/hex-digit.ts'
import { unreachable } from '../util/unreachable.ts'
import { wrongType, wrongValue } from '../util/wrong-input.ts'
import type { Entry, FdbEntry, NeighbourEntry, RouteEntry } from './entry.ts'

/** Where entries are written. `take` makes room for one and says where it begins; it counts only once it is whole. */
export interface Room {
  readonly bytes: Uint8Array
  take(): number
}

const KINDS = ['neighbour', 'fdb', 'route'] as const
const KEYS = {
  neighbour: ['kind', 'ifindex', 'ip', 'lladdr', 'state', 'flags', 'protocol'],
  fdb: ['kind', 'ifindex', 'lladdr', 'remote', 'state', 'flags', 'extras'],
  route: [
    ...['kind', 'dst', 'metric', 'gateway', 'oif', 'onlink', 'protocol', 'type', 'scope'],
    ...['extras', 'dead', 'multipath'],
  ],
} as const

/** Writes operation `op` (OP_*) on `entry`; where. Throws TypeError or RangeError that begins with the field's name. */
export function encodeEntry(room: Room, op: number, entry: Entry): number {
  const { kind } = asObject('entry', entry)
  if (kind === 'neighbour') return encodeNeighbour(room, op, entry as NeighbourEntry)
  if (kind === 'fdb') return encodeFdb(room, op, entry as FdbEntry)
  if (kind === 'route') return encodeRoute(room, op, entry as RouteEntry)
  return unreachable(oneOf('entry.kind', kind, KINDS) as never)
}

function encodeNeighbour(room: Room, op: number, entry: NeighbourEntry): number {
  const { ifindex, ip, lladdr, state, flags, protocol } = entry
  if (lladdr === undefined) refuseUnknownKeys('neighbour', entry, KEYS.neighbour)
  const at = begin(room, op, abi.KIND_NEIGHBOUR)
  const { bytes } = room
  bytes[at + abi.OFFSET_FAMILY] = putIp(bytes, at + abi.OFFSET_DST, 'neighbour.ip', ip)
  if (lladdr !== undefined) putOverlayLladdr(bytes, at + abi.OFFSET_VIA, lladdr)
  putUint32(bytes, at + abi.OFFSET_IFINDEX, asIfindex('neighbour.ifindex', ifindex))
  bytes[at + abi.OFFSET_PROTOCOL] = asByte('neighbour.protocol', protocol)
  bytes[at + abi.OFFSET_TYPE] = asByte('neighbour.state', state)
  bytes[at + abi.OFFSET_SCOPE] = asByte('neighbour.flags', flags)
  return at
}

function encodeFdb(room: Room, op: number, entry: FdbEntry): number {
  const { ifindex, lladdr, remote, state, flags, extras } = entry
  if (remote === undefined) refuseUnknownKeys('fdb', entry, KEYS.fdb)
  const at = begin(room, op, abi.KIND_FDB)
  const { bytes } = room
  putLladdr(bytes, at + abi.OFFSET_DST, 'fdb.lladdr', lladdr)
  if (remote !== undefined) bytes[at + abi.OFFSET_FAMILY] = putIp(bytes, at + abi.OFFSET_VIA, 'fdb.remote', remote)
  putUint32(bytes, at + abi.OFFSET_IFINDEX, asIfindex('fdb.ifindex', ifindex))
  bytes[at + abi.OFFSET_TYPE] = asByte('fdb.state', state)
  bytes[at + abi.OFFSET_SCOPE] = asByte('fdb.flags', flags)
  bytes[at + abi.OFFSET_FLAGS] = asBoolean('fdb.extras', extras) ? abi.ENTRY_EXTRAS : 0
  return at
}

function encodeRoute(room: Room, op: number, entry: RouteEntry): number {
  const { dst, metric, gateway, oif, onlink, protocol, type, scope, extras, dead, multipath } = entry
  if (gateway === undefined || oif === undefined) refuseUnknownKeys('route', entry, KEYS.route)
  const at = begin(room, op, abi.KIND_ROUTE)
  const { bytes } = room
  const family = putCidr(bytes, at, dst)
  bytes[at + abi.OFFSET_FAMILY] = family
  putUint32(bytes, at + abi.OFFSET_PRIORITY, asInteger('route.metric', metric, 0, 0xffffffff))
  if (gateway !== undefined) putGateway(bytes, at + abi.OFFSET_VIA, gateway, family)
  if (oif !== undefined) putUint32(bytes, at + abi.OFFSET_IFINDEX, asIfindex('route.oif', oif))
  bytes[at + abi.OFFSET_PROTOCOL] = asByte('route.protocol', protocol)
  bytes[at + abi.OFFSET_TYPE] = asByte('route.type', type)
  bytes[at + abi.OFFSET_SCOPE] = asByte('route.scope', scope)
  bytes[at + abi.OFFSET_FLAGS] =
    (asBoolean('route.onlink', onlink) ? abi.ENTRY_ONLINK : 0) |
    (gateway === undefined ? 0 : abi.ENTRY_GATEWAY) |
    (asBoolean('route.extras', extras) ? abi.ENTRY_EXTRAS : 0) |
    (asBoolean('route.dead', dead) ? abi.ENTRY_DEAD : 0) |
    (asBoolean('route.multipath', multipath) ? abi.ENTRY_MULTIPATH : 0)
  return at
}

function begin(room: Room, op: number, kind: number): number {
  const at = room.take()
  room.bytes.fill(0, at, at + abi.ENTRY_BYTES)
  room.bytes[at + abi.OFFSET_OP] = op
  room.bytes[at + abi.OFFSET_KIND] = kind
  return at
}

function asByte(field: string, value: unknown): number {
  return asInteger(field, value, 0, 255)
}

/** AF_*. */
function putIp(bytes: Uint8Array, at: number, field: string, ip: Ip): number {
  const length = typeof ip === 'string' ? readAddress(ip, bytes, at) : 0
  if (length === 0) asIp(field, ip)
  return length === 4 ? abi.AF_INET : abi.AF_INET6
}

/** Address, length and, as the result, AF_*: `10.42.1.0/24`, without bits behind the prefix. */
function putCidr(bytes: Uint8Array, entryAt: number, dst: unknown): number {
  if (typeof dst !== 'string') throw wrongType('route.dst', 'a string', dst)
  const at = entryAt + abi.OFFSET_DST
  const slash = dst.lastIndexOf('/')
  const size = slash < 0 ? 0 : readAddress(dst, bytes, at, slash)
  const length = lengthFrom(dst, slash + 1)
  if (size === 0 || length < 0 || length > 8 * size || hasBitsBehind(bytes, at, size, length)) asCidr('route.dst', dst)
  bytes[entryAt + abi.OFFSET_DST_LENGTH] = length
  return size === 4 ? abi.AF_INET : abi.AF_INET6
}

/** One to three digits without a zero before others; -1: something else. */
function lengthFrom(text: string, start: number): number {
  const digits = text.length - start
  if (digits < 1 || digits > 3 || (digits > 1 && text.charCodeAt(start) === 0x30)) return -1
  let value = 0
  for (let i = start; i < text.length; i += 1) {
    const digit = text.charCodeAt(i) - 0x30
    if (!(digit >= 0 && digit <= 9)) return -1
    value = value * 10 + digit
  }
  return value
}

function hasBitsBehind(bytes: Uint8Array, at: number, size: number, length: number): boolean {
  let byte = length >> 3
  if ((length & 7) !== 0 && ((bytes[at + byte++] ?? 0) & (0xff >> (length & 7))) !== 0) return true
  for (; byte < size; byte += 1) if (bytes[at + byte] !== 0) return true
  return false
}

/** A packed gateway of zeros is that of another family, and no value. */
function putGateway(bytes: Uint8Array, at: number, gateway: Ip, family: number): void {
  if (putIp(bytes, at, 'route.gateway', gateway) !== family)
    throw wrongValue('route.gateway', gateway, 'is not of the family of route.dst')
  for (let i = at; i < at + (family === abi.AF_INET ? 4 : 16); i += 1) if (bytes[i] !== 0) return
  throw wrongValue('route.gateway', gateway, 'is no gateway; undefined says that there is none')
}

/** A packed neighbour with a lladdr of zeros has none. */
function putOverlayLladdr(bytes: Uint8Array, at: number, lladdr: unknown): void {
  putLladdr(bytes, at, 'neighbour.lladdr', lladdr)
  for (let i = at; i < at + 6; i += 1) if (bytes[i] !== 0) return
  throw wrongValue('neighbour.lladdr', lladdr, 'is no address; undefined says that there is none')
}

/** Six octets as parseLladdr takes them. */
function putLladdr(bytes: Uint8Array, at: number, field: string, lladdr: unknown): void {
  if (typeof lladdr !== 'string' || lladdr.length !== 17) {
    asLladdr(field, lladdr)
    return
  }
  for (let i = 0; i < 6; i += 1) {
    const high = hexDigit(lladdr.charCodeAt(3 * i))
    const low = hexDigit(lladdr.charCodeAt(3 * i + 1))
    const separator = lladdr.charCodeAt(3 * i + 2)
    if (high < 0 || low < 0 || !(i === 5 || separator === 0x3a || separator === 0x2d))
      throw wrongValue(field, lladdr, 'is not a MAC address')
    bytes[at + i] = (high << 4) | low
  }
}
