/**
 * Bulk tables: neighbour, FDB and route entries packed in one buffer (layout: abi.ts), as dumps return them and batches
 * take them. Owns packing, unpacking and appending. Must not: talk to the kernel or know what is desired.
 */
import { type Cidr, networkAddress, parseCidr, prefixLength } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { type Family, familyOf, type Ip, ipFromBytes, ipToBytes } from '../net/ip.ts'
import { type Lladdr, lladdrFromBytes, lladdrToBytes } from '../net/lladdr.ts'
import * as abi from './abi.ts'

export type EntryOp = 'replace' | 'delete' | 'create'

/** Overlay IP → lladdr, on a link. `state` is NUD_* (0x80 permanent), `flags` NTF_*. */
export interface NeighbourEntry {
  readonly kind: 'neighbour'
  readonly ifindex: Ifindex
  readonly ip: Ip
  /** undefined: the kernel has none for this entry (incomplete, failed). */
  readonly lladdr: Lladdr | undefined
  readonly state: number
  readonly flags: number
  readonly protocol: number
}

/** lladdr → underlay IP of the VTEP behind it, on a VXLAN link. */
export interface FdbEntry {
  readonly kind: 'fdb'
  readonly ifindex: Ifindex
  readonly lladdr: Lladdr
  /** undefined: an entry without remote (flannel writes none). */
  readonly remote: Ip | undefined
  readonly state: number
  readonly flags: number
  readonly extras: boolean
}

/** A route of the main table. */
export interface RouteEntry {
  readonly kind: 'route'
  readonly dst: Cidr
  /** RTA_PRIORITY; 0: not sent (IPv4 0, IPv6 the kernel makes it 1024). */
  readonly metric: number
  readonly gateway: Ip | undefined
  /** undefined: none sent; in dumps: none (blackhole) or several next hops (`extras`). */
  readonly oif: Ifindex | undefined
  readonly onlink: boolean
  readonly protocol: number
  /** RTN_*: 1 unicast, 6 blackhole, … */
  readonly type: number
  readonly scope: number
  readonly extras: boolean
  readonly dead: boolean
}

export type Entry = NeighbourEntry | FdbEntry | RouteEntry

/** `bytes` holds `length` entries of ENTRY_BYTES each; the buffer may be longer. Treated as immutable once handed out. */
export interface EntryTable {
  readonly bytes: Uint8Array
  readonly length: number
}

const OPS: Record<EntryOp, number> = { replace: abi.OP_REPLACE, delete: abi.OP_DELETE, create: abi.OP_CREATE }

/** Collects entries; grows by doubling. */
export interface EntryWriter {
  push(op: EntryOp, entry: Entry): void
  /** Copies entry `index` of `table`, with another op. */
  copy(op: EntryOp, table: EntryTable, index: number): void
  readonly length: number
  /** What was written so far. Pushing on afterwards does not change a table handed out. */
  finish(): EntryTable
}

export function createEntryWriter(capacity = 16): EntryWriter {
  let bytes = new Uint8Array(Math.max(1, capacity) * abi.ENTRY_BYTES)
  let length = 0
  const reserve = (): number => {
    const at = length * abi.ENTRY_BYTES
    if (at + abi.ENTRY_BYTES > bytes.length) {
      const larger = new Uint8Array(bytes.length * 2)
      larger.set(bytes)
      bytes = larger
    }
    length += 1
    return at
  }
  return {
    push(op, entry) {
      const at = reserve()
      writeEntry(bytes, at, entry)
      bytes[at] = OPS[op]
    },
    copy(op, table, index) {
      const at = reserve()
      bytes.set(entryBytes(table, index), at)
      bytes[at] = OPS[op]
    },
    get length() {
      return length
    },
    finish() {
      return { bytes: bytes.slice(0, length * abi.ENTRY_BYTES), length }
    },
  }
}

