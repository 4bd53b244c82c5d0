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
 * A network of length 0 (k3s writes ::/0) holds every underlay address; there the address must be outside every believed
 * subnet and outside ours instead.
 */
import { LeaseError } from '../errors.ts'
import { type Cidr, cidrOf, contains, containsCidr, networkAddress, prefixLength } from '../net/cidr.ts'
import { type Family, type Ip, ipToBytes, isLinkLocal, isUnicastHost } from '../net/ip.ts'
import { isUnicastLladdr, type Lladdr } from '../net/lladdr.ts'
import type { Network } from '../overlay/network.ts'
import type { FamilyLease, Lease } from './lease.ts'

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

/** Keeps, per claim object, what needs no other claim to be known, so that a second look at 100,000 claims is cheap. */
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
    const others = claims.filter((lease) => lease.node !== own?.node)
    const refused = { ipv4: judges.ipv4(others, own), ipv6: judges.ipv6(others, own) }
    const peers = new Map<string, Lease>()
    for (const lease of others) {
      const ipv4 = lease.ipv4 !== undefined && network.ipv4 !== undefined && !refused.ipv4.has(lease)
      const ipv6 = lease.ipv6 !== undefined && network.ipv6 !== undefined && !refused.ipv6.has(lease)
      if (!ipv4 && !ipv6) continue
      const upper = ipv4 || lease.ipv4 === undefined ? lease : without(lease, 'ipv4')
      peers.set(lease.node, ipv6 || upper.ipv6 === undefined ? upper : without(upper, 'ipv6'))
    }
    return { peers, rejected: [...refused.ipv4.values(), ...refused.ipv6.values()] }
  }
}

type Judge = (claims: readonly Lease[], own: OwnClaim | undefined) => ReadonlyMap<Lease, LeaseError>

interface Fault {
  readonly field: 'subnet' | 'lladdr' | 'underlay'
  readonly reason: string
}

function createJudge(family: Family, network: Cidr | undefined): Judge {
  const nobody: ReadonlyMap<Lease, LeaseError> = new Map()
  if (network === undefined) return () => nobody
  const alone = new WeakMap<FamilyLease, { readonly fault: Fault | undefined }>()
  const inNetwork = createMembership(network)
  const faultAlone = (claim: FamilyLease): Fault | undefined => {
    const known = alone.get(claim) ?? { fault: judgeAlone(claim, network, inNetwork) }
    alone.set(claim, known)
    return known.fault
  }

  return (claims, own) => {
    const candidates: Candidate[] = []
    const refused = new Map<Lease, LeaseError>()
    const refuse = (lease: Lease, fault: Fault): void => {
      refused.set(lease, new LeaseError(lease.node, `${family} ${fault.field}`, fault.reason))
    }
    for (const lease of claims) {
      const claim = lease[family]
      if (claim === undefined) continue
      const fault = faultAlone(claim) ?? judgeAgainstOwn(claim, family, own)
      if (fault === undefined) candidates.push({ lease, claim })
      else refuse(lease, fault)
    }
    // Age matters only where two claims meet; the usual set without a quarrel needs no sorting.
    const settled = settle(candidates) ?? settle(candidates.sort(byAge), refuse)
    if (settled !== undefined && prefixLength(network) === 0) refuseLoops(settled, own?.subnets[family], refuse)
    return refused
  }
}

interface Candidate {
  readonly lease: Lease
  readonly claim: FamilyLease
}

function byAge(a: Candidate, b: Candidate): number {
  if (a.lease.seniority !== b.lease.seniority) return a.lease.seniority < b.lease.seniority ? -1 : 1
  return a.lease.node < b.lease.node ? -1 : 1
}

interface Settled {
  readonly lengths: readonly number[]
  readonly subnets: ReadonlyMap<Cidr, Candidate>
}

/**
 * First come, first believed. Without `refuse` it gives up (undefined) at the first quarrel. CIDRs are nested or disjoint,
 * so an overlap is either a believed subnet around this one, or this one around a believed one: both are looked up by
 * masking to the other lengths that occur (one or two in a real cluster; at most 33 or 129).
 */
