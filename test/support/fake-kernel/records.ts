/**
 * The packed entries (lib/addon/abi.ts) as the fake kernel's tables keep them: bytes for the dump beside the few fields
 * that its rules look at. Must not: know any rule.
 */

import * as abi from '../../../lib/addon/abi.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { type Family, type Ip, ipFromBytes, ipToBytes } from '../../../lib/net/ip.ts'
import type { Entry, EntryTable } from '../../../lib/rtnl/entries.ts'

/** Address bytes as a Latin-1 string (4 or 16 characters): cheap to make, to compare and to use as a key. */
export type Key = string

export function keyOf(bytes: Uint8Array, offset: number, length: number): Key {
  return Buffer.from(bytes.buffer, bytes.byteOffset + offset, length).toString('latin1')
}

export function keyOfIp(ip: Ip): Key {
  const bytes = ipToBytes(ip)
  return keyOf(bytes, 0, bytes.length)
}

export function ipOfKey(key: Key): Ip {
  return ipFromBytes(Buffer.from(key, 'latin1'))
}

export function bytesOf(family: Family): 4 | 16 {
  return family === 'ipv4' ? 4 : 16
}

/** `key` with all bits after `length` cleared. */
export function maskKey(key: Key, length: number): Key {
  const bytes = Buffer.from(key, 'latin1')
  for (let i = 0; i < bytes.length; i += 1) {
    const keep = Math.min(8, Math.max(0, length - i * 8))
    bytes[i] = (bytes[i] ?? 0) & (0xff << (8 - keep))
  }
  return bytes.toString('latin1')
}

/** How many leading bits two addresses of one family share. */
export function commonBits(a: Key, b: Key): number {
  for (let i = 0; i < a.length; i += 1) {
    const different = a.charCodeAt(i) ^ b.charCodeAt(i)
    if (different !== 0) return i * 8 + Math.clz32(different) - 24
  }
  return a.length * 8
}

export interface Route {
  /** As a dump shows it; never changed after it was made. */
  readonly bytes: Uint8Array
  readonly family: Family
  readonly dst: Key
  readonly length: number
  readonly metric: number
  readonly gateway: Key | undefined
  /** 0: none. */
  readonly oif: number
  readonly onlink: boolean
  readonly protocol: number
  readonly type: number
  readonly scope: number
  readonly prefsrc: Key | undefined
  /** All of several next hops, of which `gateway` and `oif` show the first. */
  readonly hops?: readonly Hop[] | undefined
}

export interface Hop {
  readonly gateway: Key | undefined
  readonly oif: number
}

export interface Neighbour {
  readonly bytes: Uint8Array
  readonly ifindex: Ifindex
  readonly family: Family
  readonly ip: Key
  readonly lladdr: Key
  readonly state: number
  readonly flags: number
  readonly protocol: number
}

export interface Fdb {
  readonly bytes: Uint8Array
  readonly ifindex: Ifindex
  readonly lladdr: Key
  /** undefined: none named. */
  readonly family: Family | undefined
  readonly remote: Key | undefined
  readonly state: number
  readonly flags: number
}

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

export function getUint32(bytes: Uint8Array, offset: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + offset, 4).getUint32(0, LITTLE_ENDIAN)
}

function putUint32(bytes: Uint8Array, offset: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset + offset, 4).setUint32(0, value, LITTLE_ENDIAN)
}

function familyAt(bytes: Uint8Array): Family | undefined {
  const af = bytes[abi.OFFSET_FAMILY]
  return af === abi.AF_INET ? 'ipv4' : af === abi.AF_INET6 ? 'ipv6' : undefined
}

/** A private copy of one record, as a dump shows it (op 0). */
export function copyRecord(table: EntryTable, index: number): Uint8Array {
  const bytes = table.bytes.slice(index * abi.ENTRY_BYTES, (index + 1) * abi.ENTRY_BYTES)
  bytes[abi.OFFSET_OP] = 0
  return bytes
}

