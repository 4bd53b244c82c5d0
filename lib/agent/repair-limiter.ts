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
  /** Milliseconds until `key` may be repaired, 0: now. Asking changes nothing. */
  waitMs(key: string): number
  /**
   * `key` is being repaired. True exactly once for a quarrel: from now on its repairs are held back.
   */
  repaired(key: string): boolean
  /** A new device, other peers: what was repaired before is another story. */
  reset(): void
}

export function createRepairLimiter(clock: Clock): RepairLimiter {
  const repairs = new Map<string, { readonly count: number; readonly at: number }>()
  const countOf = (key: string): number => {
    const last = repairs.get(key)
    return last !== undefined && clock.now() - last.at < WINDOW_MS ? last.count : 0
  }
  return {
    waitMs(key) {
      const count = countOf(key)
      const delay = count < FREE ? 0 : Math.min(LONGEST_MS, FIRST_MS * 2 ** (count - FREE))
      return Math.max(0, (repairs.get(key)?.at ?? 0) + delay - clock.now())
    },
    repaired(key) {
      const count = countOf(key) + 1
      if (repairs.size >= CAPACITY && !repairs.has(key)) repairs.clear()
      repairs.set(key, { count, at: clock.now() })
      return count === FREE + 1
    },
    reset: () => repairs.clear(),
  }
}
