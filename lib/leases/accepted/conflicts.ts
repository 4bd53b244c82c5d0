/**
 * Which of several claims of one family stand beside each other, and which are refused for another's sake. Must not: judge a
 * claim by itself or beside our own (validation.ts), nor remember what is held (family-claims.ts).
 *
 * A key is a subnet or an lladdr. Who holds one keeps it, even while the rest of its claim is refused; an lladdr that is
 * derived from its Node's UID (net/lladdr.ts) is that Node's before anybody's. What nobody holds goes to the older Node. The
 * length of a subnet never decides. Claims with one lladdr and one underlay address are one machine, and share the key.
 */

import type { FamilyLease } from '../../cluster/lease.ts'
import type { Backend } from '../../cluster/network.ts'
import type { LeaseFault } from '../../errors.ts'
import { type Cidr, cidrOf, networkAddress, prefixLength } from '../../net/cidr.ts'
import { type Ip, ipToBigInt } from '../../net/ip.ts'
import type { Lladdr } from '../../net/lladdr.ts'
import { SLICE_ROWS, type Slices } from '../../util/slices.ts'
import { ALL, type Claim, type FamilyClaim, isComplete, LLADDR, SUBNET, UNDERLAY } from './claim.ts'

/** Why a claim is not accepted. */
export interface Fault {
  readonly kind: LeaseFault
  readonly field: 'subnet' | 'lladdr' | 'underlay'
  readonly reason: string
  /** It is refused for another's sake, who might lose another time. */
  readonly contested?: true
  /** It is ours under another name: no fault of anybody. */
  readonly sameMachine?: true
}

export interface Candidate {
  readonly claim: Claim
  readonly part: FamilyClaim
  /** What it holds: SUBNET, LLADDR, UNDERLAY. */
  readonly held: number
  /** It is refused already; it only keeps what it holds. */
  readonly faulty: boolean
}

export interface Rules {
  /** Prefix lengths of the subnets that occur, the longest first: of several subnets the narrowest is named. */
  readonly lengths: readonly number[]
  readonly backend: Backend['type']
  /** Whether this is the lladdr that its Node's UID gives. */
  readonly isDerived: (candidate: Candidate) => boolean
  /** Undefined where every underlay address must be outside the network, so that none can be inside a subnet. */
  readonly loops: { readonly subnet: Cidr | undefined; readonly underlay: Ip | undefined } | undefined
}

export interface Verdicts {
  refuse(claim: Claim, fault: Fault): void
  /** `held`: what it holds from now on; `twin`: who holds its lladdr, as the same machine. */
  accept(claim: Claim, held: number, twin: Claim | undefined): void
}

