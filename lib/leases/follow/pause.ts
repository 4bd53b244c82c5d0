/** Waiting that can be cut short. Must not: say why it ended; the caller looks at the signal. */
import type { Clock, Timer } from '../../util/clock.ts'

/** Resolves after `ms` milliseconds of `clock`, or as soon as `signal` aborts. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    let timer: Timer | undefined
    const end = (): void => {
      timer?.cancel()
      signal.removeEventListener('abort', end)
      resolve()
    }
    timer = clock.after(ms, end)
    signal.addEventListener('abort', end)
    if (signal.aborted) end()
  })
}
