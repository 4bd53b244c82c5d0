/**
 * What is missing of our own place in the cluster, told for as long as it is (util/standing-log). Must not: decide what a view
 * is worth.
 */
import type { Network } from '../cluster/network.ts'
import type { LeaseView } from '../cluster/view.ts'
import { FAMILIES } from '../net/ip.ts'
import type { StandingLog } from '../util/standing-log.ts'

/**
 * To be called with each view. `missing`: why there is no entry of ours where everything is listed; undefined: there is one, or
 * nothing was listed yet. `lacking` says that our entry has no subnet of these families, and who gives it.
 */
export function reportOwnWaits(
  standing: StandingLog,
  view: LeaseView,
  network: Network,
  words: { readonly missing: string | undefined; readonly lacking: (families: string) => string },
): void {
  if (words.missing === undefined) standing.over('leases.own-node', 'we are listed')
  else standing.stands('leases.own-node', `waiting for our own Node: ${words.missing}`)
  const { own } = view
  const families = FAMILIES.filter((family) => network[family] !== undefined && own?.subnets[family] === undefined)
  if (!view.synced || own === undefined || families.length === 0) {
    standing.over('leases.own-subnet', 'we have our subnets')
    return
  }
  // One that is there, and wrong.
  const fault = view.rejected.find(({ node, field }) => node === own.node && /podCIDR|subnet/.test(field))
  const sentence = fault?.message ?? words.lacking(families.map((family) => NAMES[family]).join(' and '))
  standing.stands('leases.own-subnet', `waiting for our own subnet: ${sentence}`)
}

const NAMES = { ipv4: 'IPv4', ipv6: 'IPv6' } as const
