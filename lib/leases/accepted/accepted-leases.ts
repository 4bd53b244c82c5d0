/**
 * Which claims are accepted as leases (design decisions 9 and 10). Must not: know where claims come from, or log. One family's
 * verdicts are family-claims.ts, the rules validation.ts and conflicts.ts.
 *
 * A family's claim is accepted when its subnet is a unicast part of the network and not ours, its lladdr is unicast and
 * not ours, its underlay address is one that a host can have, not ours, and outside the network (else outer packets would
 * be routed into the overlay again); and when nobody else holds a subnet that overlaps its own, or its lladdr. The other family
 * of the same node is decided by itself.
 *
 * Two peers may share an underlay address. With one lladdr, too, they are one machine: a node that came back under a new name
 * stands beside its old Node that nobody has deleted yet.
 */

import type { Lease } from '../../cluster/lease.ts'
import type { Network } from '../../cluster/network.ts'
import type { LeaseError } from '../../errors.ts'
import { FAMILIES, type Family } from '../../net/ip.ts'
import { withChanges } from '../../util/layered-map.ts'
import { atOnce, SLICE_ROWS, type Slices } from '../../util/slices.ts'
import { type Claim, type ClaimChange, type Held, isComplete } from './claim.ts'
import { createFamilyClaims, type FamilyClaims } from './family-claims.ts'
import type { OwnClaim } from './validation.ts'

export interface Accepted {
  /** By node. A Lease that is accepted whole is the very object of the claim. Never changes; the next one shares it. */
  readonly peers: ReadonlyMap<string, Lease>
  /** One for each family of each claim that is not accepted. */
  readonly rejected: readonly LeaseError[]
  /** Refused for another's sake, each with the family that is. */
  readonly contested: readonly Lease[]
  /** One machine under two names, in words. */
  readonly aliases: readonly string[]
}

export interface AcceptedLeases {
  /** What is ours is another one, or known now. */
  setOwn(own: OwnClaim | undefined): void
  /** Decided together, whatever their order. Our own claim is not among them. */
  change(changes: readonly ClaimChange[]): void
  /** The same for many; nothing else may be asked or told between two slices. */
  changeInSlices(changes: readonly ClaimChange[]): Slices<void>
  /** The same object until something changed. */
  readonly accepted: Accepted
  /** What those claims hold that do not hold all they say, with REFUSED where they are refused. Of this moment. */
  exceptions(): ReadonlyMap<Claim, Held>
}

/** Begins without claims. A network that lacks a family has no claims of it. */
export function createAcceptedLeases(network: Network): AcceptedLeases {
  const members: Partial<Record<Family, FamilyClaims>> = {}
  for (const family of FAMILIES) {
    const whole = network[family]
    if (whole !== undefined) members[family] = createFamilyClaims(family, whole, network)
  }
  const all = Object.values(members)
  const halves = new WeakMap<Claim, Partial<Record<Family, Lease>>>()
  /** What is accepted of a claim; undefined: nothing. */
  const peerOf = (claim: Claim): Lease | undefined => {
    const of = (family: Family): Lease['ipv4'] => {
      const part = claim[family]
      return isComplete(part, network.backend.type) && members[family]?.isRefused(claim) === false ? part : undefined
    }
    const [ipv4, ipv6] = [of('ipv4'), of('ipv6')]
    if (ipv4 === claim.ipv4 && ipv6 === claim.ipv6) return claim as Lease
    if ((ipv4 === undefined) === (ipv6 === undefined)) return undefined
    const known = halves.get(claim) ?? {}
    halves.set(claim, known)
    const half = ipv4 === undefined ? 'ipv6' : 'ipv4'
    known[half] ??= { ...claim, ipv4, ipv6 }
    return known[half]
  }
  let peers: ReadonlyMap<string, Lease> = new Map()
  let accepted: Accepted | undefined

  function* adopt(changes: readonly ClaimChange[], others: readonly Iterable<Claim>[]): Slices<void> {
    accepted = undefined
    const next = new Map<string, Lease | undefined>()
    for (const { before } of changes) if (before !== undefined) next.set(before.node, undefined)
    for (const [index, { after }] of changes.entries()) {
      if (after !== undefined) next.set(after.node, peerOf(after))
      if (index % SLICE_ROWS === SLICE_ROWS - 1) yield
    }
    for (const list of others) for (const claim of list) next.set(claim.node, peerOf(claim))
    for (const [node, peer] of next) if (peers.get(node) === peer) next.delete(node)
    if (next.size > 0) peers = peers.size === 0 ? (next as Map<string, Lease>) : withChanges(peers, next)
  }
  function* change(changes: readonly ClaimChange[]): Slices<void> {
    const others: Iterable<Claim>[] = []
    for (const member of all) others.push(yield* member.change(changes))
    yield* adopt(changes, others)
  }

  return {
    setOwn(own) {
      const others = all.map((member) => member.setOwn(own))
      atOnce(adopt([], others))
    },
    change: (changes) => atOnce(change(changes)),
    changeInSlices: change,
    get accepted() {
      if (accepted !== undefined) return accepted
      const reports = all.map((member) => member.report())
      accepted = {
        peers,
        rejected: reports.flatMap(({ errors }) => errors),
        contested: reports.flatMap(({ contested }) => contested),
        aliases: [...new Set(reports.flatMap(({ aliases }) => aliases))],
      }
      return accepted
    },
    exceptions() {
      const heldOf = (claim: Claim, family: Family): number =>
        claim[family] === undefined ? 0 : (members[family]?.heldBy(claim) ?? 0)
      const found = new Map<Claim, Held>()
      for (const { exceptions } of all)
        for (const claim of exceptions()) found.set(claim, { ipv4: heldOf(claim, 'ipv4'), ipv6: heldOf(claim, 'ipv6') })
      return found
    },
  }
}
