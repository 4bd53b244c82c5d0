/** What the peer reconciler says in the log: one line on each change of what is wrong, not one a round. Must not: decide. */
import type { FamilyPeers } from '../overlay/peers.ts'
import type { PeerPlan } from '../overlay/plan.ts'
import type { Log } from '../util/log.ts'
import type { Tally } from './apply-plan.ts'

export interface PeerReports {
  conflicts(found: FamilyPeers['conflicts']): void
  shadowed(plan: PeerPlan): void
  /** `whole`: the round looked at everything. One of a few peers says nothing of what failed elsewhere before. */
  applied(tally: Tally, ms: number, whole: boolean): void
}

export function createPeerReports(log: Log): PeerReports {
  let conflicts = ''
  let shadowed = ''
  let failed = 0
  return {
    conflicts(found): void {
      const text = found
        .slice(0, 5)
        .map(({ node, field, value, keptBy }) => `${node} claims ${field} ${value}, which belongs to ${keptBy ?? 'us'}`)
        .join('; ')
      if (text !== conflicts && text !== '')
        log.warn('peers.conflict', `not programmed: ${text}`, { conflicts: found.length })
      conflicts = text
    },
    shadowed({ shadowed: found }): void {
      const text = found
        .slice(0, 5)
        .map(
          ({ node, prefix, by }) =>
            `${prefix} of ${node} by a route of protocol ${by.protocol}, type ${by.type}, metric ${by.metric}`,
        )
        .join('; ')
      if (text !== shadowed && text !== '')
        log.warn('peers.shadowed', `another program's route wins over ours: ${text}`, { shadowed: found.length })
      shadowed = text
    },
    applied(tally, ms, whole): void {
      const { first, unreached: _, ...counts } = tally
      const bad = tally.failed + tally.retry
      const text = `neighbours ${tally.neighbours}, FDB ${tally.fdb}, routes ${tally.routes}, deleted ${tally.deleted}`
      if (tally.written > 0) log.info('peers.applied', text, { ...counts, ms })
      if (bad !== failed && bad > 0 && first !== undefined)
        log.warn('peers.entry-failed', bad === 1 ? first : `${first}; and ${bad - 1} more`, { failed: bad })
      if (whole || bad > 0) failed = bad
    },
  }
}
