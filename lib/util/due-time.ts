/**
 * When something is to be done next: the earliest of what was asked for, until it is begun. Must not: do it; `mark` says that it
 * is time.
 */
import type { Clock, Timer } from './clock.ts'

export interface DueTime {
  /** Milliseconds of the clock; infinite: nothing is due. */
  readonly at: number
  readonly isDue: boolean
  /** In `ms` milliseconds, unless something is due before; marks at once what is due now. */
  within(ms: number): void
  /** It is begun: what is asked for from now on is something new. */
  begin(): void
  /** From now on, by whatever marks next. */
  keepDue(): void
  stop(): void
}

export function createDueTime(clock: Clock, mark: () => void): DueTime {
  let at = Number.POSITIVE_INFINITY
  let timer: Timer | undefined
  const set = (time: number): void => {
    at = time
    timer?.cancel()
    timer = undefined
  }
  return {
    get at() {
      return at
    },
    get isDue() {
      return at <= clock.now()
    },
    within(ms) {
      const wanted = clock.now() + Math.max(0, ms)
      if (wanted < at) {
        set(wanted)
        if (ms > 0) timer = clock.after(ms, mark)
      }
      if (at <= clock.now()) mark()
    },
    begin: () => set(Number.POSITIVE_INFINITY),
    keepDue: () => set(Number.NEGATIVE_INFINITY),
    stop: () => timer?.cancel(),
  }
}
