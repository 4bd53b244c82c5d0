/** Bounded waiting for what other processes do. */
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from '../host/clock.ts'

const POLL_MS = 10

/** Polls `check` until it is true; false when it was not within `timeoutMs`. */
export async function becomesTrue(check: () => boolean | Promise<boolean>, timeoutMs: number): Promise<boolean> {
  const deadline = monotonicMs() + timeoutMs
  while (!(await check())) {
    if (monotonicMs() > deadline) return false
    await delay(POLL_MS)
  }
  return true
}
