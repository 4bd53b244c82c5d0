/**
 * The time as vtepd sees it: monotonic, injectable. The real one is lib/host/clock.ts, the tests' one is a ManualClock.
 * Must not: offer the wall clock for decisions (a clock that jumps ten years must change nothing).
 */

/** Returned by `after`; cancelling twice, or after it has fired, does nothing. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Monotonic milliseconds with fractions; the real one reads CLOCK_MONOTONIC, so processes of one machine compare. */
  now(): number
  /** Calls `fn` once, `delayMs` milliseconds from now. An exception in `fn` is the caller's bug and is not caught. */
  after(delayMs: number, fn: () => void): Timer
  /** Resolves after the event loop has turned once: everything else that is due has run. For long work in slices. */
  turn(): Promise<void>
}