/** Packs entries with op 0, as a dump would return them. */
export function packEntries(entries: Iterable<Entry>): EntryTable {
  const writer = createEntryWriter()
  for (const entry of entries) writer.push('replace', entry)
  const table = writer.finish()
  for (let i = 0; i < table.length; i += 1) table.bytes[i * abi.ENTRY_BYTES] = 0
  return table
}

export function unpackEntries(table: EntryTable): Entry[] {
  return Array.from({ length: table.length }, (_, index) => unpackEntry(table, index))
}

/** A view, not a copy, of the 48 bytes of entry `index`. */
export function entryBytes(table: EntryTable, index: number): Uint8Array {
  return table.bytes.subarray(index * abi.ENTRY_BYTES, (index + 1) * abi.ENTRY_BYTES)
}

/** The link of packed entry `bytes` (of a route: its output link), 0 for none; without unpacking the rest. */
export function ifindexOfEntry(bytes: Uint8Array): number {
  return new Uint32Array(bytes.slice(abi.OFFSET_IFINDEX, abi.OFFSET_IFINDEX + 4).buffer)[0] ?? 0
}

function writeEntry(bytes: Uint8Array, at: number, entry: Entry): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at, abi.ENTRY_BYTES)
  bytes.fill(0, at, at + abi.ENTRY_BYTES)
  const put = (offset: number, value: Uint8Array): void => bytes.set(value, at + offset)
  switch (entry.kind) {
    case 'neighbour':
      view.setUint8(abi.OFFSET_KIND, abi.KIND_NEIGHBOUR)
      view.setUint8(abi.OFFSET_FAMILY, afOf(familyOf(entry.ip)))
      put(abi.OFFSET_DST, ipToBytes(entry.ip))
      if (entry.lladdr !== undefined) put(abi.OFFSET_VIA, lladdrToBytes(entry.lladdr))
      setUint32(view, abi.OFFSET_IFINDEX, entry.ifindex)
      view.setUint8(abi.OFFSET_PROTOCOL, entry.protocol)
      view.setUint8(abi.OFFSET_TYPE, entry.state & 0xff)
      view.setUint8(abi.OFFSET_SCOPE, entry.flags)
      return
    case 'fdb':
      view.setUint8(abi.OFFSET_KIND, abi.KIND_FDB)
      put(abi.OFFSET_DST, lladdrToBytes(entry.lladdr))
      if (entry.remote !== undefined) {
        view.setUint8(abi.OFFSET_FAMILY, afOf(familyOf(entry.remote)))
        put(abi.OFFSET_VIA, ipToBytes(entry.remote))
      }
      setUint32(view, abi.OFFSET_IFINDEX, entry.ifindex)
      view.setUint8(abi.OFFSET_TYPE, entry.state & 0xff)
      view.setUint8(abi.OFFSET_SCOPE, entry.flags)
      view.setUint8(abi.OFFSET_FLAGS, entry.extras ? abi.ENTRY_EXTRAS : 0)
      return
    case 'route': {
      view.setUint8(abi.OFFSET_KIND, abi.KIND_ROUTE)
      view.setUint8(abi.OFFSET_FAMILY, afOf(familyOf(networkAddress(entry.dst))))
      view.setUint8(abi.OFFSET_DST_LENGTH, prefixLength(entry.dst))
      put(abi.OFFSET_DST, ipToBytes(networkAddress(entry.dst)))
      setUint32(view, abi.OFFSET_PRIORITY, entry.metric)
      if (entry.gateway !== undefined) put(abi.OFFSET_VIA, ipToBytes(entry.gateway))
      setUint32(view, abi.OFFSET_IFINDEX, entry.oif ?? 0)
      view.setUint8(abi.OFFSET_PROTOCOL, entry.protocol)
      view.setUint8(abi.OFFSET_TYPE, entry.type)
      view.setUint8(abi.OFFSET_SCOPE, entry.scope)
      const flags =
        (entry.onlink ? abi.ENTRY_ONLINK : 0) |
        (entry.gateway === undefined ? 0 : abi.ENTRY_GATEWAY) |
        (entry.extras ? abi.ENTRY_EXTRAS : 0) |
        (entry.dead ? abi.ENTRY_DEAD : 0)
      view.setUint8(abi.OFFSET_FLAGS, flags)
    }
  }
}

