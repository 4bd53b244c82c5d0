/**
 * The real Clock: CLOCK_MONOTONIC through process.hrtime, so that processes of one machine compare.
 * Must not: read the wall clock. Timers keep the process alive: an agent that waits must not end by itself.
 */
import type { Clock, Timer } from '../util/clock.ts'

/** Node fires a timer with a longer delay at once. */
const LONGEST_TIMEOUT_MS = 0x7fffffff

export const systemClock: Clock = { now: monotonicMs, after, turn }

/** CLOCK_MONOTONIC in milliseconds with fractions. */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6
}

function after(delayMs: number, fn: () => void): Timer {
  const due = monotonicMs() + delayMs
  let handle: NodeJS.Timeout
  const arm = (): void => {
    // Node's timers count in whole milliseconds of their own and fire early by up to one: whoever asks `now()` sees it.
    const left = due - monotonicMs()
    if (left <= 0) fn()
    else handle = setTimeout(arm, Math.min(Math.ceil(left), LONGEST_TIMEOUT_MS))
  }
  handle = setTimeout(arm, Math.min(Math.max(0, Math.ceil(delayMs)), LONGEST_TIMEOUT_MS))
  return { cancel: () => clearTimeout(handle) }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
