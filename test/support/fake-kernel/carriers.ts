/**
 * What follows from the state of other links: carriers, the MTU of bridges, and IPv6 starting up on a link.
 * Must not: know requests.
 */
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import type { Link } from '../../../lib/rtnl/port.ts'
import { addLinkLocal } from './addresses.ts'
import { emitLink, type LinkDetail, type State } from './state.ts'

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
      const carrier = link.up && hasCable(state, link)
      if (carrier === link.carrier) continue
      changed = true
      updateLink(state, link.ifindex, { carrier })
      if (carrier) becomeReady(state, link.ifindex)
    }
  }
}

/** A bridge whose MTU nobody set is as narrow as its narrowest port, 1500 without one. */
export function fitBridgeMtu(state: State, bridge: Ifindex): void {
  const link = state.links.get(bridge)
  if (link?.kind !== 'bridge' || detailOf(state, bridge).mtuSet) return
  const ports = [...state.links.values()].filter((port) => port.master === bridge)
  const mtu = ports.length === 0 ? 1500 : Math.min(...ports.map((port) => port.mtu))
  if (mtu !== link.mtu) updateLink(state, bridge, { mtu })
}

/** IPv6 starts when a link is up and has a carrier, once after each `up`. */
export function becomeReady(state: State, ifindex: Ifindex): void {
  const link = state.links.get(ifindex)
  const detail = detailOf(state, ifindex)
  if (link === undefined || detail.ipv6Ready) return
  detail.ipv6Ready = true
  addLinkLocal(state, link)
}

/** Whether the link would have a carrier if it were up. */
export function hasCable(state: State, link: Link): boolean {
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

/** Throws RangeError for a link that is not there. */
export function detailOf(state: State, ifindex: Ifindex): LinkDetail {
  const detail = state.details.get(ifindex)
  if (detail === undefined) throw new RangeError(`no link ${ifindex}`)
  return detail
}
