/**
 * Slows down the repair of what another program undoes again and again: each thing by itself, at most LONGEST_MS, and only
 * after a few repairs at full speed, so that a single damage is never waited for.
 * Must not: be asked about the loss of a device or its parent, nor forget that a held repair is still due.
 */
import type { Clock } from '../util/clock.ts'

/** Repairs of one thing, each within WINDOW_MS of the one before, that are made without delay. */
const FREE = 3
const WINDOW_MS = 2000
const FIRST_MS = 10
const LONGEST_MS = 500
/** Things remembered at most: more at a time are no quarrel over single ones. */
const CAPACITY = 1000

export interface RepairLimiter {
  /**
   * Milliseconds until `key` may be repaired, 0: now, which then counts as a repair. `fought` is true exactly once for a
   * quarrel: when its repairs begin to be held back.
   */
  ask(key: string): { readonly waitMs: number; readonly fought: boolean }
  /** A new device, other peers: what was repaired before is another story. */
  reset(): void
}

export function createRepairLimiter(clock: Clock): RepairLimiter {
  const repaired = new Map<string, { count: number; at: number }>()
  return {
    ask(key) {
      const now = clock.now()
      const last = repaired.get(key)
      const count = last !== undefined && now - last.at < WINDOW_MS ? last.count : 0
      const delay = count < FREE ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (count - FREE))
      const waitMs = Math.max(0, (last?.at ?? 0) + delay - now)
      if (waitMs > 0) return { waitMs, fought: false }
      if (repaired.size >= CAPACITY && last === undefined) repaired.clear()
      repaired.set(key, { count: count + 1, at: now })
      return { waitMs: 0, fought: count + 1 === FREE + 1 }
    },
    reset: () => repaired.clear(),
  }
}
