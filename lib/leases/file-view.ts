/**
 * The entries of a leases file → a view; what did not change keeps its object, so that a reader can compare by identity.
 * Must not: read anything.
 */

import type { FamilyLease, Lease, OwnNode } from '../cluster/lease.ts'
import { isVxlan, type Network } from '../cluster/network.ts'
import type { LeaseView } from '../cluster/view.ts'
import { LeaseError } from '../errors.ts'
import { containsCidr } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import { createAcceptedLeases } from './accepted/accepted-leases.ts'
import type { ClaimChange } from './accepted/claim.ts'
import type { FileEntry, FileFamily } from './leases-file.ts'
import { nearNamesHint } from './near-names.ts'
import { keepUnchanged } from './unchanged.ts'

/** Called with the whole file each time that it changed. */
export function createFileView(options: {
  readonly path: string
  readonly nodeName: string
  readonly network: Network
}): (entries: readonly FileEntry[]) => LeaseView {
  const { path, network, nodeName } = options
  const leases = createAcceptedLeases(network)
  let told: ReadonlyMap<string, Lease> = new Map()

  const claimOf = (entry: FileEntry, index: number): Lease => {
    const ipv4 = network.ipv4 === undefined ? undefined : toFamilyLease(entry.ipv4, network)
    const ipv6 = network.ipv6 === undefined ? undefined : toFamilyLease(entry.ipv6, network)
    return keepUnchanged(told.get(entry.name), { node: entry.name, ...placeOf(index), ipv4, ipv6 })
  }
  const tell = (claims: ReadonlyMap<string, Lease>): void => {
    const changes: ClaimChange[] = []
    for (const [node, before] of told) if (!claims.has(node)) changes.push({ before, after: undefined })
    for (const [node, after] of claims) {
      const before = told.get(node)
      if (before !== after) changes.push({ before, after })
    }
    leases.change(changes)
    told = claims
  }

  return (entries) => {
    const faults: LeaseError[] = []
    const mine = entries.find((entry) => entry.name === nodeName)
    const own = mine === undefined ? undefined : readOwnEntry(mine, entries.indexOf(mine), network, faults)
    const claims = new Map<string, Lease>()
    for (const [index, entry] of entries.entries())
      if (entry.name !== nodeName) claims.set(entry.name, claimOf(entry, index))
    leases.setOwn(
      own === undefined
        ? undefined
        : { node: nodeName, subnets: own.subnets, lladdrs: own.lladdrs, underlays: own.underlayHint },
    )
    tell(claims)
    const { rejected, ...accepted } = leases.accepted
    const known = { ...accepted, own, rejected: [...faults, ...rejected] }
    if (own !== undefined) return { synced: true, ...known }
    const hint = nearNamesHint(
      nodeName,
      entries.map(({ name }) => name),
    )
    return { synced: false, because: `${path} has no entry for this node, ${nodeName}${hint}`, ...known }
  }
}

/** `underlay` is there for every entry but our own, with VXLAN `lladdr` too (leases-file.ts); host-gw passes that one over. */
function toFamilyLease(part: FileFamily | undefined, network: Network): FamilyLease | undefined {
  if (part?.underlay === undefined) return undefined
  const lladdr = isVxlan(network) ? part.lladdr : undefined
  return { subnet: part.subnet, underlay: part.underlay, lladdr, vni: undefined }
}

const NONE = { ipv4: undefined, ipv6: undefined }

/** The order of the file alone decides between two entries: who writes it says who stays. */
function placeOf(index: number): Pick<Lease, 'uid' | 'seniority'> {
  return { uid: undefined, seniority: String(index).padStart(10, '0') }
}

function readOwnEntry(entry: FileEntry, index: number, network: Network, faults: LeaseError[]): OwnNode {
  const both = <T>(read: (part: FileFamily, family: Family) => T | undefined): Record<Family, T | undefined> => ({
    ipv4: entry.ipv4 === undefined || network.ipv4 === undefined ? undefined : read(entry.ipv4, 'ipv4'),
    ipv6: entry.ipv6 === undefined || network.ipv6 === undefined ? undefined : read(entry.ipv6, 'ipv6'),
  })
  return {
    node: entry.name,
    ...placeOf(index),
    subnets: both((part, family) => {
      const whole = network[family]
      if (whole === undefined || containsCidr(whole, part.subnet)) return part.subnet
      const reason = `our own subnet ${part.subnet} is outside the network ${whole} of net-conf`
      faults.push(new LeaseError(entry.name, `${family}.subnet`, reason, { fault: 'outside_network' }))
      return undefined
    }),
    lladdrs: both((part) => (isVxlan(network) ? part.lladdr : undefined)),
    publishInstead: NONE,
    underlayHint: both((part) => part.underlay),
    internalIps: NONE,
    published: NONE,
  }
}
