/**
 * Keeps the object of what did not change: a reader of 100,000 leases compares by identity. Must not: merge anything.
 */
import type { FamilyLease, Lease } from '../cluster/lease.ts'

/** `known` if it says the same as `next`. */
export function keepFamily(known: FamilyLease | undefined, next: FamilyLease | undefined): FamilyLease | undefined {
  if (known === undefined || next === undefined) return next
  const same =
    known.subnet === next.subnet &&
    known.underlay === next.underlay &&
    known.lladdr === next.lladdr &&
    known.vni === next.vni
  return same ? known : next
}

/** `known` if it says the same as `next`; else `next` with the families that did not change kept. */
export function keepLease(known: Lease | undefined, next: Lease): Lease {
  if (known === undefined) return next
  const ipv4 = keepFamily(known.ipv4, next.ipv4)
  const ipv6 = keepFamily(known.ipv6, next.ipv6)
  const same = known.seniority === next.seniority && known.ipv4 === ipv4 && known.ipv6 === ipv6
  return same ? known : { ...next, ipv4, ipv6 }
}