/** For sorting: the older first; of one age the first by UID, then by name, so that all nodes decide alike. */
export function byAge({ claim: a }: Candidate, { claim: b }: Candidate): number {
  return compare(a.seniority, b.seniority) || compare(a.uid ?? '', b.uid ?? '') || compare(a.node, b.node)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** Ten microseconds each: a refusal is an error, with its stack. */
const REFUSED_A_SLICE = SLICE_ROWS / 4

/** Decides about all `candidates`, sorted byAge, whom nobody else's claim meets. */
export function* decideConflicts(candidates: readonly Candidate[], rules: Rules, verdicts: Verdicts): Slices<void> {
  const taken = createTaken(rules)
  for (const candidate of candidates) taken.reserve(candidate)
  yield
  yield* reserveDerived(candidates, rules, taken)
  const misplaced = rules.loops === undefined ? NONE : findMisplaced(candidates, rules.loops)
  for (const [index, candidate] of candidates.entries()) {
    if (index % REFUSED_A_SLICE === REFUSED_A_SLICE - 1) yield
    const { part, claim, faulty } = candidate
    if (faulty || !isComplete(part, rules.backend)) continue
    const fault = misplaced.get(candidate) ?? taken.check(candidate, part)
    if (fault !== undefined) {
      verdicts.refuse(claim, { ...fault, contested: true })
      continue
    }
    const holder = taken.take(candidate)
    const twin = holder === candidate ? undefined : holder.claim
    verdicts.accept(claim, twin === undefined ? ALL : ALL & ~LLADDR, twin)
  }
}

/** Hashes only what several claim. */
function* reserveDerived(candidates: readonly Candidate[], { isDerived }: Rules, taken: Taken): Slices<void> {
  const claimants = new Map<Lladdr, Candidate | null>()
  for (const [index, candidate] of candidates.entries()) {
    const { lladdr } = candidate.part
    if (lladdr === undefined) continue
    const first = claimants.get(lladdr)
    claimants.set(lladdr, first === undefined ? candidate : null)
    if (first === undefined) continue
    for (const one of first === null ? [candidate] : [first, candidate]) if (isDerived(one)) taken.prefer(one)
    if (index % REFUSED_A_SLICE === REFUSED_A_SLICE - 1) yield
  }
}

const NONE: ReadonlyMap<Candidate, Fault> = new Map()

/**
 * New underlay addresses inside a subnet that somebody else claims now, and as it seems rightly: the address is nearer to our
 * own subnet than to our own underlay address. What is nearer to the latter speaks against the subnet instead.
 */
function findMisplaced(
  candidates: readonly Candidate[],
  { subnet: ours, underlay: our }: NonNullable<Rules['loops']>,
): ReadonlyMap<Candidate, Fault> {
  const found = new Map<Candidate, Fault>()
  if (ours === undefined || our === undefined) return found
  const [pods, hosts] = [ipToBigInt(networkAddress(ours)), ipToBigInt(our)]
  const subnets = new Set<Cidr>()
  const lengths = new Set<number>()
  for (const { part, faulty } of candidates) {
    if (part.subnet === undefined || faulty) continue
    subnets.add(part.subnet)
    lengths.add(prefixLength(part.subnet))
  }
  const longestFirst = [...lengths].sort((a, b) => b - a)
  for (const candidate of candidates) {
    const { underlay } = candidate.part
    if (underlay === undefined || (candidate.held & UNDERLAY) !== 0) continue
    const address = ipToBigInt(underlay)
    if ((address ^ pods) >= (address ^ hosts)) continue
    const around = longestFirst.map((length) => cidrOf(underlay, length)).find((cidr) => subnets.has(cidr))
    if (around !== undefined) found.set(candidate, loop(underlay, around))
  }
  return found
}

interface Taken {
  /** What the candidate holds is nobody else's; of two that hold one key (which a damaged cache may say) the first gets it. */
  reserve(candidate: Candidate): void
  /** Its lladdr is its own, whoever holds it. */
  prefer(candidate: Candidate): void
  check(candidate: Candidate, claim: FamilyLease): Fault | undefined
  /** Returns who has its lladdr: itself, or another name of the same machine. */
  take(candidate: Candidate): Candidate
}

/**
 * CIDRs are nested or disjoint, so an overlap is either a taken subnet around this one, or this one around a taken one: both
 * are looked up by masking to the other lengths that occur (one or two in a real cluster; at most 33 or 129).
 */
function createTaken({ lengths, loops }: Rules): Taken {
  const subnets = new Map<Cidr, Candidate>()
  const around = new Map<Cidr, Candidate>()
  const lladdrs = new Map<Lladdr, Candidate>()
  const preferred = new Set<Candidate>()
  /** Masked to each length that occurs; empty without `loops`. */
  const underlays = new Map<Cidr, Candidate>()

  const networksAround = (subnet: Cidr): readonly Cidr[] => {
    const own = prefixLength(subnet)
    return lengths.filter((length) => length < own).map((length) => cidrOf(networkAddress(subnet), length))
  }
  const maskedToAll = (ip: Ip): Cidr[] => (loops === undefined ? [] : lengths.map((length) => cidrOf(ip, length)))
  const overlapping = (subnet: Cidr): Candidate | undefined =>
    subnets.get(subnet) ?? around.get(subnet) ?? firstOf(networksAround(subnet), subnets)
  const put = (by: Candidate, what: number): void => {
    const { subnet, lladdr, underlay } = by.part
    if ((what & SUBNET) !== 0 && subnet !== undefined && overlapping(subnet) === undefined) {
      subnets.set(subnet, by)
      for (const cidr of networksAround(subnet)) around.set(cidr, by)
    }
    if ((what & LLADDR) !== 0 && lladdr !== undefined && !lladdrs.has(lladdr)) lladdrs.set(lladdr, by)
    if ((what & UNDERLAY) !== 0 && underlay !== undefined)
      for (const cidr of maskedToAll(underlay)) underlays.set(cidr, by)
  }
  const check: Taken['check'] = (candidate, { subnet, lladdr, underlay }) => {
    const other = overlapping(subnet)
    if (other !== undefined && other !== candidate)
      return {
        kind: 'subnet_taken',
        field: 'subnet',
        reason: `${subnet} overlaps ${other.part.subnet} of ${other.claim.node}, which holds it`,
      }
    const twin = lladdr === undefined ? undefined : lladdrs.get(lladdr)
    if (twin !== undefined && twin !== candidate && twin.part.underlay !== underlay)
      return {
        kind: 'lladdr_taken',
        field: 'lladdr',
        reason: `${lladdr} is that of ${twin.claim.node}, ${preferred.has(twin) ? 'from whose UID it is derived' : 'which holds it'}`,
      }
    const inside = firstOf(maskedToAll(underlay), subnets)
    if (inside?.part.subnet !== undefined && inside !== candidate) return loop(underlay, inside.part.subnet)
    const holds = (candidate.held & SUBNET) === 0 ? underlays.get(subnet) : undefined
    if (holds === undefined || holds === candidate) return undefined
    const reason = `${subnet} holds the underlay address ${holds.part.underlay} of ${holds.claim.node}`
    return { kind: 'loop', field: 'subnet', reason }
  }

  return {
    reserve: (candidate) => put(candidate, candidate.held),
    prefer(candidate) {
      const { lladdr } = candidate.part
      if (lladdr === undefined) return
      preferred.add(candidate)
      lladdrs.set(lladdr, candidate)
    },
    check,
    take(candidate) {
      put(candidate, ALL)
      const { lladdr } = candidate.part
      return (lladdr === undefined ? undefined : lladdrs.get(lladdr)) ?? candidate
    },
  }
}

function firstOf(cidrs: readonly Cidr[], subnets: ReadonlyMap<Cidr, Candidate>): Candidate | undefined {
  for (const cidr of cidrs) {
    const found = subnets.get(cidr)
    if (found !== undefined) return found
  }
  return undefined
}

/** An underlay address inside a subnet of the overlay. */
export function loop(underlay: Ip, cidr: Cidr): Fault {
  return {
    kind: 'loop',
    field: 'underlay',
    reason: `${underlay} is inside ${cidr}: its packets would loop through the overlay`,
  }
}
