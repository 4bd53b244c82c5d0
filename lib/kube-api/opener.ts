/**
 * Waiting for credentials, which a program or a file system may never give. Must not: know what they are for.
 */
import { KubeError } from '../errors.ts'
import type { Clock } from '../util/clock.ts'
import { within } from '../util/pause.ts'

const OPEN_MS = 60_000

/**
 * As `open`, but within a minute and until `signal` aborts, whose reason is then the error; else a KubeError. What was not given in
 * time is waited for by the next who asks, as a second try would hang beside it; what nobody waits for any more is disposed of.
 */
export function createOpener<Opened>(parts: {
  readonly open: () => Promise<Opened>
  readonly dispose: (opened: Opened) => void
  readonly clock: Clock
  readonly signal: AbortSignal
}): () => Promise<Opened> {
  const { clock, signal } = parts
  let late: Promise<Opened> | undefined
  return async () => {
    const opening = late ?? parts.open()
    late = undefined
    return within(opening, {
      clock,
      ms: OPEN_MS,
      signal,
      late() {
        late = opening
        return signal.aborted ? signal.reason : notGiven()
      },
      dispose(opened) {
        if (late !== opening) return
        late = undefined
        parts.dispose(opened)
      },
    })
  }
}

function notGiven(): KubeError {
  return new KubeError({ request: 'credentials', status: 0, reason: `not given within ${OPEN_MS / 1000} s` })
}
