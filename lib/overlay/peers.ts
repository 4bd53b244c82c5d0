/**
 * The peers of one family: remote leases as they are programmed, one claim an overlay address and a lladdr, and the metric
 * of their routes. Must not: judge a lease by itself (lib/leases does) or pack bytes (lib/overlay/desired).
 *
 * One packet's way through the three tables: a pod sends to 10.42.1.7; the ROUTE 10.42.1.0/24 via 10.42.1.0 dev flannel.1
 * onlink names the peer's VTEP as next hop; the NEIGHBOUR entry of 10.42.1.0 gives that VTEP's lladdr; the FDB entry of the
 * lladdr gives the underlay address to which the frame goes, wrapped in UDP.
 */

import type { FamilyLease } from '../leases/lease.ts'
import type { Peers } from '../leases/source.ts'
import { type Cidr, networkAddress, prefixLength, subnetIndex } from '../net/cidr.ts'
import { addressBits, type Family } from '../net/ip.ts'
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
 * overwrite each other for ever: the senior one stays (lower seniority, then lower node name), whatever the order.
 * A claim of `ownLladdr` loses to this node.
 */
export function peersOf(view: Peers, family: Family, ownLladdr?: Lladdr): FamilyPeers {
  const holders = new Map<string, Peer>()
  const contested = new Set<Peer>()
  const all: Peer[] = []
  for (const lease of view.values()) {
    const claim = lease[family]
    if (claim === undefined) continue
    const { subnet, underlay, lladdr } = claim
    const peer: Peer = { node: lease.node, seniority: lease.seniority, subnet, underlay, lladdr }
    all.push(peer)
    if (lladdr === ownLladdr) contested.add(peer)
    for (const key of [lladdr, networkAddress(subnet)]) {
      const holder = holders.get(key)
      if (holder === undefined) holders.set(key, peer)
      else contested.add(holder).add(peer)
    }
  }
  if (contested.size === 0) return { peers: all, conflicts: [] }
  const conflicts = settle([...contested], ownLladdr)
  const lost = new Set(conflicts.map((conflict) => conflict.node))
  return { peers: all.filter((peer) => !lost.has(peer.node)), conflicts }
}

/** Seniors first, so that a claim which has lost cannot in turn cost another one its place. */
function settle(contested: Peer[], ownLladdr: Lladdr | undefined): PeerConflict[] {
  contested.sort((a, b) => compare(a.seniority, b.seniority) || compare(a.node, b.node))
  const kept = new Map<string, string>()
  const conflicts: PeerConflict[] = []
  for (const { node, lladdr, subnet } of contested) {
    const ip = networkAddress(subnet)
    if (lladdr === ownLladdr) conflicts.push({ node, keptBy: undefined, field: 'lladdr', value: lladdr })
    else if (kept.has(lladdr)) conflicts.push({ node, keptBy: kept.get(lladdr), field: 'lladdr', value: lladdr })
    else if (kept.has(ip)) conflicts.push({ node, keptBy: kept.get(ip), field: 'subnet', value: subnet })
    else kept.set(lladdr, node).set(ip, node)
  }
  return conflicts
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** What the kernel stores for an IPv6 route without a metric; IPv6 needs no spread (kernel-facts 1). */
export const IPV6_METRIC = 1024

/** Metrics run from 1 up to this, below 2^32 - 1. */
const METRICS = 0xfffffffd

/**
 * IPv4: the subnet's index in the network plus one. A distinct metric a route makes insertion constant-time (kernel-facts 1);
 * never 0, which the kernel reads as "any" in a delete. Subnets of different length may share one: different prefixes.
 */
export function routeMetric(family: Family, network: Cidr, subnet: Cidr): number {
  if (family === 'ipv6') return IPV6_METRIC
  return Number(subnetIndex(network, subnet) % BigInt(METRICS)) + 1
}

/** The same for many: `address` is the subnet's network address as an unsigned number of 32 bits. */
export function ipv4Metric(networkBase: number, address: number, length: number): number {
  const size = 2 ** (addressBits('ipv4') - length)
  return (Math.floor((address - networkBase) / size) % METRICS) + 1
}

/** The lowest address of an IPv4 network as an unsigned number of 32 bits. */
export function ipv4Base(network: Cidr): number {
  return Number(subnetBase(network))
}

function subnetBase(network: Cidr): bigint {
  const whole = '0.0.0.0/0' as Cidr
  return subnetIndex(whole, network) << BigInt(addressBits('ipv4') - prefixLength(network))
}
