/**
 * When something of the packet filter is looked at: when it may have been touched, and once in a while unheard, at the pace that
 * the governor allows. Owns the loop and what stands in the log meanwhile. Must not: know a rule, nor what a look finds.
 */
import type { FilterNote } from '../firewall/port.ts'
import type { Family } from '../net/ip.ts'
import type { Clock } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import { createDueTime } from '../util/due-time.ts'
import type { Log } from '../util/log.ts'
import { createStandingLog, type StandingLog } from '../util/standing-log.ts'
import { createContainment } from './containment.ts'
import { createGovernor, LONGEST_MS, PATIENT_MS } from './governor.ts'
import { createStandingNotes } from './standing-notes.ts'

/** How often it is looked at although nothing was heard, milliseconds, jittered (design decision 5). */
const AUDIT_MS = 60_000
/** By which the governor knows what was looked at for nothing. */
const LOOK = 'look'

export interface FilterPace {
  readonly log: Log
  readonly standing: StandingLog
  readonly clock: Clock
  readonly contain: (error: unknown) => void
  /** A look at once. */
  mark(): void
  /** It may have been touched. */
  touched(): void
  /** The look found all as it should be. */
  right(): void
  /** The look had to write. `what` is told of where that happens again and again; the result is the level for a line of it. */
  wrote(what: () => string): 'info' | 'debug'
  /** It could not be done: tried again with patience. */
  failed(): void
  tellNotes(notes: readonly FilterNote[]): void
  stop(): Promise<void>
}

export interface FilterPaceParts {
  readonly family: Family
  /** By which the governor knows what is written. */
  readonly name: string
  /** Default: AUDIT_MS; `never`: only when it is marked or touched. */
  readonly auditMs?: number | 'never' | undefined
  /** One look, never two at once. */
  readonly look: () => Promise<void>
  readonly clock: Clock
  readonly log: Log
}

export function createFilterPace(parts: FilterPaceParts): FilterPace {
  const { name, auditMs = AUDIT_MS } = parts
  const log = parts.log.with({ family: parts.family })
  const standing = createStandingLog(log, parts.clock)
  const containment = createContainment({ clock: parts.clock, log, standing, onCaught: () => loop.mark() })
  const { clock, contain, guard } = containment
  const governor = createGovernor({ clock, log, nameOwner: async () => undefined })
  const due = createDueTime(clock, () => loop.mark())
  const loop = createDirtyLoop(async () => {
    due.begin()
    if (auditMs !== 'never') due.within(auditMs * (0.75 + Math.random() / 2))
    await parts.look()
  }, contain)
  return {
    log,
    standing,
    clock,
    contain,
    mark: () => loop.mark(),
    touched: guard(() => due.within(Math.max(governor.waitMs([name]), governor.waitMs([LOOK], LONGEST_MS)))),
    right: () => governor.failed(LOOK),
    wrote(what) {
      const level = governor.isNews([name]) ? 'info' : 'debug'
      governor.repaired([name], what)
      return level
    },
    failed() {
      governor.failed(name)
      due.within(governor.waitMs([name], PATIENT_MS))
    },
    tellNotes: createStandingNotes(standing),
    async stop() {
      await loop.stop()
      due.stop()
      containment.stop()
      standing.stop()
    },
  }
}
