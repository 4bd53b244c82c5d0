/**
 * Which claims are believed (design decisions 9 and 10): the whole set decides, never the order of events.
 * Must not: know where claims come from, or log. One family's verdicts are judge.ts.
 *
 * A family's claim is believed when its subnet is a unicast part of the network and not ours, its lladdr is unicast and
 * not ours, its underlay address is one that a host can have, not ours, and outside the network (else outer packets would
 * be routed into the overlay again); and when no older believed claim of the family overlaps its subnet or has its lladdr.
 * The other family of the same node is judged by itself.
 *
 * Two peers may share an underlay address: a node that came back under a new name does, beside its old Node that nobody
 * has deleted yet, and nothing of the older one breaks. Two peers with one lladdr would fight for one FDB entry.
 *
 * A network of length 0 (k3s writes ::/0) holds every underlay address, and every subnet is inside it. There a subnet may
 * not be larger than a node can need, and of two claims of which one's subnet holds the other's underlay address the older
 * stays; the same for ours.
 */

import type { Lease } from '../../cluster/lease.ts'
import type { Network } from '../../cluster/network.ts'
import type { LeaseError } from '../../errors.ts'
import { FAMILIES, type Family } from '../../net/ip.ts'
import { withChanges } from '../../util/layered-map.ts'
import { atOnce, SLICE_ROWS, type Slices } from '../../util/slices.ts'
import { type ClaimChange, createJudge, type Judge } from './judge.ts'
import type { OwnClaim } from './sound.ts'

export interface Believed {
  /** By node. A Lease that is believed whole is the very object of the claim. Never changes; the next one shares it. */
  readonly peers: ReadonlyMap<string, Lease>
  /** One for each family of each claim that is not believed. */
  readonly rejected: readonly LeaseError[]
}

export interface Belief {
  /** What is ours is another one, or known now. */
  setOwn(own: OwnClaim | undefined): void
  /** Decided together, whatever their order. Our own claim is not among them. */
  change(changes: readonly ClaimChange[]): void
  /** The same for many; nothing else may be asked or told between two slices. */
  changeInSlices(changes: readonly ClaimChange[]): Slices<void>
  /** The same object until something changed. */
  readonly believed: Believed
}

/** Begins without claims. A network that lacks a family has no claims of it. */
export function createBelief(network: Network): Belief {
  const judges: Partial<Record<Family, Judge>> = {}
  for (const family of FAMILIES) {
    const whole = network[family]
    if (whole !== undefined) judges[family] = createJudge(family, whole)
  }
  const halves = new WeakMap<Lease, Partial<Record<Family, Lease>>>()
  const without = (lease: Lease, family: Family): Lease => {
    const known = halves.get(lease) ?? {}
    halves.set(lease, known)
    known[family] ??= { ...lease, [family]: undefined }
    return known[family]
  }
  /** What is believed of a claim; undefined: nothing. */
  const peerOf = (lease: Lease): Lease | undefined => {
    const stands = (family: Family): boolean =>
      lease[family] !== undefined && judges[family]?.isRefused(lease) === false
    const [ipv4, ipv6] = [stands('ipv4'), stands('ipv6')]
    if (!ipv4 && !ipv6) return undefined
    const upper = ipv4 || lease.ipv4 === undefined ? lease : without(lease, 'ipv4')
    return ipv6 || upper.ipv6 === undefined ? upper : without(upper, 'ipv6')
  }
  let peers: ReadonlyMap<string, Lease> = new Map()
  let believed: Believed | undefined

  function* adopt(changes: readonly ClaimChange[], others: readonly Iterable<Lease>[]): Slices<void> {
    believed = undefined
    const next = new Map<string, Lease | undefined>()
    for (const { before } of changes) if (before !== undefined) next.set(before.node, undefined)
    for (const [index, { after }] of changes.entries()) {
      if (after !== undefined) next.set(after.node, peerOf(after))
      if (index % SLICE_ROWS === SLICE_ROWS - 1) yield
    }
    for (const list of others) for (const lease of list) next.set(lease.node, peerOf(lease))
    for (const [node, peer] of next) if (peers.get(node) === peer) next.delete(node)
    if (next.size > 0) peers = peers.size === 0 ? (next as Map<string, Lease>) : withChanges(peers, next)
  }
  function* change(changes: readonly ClaimChange[]): Slices<void> {
    const others: Iterable<Lease>[] = []
    for (const judge of Object.values(judges)) others.push(yield* judge.change(changes))
    yield* adopt(changes, others)
  }

  return {
    setOwn(own) {
      const others = Object.values(judges).map((judge) => judge.setOwn(own))
      atOnce(adopt([], others))
    },
    change: (changes) => atOnce(change(changes)),
    changeInSlices: change,
    get believed() {
      believed ??= { peers, rejected: FAMILIES.flatMap((family) => [...(judges[family]?.refused ?? [])]) }
      return believed
    },
  }
}
