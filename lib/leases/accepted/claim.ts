/**
 * What a Node claims, before anybody has decided whether it gets it; a claim that is accepted whole is a Lease. Values only.
 * Must not: decide.
 */
import type { FamilyLease, Lease } from '../../cluster/lease.ts'
import type { Backend } from '../../cluster/network.ts'
import type { Family } from '../../net/ip.ts'

/** What can be read of a family; a part that is missing or cannot be read is undefined, and keeps the claim from being accepted. */
export type FamilyClaim = { readonly [Part in keyof FamilyLease]: FamilyLease[Part] | undefined }

/** A Lease is one. */
export interface Claim extends Omit<Lease, Family> {
  readonly ipv4: FamilyClaim | undefined
  readonly ipv6: FamilyClaim | undefined
}

/** One node's claim: as it was told before, and as it is now; undefined: none. Both are the source's own objects. */
export interface ClaimChange {
  readonly before: Claim | undefined
  readonly after: Claim | undefined
  /** What `after` held in an earlier run; without it, what `before` holds of the same. */
  readonly held?: Held
}

/**
 * What a Node got, and keeps for as long as it goes on claiming it, whatever else of its claim changes or is refused: bits, by
 * family.
 */
export type Held = Readonly<Record<Family, number>>

export const SUBNET = 1
export const LLADDR = 2
/** Matters only where a subnet may lie around an underlay address (conflicts.ts). */
export const UNDERLAY = 4
export const ALL = SUBNET | LLADDR | UNDERLAY
/** Only in a cache: it was refused, and is nothing but what it holds until it is told. */
export const REFUSED = 8

/** Of what `before` held, what `after` claims too; a Node without UID (file, or only remembered) holds nothing. */
export function stillHeld(held: number, family: Family, before: Claim | undefined, after: Claim | undefined): number {
  const [was, is] = [before?.[family], after?.[family]]
  if (after?.uid === undefined || before?.uid !== after.uid || was === undefined || is === undefined) return 0
  return (
    held &
    ((was.subnet === is.subnet ? SUBNET : 0) |
      (was.lladdr === is.lladdr ? LLADDR : 0) |
      (was.underlay === is.underlay ? UNDERLAY : 0))
  )
}

/** host-gw needs no lladdr. */
export function isComplete(claim: FamilyClaim | undefined, backend: Backend['type']): claim is FamilyLease {
  if (claim?.subnet === undefined || claim.underlay === undefined) return false
  return backend === 'host-gw' || claim.lladdr !== undefined
}
