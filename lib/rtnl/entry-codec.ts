/**
 * One entry from its 48 bytes (layout: abi.ts) to a value. What is read may be anything: every address and prefix that
 * the kernel can hold has a value, and bytes that are no entry have none. Must not: throw on what it reads, or call a parser
 * of what people write.
 */

import * as abi from '../addon/abi.ts'
import { getUint32, viewOf } from '../addon/host-order.ts'
import { cidrOf } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { addressBits, type Family, type Ip, ipFromBytes } from '../net/ip.ts'
import { lladdrFromBytes } from '../net/lladdr.ts'
import type { Entry, FdbEntry, NeighbourEntry, RouteEntry } from './entry.ts'

/** Whether the ENTRY_BYTES of `bytes` from `at` on can be read: a known kind, with the family and prefix length it needs. */
export function isEntry(bytes: Uint8Array, at: number): boolean {
  if (at + abi.ENTRY_BYTES > bytes.length) return false
  const family = familyFrom(bytes[at + abi.OFFSET_FAMILY])
  switch (bytes[at + abi.OFFSET_KIND]) {
    case abi.KIND_NEIGHBOUR:
      return family !== undefined
    case abi.KIND_FDB:
      return family !== undefined || bytes[at + abi.OFFSET_FAMILY] === 0
    case abi.KIND_ROUTE:
      return family !== undefined && (bytes[at + abi.OFFSET_DST_LENGTH] ?? 0) <= addressBits(family)
    default:
      return false
  }
}

/** The entry in the first ENTRY_BYTES of `bytes`; undefined: they are none (isEntry). */
export function decodeEntry(bytes: Uint8Array): Entry | undefined {
  if (!isEntry(bytes, 0)) return undefined
  const family = familyFrom(bytes[abi.OFFSET_FAMILY])
  if (bytes[abi.OFFSET_KIND] === abi.KIND_FDB) return decodeFdb(bytes, family)
  if (family === undefined) return undefined
  return bytes[abi.OFFSET_KIND] === abi.KIND_ROUTE ? decodeRoute(bytes, family) : decodeNeighbour(bytes, family)
}

function decodeNeighbour(bytes: Uint8Array, family: Family): NeighbourEntry {
  const lladdr = lladdrFromBytes(bytes.subarray(abi.OFFSET_VIA, abi.OFFSET_VIA + 6))
  return {
    kind: 'neighbour',
    ifindex: ifindexAt(bytes),
    ip: ipAt(bytes, abi.OFFSET_DST, family),
    lladdr: lladdr === '00:00:00:00:00:00' ? undefined : lladdr,
    state: bytes[abi.OFFSET_TYPE] ?? 0,
    flags: bytes[abi.OFFSET_SCOPE] ?? 0,
    protocol: bytes[abi.OFFSET_PROTOCOL] ?? 0,
  }
}

function decodeFdb(bytes: Uint8Array, family: Family | undefined): FdbEntry {
  return {
    kind: 'fdb',
    ifindex: ifindexAt(bytes),
    lladdr: lladdrFromBytes(bytes.subarray(abi.OFFSET_DST, abi.OFFSET_DST + 6)),
    remote: family === undefined ? undefined : ipAt(bytes, abi.OFFSET_VIA, family),
    state: bytes[abi.OFFSET_TYPE] ?? 0,
    flags: bytes[abi.OFFSET_SCOPE] ?? 0,
    extras: flagOf(bytes, abi.ENTRY_EXTRAS),
  }
}

function decodeRoute(bytes: Uint8Array, family: Family): RouteEntry {
  const oif = ifindexAt(bytes)
  return {
    kind: 'route',
    dst: cidrOf(ipAt(bytes, abi.OFFSET_DST, family), bytes[abi.OFFSET_DST_LENGTH] ?? 0),
    metric: getUint32(viewOf(bytes), abi.OFFSET_PRIORITY),
    gateway: hasGateway(bytes, family) ? ipAt(bytes, abi.OFFSET_VIA, family) : undefined,
    oif: oif === 0 ? undefined : oif,
    onlink: flagOf(bytes, abi.ENTRY_ONLINK),
    protocol: bytes[abi.OFFSET_PROTOCOL] ?? 0,
    type: bytes[abi.OFFSET_TYPE] ?? 0,
    scope: bytes[abi.OFFSET_SCOPE] ?? 0,
    extras: flagOf(bytes, abi.ENTRY_EXTRAS),
    dead: flagOf(bytes, abi.ENTRY_DEAD),
    multipath: flagOf(bytes, abi.ENTRY_MULTIPATH),
  }
}

function hasGateway(bytes: Uint8Array, family: Family): boolean {
  const via = bytes.subarray(abi.OFFSET_VIA, abi.OFFSET_VIA + addressBits(family) / 8)
  return flagOf(bytes, abi.ENTRY_GATEWAY) && via.some((byte) => byte !== 0)
}

function flagOf(bytes: Uint8Array, flag: number): boolean {
  return ((bytes[abi.OFFSET_FLAGS] ?? 0) & flag) !== 0
}

function ifindexAt(bytes: Uint8Array): Ifindex {
  return getUint32(viewOf(bytes), abi.OFFSET_IFINDEX) as Ifindex
}

function ipAt(bytes: Uint8Array, offset: number, family: Family): Ip {
  return ipFromBytes(bytes.subarray(offset, offset + addressBits(family) / 8))
}

function familyFrom(af: number | undefined): Family | undefined {
  return af === abi.AF_INET ? 'ipv4' : af === abi.AF_INET6 ? 'ipv6' : undefined
}

/** AF_*. */
export function afOf(family: Family): number {
  return family === 'ipv4' ? abi.AF_INET : abi.AF_INET6
}
