/**
 * What follow.ts needs of a table: how a dump of it is made and taken in, and what of a message concerns it. Its two forms are
 * record-body.ts (messages change it) and value-body.ts (messages only say that it has changed). Types only.
 */
import type { CallOptions } from '../../netlink/call.ts'
import type { NetlinkMessage } from '../../netlink/message.ts'

/** What a message asks for. `barrier`: what it tells of goes on in the kernel when it comes. */
export type Hint = 'nothing' | 'dump' | 'dump-behind-barrier'

export interface TableBody<V, K> {
  readonly size: number
  get(key: K): V | undefined
  getAll(key: K): V[]
  values(): IterableIterator<V>
  hear(message: NetlinkMessage): Hint
  /** From here on what is heard is held against the dump that follows. */
  begin(): void
  /** Dumps and reads, and keeps the answer. */
  dump(options: CallOptions): Promise<void>
  /**
   * Takes in what was dumped, when all has been heard that the kernel sent until its end. False: it cannot be believed whole, and
   * another is needed; what it says of what is there was taken.
   */
  take(): boolean
  /** Forgets what was dumped: news were lost meanwhile. */
  drop(): void
}
