/**
 * Changes of an existing link: one RTM_NEWLINK, attribute by attribute. Must not: make or delete links (links.ts).
 */
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import type { Lladdr } from '../../../lib/net/lladdr.ts'
import type { Link, LinkChange } from '../../../lib/rtnl/port.ts'
import { addConnectedRoutes, announceIpv4, dropIpv6Addresses } from './addresses.ts'
import { becomeReady, detailOf, fitBridgeMtu, hasCable, settleCarriers, updateLink } from './carriers.ts'
import { type Answer, EADDRNOTAVAIL, EBUSY, EEXIST, EINVAL, ENODEV, EOPNOTSUPP, refuse } from './errnos.ts'
import { dropNeighbours } from './neighbours.ts'
import { dropRoutes } from './routes.ts'
import { emitLink, LARGEST_MTU, LEAST_MTU, type State } from './state.ts'
import { changeVxlan, checkOpen, checkVxlanMtu } from './vxlan.ts'

/** One RTM_NEWLINK on an existing link, in the kernel's order; what was done before a refusal stays done. */
export function changeLink(state: State, ifindex: Ifindex, change: LinkChange): Answer {
  if (!state.links.has(ifindex)) return refuse(ENODEV)
  if (change.vxlan !== undefined && change.mtu !== undefined) return refuse(EOPNOTSUPP, 'Cannot change mtu')
  return (
    (change.vxlan === undefined ? undefined : changeVxlanLink(state, ifindex, change.vxlan)) ??
    (change.lladdr === undefined ? undefined : changeLladdr(state, ifindex, change.lladdr)) ??
    (change.mtu === undefined ? undefined : changeMtu(state, ifindex, change.mtu)) ??
    (change.ifname === undefined ? undefined : rename(state, ifindex, change.ifname)) ??
    (change.master === undefined ? undefined : enslave(state, ifindex, change.master)) ??
    (change.up === undefined ? undefined : change.up ? setUp(state, ifindex) : setDown(state, ifindex))
  )
}

/** What `down` takes with it: IPv4 routes without a word, IPv6 ones and all neighbours announced, IPv6 addresses (kernel-facts 2). */
export function closeDown(state: State, ifindex: Ifindex): void {
  const link = state.links.get(ifindex)
  if (link === undefined) return
  if (!link.up) return
  detailOf(state, ifindex).ipv6Ready = false
  updateLink(state, ifindex, { up: false, carrier: false })
  dropRoutes(state, ifindex, 'ipv4')
  dropNeighbours(state, ifindex, 'ipv4')
  dropRoutes(state, ifindex, 'ipv6', !link.carrier)
  dropNeighbours(state, ifindex, 'ipv6')
  dropIpv6Addresses(state, ifindex)
}

/** Announced when it changes something, also while the link is down. */
export function changeTxChecksum(state: State, ifindex: Ifindex, on: boolean): Answer {
  const link = state.links.get(ifindex)
  if (link === undefined) return refuse(ENODEV)
  const detail = detailOf(state, ifindex)
  if (detail.txChecksum === on) return undefined
  detail.txChecksum = on
  emitLink(state, 'set', link, 0)
  return undefined
}

function changeVxlanLink(state: State, ifindex: Ifindex, change: NonNullable<LinkChange['vxlan']>): Answer {
  const link = state.links.get(ifindex)
  if (link?.vxlan === undefined) return refuse(EOPNOTSUPP)
  const result = changeVxlan(state, link, link.vxlan, change)
  if ('errno' in result) return result
  // The kernel tells nobody about a change of a link that is down.
  if (link.up) updateLink(state, ifindex, result)
  else state.links.set(ifindex, { ...link, ...result })
  return undefined
}

function changeLladdr(state: State, ifindex: Ifindex, lladdr: Lladdr): Answer {
  if ((Number.parseInt(lladdr.slice(0, 2), 16) & 1) === 1 || lladdr === '00:00:00:00:00:00')
    return refuse(EADDRNOTAVAIL)
  updateLink(state, ifindex, { lladdr })
  dropNeighbours(state, ifindex, 'ipv4')
  dropNeighbours(state, ifindex, 'ipv6')
  return undefined
}

