/**
 * Reports claims that were not believed without flooding the log: what is new is named, a few at a time, the rest counted,
 * and never more than one line a minute. Must not: decide what is believed (lib/leases).
 */
import type { LeaseError } from '../errors.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'

const QUIET_MS = 60_000
const NAMED = 5

export interface RejectedLog {
  report(rejected: readonly LeaseError[]): void
}

export function createRejectedLog(log: Log, clock: Clock): RejectedLog {
  let known: ReadonlySet<string> = new Set()
  let reportedAt = Number.NEGATIVE_INFINITY
  return {
    report(rejected) {
      const fresh = rejected.filter((error) => !known.has(error.message))
      if (fresh.length === 0) {
        known = new Set(rejected.map((error) => error.message))
        return
      }
      if (clock.now() - reportedAt < QUIET_MS) return
      reportedAt = clock.now()
      known = new Set(rejected.map((error) => error.message))
      const named = fresh.slice(0, NAMED).map((error) => error.message)
      const more = fresh.length > NAMED ? `; and ${fresh.length - NAMED} more` : ''
      log.warn('leases.rejected', `not believed: ${named.join('; ')}${more}`, { rejected: rejected.length })
    },
  }
}
