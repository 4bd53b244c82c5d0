/**
 * How links appear and disappear, and what dies with them. Must not: change an existing one (link-changes.ts).
 */
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import type { Link } from '../../../lib/rtnl/port.ts'
import { dropAllAddresses } from './addresses.ts'
import { detailOf, fitBridgeMtu, settleCarriers, updateLink } from './carriers.ts'
import { type Answer, EEXIST, EINVAL, ENODEV, EOPNOTSUPP, refuse } from './errnos.ts'
import { dropFdb } from './fdb.ts'
import { closeDown } from './link-changes.ts'
import { dropNeighbours } from './neighbours.ts'
import { dropRoutes } from './routes.ts'
import { emitLink, LARGEST_MTU, LEAST_MTU, type LinkDetail, type State } from './state.ts'

/** What a new link is given; the rest is as the kernel makes it. */
export type NewLink = Pick<Link, 'ifname' | 'kind' | 'mtu' | 'lladdr'> & Partial<Link>

/** Makes a link, down, under the next index. The caller has checked what is special about its kind. */
export function createLink(state: State, given: NewLink, detail: Partial<LinkDetail>, pid: number): Answer {
  if (state.names.has(given.ifname)) return refuse(EEXIST)
  if (given.mtu < LEAST_MTU || (given.mtu > LARGEST_MTU && given.loopback !== true)) return refuse(EINVAL)
  const ifindex = state.nextIfindex as Ifindex
  state.nextIfindex += 1
  const link: Link = {
    up: false,
    carrier: false,
    loopback: false,
    noArp: false,
    altnames: [],
    master: undefined,
    parent: undefined,
    txQueueLength: 1000,
    vxlan: undefined,
    ...given,
    ifindex,
  }
  state.links.set(ifindex, link)
  state.names.set(link.ifname, ifindex)
  state.details.set(ifindex, {
    peer: undefined,
    cable: true,
    ipv6Ready: false,
    mtuSet: false,
    txChecksum: true,
    ...detail,
  })
  if (link.kind === 'vxlan') state.fdb.set(ifindex, new Map())
  emitLink(state, 'set', link, pid)
  return undefined
}

/** A veth pair, or its near half when the peer lives elsewhere (and is down there, at first); the peer gets the lower index, as the kernel does it. */
export function createVethPair(state: State, near: NewLink, far: NewLink | undefined, pid: number): Answer {
  if (state.names.has(near.ifname) || (far !== undefined && state.names.has(far.ifname))) return refuse(EEXIST)
  if (far === undefined) return createLink(state, near, { cable: false }, pid)
  const farIndex = state.nextIfindex as Ifindex
  const nearIndex = (state.nextIfindex + 1) as Ifindex
  const refusal =
    createLink(state, far, { peer: nearIndex }, pid) ??
    createLink(state, { ...near, parent: farIndex }, { peer: farIndex }, pid)
  const farLink = state.links.get(farIndex)
  // The far end is announced before it has a peer, and not again.
  if (farLink !== undefined) state.links.set(farIndex, { ...farLink, parent: nearIndex })
  return refusal
}

/** RTM_DELLINK. A pair dies together; what is pinned to a link dies before it. */
export function deleteLink(state: State, ifindex: Ifindex, pid: number): Answer {
  const link = state.links.get(ifindex)
  if (link === undefined) return refuse(ENODEV)
  if (link.loopback) return refuse(EOPNOTSUPP)
  const peer = state.details.get(ifindex)?.peer
  const dying = peer === undefined ? [ifindex] : [ifindex, peer]
  const children = dying.flatMap((each) => childrenOf(state, each))
  if (link.kind === 'vxlan') dropFdb(state, ifindex)
  for (const each of dying) closeDown(state, each)
  for (const each of dying) dropAllAddresses(state, each)
  for (const child of children) dropFdb(state, child)
  for (const child of children) closeDown(state, child)
  for (const each of [...children, ...dying]) forget(state, each, pid)
  return undefined
}

/** The link leaves for another namespace: gone from here like a deleted one; a VXLAN link keeps its VNI and port here. */
export function sendAway(state: State, ifindex: Ifindex, pid: number): Answer {
  const link = state.links.get(ifindex)
  if (link === undefined) return refuse(ENODEV)
  if (link.loopback) return refuse(EINVAL)
  if ([...state.away.values()].some((other) => other.ifname === link.ifname)) return refuse(EEXIST)
  const table = state.fdb.get(ifindex)
  state.fdb.delete(ifindex)
  const peer = state.details.get(ifindex)?.peer
  const children = childrenOf(state, ifindex)
  for (const child of children) closeDown(state, child)
  for (const child of children) forget(state, child, pid)
  // The peer's parent counts in another namespace now, so it is not reported any more (IFLA_LINK_NETNSID).
  const left = peer === undefined ? undefined : state.links.get(peer)
  if (left !== undefined) state.links.set(left.ifindex, { ...left, parent: undefined })
  closeDown(state, ifindex)
  forget(state, ifindex, pid)
  if (table !== undefined) state.fdb.set(ifindex, table)
  state.away.set(ifindex, { ...link, up: false, carrier: false, master: undefined })
  if (peer !== undefined) detailOf(state, peer).cable = false
  return undefined
}

/** The VNI and port of a link that went away become free. */
export function forgetAway(state: State, ifindex: Ifindex): void {
  state.away.delete(ifindex)
  state.fdb.delete(ifindex)
}

function forget(state: State, ifindex: Ifindex, pid: number): void {
  const link = state.links.get(ifindex)
  if (link === undefined) return
  dropFdb(state, ifindex)
  dropNeighbours(state, ifindex, 'ipv4')
  dropNeighbours(state, ifindex, 'ipv6')
  dropAllAddresses(state, ifindex)
  dropRoutes(state, ifindex, 'ipv4')
  dropRoutes(state, ifindex, 'ipv6')
  for (const port of state.links.values())
    if (port.master === ifindex) updateLink(state, port.ifindex, { master: undefined })
  state.links.delete(ifindex)
  for (const name of [link.ifname, ...link.altnames]) state.names.delete(name)
  state.details.delete(ifindex)
  state.neighbours.delete(ifindex)
  emitLink(state, 'deleted', { ...link, up: false, carrier: false }, pid)
  if (link.master !== undefined) fitBridgeMtu(state, link.master)
  settleCarriers(state)
}

/**
 * Pinned VXLAN links and macvlans of a link, and what hangs on those, the innermost first; those that have gone to another
 * namespace die there, unheard.
 */
function childrenOf(state: State, parent: Ifindex): Ifindex[] {
  for (const link of state.away.values()) if (link.vxlan?.parent === parent) forgetAway(state, link.ifindex)
  return [...state.links.values()]
    .filter((link) => link.vxlan?.parent === parent || (link.kind === 'macvlan' && link.parent === parent))
    .flatMap((link) => [...childrenOf(state, link.ifindex), link.ifindex])
}
