/** Requests that wait for a revision which the store has not reached yet. Must not: answer them. */
import type { Clock } from '../../util/clock.ts'

export interface Waiters {
  /** Resolves when the store has reached the revision, or after the 3 s that the real one waits. */
  reached(revision: number): Promise<void>
  /** The store has changed. */
  changed(): void
  /** Nobody waits any longer. */
  finishAll(): void
}

const AHEAD_WAIT_MS = 3000

export function createWaiters(current: () => number, clock: Clock): Waiters {
  const waiting = new Map<() => void, number>()
  return {
    reached(revision) {
      if (current() >= revision) return Promise.resolve()
      return new Promise((resolve) => {
        const finish = (): void => {
          waiting.delete(finish)
          timer.cancel()
          resolve()
        }
        const timer = clock.after(AHEAD_WAIT_MS, finish)
        waiting.set(finish, revision)
      })
    },
    changed() {
      for (const [finish, revision] of waiting) if (current() >= revision) finish()
    },
    finishAll() {
      for (const finish of waiting.keys()) finish()
    },
  }
}
