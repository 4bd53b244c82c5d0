/** A cluster as a leases file (docs/leases-file.md), our own entry first. Must not: write it. */
import type { FamilyLease, Lease } from '../../lib/cluster/lease.ts'
import type { Family } from '../../lib/net/ip.ts'
import { OURS } from './cluster.ts'

/** JSON. */
export function leasesFileOf(families: readonly Family[], leases: ReadonlyMap<string, Lease>): string {
  const entry = (node: string, of: (family: Family) => FamilyLease | undefined): Record<string, unknown> => ({
    name: node,
    ...Object.fromEntries(
      families.flatMap((family) => {
        const lease = of(family)
        return lease === undefined
          ? []
          : [[family, { subnet: lease.subnet, underlay: lease.underlay, lladdr: lease.lladdr }]]
      }),
    ),
  })
  const ours = entry('ours', (family) => OURS[family])
  return JSON.stringify([ours, ...[...leases.values()].map((lease) => entry(lease.node, (family) => lease[family]))])
}
