/**
 * Links of every kind: how they appear, change, lose their carrier, and what dies with them.
 * Must not: know what is special about VXLAN besides that it dies with its parent (vxlan.ts).
 */
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import type { Lladdr } from '../../../lib/net/lladdr.ts'
import type { Link, LinkChange } from '../../../lib/rtnl/port.ts'
import { addConnectedRoutes, addLinkLocal, dropAllAddresses, dropIpv6Addresses } from './addresses.ts'
import { type Answer, EADDRNOTAVAIL, EEXIST, EINVAL, ENODEV, EOPNOTSUPP, refuse } from './errnos.ts'
import { dropFdb } from './fdb.ts'
import { dropNeighbours } from './neighbours.ts'
import { dropRoutes } from './routes.ts'
import { emitLink, type LinkDetail, type State } from './state.ts'
import { changeVxlan, checkOpen, checkVxlanMtu } from './vxlan.ts'

/** What a new link is given; the rest is as the kernel makes it. */
export type NewLink = Pick<Link, 'ifname' | 'kind' | 'mtu' | 'lladdr'> & Partial<Link>

const LEAST_MTU = 68
const LARGEST_MTU = 65535

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
    master: undefined,
    parent: undefined,
    txQueueLength: 1000,
    vxlan: undefined,
    ...given,
    ifindex,
  }
  state.links.set(ifindex, link)
  state.names.set(link.ifname, ifindex)
  state.details.set(ifindex, { peer: undefined, cable: true, ipv6Ready: false, ...detail })
  if (link.kind === 'vxlan') state.fdb.set(ifindex, new Map())
  emitLink(state, 'set', link, pid)
  return undefined
}

