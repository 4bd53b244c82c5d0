/** Delays that grow after each failure and start over after a success. Owns no timer: it only says how long. */

export interface Backoff {
  /** The next delay in milliseconds: doubles from `firstMs` up to `maxMs`, jittered down by up to a quarter. */
  next(): number
  /** Progress was made: the next delay is the first one again. */
  reset(): void
}

/** `random` yields numbers in [0, 1); injectable so that a test is repeatable. */
export function createBackoff(options: { firstMs: number; maxMs: number; random?: () => number }): Backoff {
  const random = options.random ?? Math.random
  let failures = 0
  return {
    next() {
      const whole = Math.min(options.maxMs, options.firstMs * 2 ** Math.min(failures, 30))
      failures += 1
      return whole * (1 - random() / 4)
    },
    reset() {
      failures = 0
    },
  }
}
