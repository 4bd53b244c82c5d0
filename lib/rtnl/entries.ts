/**
 * Bulk tables: neighbour, FDB and route entries packed in one buffer (layout: abi.ts), as dumps return them and batches
 * take them. Owns packing, unpacking and appending. Must not: talk to the kernel or know what is desired.
 */

import * as abi from '../addon/abi.ts'
import { getUint32, viewOf } from '../addon/host-order.ts'
import { asInteger, oneOf } from '../netlink/check.ts'
import { createUnreadableTally, type Unreadable } from '../netlink/unreadable.ts'
import { wrongType, wrongValue } from '../util/wrong-input.ts'
import { asTable, type CheckedTable, entryViewOf } from './check-table.ts'
import type { Entry } from './entry.ts'
import { decodeEntry, isEntry } from './entry-codec.ts'
import { encodeEntry, type Room } from './entry-encode.ts'

export type EntryOp = 'replace' | 'delete' | 'create'

export type { Entry, FdbEntry, NeighbourEntry, RouteEntry } from './entry.ts'

declare const kindOfEntries: unique symbol

/**
 * `bytes` holds `length` entries of ENTRY_BYTES each; the buffer may be longer. Treated as immutable once handed out. `E`: what
 * kind they are of, where that is known; a dump of routes has routes alone.
 */
export interface EntryTable<E extends Entry = Entry> {
  readonly bytes: Uint8Array
  readonly length: number
  /** Never there: it carries `E` for the compiler. */
  readonly [kindOfEntries]?: E
}

const OPS: ReadonlyMap<unknown, number> = new Map<EntryOp, number>([
  ['replace', abi.OP_REPLACE],
  ['delete', abi.OP_DELETE],
  ['create', abi.OP_CREATE],
])
const OP_NAMES: readonly EntryOp[] = ['replace', 'delete', 'create']
/** 768 MiB of entries. */
const LARGEST_CAPACITY = 1 << 24

/**
 * Collects entries; grows by doubling. Both calls throw TypeError or RangeError for what can be no entry, beginning with the
 * field's name, and have then written nothing.
 */
export interface EntryWriter {
  push(op: EntryOp, entry: Entry): void
  /** Copies entry `index` of `table`, with another op. */
  copy(op: EntryOp, table: EntryTable, index: number): void
  readonly length: number
  /** What was written so far. Pushing on afterwards does not change a table handed out. */
  finish(): EntryTable
}

/** `capacity`: room for so many entries from the beginning. */
export function createEntryWriter(capacity = 16): EntryWriter {
  const first = Math.max(1, asInteger('capacity', capacity, 0, LARGEST_CAPACITY))
  let bytes = new Uint8Array(first * abi.ENTRY_BYTES)
  let length = 0
  const room: Room = {
    get bytes() {
      return bytes
    },
    take() {
      const at = length * abi.ENTRY_BYTES
      if (at + abi.ENTRY_BYTES <= bytes.length) return at
      const larger = new Uint8Array(bytes.length * 2)
      larger.set(bytes)
      bytes = larger
      return at
    },
  }
  return {
    push(op, entry) {
      encodeEntry(room, opOf(op), entry)
      length += 1
    },
    copy(op, table, index) {
      const code = opOf(op)
      const entry = entryBytes(table, index)
      if (!isEntry(entry, 0)) throw wrongValue('table', table, `has no entry at ${index}: its bytes are none`)
      const at = room.take()
      bytes.set(entry, at)
      bytes[at] = code
      length += 1
    },
    get length() {
      return length
    },
    finish() {
      return { bytes: bytes.slice(0, length * abi.ENTRY_BYTES), length }
    },
  }
}

function opOf(op: unknown): number {
  return OPS.get(op) ?? OPS.get(oneOf('op', op, OP_NAMES)) ?? 0
}

/** Packs entries with op 0, as a dump would return them. Throws as EntryWriter's push does. */
export function packEntries<E extends Entry>(entries: Iterable<E>): EntryTable<E> {
  if (typeof entries !== 'object' || entries === null)
    throw wrongType('entries', 'an array, or iterable otherwise', entries)
  if (typeof entries[Symbol.iterator] !== 'function')
    throw new TypeError('entries: an object is not an array, nor iterable otherwise')
  const writer = createEntryWriter()
  for (const entry of entries) writer.push('replace', entry)
  const table = writer.finish()
  for (let i = 0; i < table.length; i += 1) table.bytes[i * abi.ENTRY_BYTES] = 0
  return table as EntryTable<E>
}

/** Every entry as a value, in the table's order; what cannot be read is left out. */
export function unpackEntries<E extends Entry>(table: EntryTable<E>): E[] {
  const checked = asTable('table', table)
  const entries: Entry[] = []
  for (let index = 0; index < checked.length; index += 1) {
    const entry = decodeEntry(sliceOf(checked, index))
    if (entry !== undefined) entries.push(entry)
  }
  return entries as E[]
}

/**
 * One entry as a value. Throws RangeError when the bytes are no entry: those of a table that came through the port always
 * are one (decodeEntries).
 */
export function unpackEntry<E extends Entry>(table: EntryTable<E>, index: number): E {
  const entry = decodeEntry(entryBytes(table, index))
  if (entry === undefined) throw new RangeError(`index: the bytes of entry ${index} are none`)
  return entry as E
}

/** The entries of a dump, back to back, as a table; what cannot be read, or is cut off, is left out and named. */
export function decodeEntries<E extends Entry = Entry>(
  bytes: Uint8Array,
): { value: EntryTable<E>; unreadable: Unreadable | undefined } {
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

/** A view, not a copy, of the 48 bytes of entry `index`; RangeError where there is none. */
export function entryBytes(table: EntryTable, index: number): Uint8Array {
  const view = typeof table === 'object' && table !== null ? entryViewOf(table, index) : undefined
  if (view !== undefined) return view
  const checked = asTable('table', table)
  if (typeof index !== 'number') throw wrongType('index', 'a number', index)
  if (!Number.isInteger(index) || index < 0 || index >= checked.length)
    throw wrongValue('index', index, `is none of ${checked.length} entries`)
  // Of a table that was something else a moment ago.
  return sliceOf(checked, index)
}

function sliceOf({ bytes }: CheckedTable, index: number): Uint8Array {
  return bytes.subarray(index * abi.ENTRY_BYTES, (index + 1) * abi.ENTRY_BYTES)
}

/** The link of packed entry `bytes` (of a route: its output link), 0 for none; without unpacking the rest. */
export function ifindexOfEntry(bytes: Uint8Array): number {
  if (bytes.length < abi.ENTRY_BYTES) return 0
  return getUint32(viewOf(bytes), abi.OFFSET_IFINDEX)
}
