/** What a dump brings. Data only. */
import type { Unreadable } from './unreadable.ts'

/** A dump, and whether it can be believed whole: still interrupted after the bounded repeats, it may add, never delete. */
export interface Dump<T> {
  /** What could be read. Each entry of a packed table has a value (unpackEntry does not throw). */
  readonly value: T
  readonly interrupted: boolean
  /** What the kernel sent and could not be read: it is in the kernel and not in `value`. undefined: nothing. */
  readonly unreadable: Unreadable | undefined
}
