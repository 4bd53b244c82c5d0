/**
 * The peers of one family: remote leases as they are programmed, one claim an overlay address and a lladdr.
 * Must not: judge a lease by itself (lib/leases does) or pack bytes (lib/overlay/packed).
 *
 * One packet's way through the three tables: a pod sends to 10.42.1.7; the ROUTE 10.42.1.0/24 via 10.42.1.0 dev flannel.1
 * onlink names the peer's VTEP as next hop; the NEIGHBOUR entry of 10.42.1.0 gives that VTEP's lladdr; the FDB entry of the
 * lladdr gives the underlay address to which the frame goes, wrapped in UDP.
 */

import type { FamilyLease } from '../cluster/lease.ts'
import type { Peers } from '../cluster/view.ts'
import { networkAddress } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'

/** A remote lease of one family; its overlay address is the network address of `subnet`. */
export interface Peer extends FamilyLease {
  readonly node: string
  readonly seniority: string
}

/** A claim that lost: the peer is not programmed at all, since half of it would lead packets to the other node. */
export interface PeerConflict {
  readonly node: string
  /** The node that keeps the value; undefined: this very node. */
  readonly keptBy: string | undefined
  readonly field: 'lladdr' | 'subnet'
  readonly value: string
}

export interface FamilyPeers {
  readonly peers: readonly Peer[]
  readonly conflicts: readonly PeerConflict[]
}

/**
 * The peers of `family`, in the order of the view. Two that claim one lladdr (cloned machines) or one overlay address would
 * overwrite each other for ever: the senior one stays (lower seniority, then lower node name), whatever the order. With one
 * underlay address, too, two lladdrs are one machine's, and no conflict.
 * A claim of `ownLladdr` loses to this node.
 */
export function peersOf(view: Peers, family: Family, ownLladdr?: Lladdr): FamilyPeers {
  const holders = new Map<string, Peer>()
  /** The keys that several claim, or that are ours. */
  const contested = new Set<string>()
  const all: Peer[] = []
  for (const lease of view.values()) {
    const claim = lease[family]
    if (claim === undefined) continue
    const { subnet, underlay, lladdr, vni } = claim
    const peer: Peer = { node: lease.node, seniority: lease.seniority, subnet, underlay, lladdr, vni }
    all.push(peer)
    if (lladdr !== undefined && lladdr === ownLladdr) contested.add(lladdr)
    for (const key of keysOf(peer)) {
      const holder = holders.get(key)
      if (holder === undefined) holders.set(key, peer)
      else if (key !== lladdr || holder.underlay !== underlay) contested.add(key)
    }
  }
  if (contested.size === 0) return { peers: all, conflicts: [] }
  const rivals = all.filter((peer) => keysOf(peer).some((key) => contested.has(key)))
  const conflicts = settle(rivals, ownLladdr)
  const lost = new Set(conflicts.map((conflict) => conflict.node))
  return { peers: all.filter((peer) => !lost.has(peer.node)), conflicts }
}

/** What no two peers may have: the lladdr, where the backend has one, and the overlay address. */
function keysOf({ lladdr, subnet }: Peer): readonly string[] {
  const overlay = networkAddress(subnet)
  return lladdr === undefined ? [overlay] : [lladdr, overlay]
}

/** Seniors first, so that a claim which has lost cannot in turn cost another one its place. */
function settle(contested: Peer[], ownLladdr: Lladdr | undefined): PeerConflict[] {
  contested.sort((a, b) => compare(a.seniority, b.seniority) || compare(a.node, b.node))
  const kept = new Map<string, Peer>()
  const conflicts: PeerConflict[] = []
  for (const peer of contested) {
    const { node, lladdr, subnet, underlay } = peer
    const ip = networkAddress(subnet)
    const [twin, rival] = [lladdr === undefined ? undefined : kept.get(lladdr), kept.get(ip)]
    if (lladdr !== undefined && lladdr === ownLladdr)
      conflicts.push({ node, keptBy: undefined, field: 'lladdr', value: lladdr })
    else if (lladdr !== undefined && twin !== undefined && twin.underlay !== underlay)
      conflicts.push({ node, keptBy: twin.node, field: 'lladdr', value: lladdr })
    else if (rival !== undefined) conflicts.push({ node, keptBy: rival.node, field: 'subnet', value: subnet })
    else for (const key of keysOf(peer)) kept.set(key, peer)
  }
  return conflicts
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
