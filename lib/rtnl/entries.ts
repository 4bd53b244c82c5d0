/**
 * Bulk tables: neighbour, FDB and route entries packed in one buffer (layout: abi.ts), as dumps return them and batches
 * take them. Owns packing, unpacking and appending. Must not: talk to the kernel or know what is desired.
 */
import * as abi from './abi.ts'
import type { Entry } from './entry.ts'
import { decodeEntry, isEntry, writeEntry } from './entry-codec.ts'
import { getUint32, viewOf } from './host-order.ts'
import { createUnreadableTally, type Unreadable } from './unreadable.ts'

export type EntryOp = 'replace' | 'delete' | 'create'

export type { Entry, FdbEntry, NeighbourEntry, RouteEntry } from './entry.ts'

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

/** Every entry as a value, in the table's order; what cannot be read is left out. Never throws. */
export function unpackEntries(table: EntryTable): Entry[] {
  return Array.from({ length: table.length }, (_, index) => decodeEntry(entryBytes(table, index))).filter(
    (entry) => entry !== undefined,
  )
}

/**
 * One entry as a value. Throws RangeError when the bytes are no entry: those of a table that came through the port always
 * are one (decodeEntries).
 */
export function unpackEntry(table: EntryTable, index: number): Entry {
  const entry = decodeEntry(entryBytes(table, index))
  if (entry === undefined) throw new RangeError(`the bytes of entry ${index} are none`)
  return entry
}

/** The entries of a dump, back to back, as a table; what cannot be read, or is cut off, is left out and named. */
export function decodeEntries(bytes: Uint8Array): { value: EntryTable; unreadable: Unreadable | undefined } {
  const tally = createUnreadableTally()
  for (let at = 0; at < bytes.length; at += abi.ENTRY_BYTES)
    if (!isEntry(bytes, at)) tally.add(bytes.subarray(at, at + abi.ENTRY_BYTES))
  const { found } = tally
  if (found === undefined) return { value: { bytes, length: bytes.length / abi.ENTRY_BYTES }, unreadable: undefined }
  const kept = new Uint8Array(bytes.length)
  let length = 0
  for (let at = 0; at < bytes.length; at += abi.ENTRY_BYTES) {
    if (!isEntry(bytes, at)) continue
    kept.set(bytes.subarray(at, at + abi.ENTRY_BYTES), length * abi.ENTRY_BYTES)
    length += 1
  }
  return { value: { bytes: kept.slice(0, length * abi.ENTRY_BYTES), length }, unreadable: found }
}

/** A view, not a copy, of the 48 bytes of entry `index`. */
export function entryBytes(table: EntryTable, index: number): Uint8Array {
  return table.bytes.subarray(index * abi.ENTRY_BYTES, (index + 1) * abi.ENTRY_BYTES)
}

/** The link of packed entry `bytes` (of a route: its output link), 0 for none; without unpacking the rest. */
export function ifindexOfEntry(bytes: Uint8Array): number {
  if (bytes.length < abi.ENTRY_BYTES) return 0
  return getUint32(viewOf(bytes), abi.OFFSET_IFINDEX)
}
