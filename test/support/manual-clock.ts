/**
 * A clock that stands still until a test moves it. Owns its timers and the order in which they fire.
 * Must not: read the machine's time or start a timer of the host.
 */
import type { Clock, Timer } from '../../lib/util/clock.ts'

export interface ManualClock extends Clock {
  /** Moves the time by `ms`, firing what becomes due in the order of its time (then of its creation), also what that adds. */
  advance(ms: number): void
  /** As `advance`, but lets promises and immediates settle before, between and after the timers. */
  run(ms: number): Promise<void>
  /** Timers that have neither fired nor been cancelled. */
  readonly pending: number
  /** Milliseconds until the next timer; undefined when there is none. */
  readonly nextIn: number | undefined
}

interface Pending {
  readonly at: number
  readonly fn: () => void
}

/** `startMs` is what `now()` says at first. */
export function createManualClock(startMs = 0): ManualClock {
  let now = startMs
  const timers = new Set<Pending>()

  const next = (): Pending | undefined => {
    let first: Pending | undefined
    for (const timer of timers) if (first === undefined || timer.at < first.at) first = timer
    return first
  }

  /** Fires the next timer due until `end`; false when none is. */
  const fireNext = (end: number): boolean => {
    const timer = next()
    if (timer === undefined || timer.at > end) return false
    timers.delete(timer)
    now = Math.max(now, timer.at)
    timer.fn()
    return true
  }

  return {
    now: () => now,
    after(delayMs, fn): Timer {
      const timer = { at: now + Math.max(0, delayMs), fn }
      timers.add(timer)
      return { cancel: () => void timers.delete(timer) }
    },
    turn: settle,
    advance(ms) {
      const end = now + ms
      while (fireNext(end));
      now = end
    },
    async run(ms) {
      const end = now + ms
      await settle()
      while (fireNext(end)) await settle()
      now = end
      await settle()
    },
    get pending() {
      return timers.size
    },
    get nextIn() {
      const timer = next()
      return timer === undefined ? undefined : timer.at - now
    },
  }
}

/** Resolves when every promise job that is ready, and every one that those make ready, has run. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
