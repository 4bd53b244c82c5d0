/**
 * What is done about the rules of others once ours stand: the other tool's leftovers are removed, once, and whoever drops
 * what we accept is named. Owns a loop of its own, since both may take seconds among many rules, and ours must not wait.
 * Must not: touch a rule that is nobody's leftover.
 */
import type { FindForeignDrops, PacketFilter, WantedRules } from '../firewall/port.ts'
import type { Clock } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import { createDueTime } from '../util/due-time.ts'
import type { Log } from '../util/log.ts'
import type { StandingLog } from '../util/standing-log.ts'
import { createStandingNotes } from './standing-notes.ts'

/** Between two looks at the rules of others, milliseconds. */
const SPACING_MS = 10_000

export interface FilterSurroundings {
  /** Our rules stand, as `wanted`, in another tool than `other`. */
  stand(wanted: WantedRules, other: PacketFilter | undefined): void
  stop(): Promise<void>
}

export interface FilterSurroundingsParts {
  readonly findForeignDrops: FindForeignDrops | undefined
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
  readonly contain: (error: unknown) => void
}

export function createFilterSurroundings(parts: FilterSurroundingsParts): FilterSurroundings {
  const { clock, log, standing, findForeignDrops } = parts
  const tellDrops = createStandingNotes(standing)
  let wanted: WantedRules | undefined
  let leftovers: PacketFilter | undefined
  /** Whose leftovers are known to be gone. */
  let cleared: PacketFilter | undefined
  let lookedAt = Number.NEGATIVE_INFINITY

  const clear = async (other: PacketFilter): Promise<void> => {
    const result = await other.remove()
    if (result.outcome === 'written')
      log.info('filter.leftovers', `rules of an earlier run, or of flannel, are removed from ${other.kind}`)
    if (result.outcome === 'failed') {
      standing.stands('filter.leftovers', `old rules may be in ${other.kind} still: ${result.because}`)
      return
    }
    standing.over('filter.leftovers')
    cleared = other
  }
  const look = createDueTime(clock, () => loop.mark())
  const loop = createDirtyLoop(async () => {
    look.begin()
    lookedAt = clock.now()
    if (leftovers !== undefined && leftovers !== cleared) await clear(leftovers)
    if (wanted === undefined || findForeignDrops === undefined) return
    const drops = wanted.forward ? await findForeignDrops(wanted) : []
    if (drops !== undefined) tellDrops(drops)
  }, parts.contain)

  return {
    stand(now, other) {
      wanted = now
      leftovers = other
      look.within(lookedAt + SPACING_MS - clock.now())
    },
    async stop() {
      await loop.stop()
      look.stop()
    },
  }
}
