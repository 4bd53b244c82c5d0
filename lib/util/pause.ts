/** Waiting that can be cut short, or that ends somebody else's. Must not: say why it ended; the caller looks at the signal. */
import type { Clock, Timer } from './clock.ts'

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

/**
 * As `work`, but within `ms` milliseconds of `clock` and until `signal` aborts; rejects then with `late()`, and what `work` gives
 * afterwards goes to `dispose`.
 */
export async function within<T>(
  work: Promise<T>,
  limit: {
    readonly clock: Clock
    readonly ms: number
    readonly signal: AbortSignal
    readonly late: () => Error
    readonly dispose: (value: T) => void
  },
): Promise<T> {
  const waiting = new AbortController()
  const stop = (): void => waiting.abort()
  limit.signal.addEventListener('abort', stop)
  if (limit.signal.aborted) stop()
  try {
    const given = work.then((value) => ({ value }))
    const first = await Promise.race([given, pause(limit.clock, limit.ms, waiting.signal)])
    if (first !== undefined) return first.value
    work.then(limit.dispose, () => undefined)
    throw limit.late()
  } finally {
    stop()
    limit.signal.removeEventListener('abort', stop)
  }
}