function changeMtu(state: State, ifindex: Ifindex, mtu: number): Answer {
  const link = state.links.get(ifindex)
  if (link === undefined) return refuse(ENODEV)
  if (mtu < LEAST_MTU) return refuse(EINVAL, 'mtu less than device minimum')
  if (mtu > LARGEST_MTU && !link.loopback) return refuse(EINVAL, 'mtu greater than device maximum')
  const refusal = checkVxlanMtu(state, link, mtu)
  if (refusal !== undefined) return refusal
  if (mtu === link.mtu) return undefined
  detailOf(state, ifindex).mtuSet = true
  updateLink(state, ifindex, { mtu })
  if (link.master !== undefined) fitBridgeMtu(state, link.master)
  return undefined
}

function rename(state: State, ifindex: Ifindex, ifname: string): Answer {
  const link = state.links.get(ifindex)
  if (link === undefined || link.ifname === ifname) return undefined
  if (link.up && !state.settings.traits.renamesWhileUp) return refuse(EBUSY)
  if (state.names.has(ifname)) return refuse(EEXIST)
  state.names.delete(link.ifname)
  state.names.set(ifname, ifindex)
  updateLink(state, ifindex, { ifname })
  announceIpv4(state, ifindex)
  return undefined
}

/** The kernel has one name space for both kinds of names. */
export function addAltname(state: State, ifindex: Ifindex, altname: string): Answer {
  const link = state.links.get(ifindex)
  if (link === undefined) return refuse(ENODEV)
  if (state.names.has(altname)) return refuse(EEXIST)
  state.names.set(altname, ifindex)
  return showAltnames(state, link, [...link.altnames, altname])
}

export function deleteAltname(state: State, ifindex: Ifindex, altname: string): Answer {
  const link = state.links.get(ifindex)
  if (link === undefined) return refuse(ENODEV)
  if (!link.altnames.includes(altname)) return refuse(EINVAL)
  state.names.delete(altname)
  const left = link.altnames.filter((each) => each !== altname)
  return showAltnames(state, link, left)
}

/** Announced, without the names, where the link is up; the kernel tells nobody about a change of one that is down. */
function showAltnames(state: State, link: Link, altnames: readonly string[]): undefined {
  if (link.up) updateLink(state, link.ifindex, { altnames })
  else state.links.set(link.ifindex, { ...link, altnames })
}

/** A bridge port keeps all its tables (kernel-facts 2). The old master is left even when the new one then refuses. */
function enslave(state: State, ifindex: Ifindex, master: Ifindex | null): Answer {
  const old = state.links.get(ifindex)?.master
  if ((old ?? null) === master) return undefined
  if (old !== undefined) setMaster(state, ifindex, undefined, old)
  if (master === null) return undefined
  const link = state.links.get(master)
  if (link === undefined) return refuse(EINVAL)
  if (link.kind !== 'bridge') return refuse(EOPNOTSUPP)
  setMaster(state, ifindex, master, master)
  return undefined
}

function setMaster(state: State, ifindex: Ifindex, master: Ifindex | undefined, bridge: Ifindex): void {
  updateLink(state, ifindex, { master })
  fitBridgeMtu(state, bridge)
  settleCarriers(state)
}

function setUp(state: State, ifindex: Ifindex): Answer {
  const link = state.links.get(ifindex)
  if (link === undefined || link.up) return undefined
  const refusal = checkOpen(state, link)
  if (refusal !== undefined) return refusal
  const up: Link = { ...link, up: true }
  const opened = { ...up, carrier: hasCable(state, up) }
  state.links.set(ifindex, opened)
  emitLink(state, 'set', opened, 0)
  addConnectedRoutes(state, opened)
  if (opened.carrier) becomeReady(state, ifindex)
  settleCarriers(state)
  return undefined
}

function setDown(state: State, ifindex: Ifindex): Answer {
  closeDown(state, ifindex)
  settleCarriers(state)
  return undefined
}