/** One entry as a value; throws RangeError when the bytes are no entry. */
export function unpackEntry(table: EntryTable, index: number): Entry {
  const bytes = entryBytes(table, index)
  const view = new DataView(bytes.buffer, bytes.byteOffset, abi.ENTRY_BYTES)
  const u8 = (offset: number): number => view.getUint8(offset)
  const family: Family | undefined =
    u8(abi.OFFSET_FAMILY) === abi.AF_INET ? 'ipv4' : u8(abi.OFFSET_FAMILY) === abi.AF_INET6 ? 'ipv6' : undefined
  const ipAt = (offset: number): Ip => {
    if (family === undefined) throw new RangeError(`entry ${index} has no address family`)
    return ipFromBytes(bytes.subarray(offset, offset + (family === 'ipv4' ? 4 : 16)))
  }
  const ifindex = getUint32(view, abi.OFFSET_IFINDEX) as Ifindex
  const flags = u8(abi.OFFSET_FLAGS)
  const kind = u8(abi.OFFSET_KIND)
  if (kind === abi.KIND_NEIGHBOUR) {
    const lladdr = lladdrFromBytes(bytes.subarray(abi.OFFSET_VIA, abi.OFFSET_VIA + 6))
    return {
      kind: 'neighbour',
      ifindex,
      ip: ipAt(abi.OFFSET_DST),
      lladdr: lladdr === '00:00:00:00:00:00' ? undefined : lladdr,
      state: u8(abi.OFFSET_TYPE),
      flags: u8(abi.OFFSET_SCOPE),
      protocol: u8(abi.OFFSET_PROTOCOL),
    }
  }
  if (kind === abi.KIND_FDB) {
    return {
      kind: 'fdb',
      ifindex,
      lladdr: lladdrFromBytes(bytes.subarray(abi.OFFSET_DST, abi.OFFSET_DST + 6)),
      remote: family === undefined ? undefined : ipAt(abi.OFFSET_VIA),
      state: u8(abi.OFFSET_TYPE),
      flags: u8(abi.OFFSET_SCOPE),
      extras: (flags & abi.ENTRY_EXTRAS) !== 0,
    }
  }
  if (kind === abi.KIND_ROUTE) {
    return {
      kind: 'route',
      dst: parseCidr(`${ipAt(abi.OFFSET_DST)}/${u8(abi.OFFSET_DST_LENGTH)}`),
      metric: getUint32(view, abi.OFFSET_PRIORITY),
      gateway: (flags & abi.ENTRY_GATEWAY) === 0 ? undefined : ipAt(abi.OFFSET_VIA),
      oif: ifindex === 0 ? undefined : ifindex,
      onlink: (flags & abi.ENTRY_ONLINK) !== 0,
      protocol: u8(abi.OFFSET_PROTOCOL),
      type: u8(abi.OFFSET_TYPE),
      scope: u8(abi.OFFSET_SCOPE),
      extras: (flags & abi.ENTRY_EXTRAS) !== 0,
      dead: (flags & abi.ENTRY_DEAD) !== 0,
    }
  }
  throw new RangeError(`entry ${index} has the unknown kind ${kind}`)
}

function afOf(family: Family): number {
  return family === 'ipv4' ? abi.AF_INET : abi.AF_INET6
}

const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

function setUint32(view: DataView, offset: number, value: number): void {
  view.setUint32(offset, value, LITTLE_ENDIAN)
}

function getUint32(view: DataView, offset: number): number {
  return view.getUint32(offset, LITTLE_ENDIAN)
}
