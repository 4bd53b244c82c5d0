/** What the peer reconciler says in the log: one line on each change of what is wrong, not one a round. Must not: decide. */
import type { Ip } from '../net/ip.ts'
import type { FamilyPeers } from '../overlay/peers.ts'
import type { Unreadable } from '../rtnl/port.ts'
import type { Log } from '../util/log.ts'
import type { StandingLog } from '../util/standing-log.ts'
import type { Tally } from './apply-plan.ts'

export interface PeerReports {
  /** Entries of the kernel's tables that could not be read, and are as if they were not there. */
  unreadable(found: Unreadable | undefined): void
  conflicts(found: FamilyPeers['conflicts']): void
  /** Peers that host-gw cannot reach, as a gateway lies between. */
  offLink(found: readonly { readonly node: string; readonly underlay: Ip | undefined }[]): void
  /** `whole`: the round looked at everything. One of a few peers says nothing of what failed elsewhere before. */
  applied(tally: Tally, ms: number, how: { readonly whole: boolean; readonly level: 'info' | 'debug' }): void
}

const NAMED = 5

export function createPeerReports(log: Log, standing: StandingLog): PeerReports {
  let conflicts = ''
  let failed = 0
  /** The last round failed in nothing but what a link that goes fails. */
  let passing = false
  return {
    unreadable(found): void {
      if (found === undefined) standing.over('peers.unreadable')
      else
        standing.stands(
          'peers.unreadable',
          `entries of the kernel's tables cannot be read: ${found.count}, first ${found.first}`,
        )
    },
    conflicts(found): void {
      const text = found
        .slice(0, 5)
        .map(({ node, field, value, keptBy }) => `${node} claims ${field} ${value}, which belongs to ${keptBy ?? 'us'}`)
        .join('; ')
      if (text !== conflicts && text !== '')
        log.warn('peers.conflict', `not programmed: ${text}`, { conflicts: found.length })
      conflicts = text
    },
    offLink(found): void {
      if (found.length === 0) {
        standing.over('peers.off-link', 'every peer is on a link of this host')
        return
      }
      const named = found.slice(0, NAMED).map(({ node, underlay }) => `${node} (${underlay})`)
      const more = found.length > NAMED ? ` and ${found.length - NAMED} more` : ''
      standing.stands(
        'peers.off-link',
        `no route for ${named.join(', ')}${more}: host-gw needs peers on a link of this host, and these are behind a gateway or not reached at all; set Backend.Type "vxlan" with "DirectRouting": true on every node, which takes the plain way where there is one`,
        { peers: found.length },
      )
    },
    applied(tally, ms, { whole, level }): void {
      const { first, passing: passes, unreached: _, ...counts } = tally
      const bad = tally.failed + tally.retry
      const text = `neighbours ${tally.neighbours}, FDB ${tally.fdb}, routes ${tally.routes}, deleted ${tally.deleted}`
      if (tally.written > 0) log[level]('peers.applied', text, { ...counts, ms })
      // What a dying link fails is told if it fails once more.
      const waits = bad > 0 && passes && !passing
      passing = bad > 0 && passes
      if (waits) return
      if (bad !== failed && bad > 0 && first !== undefined)
        log.warn('peers.entry-failed', bad === 1 ? first : `${first}; and ${bad - 1} more`, { failed: bad })
      if (whole || bad > 0) failed = bad
    },
  }
}
