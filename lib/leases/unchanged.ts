/**
 * Keeps the object of what did not change: a reader of 100,000 leases compares by identity. Must not: merge anything.
 */
import type { Claim, FamilyClaim } from './accepted/claim.ts'

/** Every field, so that one which is added to a lease is compared, or does not compile. */
const PARTS = Object.keys({
  subnet: true,
  underlay: true,
  lladdr: true,
  vni: true,
} satisfies Record<keyof FamilyClaim, true>) as (keyof FamilyClaim)[]
const FIELDS = Object.keys({
  node: true,
  uid: true,
  seniority: true,
  ipv4: true,
  ipv6: true,
} satisfies Record<keyof Claim, true>) as (keyof Claim)[]

/** `known` if it says the same as `next`; else `next` with the families that did not change kept. */
export function keepUnchanged<T extends Claim>(known: T | undefined, next: T): T {
  if (known === undefined) return next
  const keep = (was: FamilyClaim | undefined, is: FamilyClaim | undefined): FamilyClaim | undefined =>
    was !== undefined && is !== undefined && PARTS.every((part) => was[part] === is[part]) ? was : is
  const kept: T = { ...next, ipv4: keep(known.ipv4, next.ipv4), ipv6: keep(known.ipv6, next.ipv6) }
  return FIELDS.every((field) => known[field] === kept[field]) ? known : kept
}
