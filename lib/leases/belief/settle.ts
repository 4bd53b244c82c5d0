/**
 * Which of several claims of one family stand beside each other, and which are refused for an older one's sake.
 * Must not: judge a claim by itself, or against our own (believe.ts).
 */

import type { FamilyLease, Lease } from '../../cluster/lease.ts'
import { type Cidr, cidrOf, contains, networkAddress, prefixLength } from '../../net/cidr.ts'
import type { Ip } from '../../net/ip.ts'
import type { Lladdr } from '../../net/lladdr.ts'
import { SLICE_ROWS, type Slices } from '../../util/slices.ts'

/** Why a claim is not believed. */
export interface Fault {
  readonly field: 'subnet' | 'lladdr' | 'underlay'
  readonly reason: string
}

/** A claim that nothing but another claim can speak against. */
export interface Candidate {
  readonly lease: Lease
  readonly claim: FamilyLease
}

/** For sorting: the older first; of one age the first by name, so that all nodes decide alike. */
export function byAge(a: Candidate, b: Candidate): number {
  if (a.lease.seniority !== b.lease.seniority) return a.lease.seniority < b.lease.seniority ? -1 : 1
  return a.lease.node < b.lease.node ? -1 : 1
}

/** Ten microseconds each: a refusal is an error, with its stack. */
const REFUSED_A_SLICE = SLICE_ROWS / 4

/**
 * First come, first believed. CIDRs are nested or disjoint, so an overlap is either a believed subnet around this one, or
 * this one around a believed one: both are looked up by masking to the other lengths that occur (one or two in a real
 * cluster; at most 33 or 129).
 */
export function* settle(
  candidates: readonly Candidate[],
  lengths: ReadonlySet<number>,
  refuse: (lease: Lease, fault: Fault) => void,
  loops: LoopCheck,
): Slices<void> {
  const subnets = new Map<Cidr, Candidate>()
  const around = new Map<Cidr, Candidate>()
  const lladdrs = new Map<Lladdr, Candidate>()
  for (const [index, candidate] of candidates.entries()) {
    if (index % REFUSED_A_SLICE === REFUSED_A_SLICE - 1) yield
    const { subnet, lladdr } = candidate.claim
    const outer = networksAround(subnet, lengths)
    const holder = subnets.get(subnet) ?? around.get(subnet) ?? firstOf(outer, subnets)
    const twin = lladdrs.get(lladdr)
    const fault =
      holder !== undefined
        ? olderFault('subnet', `${subnet} overlaps ${holder.claim.subnet} of`, holder)
        : twin !== undefined
          ? olderFault('lladdr', `${lladdr} is that of`, twin)
          : loops.check(candidate)
    if (fault !== undefined) {
      refuse(candidate.lease, fault)
      continue
    }
    subnets.set(subnet, candidate)
    lladdrs.set(lladdr, candidate)
    for (const cidr of outer) around.set(cidr, candidate)
    loops.believe(candidate)
  }
}

function olderFault(field: Fault['field'], what: string, { lease }: Candidate): Fault {
  return { field, reason: `${what} ${lease.node}, which is older` }
}

function networksAround(subnet: Cidr, lengths: ReadonlySet<number>): readonly Cidr[] {
  const own = prefixLength(subnet)
  return [...lengths].filter((length) => length < own).map((length) => cidrOf(networkAddress(subnet), length))
}

function firstOf(cidrs: readonly Cidr[], subnets: ReadonlyMap<Cidr, Candidate>): Candidate | undefined {
  for (const cidr of cidrs) {
    const found = subnets.get(cidr)
    if (found !== undefined) return found
  }
  return undefined
}

export interface LoopCheck {
  check(candidate: Candidate): Fault | undefined
  believe(candidate: Candidate): void
}

/** Where every underlay address must be outside the network, none can be inside a subnet. */
export const noLoops: LoopCheck = { check: () => undefined, believe: () => undefined }

/** For a network of length 0: whether one believed claim's underlay address is inside another's subnet, or ours. */
export function createLoopCheck(
  lengths: ReadonlySet<number>,
  ownSubnet: Cidr | undefined,
  ownUnderlay: Ip | undefined,
): LoopCheck {
  const subnets = new Map<Cidr, Candidate>()
  /** The believed underlay addresses, masked to each length that occurs. */
  const underlays = new Map<Cidr, Candidate>()
  const maskedToAll = (ip: Ip): Cidr[] => [...lengths].map((length) => cidrOf(ip, length))
  return {
    check({ claim: { subnet, underlay } }) {
      if (contains(subnet, underlay)) return loop(underlay, subnet)
      if (ownSubnet !== undefined && contains(ownSubnet, underlay)) return loop(underlay, ownSubnet)
      const inside = firstOf(maskedToAll(underlay), subnets)
      if (inside !== undefined) return loop(underlay, inside.claim.subnet)
      if (ownUnderlay !== undefined && contains(subnet, ownUnderlay))
        return { field: 'subnet', reason: `${subnet} holds our own underlay address ${ownUnderlay}` }
      const holds = underlays.get(subnet)
      if (holds === undefined) return undefined
      return olderFault('subnet', `${subnet} holds the underlay address ${holds.claim.underlay} of`, holds)
    },
    believe(candidate) {
      subnets.set(candidate.claim.subnet, candidate)
      for (const cidr of maskedToAll(candidate.claim.underlay)) underlays.set(cidr, candidate)
    },
  }
}

/** An underlay address inside a subnet of the overlay. */
export function loop(underlay: Ip, cidr: Cidr): Fault {
  return { field: 'underlay', reason: `${underlay} is inside ${cidr}: its packets would loop through the overlay` }
}
