/**
 * Lets only the addresses of known peers reach the VXLAN port of one family, or, where that is not asked for, sees to it that
 * no earlier run's table keeps anybody out. Must not: shut anybody out on a view that is not complete (design
 * decision 6), nor make the family unready: a guard that fails is named, and packets flow.
 */
import type { LeaseView } from '../cluster/view.ts'
import type { CommandDifference, FilterResult } from '../firewall/port.ts'
import type { VxlanGuard, WantedGuard } from '../firewall/vxlan-allow.ts'
import type { Family, Ip } from '../net/ip.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { createFilterPace } from './filter-pace.ts'

export interface VxlanAllow {
  /** To be awaited before the entries of the view's peers are written: what they answer has to be let in. Never rejects. */
  admit(view: LeaseView): Promise<void>
  /** A fresh look beside what is wanted; undefined: nothing is, or it is not known yet. */
  compare(): Promise<CommandDifference | undefined>
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
  const pace = createFilterPace({
    ...parts,
    name: 'vxlan table',
    auditMs: guarded === undefined ? 'never' : undefined,
    look: () => look(),
  })
  const { log, standing } = pace
  let view: LeaseView | undefined
  /** Of the last complete view, and whoever came since. */
  let known: Set<Ip> | undefined

  const wanted = (): WantedGuard | undefined => {
    if (guarded === undefined || view === undefined) return undefined
    const peers = underlaysOf(view, family)
    if (view.synced) known = new Set(peers)
    else for (const ip of known === undefined ? [] : peers) known?.add(ip)
    return { port: guarded, allowed: known ?? new Set(peers), atLeast: known === undefined }
  }
  const result = async (): Promise<FilterResult | undefined> => {
    if (guarded === undefined) return guard.remove()
    const now = wanted()
    return now && guard.ensure(now)
  }
  const look = async (): Promise<void> => {
    const done = await result()
    if (done === undefined) return
    if ('notes' in done) {
      if (done.outcome === 'written') {
        const level = pace.wrote(() => 'the table of who may reach the VXLAN port')
        log[level]('filter.vxlan-allow', `who may reach the VXLAN port: ${done.because}`)
      } else pace.right()
      standing.over('filter.vxlan-allow', 'who may reach the VXLAN port is as it should be')
      pace.tellNotes(done.notes)
      return
    }
    // Without nft there is no table of an earlier run either.
    if (guarded === undefined && done.outcome === 'unsupported') return
    standing.stands('filter.vxlan-allow', `who may reach the VXLAN port cannot be said: ${done.because}`)
    pace.failed()
  }
  if (guarded === undefined) pace.mark()
  else guard.watch(pace.touched)

  return {
    async admit(next) {
      if (guarded === undefined) return
      view = next
      await guard.extend(underlaysOf(next, family))
      pace.touched()
    },
    async compare() {
      const now = wanted()
      return now && guard.compare(now)
    },
    async stop() {
      await pace.stop()
      await guard.close()
    },
  }
}

function underlaysOf(view: LeaseView, family: Family): readonly Ip[] {
  return [...view.peers.values()].flatMap((lease) => lease[family]?.underlay ?? [])
}
