/**
 * Lets only the addresses of known peers reach the VXLAN port of one family, or, where that is not asked for, sees to it that
 * no earlier run's table keeps anybody out. Owns the loop. Must not: shut anybody out on a view that is not complete (design
 * decision 6), nor make the family unready: a guard that fails is named, and packets flow.
 */
import type { LeaseView } from '../cluster/view.ts'
import type { FilterResult } from '../firewall/port.ts'
import type { VxlanGuard } from '../firewall/vxlan-allow.ts'
import type { Family, Ip } from '../net/ip.ts'
import type { Clock } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import { createDueTime } from '../util/due-time.ts'
import type { Log } from '../util/log.ts'
import { createStandingLog } from '../util/standing-log.ts'
import { createContainment } from './containment.ts'
import { createGovernor, LONGEST_MS, PATIENT_MS } from './governor.ts'
import { createStandingNotes } from './standing-notes.ts'

const AUDIT_MS = 60_000
const TABLE = 'vxlan table'
const LOOK = 'look'

export interface VxlanAllow {
  /** To be awaited before the entries of the view's peers are written: what they answer has to be let in. Never rejects. */
  admit(view: LeaseView): Promise<void>
  stop(): Promise<void>
}

export interface VxlanAllowParts {
  readonly family: Family
  readonly guard: VxlanGuard
  /** UDP, host byte order; undefined: everybody may reach it, and no table is to be there. */
  readonly guarded: number | undefined
  readonly clock: Clock
  readonly log: Log
}

export function createVxlanAllow(parts: VxlanAllowParts): VxlanAllow {
  const { family, guard, guarded } = parts
  const log = parts.log.with({ family })
  const standing = createStandingLog(log, parts.clock)
  const containment = createContainment({ clock: parts.clock, log, standing, onCaught: () => loop.mark() })
  const { clock } = containment
  const governor = createGovernor({ clock, log, nameOwner: async () => undefined })
  const tellNotes = createStandingNotes(standing)
  let view: LeaseView | undefined
  /** Of the last complete view, and whoever came since. */
  let known: Set<Ip> | undefined

  const look = createDueTime(clock, () => loop.mark())
  const result = async (): Promise<FilterResult | undefined> => {
    if (guarded === undefined) return guard.remove()
    if (view === undefined) return undefined
    const peers = underlaysOf(view, family)
    if (view.synced) known = new Set(peers)
    else for (const ip of known === undefined ? [] : peers) known?.add(ip)
    return guard.ensure({ port: guarded, allowed: known ?? new Set(peers), atLeast: known === undefined })
  }
  const loop = createDirtyLoop(async () => {
    look.begin()
    if (guarded !== undefined) look.within(AUDIT_MS * (0.75 + Math.random() / 2))
    const done = await result()
    if (done === undefined) return
    if ('notes' in done) {
      if (done.outcome === 'written') {
        const level = governor.isNews([TABLE]) ? 'info' : 'debug'
        log[level]('filter.vxlan-allow', `who may reach the VXLAN port: ${done.because}`)
        governor.repaired([TABLE], () => 'the table of who may reach the VXLAN port')
      } else governor.failed(LOOK)
      standing.over('filter.vxlan-allow', 'who may reach the VXLAN port is as it should be')
      tellNotes(done.notes)
      return
    }
    // Without nft there is no table of an earlier run either.
    if (guarded === undefined && done.outcome === 'unsupported') return
    governor.failed(TABLE)
    standing.stands('filter.vxlan-allow', `who may reach the VXLAN port cannot be said: ${done.because}`)
    look.within(governor.waitMs([TABLE], PATIENT_MS))
  }, containment.contain)
  const lookSoon = containment.guard(() =>
    look.within(Math.max(governor.waitMs([TABLE]), governor.waitMs([LOOK], LONGEST_MS))),
  )
  if (guarded === undefined) loop.mark()
  else guard.watch(lookSoon)

  return {
    async admit(next) {
      if (guarded === undefined) return
      view = next
      await guard.extend(underlaysOf(next, family))
      lookSoon()
    },
    async stop() {
      await loop.stop()
      look.stop()
      containment.stop()
      standing.stop()
      await guard.close()
    },
  }
}

function underlaysOf(view: LeaseView, family: Family): readonly Ip[] {
  return [...view.peers.values()].flatMap((lease) => lease[family]?.underlay ?? [])
}
