/**
 * Reports claims that were not believed without flooding the log: what is new is named, a few at a time, the rest counted,
 * and never more than one line a minute. Must not: decide what is believed (lib/leases).
 */
import type { LeaseError } from '../errors.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'

const QUIET_MS = 60_000
const NAMED = 5

export interface RejectedLog {
  /** Everything that is not believed now; what was reported before is not said again while it lasts. */
  report(rejected: readonly LeaseError[]): void
  stop(): void
}

export function createRejectedLog(log: Log, clock: Clock): RejectedLog {
  let said: ReadonlySet<string> = new Set()
  let now: readonly LeaseError[] = []
  let quiet: Timer | undefined

  const say = (): void => {
    const fresh = now.filter((error) => !said.has(error.message))
    said = new Set(now.map((error) => error.message))
    if (fresh.length === 0) return
    const named = fresh.slice(0, NAMED).map((error) => error.message)
    const more = fresh.length > NAMED ? `; and ${fresh.length - NAMED} more` : ''
    log.warn('leases.rejected', `not believed: ${named.join('; ')}${more}`, { rejected: now.length })
    // What comes meanwhile is said at the end of the minute, in one line.
    quiet = clock.after(QUIET_MS, () => {
      quiet = undefined
      say()
    })
  }
  return {
    report(rejected) {
      now = rejected
      if (quiet === undefined) say()
    },
    stop: () => quiet?.cancel(),
  }
}
