/**
 * Which claims of one family are refused and who holds what, kept true through changes: a change costs what it meets, never
 * the whole set. What arrives together is decided together, whatever its order. Must not: know leases' other family
 * (accepted-leases.ts).
 */

import type { Lease } from '../../cluster/lease.ts'
import type { Network } from '../../cluster/network.ts'
import { LeaseError } from '../../errors.ts'
import { type Cidr, prefixLength } from '../../net/cidr.ts'
import type { Family } from '../../net/ip.ts'
import { deriveLladdr } from '../../net/lladdr.ts'
import { atOnce, SLICE_ROWS, type Slices } from '../../util/slices.ts'
import { ALL, type Claim, type ClaimChange, type FamilyClaim, isComplete, REFUSED, stillHeld } from './claim.ts'
import { createClaimIndex } from './claim-index.ts'
import { byAge, type Candidate, decideConflicts, type Fault, type Rules } from './conflicts.ts'
import { besideOwn, createValidation, type OwnClaim } from './validation.ts'

export interface FamilyClaims {
  /** The claims beside the changed ones whose verdict was looked at again. Nothing else may be asked between two slices. */
  change(changes: readonly ClaimChange[]): Slices<Iterable<Claim>>
  /** As `change`: ours is another one. */
  setOwn(own: OwnClaim | undefined): Iterable<Claim>
  isRefused(claim: Claim): boolean
  /** What is its own from now on, also while it is refused; and whether it is. */
  heldBy(claim: Claim): number
  /** The claims that hold less than all that they claim. */
  exceptions(): Iterable<Claim>
  report(): FamilyReport
}

interface FamilyReport {
  readonly errors: readonly LeaseError[]
  /** Whole claims that are refused for another's sake, or for ours. */
  readonly contested: readonly Lease[]
  /** One machine under two names, each a sentence. */
  readonly aliases: readonly string[]
}

interface Refusal {
  readonly fault: Fault
  readonly error: LeaseError
}

