/**
 * Which claims are believed (design decisions 9 and 10): the whole set decides, never the order of events.
 * Must not: know where claims come from, log, or remember anything but what it computed of a claim before.
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
import { LeaseError } from '../errors.ts'
import { type Cidr, networkAddress, overlaps, prefixLength } from '../net/cidr.ts'
import { type Family, familyOf, type Ip, isLinkLocal, isUnicastHost, samePrefix } from '../net/ip.ts'
import { isUnicastLladdr, type Lladdr } from '../net/lladdr.ts'
import type { Network } from '../overlay/network.ts'
import type { FamilyLease, Lease } from './lease.ts'
import { areAllApart, byAge, type Candidate, createLoopCheck, type Fault, loop, noLoops, settle } from './settle.ts'

type PerFamily<T> = Readonly<Record<Family, T | undefined>>

/** What is ours and therefore nobody else's; what is not known yet is undefined. */
export interface OwnClaim {
  readonly node: string
  readonly subnets: PerFamily<Cidr>
  readonly lladdrs: PerFamily<Lladdr>
  readonly underlays: PerFamily<Ip>
}

export interface Believed {
  /** By node, our own left out. A Lease that is believed whole is the very object of the claim. */
  readonly peers: ReadonlyMap<string, Lease>
  /** One for each family of each claim that is not believed. */
  readonly rejected: readonly LeaseError[]
}

export type Believe = (claims: readonly Lease[], own: OwnClaim | undefined) => Believed

/**
 * Remembers, per claim object, what needs no other claim to be known: a second look at 100,000 claims costs a tenth of
 * the first. A network that lacks a family has no claims of it.
 */
export function createBelief(network: Network): Believe {
  const judges = { ipv4: createJudge('ipv4', network.ipv4), ipv6: createJudge('ipv6', network.ipv6) }
  const halves = new WeakMap<Lease, Partial<Record<Family, Lease>>>()
  const without = (lease: Lease, family: Family): Lease => {
    const known = halves.get(lease) ?? {}
    halves.set(lease, known)
    known[family] ??= { ...lease, [family]: undefined }
    return known[family]
  }

  return (claims, own) => {
    const refused = { ipv4: judges.ipv4(claims, own), ipv6: judges.ipv6(claims, own) }
    const peers = new Map<string, Lease>()
    for (const lease of claims) {
      if (lease.node === own?.node) continue
      const ipv4 = lease.ipv4 !== undefined && network.ipv4 !== undefined && !refused.ipv4.has(lease)
      const ipv6 = lease.ipv6 !== undefined && network.ipv6 !== undefined && !refused.ipv6.has(lease)
      if (!ipv4 && !ipv6) continue
      const upper = ipv4 || lease.ipv4 === undefined ? lease : without(lease, 'ipv4')
      peers.set(lease.node, ipv6 || upper.ipv6 === undefined ? upper : without(upper, 'ipv6'))
    }
    return { peers, rejected: [...refused.ipv4.values(), ...refused.ipv6.values()] }
  }
}

/** Of a node's subnet where the network itself sets no bound: beyond it a claim would take most of the world. */
const LEAST_PREFIX_LENGTH: Readonly<Record<Family, number>> = { ipv4: 8, ipv6: 16 }

type Judge = (claims: readonly Lease[], own: OwnClaim | undefined) => ReadonlyMap<Lease, LeaseError>

function createJudge(family: Family, network: Cidr | undefined): Judge {
  const nobody: ReadonlyMap<Lease, LeaseError> = new Map()
  if (network === undefined) return () => nobody
  /** The fault of a claim, or the prefix length of a sound one's subnet. */
  const alone = new WeakMap<FamilyLease, Fault | number>()
  /** An error costs a stack trace: ten thousand broken claims have theirs made once. */
  const errors = new WeakMap<Fault, LeaseError>()
  const judge = createSoloJudge(network)
  const judged = (claim: FamilyLease): Fault | number => {
    const known = alone.get(claim)
    if (known !== undefined) return known
    const found = judge(claim) ?? prefixLength(claim.subnet)
    alone.set(claim, found)
    return found
  }

  return (claims, own) => {
    const candidates: Candidate[] = []
    const refused = new Map<Lease, LeaseError>()
    const refuse = (lease: Lease, fault: Fault): void => {
      const error = errors.get(fault) ?? new LeaseError(lease.node, `${family} ${fault.field}`, fault.reason)
      errors.set(fault, error)
      refused.set(lease, error)
    }
    const ours = own?.subnets[family]
    const ownLength = ours === undefined ? -1 : prefixLength(ours)
    const lengths = new Set<number>()
    for (const lease of claims) {
      const claim = lease[family]
      if (claim === undefined || lease.node === own?.node) continue
      const length = judged(claim)
      if (typeof length !== 'number') {
        refuse(lease, length)
        continue
      }
      const fault = own === undefined ? undefined : judgeAgainstOwn(claim, family, own, length === ownLength)
      if (fault !== undefined) {
        refuse(lease, fault)
        continue
      }
      lengths.add(length)
      candidates.push({ lease, claim })
    }
    const open = prefixLength(network) === 0
    if (!open && areAllApart(candidates, lengths)) return refused
    settle(
      candidates.sort(byAge),
      lengths,
      refuse,
      open ? createLoopCheck(lengths, ours, own?.underlays[family]) : noLoops,
    )
    return refused
  }
}

function createSoloJudge(network: Cidr): (claim: FamilyLease) => Fault | undefined {
  const length = prefixLength(network)
  const address = networkAddress(network)
  const inNetwork = (ip: Ip): boolean => samePrefix(ip, address, length)
  return ({ subnet, underlay, lladdr }) => {
    const start = networkAddress(subnet)
    if (prefixLength(subnet) < length || !inNetwork(start))
      return { field: 'subnet', reason: `${subnet} is outside the network ${network}` }
    if (!isUnicastHost(start) || isLinkLocal(start))
      return { field: 'subnet', reason: `${subnet} is not a unicast network` }
    if (length === 0 && prefixLength(subnet) < LEAST_PREFIX_LENGTH[familyOf(start)])
      return { field: 'subnet', reason: `${subnet} is more than one node can need` }
    if (!isUnicastLladdr(lladdr)) return { field: 'lladdr', reason: `${lladdr} is not a unicast MAC address` }
    if (!isUnicastHost(underlay)) return { field: 'underlay', reason: `${underlay} is no address that a host can have` }
    // An FDB entry names no interface, which an fe80:: address would need.
    if (underlay.startsWith('fe') && isLinkLocal(underlay))
      return { field: 'underlay', reason: `${underlay} is link-local, reachable only through a named interface` }
    return length > 0 && inNetwork(underlay) ? loop(underlay, network) : undefined
  }
}

/** `sameLength`: as our own subnet, so that nearly all subnets need no arithmetic. */
function judgeAgainstOwn(claim: FamilyLease, family: Family, own: OwnClaim, sameLength: boolean): Fault | undefined {
  const ours = own.subnets[family]
  if (ours !== undefined && (sameLength ? ours === claim.subnet : overlaps(ours, claim.subnet)))
    return { field: 'subnet', reason: `${claim.subnet} overlaps our own ${ours}` }
  if (claim.lladdr === own.lladdrs[family]) return { field: 'lladdr', reason: `${claim.lladdr} is our own` }
  if (claim.underlay === own.underlays[family]) return { field: 'underlay', reason: `${claim.underlay} is our own` }
  return undefined
}
