/** Bulk entries that were never sent: what the kernel's tables would be with them. Owns them. Must not: know a socket. */
import {
  ENTRY_BYTES,
  KIND_ROUTE,
  OFFSET_FAMILY,
  OFFSET_KIND,
  OFFSET_OP,
  OFFSET_VIA,
  OP_DELETE,
} from '../../addon/abi.ts'
import { type Entry, type EntryTable, entryBytes, ifindexOfEntry, unpackEntry } from '../../rtnl/entries.ts'

export interface ShadowEntries {
  /** As the kernel would; each is kept. */
  apply(batch: EntryTable): void
  /** `table`: of the kernel, all of one kind; those of ours, of the same kind, that `belongs` are in it afterwards, those that are deleted, or through a link that is `gone`, are not. */
  merge<E extends Entry>(
    table: EntryTable<E>,
    belongs: (entry: Entry) => boolean,
    gone?: ReadonlySet<number>,
  ): EntryTable<E>
  /** All, in the order in which they came first. */
  written(): readonly { readonly op: 'replace' | 'delete'; readonly entry: Entry }[]
}

interface Kept {
  readonly bytes: Uint8Array
  readonly deleted: boolean
}

export function createShadowEntries(): ShadowEntries {
  const kept = new Map<string, Kept>()
  const unpacked = (bytes: Uint8Array): Entry => unpackEntry({ bytes, length: 1 }, 0)
  return {
    apply(batch) {
      for (let i = 0; i < batch.length; i += 1) {
        const bytes = Uint8Array.from(entryBytes(batch, i))
        const deleted = bytes[OFFSET_OP] === OP_DELETE
        bytes[OFFSET_OP] = 0
        kept.set(keyOf(bytes), { bytes, deleted })
      }
    },
    merge(table, belongs, gone) {
      if (kept.size === 0 && !gone?.size) return table
      const rows: Uint8Array[] = []
      for (let i = 0; i < table.length; i += 1) {
        const bytes = entryBytes(table, i)
        if (!kept.has(keyOf(bytes)) && !gone?.has(ifindexOfEntry(bytes))) rows.push(bytes)
      }
      for (const { bytes, deleted } of kept.values()) if (!deleted && belongs(unpacked(bytes))) rows.push(bytes)
      const merged = new Uint8Array(rows.length * ENTRY_BYTES)
      for (const [i, bytes] of rows.entries()) merged.set(bytes, i * ENTRY_BYTES)
      return { bytes: merged, length: rows.length }
    },
    written: () =>
      [...kept.values()].map(({ bytes, deleted }) => ({ op: deleted ? 'delete' : 'replace', entry: unpacked(bytes) })),
  }
}

/** Kind, destination and metric; of a neighbour or FDB entry its link too. */
function keyOf(bytes: Uint8Array): string {
  const link = bytes[OFFSET_KIND] === KIND_ROUTE ? bytes[OFFSET_FAMILY] : ifindexOfEntry(bytes)
  return `${link} ${String.fromCharCode(bytes[OFFSET_KIND] ?? 0, ...bytes.subarray(OFFSET_FAMILY + 1, OFFSET_VIA))}`
}
