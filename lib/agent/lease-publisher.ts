/**
 * Tells the lease source what this node's VTEP is, whenever that changes, and again until it is accepted.
 * Must not: decide what is published (agent-core.ts) or how (the source).
 */
import type { OwnVtep } from '../cluster/view.ts'
import type { LeaseSource } from '../leases/source.ts'
import { createBackoff } from '../util/backoff.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'

export interface LeasePublisher {
  /** Something changed: in us or in the source. Publishing what is there already costs the source a comparison. */
  mark(): void
  /** Why the others do not know of us as we are; undefined: they were told. */
  readonly fault: string | undefined
  stop(): Promise<void>
}

/** `own` is asked for the truth at the moment of publishing; undefined: there is nothing to tell yet. */
export function createLeasePublisher(parts: {
  readonly source: Pick<LeaseSource, 'publish'>
  readonly own: () => OwnVtep | undefined
  readonly standing: StandingLog
  readonly clock: Clock
  /** `fault` changed. */
  readonly onChange: () => void
}): LeasePublisher {
  const { source, standing, clock } = parts
  const backoff = createBackoff({ firstMs: 500, maxMs: 30_000 })
  let retry: Timer | undefined
  let fault: string | undefined = 'our lease is to be published'

  const setFault = (next: string | undefined): void => {
    if (fault === next) return
    fault = next
    parts.onChange()
  }
  const loop = createDirtyLoop(
    async () => {
      const own = parts.own()
      if (own === undefined) return
      retry?.cancel()
      if ((await source.publish(own)) === 'later') return
      backoff.reset()
      setFault(undefined)
      standing.over('lease.publish-failed', 'the lease is published again')
    },
    (error) => {
      const sentence = `cannot publish our lease yet: ${messageOf(error)}`
      setFault(sentence)
      standing.stands('lease.publish-failed', sentence, { error })
      retry = clock.after(backoff.next(), () => loop.mark())
    },
  )
  return {
    mark: () => loop.mark(),
    get fault() {
      return fault
    },
    async stop() {
      await loop.stop()
      retry?.cancel()
    },
  }
}