export function createFamilyClaims(family: Family, network: Cidr, { backend }: Network): FamilyClaims {
  const open = prefixLength(network) === 0
  const validate = createValidation(network)
  const index = createClaimIndex(family, open)
  const refused = new Map<Claim, Refusal>()
  /** Refused for themselves or beside ours; in the index only if they hold something. */
  const faulty = new Set<Claim>()
  /** Of those that do not hold all that they claim. */
  const held = new Map<Claim, number>()
  /** Accepted with the lladdr of another name of the same machine. */
  const twins = new Map<Claim, Claim>()
  let own: OwnClaim | undefined

  const besideOurs = (part: FamilyClaim, ours: OwnClaim | undefined): Fault | undefined => {
    if (ours === undefined || !isComplete(part, backend.type)) return undefined
    const subnet = ours.subnets[family]
    // Nearly all subnets are as long as ours.
    const suffix = subnet === undefined ? '' : subnet.slice(subnet.lastIndexOf('/'))
    return besideOwn(part, family, ours, { sameLength: suffix !== '' && part.subnet.endsWith(suffix), open })
  }
  const refuse = (claim: Claim, fault: Fault): void => {
    if (refused.get(claim)?.fault.reason === fault.reason) return
    refused.set(claim, {
      fault,
      error: new LeaseError(claim.node, `${family} ${fault.field}`, fault.reason, { fault: fault.kind }),
    })
  }
  /** `uneasy` collects the indexed claims about which there is something to decide. */
  const drop = (claim: Claim, uneasy: Set<Claim>, asked: Set<string>): void => {
    const isIndexed = !faulty.has(claim) || held.get(claim) !== 0
    refused.delete(claim)
    faulty.delete(claim)
    held.delete(claim)
    twins.delete(claim)
    if (!isIndexed) return
    index.met(claim, (other) => uneasy.add(other), asked)
    index.remove(claim)
    uneasy.delete(claim)
  }
  const take = (claim: Claim, part: FamilyClaim, holds: number, uneasy: Set<Claim>): void => {
    // What cannot be read was told by its reader.
    const isReadable = isComplete(part, backend.type) && (holds & REFUSED) === 0
    const fault = isReadable ? (validate(part) ?? besideOurs(part, own)) : UNREADABLE
    if (fault === undefined) {
      if (index.add(claim)) uneasy.add(claim)
      return
    }
    faulty.add(claim)
    held.set(claim, holds & ALL)
    if (fault !== UNREADABLE) refuse(claim, fault)
    if ((holds & ALL) !== 0 && index.add(claim)) uneasy.add(claim)
  }
  /** Decides anew among all that the uneasy ones meet, directly or through others. `arrived`: what the new ones hold. */
  function* decide(uneasy: Set<Claim>, arrived: ReadonlyMap<Claim, number>): Slices<Set<Claim>> {
    if (uneasy.size === 0) return uneasy
    const asked = new Set<string>()
    const candidates: Candidate[] = []
    for (const claim of uneasy) {
      index.met(claim, (other) => uneasy.add(other), asked)
      const part = claim[family]
      if (part === undefined) continue
      const holds = claim.uid === undefined ? 0 : (held.get(claim) ?? arrived.get(claim) ?? ALL)
      candidates.push({ claim, part, held: holds, faulty: faulty.has(claim) })
      if (candidates.length % SLICE_ROWS === 0) yield
    }
    for (const candidate of candidates) if (!candidate.faulty) held.set(candidate.claim, candidate.held)
    const loops = open ? { subnet: own?.subnets[family], underlay: own?.underlays[family] } : undefined
    const rules = { lengths: index.lengths, backend: backend.type, isDerived, loops }
    yield* decideConflicts(candidates.sort(byAge), rules, verdicts)
    return uneasy
  }
  const isDerived: Rules['isDerived'] = ({ claim: { uid }, part: { lladdr } }) =>
    uid !== undefined && backend.type === 'vxlan' && lladdr === deriveLladdr(uid, family, backend.vni)
  const verdicts: Parameters<typeof decideConflicts>[2] = {
    refuse(claim, fault) {
      twins.delete(claim)
      refuse(claim, fault)
    },
    accept(claim, holds, twin) {
      refused.delete(claim)
      if (twin === undefined) twins.delete(claim)
      else twins.set(claim, twin)
      if (holds === ALL) held.delete(claim)
      else held.set(claim, holds)
    },
  }
  function* change(changes: readonly ClaimChange[]): Slices<Iterable<Claim>> {
    const uneasy = new Set<Claim>()
    const asked = new Set<string>()
    const arrived = new Map<Claim, number>()
    for (const { before, after, held: kept } of changes) {
      const had = before?.[family] === undefined ? 0 : (held.get(before) ?? ALL)
      if (after !== undefined) arrived.set(after, kept?.[family] ?? stillHeld(had, family, before, after))
      if (before?.[family] !== undefined) drop(before, uneasy, asked)
    }
    for (const [at, { after }] of changes.entries()) {
      const part = after?.[family]
      if (after !== undefined && part !== undefined) take(after, part, arrived.get(after) ?? 0, uneasy)
      if (at % SLICE_ROWS === SLICE_ROWS - 1) yield
    }
    return yield* decide(uneasy, arrived)
  }

  return {
    change,
    setOwn(ours) {
      const concerned = new Set<Claim>()
      const consider = (claim: Claim): void => {
        const part = claim[family]
        if (part !== undefined && besideOurs(part, own)?.reason !== besideOurs(part, ours)?.reason) concerned.add(claim)
      }
      for (const claim of index.all()) consider(claim)
      for (const claim of faulty) consider(claim)
      // What was decided by the distance from ours.
      if (open) for (const claim of refused.keys()) concerned.add(claim)
      own = ours
      const others = atOnce(change([...concerned].map((claim) => ({ before: claim, after: claim }))))
      return new Set([...others, ...concerned])
    },
    isRefused: (claim) => faulty.has(claim) || refused.has(claim),
    heldBy: (claim) =>
      (claim.uid === undefined ? 0 : (held.get(claim) ?? ALL)) |
      (faulty.has(claim) || refused.has(claim) ? REFUSED : 0),
    exceptions: () => held.keys(),
    report() {
      const errors: LeaseError[] = []
      const contested: Lease[] = []
      const aliases: string[] = []
      for (const [claim, { fault, error }] of refused) {
        const part = claim[family]
        if (fault.sameMachine === true) aliases.push(`node ${claim.node} ${fault.reason}`)
        else errors.push(error)
        if (fault.contested === true && isComplete(part, backend.type))
          contested.push({ ...claim, ...NO_FAMILIES, [family]: part })
      }
      for (const [claim, { node }] of twins) {
        const { lladdr, underlay } = claim[family] ?? {}
        const machine = `(${lladdr}, ${underlay}): the subnets of both lead there`
        aliases.push(`node ${claim.node} is one machine with ${node} ${machine}`)
      }
      return { errors, contested, aliases }
    },
  }
}

const NO_FAMILIES = { ipv4: undefined, ipv6: undefined }
const UNREADABLE: Fault = { kind: 'unreadable', field: 'subnet', reason: 'a part of it cannot be read' }