/** A veth pair, or its near half when the peer lives elsewhere; the peer gets the lower index, as the kernel does it. */
export function createVethPair(state: State, near: NewLink, far: NewLink | undefined, pid: number): Answer {
  if (state.names.has(near.ifname) || (far !== undefined && state.names.has(far.ifname))) return refuse(EEXIST)
  if (far === undefined) return createLink(state, near, {}, pid)
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

/** One RTM_NEWLINK on an existing link, in the kernel's order; what was done before a refusal stays done. */
export function changeLink(state: State, ifindex: Ifindex, change: LinkChange): Answer {
  if (!state.links.has(ifindex)) return refuse(ENODEV)
  return (
    (change.vxlan === undefined ? undefined : changeVxlanLink(state, ifindex, change.vxlan)) ??
    (change.lladdr === undefined ? undefined : changeLladdr(state, ifindex, change.lladdr)) ??
    (change.mtu === undefined ? undefined : changeMtu(state, ifindex, change.mtu)) ??
    (change.ifname === undefined ? undefined : rename(state, ifindex, change.ifname)) ??
    (change.master === undefined ? undefined : enslave(state, ifindex, change.master)) ??
    (change.up === undefined ? undefined : change.up ? setUp(state, ifindex) : setDown(state, ifindex))
  )
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
  const table = state.fdb.get(ifindex)
  state.fdb.delete(ifindex)
  const peer = state.details.get(ifindex)?.peer
  const children = childrenOf(state, ifindex)
  for (const child of children) closeDown(state, child)
  for (const child of children) forget(state, child, pid)
  closeDown(state, ifindex)
  forget(state, ifindex, pid)
  if (table !== undefined) state.fdb.set(ifindex, table)
  state.away.set(ifindex, { ...link, up: false, carrier: false, master: undefined })
  if (peer !== undefined) detailOf(state, peer).cable = false
  return undefined
}

/** Changes what is shown of a link, announced when something differs. */
export function updateLink(state: State, ifindex: Ifindex, change: Partial<Link>): void {
  const old = state.links.get(ifindex)
  if (old === undefined) return
  const link = { ...old, ...change }
  state.links.set(ifindex, link)
  emitLink(state, 'set', link, 0)
}

/** Sees to it that every link's carrier is what its own state, its peer, its parent and its ports make it. */
export function settleCarriers(state: State): void {
  let changed = true
  while (changed) {
    changed = false
    for (const link of state.links.values()) {
      const carrier = link.up && cableOf(state, link)
      if (carrier === link.carrier) continue
      changed = true
      updateLink(state, link.ifindex, { carrier })
      if (carrier) becomeReady(state, link.ifindex)
    }
  }
}

function changeVxlanLink(state: State, ifindex: Ifindex, change: NonNullable<LinkChange['vxlan']>): Answer {
  const link = state.links.get(ifindex)
  if (link?.vxlan === undefined) return refuse(EOPNOTSUPP)
  const result = changeVxlan(state, link, link.vxlan, change)
  if ('errno' in result) return result
  updateLink(state, ifindex, result)
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
  if (mtu !== link.mtu) updateLink(state, ifindex, { mtu })
  return undefined
}

function rename(state: State, ifindex: Ifindex, ifname: string): Answer {
  const link = state.links.get(ifindex)
  if (link === undefined || link.ifname === ifname) return undefined
  if (state.names.has(ifname)) return refuse(EEXIST)
  state.names.delete(link.ifname)
  state.names.set(ifname, ifindex)
  updateLink(state, ifindex, { ifname })
  return undefined
}

/** A bridge port keeps all its tables (kernel-facts 2). */
function enslave(state: State, ifindex: Ifindex, master: Ifindex | null): Answer {
  if (master !== null) {
    const link = state.links.get(master)
    if (link === undefined) return refuse(EINVAL)
    if (link.kind !== 'bridge') return refuse(EOPNOTSUPP)
  }
  if ((state.links.get(ifindex)?.master ?? null) === master) return undefined
  updateLink(state, ifindex, { master: master ?? undefined })
  settleCarriers(state)
  return undefined
}

function setUp(state: State, ifindex: Ifindex): Answer {
  const link = state.links.get(ifindex)
  if (link === undefined || link.up) return undefined
  const refusal = checkOpen(state, link)
  if (refusal !== undefined) return refusal
  const up: Link = { ...link, up: true }
  const opened = { ...up, carrier: cableOf(state, up) }
  state.links.set(ifindex, opened)
  emitLink(state, 'set', opened, 0)
  addConnectedRoutes(state, opened)
  if (opened.carrier) becomeReady(state, ifindex)
  settleCarriers(state)
  return undefined
}

/** IPv4 routes go without a word, IPv6 ones and all neighbours announced; IPv6 addresses too (kernel-facts 2). */
function setDown(state: State, ifindex: Ifindex): Answer {
  closeDown(state, ifindex)
  settleCarriers(state)
  return undefined
}

function closeDown(state: State, ifindex: Ifindex): void {
  const link = state.links.get(ifindex)
  if (link === undefined) return
  if (!link.up) return
  detailOf(state, ifindex).ipv6Ready = false
  updateLink(state, ifindex, { up: false, carrier: false })
  dropRoutes(state, ifindex, 'ipv4')
  dropNeighbours(state, ifindex, 'ipv4')
  dropRoutes(state, ifindex, 'ipv6')
  dropNeighbours(state, ifindex, 'ipv6')
  dropIpv6Addresses(state, ifindex)
}

/** IPv6 starts when a link is up and has a carrier, once after each `up`. */
function becomeReady(state: State, ifindex: Ifindex): void {
  const link = state.links.get(ifindex)
  const detail = detailOf(state, ifindex)
  if (link === undefined || detail.ipv6Ready) return
  detail.ipv6Ready = true
  addLinkLocal(state, link)
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
  state.names.delete(link.ifname)
  state.details.delete(ifindex)
  state.neighbours.delete(ifindex)
  emitLink(state, 'deleted', { ...link, up: false, carrier: false }, pid)
  settleCarriers(state)
}

/** Pinned VXLAN links and macvlans of a link; those that have gone to another namespace die there, unheard. */
function childrenOf(state: State, parent: Ifindex): Ifindex[] {
  for (const link of state.away.values()) if (link.vxlan?.parent === parent) forgetAway(state, link.ifindex)
  return [...state.links.values()]
    .filter((link) => link.vxlan?.parent === parent || (link.kind === 'macvlan' && link.parent === parent))
    .map((link) => link.ifindex)
}

/** The VNI and port of a link that went away become free. */
export function forgetAway(state: State, ifindex: Ifindex): void {
  state.away.delete(ifindex)
  state.fdb.delete(ifindex)
}

function cableOf(state: State, link: Link): boolean {
  const detail = detailOf(state, link.ifindex)
  switch (link.kind) {
    case 'veth':
      return detail.peer === undefined ? detail.cable : state.links.get(detail.peer)?.up === true
    case 'macvlan':
      return link.parent !== undefined && state.links.get(link.parent)?.carrier === true
    case 'bridge':
      return [...state.links.values()].some((port) => port.master === link.ifindex && port.carrier)
    default:
      return detail.cable
  }
}

function detailOf(state: State, ifindex: Ifindex): LinkDetail {
  const detail = state.details.get(ifindex)
  if (detail === undefined) throw new RangeError(`no link ${ifindex}`)
  return detail
}
