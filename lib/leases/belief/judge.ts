/**
 * Which claims of one family are refused, kept true through changes: a change costs what it meets, never the whole set.
 * The verdicts are those that the whole set would have, whatever the order of the changes.
 * Must not: know leases' other family (believe.ts).
 */

import type { FamilyLease, Lease } from '../../cluster/lease.ts'
import { LeaseError } from '../../errors.ts'
import { type Cidr, prefixLength } from '../../net/cidr.ts'
import type { Family } from '../../net/ip.ts'
import { atOnce, SLICE_ROWS, type Slices } from '../../util/slices.ts'
import { createClaimRegister } from './claim-register.ts'
import { byAge, type Candidate, createLoopCheck, type Fault, noLoops, settle } from './settle.ts'
import { besideOwn, createSoundness, type OwnClaim } from './sound.ts'

/** One node's claim: as it was told before, and as it is now; undefined: none. Both are the source's own objects. */
export interface ClaimChange {
  readonly before: Lease | undefined
  readonly after: Lease | undefined
}

export interface Judge {
  /** The claims beside the changed ones whose verdict was looked at again. Nothing else may be asked between two slices. */
  change(changes: readonly ClaimChange[]): Slices<Iterable<Lease>>
  /** As `change`: ours is another one. */
  setOwn(own: OwnClaim | undefined): Iterable<Lease>
  isRefused(lease: Lease): boolean
  readonly refused: Iterable<LeaseError>
}

interface Refusal {
  readonly fault: Fault
  readonly error: LeaseError
}

export function createJudge(family: Family, network: Cidr): Judge {
  const open = prefixLength(network) === 0
  const soundness = createSoundness(network)
  const register = createClaimRegister(family, open)
  /** Of claims that are not registered (refused for themselves, or beside ours), and of registered ones that lost. */
  const refused = new Map<Lease, Refusal>()
  const alone = new Set<Lease>()
  let own: OwnClaim | undefined

  const besideOurs = (claim: FamilyLease, ours: OwnClaim | undefined): Fault | undefined => {
    if (ours === undefined) return undefined
    const subnet = ours.subnets[family]
    // Nearly all subnets are as long as ours.
    const suffix = subnet === undefined ? '' : subnet.slice(subnet.lastIndexOf('/'))
    return besideOwn(claim, family, ours, suffix !== '' && claim.subnet.endsWith(suffix))
  }
  const refuse = (lease: Lease, fault: Fault): void => {
    const known = refused.get(lease)
    if (known?.fault.reason === fault.reason) return
    refused.set(lease, { fault, error: new LeaseError(lease.node, `${family} ${fault.field}`, fault.reason) })
  }
  /** `uneasy` collects the registered claims about which there is something to decide. */
  const drop = (lease: Lease, uneasy: Set<Lease>, asked: Set<string>): void => {
    refused.delete(lease)
    if (alone.delete(lease)) return
    register.met(lease, (other) => uneasy.add(other), asked)
    register.remove(lease)
    uneasy.delete(lease)
  }
  const take = (lease: Lease, claim: FamilyLease, uneasy: Set<Lease>): void => {
    const fault = soundness(claim) ?? besideOurs(claim, own)
    if (fault !== undefined) {
      alone.add(lease)
      refuse(lease, fault)
    } else if (register.add(lease) || open) uneasy.add(lease)
  }
  /** Decides anew among all that the uneasy ones meet, directly or through others. */
  function* resettle(uneasy: Set<Lease>): Slices<Set<Lease>> {
    if (uneasy.size === 0) return uneasy
    const asked = new Set<string>()
    const candidates: Candidate[] = []
    const losers = new Set<Lease>()
    for (const lease of uneasy) {
      register.met(lease, (other) => uneasy.add(other), asked)
      const claim = lease[family]
      if (claim !== undefined) candidates.push({ lease, claim })
      if (candidates.length % SLICE_ROWS === 0) yield
    }
    const { lengths } = register
    const loops = open ? createLoopCheck(lengths, own?.subnets[family], own?.underlays[family]) : noLoops
    const lose = (lease: Lease, fault: Fault): void => {
      losers.add(lease)
      refuse(lease, fault)
    }
    yield* settle(candidates.sort(byAge), lengths, lose, loops)
    for (const lease of uneasy) if (!losers.has(lease)) refused.delete(lease)
    return uneasy
  }
  function* change(changes: readonly ClaimChange[]): Slices<Iterable<Lease>> {
    const uneasy = new Set<Lease>()
    const asked = new Set<string>()
    for (const { before } of changes) if (before?.[family] !== undefined) drop(before, uneasy, asked)
    for (const [index, { after }] of changes.entries()) {
      const claim = after?.[family]
      if (after !== undefined && claim !== undefined) take(after, claim, uneasy)
      if (index % SLICE_ROWS === SLICE_ROWS - 1) yield
    }
    return yield* resettle(uneasy)
  }

  return {
    change,
    setOwn(ours) {
      const changes: ClaimChange[] = []
      const consider = (lease: Lease): void => {
        const claim = lease[family]
        if (claim === undefined) return
        // In an open network each subnet and each underlay address is weighed against ours.
        if (open || besideOurs(claim, own)?.reason !== besideOurs(claim, ours)?.reason)
          changes.push({ before: lease, after: lease })
      }
      for (const lease of register.all()) consider(lease)
      for (const lease of alone) consider(lease)
      own = ours
      const others = atOnce(change(changes))
      return new Set([...others, ...changes.flatMap(({ after }) => (after === undefined ? [] : [after]))])
    },
    isRefused: (lease) => refused.has(lease),
    get refused() {
      return refusedErrors(refused)
    },
  }
}

function* refusedErrors(refused: ReadonlyMap<Lease, Refusal>): Generator<LeaseError> {
  for (const { error } of refused.values()) yield error
}