export function decodeRoute(bytes: Uint8Array): Route {
  const family = familyAt(bytes) ?? 'ipv4'
  const flags = bytes[abi.OFFSET_FLAGS] ?? 0
  const size = bytesOf(family)
  return {
    bytes,
    family,
    dst: keyOf(bytes, abi.OFFSET_DST, size),
    length: bytes[abi.OFFSET_DST_LENGTH] ?? 0,
    metric: getUint32(bytes, abi.OFFSET_PRIORITY),
    gateway: (flags & abi.ENTRY_GATEWAY) === 0 ? undefined : keyOf(bytes, abi.OFFSET_VIA, size),
    oif: getUint32(bytes, abi.OFFSET_IFINDEX),
    onlink: (flags & abi.ENTRY_ONLINK) !== 0,
    protocol: bytes[abi.OFFSET_PROTOCOL] ?? 0,
    type: bytes[abi.OFFSET_TYPE] ?? 0,
    scope: bytes[abi.OFFSET_SCOPE] ?? 0,
    prefsrc: undefined,
  }
}

/** The record of a route that the kernel itself makes, or that a rule has completed. */
export function encodeRoute(route: Omit<Route, 'bytes'>): Route {
  const bytes = new Uint8Array(abi.ENTRY_BYTES)
  bytes[abi.OFFSET_KIND] = abi.KIND_ROUTE
  bytes[abi.OFFSET_FAMILY] = route.family === 'ipv4' ? abi.AF_INET : abi.AF_INET6
  bytes[abi.OFFSET_DST_LENGTH] = route.length
  bytes.set(Buffer.from(route.dst, 'latin1'), abi.OFFSET_DST)
  putUint32(bytes, abi.OFFSET_PRIORITY, route.metric)
  if (route.gateway !== undefined) bytes.set(Buffer.from(route.gateway, 'latin1'), abi.OFFSET_VIA)
  putUint32(bytes, abi.OFFSET_IFINDEX, route.oif)
  bytes[abi.OFFSET_PROTOCOL] = route.protocol
  bytes[abi.OFFSET_TYPE] = route.type
  bytes[abi.OFFSET_SCOPE] = route.scope
  bytes[abi.OFFSET_FLAGS] =
    (route.onlink ? abi.ENTRY_ONLINK : 0) |
    ((route.hops ?? [route]).some((hop) => hop.gateway !== undefined) ? abi.ENTRY_GATEWAY : 0) |
    (route.prefsrc === undefined ? 0 : abi.ENTRY_EXTRAS) |
    (route.hops === undefined ? 0 : abi.ENTRY_EXTRAS | abi.ENTRY_MULTIPATH)
  return { ...route, bytes }
}

export function decodeNeighbour(bytes: Uint8Array): Neighbour {
  const family = familyAt(bytes) ?? 'ipv4'
  return {
    bytes,
    ifindex: getUint32(bytes, abi.OFFSET_IFINDEX) as Ifindex,
    family,
    ip: keyOf(bytes, abi.OFFSET_DST, bytesOf(family)),
    lladdr: keyOf(bytes, abi.OFFSET_VIA, 6),
    state: bytes[abi.OFFSET_TYPE] ?? 0,
    flags: bytes[abi.OFFSET_SCOPE] ?? 0,
    protocol: bytes[abi.OFFSET_PROTOCOL] ?? 0,
  }
}

export function decodeFdb(bytes: Uint8Array): Fdb {
  const family = familyAt(bytes)
  return {
    bytes,
    ifindex: getUint32(bytes, abi.OFFSET_IFINDEX) as Ifindex,
    lladdr: keyOf(bytes, abi.OFFSET_DST, 6),
    family,
    remote: family === undefined ? undefined : keyOf(bytes, abi.OFFSET_VIA, bytesOf(family)),
    state: bytes[abi.OFFSET_TYPE] ?? 0,
    flags: bytes[abi.OFFSET_SCOPE] ?? 0,
  }
}

/** One table from many records. */
export function joinRecords<E extends Entry = Entry>(records: readonly Uint8Array[]): EntryTable<E> {
  const bytes = new Uint8Array(records.length * abi.ENTRY_BYTES)
  records.forEach((record, index) => {
    bytes.set(record, index * abi.ENTRY_BYTES)
  })
  return { bytes, length: records.length }
}
