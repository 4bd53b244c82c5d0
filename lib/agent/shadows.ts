/**
 * What is done about routes of others that the kernel prefers to ours: what flannel left is removed, twice at most; all
 * else is named, with its device, as long as it stands. Must not: decide what flannel's is (overlay/flannel-leftover).
 */

import { RTPROT_KERNEL } from '../addon/abi.ts'
import type { LeaseView } from '../cluster/view.ts'
import { type Cidr, prefixLength } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import { renderEntry } from '../overlay/entry-text.ts'
import { isFlannelsLeftover } from '../overlay/flannel-leftover.ts'
import type { Shadowed } from '../overlay/plan.ts'
import { createEntryWriter } from '../rtnl/entries.ts'
import type { Ifindex, Rtnl } from '../rtnl/port.ts'
import type { Log } from '../util/log.ts'
import type { StandingLog } from '../util/standing-log.ts'

/** A leftover that is back after this many removals is somebody's will. */
const REMOVALS = 2
const NAMED = 5

export interface Shadows {
  /** What catches traffic of peers, in one sentence; undefined: nothing. */
  readonly catching: string | undefined
  /** Peers in front of which such a route stands. */
  readonly nodes: ReadonlySet<string>
  /** What a complete look found; resolves with how many routes were removed. */
  settle(rtnl: Rtnl, found: readonly Shadowed[], view: LeaseView): Promise<number>
  /** Another device: what was removed before is another story. */
  reset(): void
}

export function createShadows(parts: {
  readonly family: Family
  readonly network: Cidr | undefined
  /** undefined: host-gw. */
  readonly vni: number | undefined
  /** A flannel that runs here and would want its routes back. */
  readonly rival: () => Promise<string | undefined>
  readonly log: Log
  readonly standing: StandingLog
}): Shadows {
  const { family, network, vni, log, standing } = parts
  const removals = new Map<string, number>()
  let catching: string | undefined
  let nodes: ReadonlySet<string> = new Set()

  const isRemovable = (shadow: Shadowed, view: LeaseView, nameOf: NameOf): boolean =>
    view.synced &&
    isFlannelsLeftover(shadow, view.peers.get(shadow.node)?.[family], vni, nameOf(shadow.by.oif)) &&
    (removals.get(shadow.prefix) ?? 0) < REMOVALS

  const remove = async (rtnl: Rtnl, shadows: readonly Shadowed[], nameOf: NameOf): Promise<readonly Shadowed[]> => {
    const writer = createEntryWriter()
    for (const { by } of shadows) writer.push('delete', by)
    const { errnos } = await rtnl.applyEntries(writer.finish())
    const removed = shadows.filter((_, index) => errnos[index] === 0)
    for (const { prefix, node, by } of removed) {
      removals.set(prefix, (removals.get(prefix) ?? 0) + 1)
      const route = renderEntry(by, nameOf)
      log.info('peers.leftover-removed', `removed what flannel left, so that ${node} is reached: ${route}`)
    }
    return removed
  }

  return {
    get catching() {
      return catching
    },
    get nodes() {
      return nodes
    },
    async settle(rtnl, found, view) {
      const nameOf = found.length === 0 ? () => undefined : await namesOfLinks(rtnl)
      const removable = found.filter((shadow) => isRemovable(shadow, view, nameOf))
      const allowed = removable.length > 0 && (await parts.rival()) === undefined ? removable : []
      const removed = allowed.length === 0 ? [] : await remove(rtnl, allowed, nameOf)
      const left = found.filter((shadow) => !removed.includes(shadow))
      nodes = new Set(left.map(({ node }) => node))
      if (left.length === 0) standing.over('peers.shadowed', 'no route of others wins over ours any more')
      const sentence = left.length === 0 ? '' : describe(left, nameOf)
      if (left.length > 0) standing.stands('peers.shadowed', sentence, { shadowed: left.length })
      catching = left.some((shadow) => !isSuspectClaim(shadow, network)) ? sentence : undefined
      return removed.length
    },
    reset: () => removals.clear(),
  }
}

/**
 * Where the network sets no bound (k3s writes 0.0.0.0/0), any node may claim a subnet that this host has connected to it:
 * the claim is what is wrong then, and must not make every node unready.
 */
function isSuspectClaim({ by }: Shadowed, network: Cidr | undefined): boolean {
  return network !== undefined && prefixLength(network) === 0 && by.protocol === RTPROT_KERNEL
}

type NameOf = (ifindex: Ifindex | undefined) => string | undefined

async function namesOfLinks(rtnl: Rtnl): Promise<NameOf> {
  const names = new Map((await rtnl.dumpLinks()).value.map(({ ifindex, ifname }) => [ifindex, ifname]))
  return (ifindex) => ifindex && names.get(ifindex)
}

function describe(shadows: readonly Shadowed[], nameOf: NameOf): string {
  const named = shadows.slice(0, NAMED).map(({ node, prefix, by }) => {
    const route = renderEntry(by, nameOf)
    return `packets to ${prefix} of ${node} take \`${route}\` (if nobody needs it: ip route del ${deletable(by, nameOf)})`
  })
  const more = shadows.length > NAMED ? `; and ${shadows.length - NAMED} more` : ''
  return `routes of others win over ours: ${named.join('; ')}${more}`
}

/** The kernel finds a route with a nexthop object or several next hops only where no device is named. */
function deletable({ dst, metric, oif, extras }: Shadowed['by'], nameOf: NameOf): string {
  const dev = oif === undefined || extras ? '' : ` dev ${nameOf(oif) ?? oif}`
  return `${dst}${dev} metric ${metric}`
}
