/**
 * Whether what is known of the Nodes may be old, since when, and the one line about a long outage; each failed try is the
 * stream's own matter (reminder.ts). Must not: decide anything: an old view stays in force.
 */
import type { Clock } from '../../util/clock.ts'
import type { Log } from '../../util/log.ts'

/** As long as no restart of an API server takes. */
const LONG_MS = 300_000

export interface Staleness {
  /** undefined: kept up to date. */
  readonly because: string | undefined
  /** undefined: the server answers; else why what is known may be old. To be told again with each failure. */
  note(because: string | undefined): void
}

export function createStaleness(log: Log, clock: Clock): Staleness {
  let because: string | undefined = 'the API server has not been asked yet'
  let since = clock.now()
  let told = false
  const seconds = (): number => Math.round((clock.now() - since) / 1000)
  return {
    get because() {
      return because
    },
    note(now) {
      if (now === undefined) {
        if (told) log.info('leases.fresh', `the Nodes are followed again after ${seconds()} s`)
        told = false
      } else if (because === undefined) since = clock.now()
      else if (!told && clock.now() - since >= LONG_MS) {
        told = true
        log.warn(
          'leases.stale',
          `nothing heard of the Nodes for ${seconds()} s: what is known stays in force, new nodes are not reached: ${now}`,
        )
      }
      because = now
    },
  }
}