function settle(candidates: readonly Candidate[], refuse?: (lease: Lease, fault: Fault) => void): Settled | undefined {
  const lengths = [...new Set(candidates.map(({ claim }) => prefixLength(claim.subnet)))]
  const subnets = new Map<Cidr, Candidate>()
  const around = new Map<Cidr, Candidate>()
  const lladdrs = new Map<Lladdr, Candidate>()
  for (const candidate of candidates) {
    const { subnet, lladdr } = candidate.claim
    const outer = lengths
      .filter((length) => length < prefixLength(subnet))
      .map((l) => cidrOf(networkAddress(subnet), l))
    const holder = subnets.get(subnet) ?? around.get(subnet) ?? firstOf(outer, subnets)
    const twin = lladdrs.get(lladdr)
    if (holder === undefined && twin === undefined) {
      subnets.set(subnet, candidate)
      lladdrs.set(lladdr, candidate)
      for (const cidr of outer) around.set(cidr, candidate)
      continue
    }
    if (refuse === undefined) return undefined
    if (holder !== undefined)
      refuse(candidate.lease, {
        field: 'subnet',
        reason: `${subnet} overlaps ${holder.claim.subnet} of ${holder.lease.node}, which is older`,
      })
    else if (twin !== undefined)
      refuse(candidate.lease, { field: 'lladdr', reason: `${lladdr} is that of ${twin.lease.node}, which is older` })
  }
  return { lengths, subnets }
}

function firstOf(cidrs: readonly Cidr[], subnets: ReadonlyMap<Cidr, Candidate>): Candidate | undefined {
  for (const cidr of cidrs) {
    const found = subnets.get(cidr)
    if (found !== undefined) return found
  }
  return undefined
}

function refuseLoops(
  settled: Settled,
  ownSubnet: Cidr | undefined,
  refuse: (lease: Lease, fault: Fault) => void,
): void {
  for (const { lease, claim } of settled.subnets.values()) {
    const masked = settled.lengths.map((length) => cidrOf(claim.underlay, length))
    const inside =
      ownSubnet !== undefined && contains(ownSubnet, claim.underlay)
        ? ownSubnet
        : firstOf(masked, settled.subnets)?.claim.subnet
    if (inside !== undefined) refuse(lease, loop(claim.underlay, inside))
  }
}

function loop(underlay: Ip, cidr: Cidr): Fault {
  return { field: 'underlay', reason: `${underlay} is inside ${cidr}: its packets would loop through the overlay` }
}

function judgeAlone(claim: FamilyLease, network: Cidr, inNetwork: (ip: Ip) => boolean): Fault | undefined {
  const { subnet, underlay, lladdr } = claim
  const start = networkAddress(subnet)
  if (prefixLength(subnet) < prefixLength(network) || !inNetwork(start))
    return { field: 'subnet', reason: `${subnet} is outside the network ${network}` }
  if (!isUnicastHost(start)) return { field: 'subnet', reason: `${subnet} is not a unicast network` }
  if (!isUnicastLladdr(lladdr)) return { field: 'lladdr', reason: `${lladdr} is not a unicast MAC address` }
  if (!isUnicastHost(underlay)) return { field: 'underlay', reason: `${underlay} is no address that a host can have` }
  // An FDB entry names no interface, which an fe80:: address would need.
  if (underlay.startsWith('fe') && isLinkLocal(underlay))
    return { field: 'underlay', reason: `${underlay} is link-local, reachable only through a named interface` }
  if (prefixLength(network) > 0 && inNetwork(underlay)) return loop(underlay, network)
  return undefined
}

/** `contains` for very many addresses of the network's own family: no text is made on the way. */
function createMembership(network: Cidr): (ip: Ip) => boolean {
  const length = prefixLength(network)
  const wanted = ipToBytes(networkAddress(network))
  return (ip) => {
    const bytes = ipToBytes(ip)
    for (let i = 0; i * 8 < length; i += 1) {
      const mask = 0xff << Math.max(0, (i + 1) * 8 - length)
      if ((((bytes[i] ?? 0) ^ (wanted[i] ?? 0)) & mask & 0xff) !== 0) return false
    }
    return true
  }
}

function judgeAgainstOwn(claim: FamilyLease, family: Family, own: OwnClaim | undefined): Fault | undefined {
  if (own === undefined) return undefined
  const ours = own.subnets[family]
  if (ours !== undefined && meets(ours, claim.subnet))
    return { field: 'subnet', reason: `${claim.subnet} overlaps our own ${ours}` }
  if (claim.lladdr === own.lladdrs[family]) return { field: 'lladdr', reason: `${claim.lladdr} is our own` }
  if (claim.underlay === own.underlays[family]) return { field: 'underlay', reason: `${claim.underlay} is our own` }
  return undefined
}

/** As overlaps, but two subnets of one length, nearly all, need no arithmetic. */
function meets(a: Cidr, b: Cidr): boolean {
  if (a === b) return true
  return prefixLength(a) !== prefixLength(b) && (containsCidr(a, b) || containsCidr(b, a))
}
