/**
 * The claims of one family that others may meet, and which of them speak against each other: finds in constant time whom a
 * claim meets, so that a change among 100,000 is decided by its own few. Must not: decide between them (conflicts.ts).
 */

import { type Cidr, cidrOf, networkAddress, prefixLength } from '../../net/cidr.ts'
import type { Family, Ip } from '../../net/ip.ts'
import type { Claim, FamilyClaim } from './claim.ts'
import { createTextIndex, type TextIndex } from './text-index.ts'

export interface ClaimIndex {
  /** True when it meets another claim. */
  add(claim: Claim): boolean
  /** The very object that was added. */
  remove(claim: Claim): void
  /**
   * The claims that `claim` meets, itself left out, whether it is indexed or not; some may come twice. Who is asked for
   * many keeps `asked`: what one of them was told of is not told again, or ten thousand clones of one machine would each be
   * told of all the others.
   */
  met(claim: Claim, visit: (other: Claim) => void, asked?: Set<string>): void
  all(): Iterable<Claim>
  /** Prefix lengths of the subnets that occur, the longest first, whatever came first. */
  readonly lengths: readonly number[]
}

/**
 * Two claims meet when they have one lladdr, or subnets that overlap. CIDRs are nested or disjoint: they overlap when one
 * is the other masked to its length; one or two lengths occur in a real cluster. `loops`: they also meet when one's
 * underlay address is inside the other's subnet.
 */
export function createClaimIndex(family: Family, loops: boolean): ClaimIndex {
  const rows: (Claim | undefined)[] = []
  const free: number[] = []
  const counts = new Map<number, number>()
  const partAt = (row: number): FamilyClaim => partOf(rows[row], family)
  // Asked only for rows that have the part.
  const subnets = createTextIndex((row) => partAt(row).subnet ?? '')
  const lladdrs = createTextIndex((row) => partAt(row).lladdr ?? '')
  /** By length: the longer subnets, masked to it. */
  const inner = new Map<number, TextIndex>()
  /** By length: the underlay addresses, masked to it; empty without `loops`. */
  const underlays = new Map<number, TextIndex>()
  const masked = (ip: Ip | undefined, length: number): string => (ip === undefined ? '' : cidrOf(ip, length))
  const subnetAt = (row: number): Ip | undefined => startOf(partAt(row).subnet)

  const addLength = (length: number): void => {
    const longer = createTextIndex((row) => masked(subnetAt(row), length))
    const hosts = createTextIndex((row) => masked(partAt(row).underlay, length))
    for (const [row, claim] of rows.entries()) {
      if (claim === undefined) continue
      if (lengthOf(partAt(row)) > length) longer.add(row)
      if (loops && partAt(row).underlay !== undefined) hosts.add(row)
    }
    inner.set(length, longer)
    if (loops) underlays.set(length, hosts)
  }
  /** Those that only several lengths, or an open network, need. */
  function* maskedIndexes(part: FamilyClaim): Generator<TextIndex> {
    const length = lengthOf(part)
    for (const [shorter, index] of inner) if (shorter < length) yield index
    if (part.underlay !== undefined) yield* underlays.values()
  }
  function* indexesOf(part: FamilyClaim): Generator<TextIndex> {
    if (part.subnet !== undefined) yield subnets
    if (part.lladdr !== undefined) yield lladdrs
    yield* maskedIndexes(part)
  }
  const rowOf = (claim: Claim): number => {
    const { subnet, lladdr } = partOf(claim, family)
    let found = -1
    const look = (row: number): void => {
      if (rows[row] === claim) found = row
    }
    if (subnet !== undefined) subnets.each(subnet, look)
    else if (lladdr !== undefined) lladdrs.each(lladdr, look)
    return found
  }
  const met: ClaimIndex['met'] = (claim, visit, asked) => {
    const part = partOf(claim, family)
    const { subnet, lladdr, underlay } = part
    const length = lengthOf(part)
    const meet = (row: number): void => {
      const other = rows[row]
      if (other !== undefined && other !== claim) visit(other)
    }
    const ask = (name: string, index: TextIndex | undefined, text: string): void => {
      if (asked?.has(name + text) === true) return
      asked?.add(name + text)
      index?.each(text, meet)
    }
    if (lladdr !== undefined) ask('lladdr ', lladdrs, lladdr)
    if (subnet !== undefined) {
      ask('subnet ', subnets, subnet)
      ask('inner ', inner.get(length), subnet)
      for (const shorter of counts.keys())
        if (shorter < length) ask('subnet ', subnets, cidrOf(networkAddress(subnet), shorter))
      if (loops) ask('underlay ', underlays.get(length), subnet)
    }
    if (!loops || underlay === undefined) return
    for (const any of counts.keys()) ask('subnet ', subnets, cidrOf(underlay, any))
  }

  return {
    add(claim) {
      const part = partOf(claim, family)
      const length = lengthOf(part)
      if (length >= 0) {
        if (!counts.has(length)) addLength(length)
        counts.set(length, (counts.get(length) ?? 0) + 1)
      }
      const row = free.pop() ?? rows.length
      rows[row] = claim
      let meets = part.subnet !== undefined && subnets.add(row)
      if (part.lladdr !== undefined && lladdrs.add(row)) meets = true
      if (counts.size === 1 && !loops) return meets
      for (const index of maskedIndexes(part)) index.add(row)
      if (meets) return true
      met(claim, () => {
        meets = true
      })
      return meets
    },
    remove(claim) {
      const row = rowOf(claim)
      if (row < 0) return
      const part = partOf(claim, family)
      for (const index of indexesOf(part)) index.remove(row)
      rows[row] = undefined
      free.push(row)
      const length = lengthOf(part)
      const left = (counts.get(length) ?? 1) - 1
      counts.set(length, left)
      if (left > 0) return
      counts.delete(length)
      inner.delete(length)
      underlays.delete(length)
    },
    met,
    *all() {
      for (const claim of rows) if (claim !== undefined) yield claim
    },
    get lengths() {
      return [...counts.keys()].sort((a, b) => b - a)
    },
  }
}

function partOf(claim: Claim | undefined, family: Family): FamilyClaim {
  const part = claim?.[family]
  if (part === undefined) throw new TypeError(`a claim without ${family} cannot be indexed`)
  return part
}

function startOf(subnet: Cidr | undefined): Ip | undefined {
  return subnet === undefined ? undefined : networkAddress(subnet)
}

/** -1: it has no subnet. */
function lengthOf({ subnet }: FamilyClaim): number {
  return subnet === undefined ? -1 : prefixLength(subnet)
}
