/** What the peer reconciler says in the log: one line on each change of what is wrong, not one a round. Must not: decide. */
import type { Ip } from '../net/ip.ts'
import type { FamilyPeers } from '../overlay/peers.ts'
import type { Unreadable } from '../rtnl/port.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import type { StandingLog } from '../util/standing-log.ts'
import type { Tally } from './apply-plan.ts'

export interface PeerReports {
  /** Entries of the kernel's tables that could not be read, and are as if they were not there. */
  unreadable(found: Unreadable | undefined): void
  conflicts(found: FamilyPeers['conflicts']): void
  /** Peers that host-gw cannot reach, as a gateway lies between; told when it lasts for more than a moment. */
  offLink(found: readonly OffLink[]): void
  /** `whole`: the round looked at everything. One of a few peers says nothing of what failed elsewhere before. */
  applied(tally: Tally, ms: number, how: { readonly whole: boolean; readonly level: 'info' | 'debug' }): void
  /** Nothing is told any more. */
  stop(): void
}

const NAMED = 5
/** What heals by itself is over before. */
const MOMENT_MS = 1000

interface OffLink {
  readonly node: string
  readonly underlay: Ip | undefined
}

export function createPeerReports({
  log,
  standing,
  clock,
}: {
  readonly log: Log
  readonly standing: StandingLog
  readonly clock: Clock
}): PeerReports {
  let conflicts = ''
  let failed = 0
  let offLink: readonly OffLink[] = []
  let moment: Timer | undefined
  /** It stands for longer than a link that comes back needs. */
  let lasts = false
  /** The last round failed in nothing but what a link that goes fails. */
  let passing = false
  const sayOffLink = (): void => {
    const named = offLink.slice(0, NAMED).map(({ node, underlay }) => `${node} (${underlay})`)
    const more = offLink.length > NAMED ? ` and ${offLink.length - NAMED} more` : ''
    standing.stands(
      'peers.off-link',
      `no route for ${named.join(', ')}${more}: host-gw needs peers on a link of this host, and these are behind a gateway or not reached at all; set Backend.Type "vxlan" with "DirectRouting": true on every node, which takes the plain way where there is one`,
      { peers: offLink.length },
    )
  }
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
      offLink = found
      if (found.length === 0) {
        moment?.cancel()
        moment = undefined
        lasts = false
        standing.over('peers.off-link', 'every peer is on a link of this host')
      } else if (lasts) sayOffLink()
      else
        moment ??= clock.after(MOMENT_MS, () => {
          lasts = true
          sayOffLink()
        })
    },
    stop: () => moment?.cancel(),
    applied(tally, ms, { whole, level }): void {
      const { first, passing: passes, unreached: _, lacking: __, errors, ...counts } = tally
      if (errors.size > 0)
        log.debug('peers.errors', 'the kernel refused entries', { errors: Object.fromEntries(errors) })
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
