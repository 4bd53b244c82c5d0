/**
 * What record-body.ts needs to know of a kind of table: where a message belongs, and how the kernel writes and walks such a table.
 * Types only: routes are route-kind.ts, neighbours and FDB entries neighbour-kind.ts.
 */
import type { CallOptions } from '../../netlink/call.ts'
import type { Dump } from '../../netlink/dump.ts'
import type { NetlinkMessage } from '../../netlink/message.ts'
import type { Hint } from './table-body.ts'

/** Where one message belongs. */
export interface Place {
  /** Of the entries that are asked for, replaced and followed together: latin1 (latin1.ts). */
  readonly key: string
  /** The payload, latin1. */
  readonly record: string
}

export interface RecordKind<V, K> {
  /** nlmsg_type of an entry that is there, and of one that is gone. */
  readonly setType: number
  readonly deletedType: number
  /** Of the payload from `start` up to `end`; undefined: it is none of this table. */
  place(view: DataView, start: number, end: number): Place | undefined
  /** Lets go of the buffer that was read last. */
  forget(): void
  /** Of what is asked for. Throws TypeError and RangeError by the field's name. */
  keyOf(asked: K): string
  /** The value of a payload; undefined: the reader cannot read it. */
  read(payload: Uint8Array): V | undefined
  /** The record without what counts by itself (times): two that are equal here are no change. */
  visible(record: string): string
  /**
   * Several entries may have one key; what tells them apart. undefined: a key has one entry, and what comes later replaces it.
   */
  readonly several:
    | {
        identity(record: string): string
        /** The kernel may merge it with others of its key, or take a part of it away. */
        isMerged(record: string): boolean
        /** NLM_F_EXCL in a message says that there was none of the key, and its absence that there was. */
        readonly tellsAlone: boolean
      }
    | undefined
  /**
   * Keys beside which an entry may be missing from a dump when one was deleted while the kernel walked: those with the same group
   * as the deleted one. undefined: any key.
   */
  readonly group: ((key: string) => string) | undefined
  /** So it is when one was added (the table grows). */
  readonly shiftsOnAdd: boolean
  /** The message says less than what is known of the entry, which has not changed: only a dump tells. */
  isPartial(record: string, known: string): boolean
  /** What a message of another type, or of an entry of somebody else, says of this table. */
  hint(message: NetlinkMessage): Hint
  dump(options: CallOptions): Promise<Dump<readonly Place[]>>
}
