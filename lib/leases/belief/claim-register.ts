/**
 * The claims of one family that are sound by themselves, and which of them speak against each other: finds in constant time
 * whom a claim meets, so that a change among 100,000 is judged by its own few. Must not: decide between them (settle.ts).
 */

import type { FamilyLease, Lease } from '../../cluster/lease.ts'
import { cidrOf, networkAddress, prefixLength } from '../../net/cidr.ts'
import type { Family } from '../../net/ip.ts'
import { createTextIndex, type TextIndex } from './text-index.ts'

export interface ClaimRegister {
  /** True when it meets another claim. */
  add(lease: Lease): boolean
  /** The very object that was added. */
  remove(lease: Lease): void
  /**
   * The claims that `lease` meets, itself left out, whether it is registered or not; some may come twice. Who is asked for
   * many keeps `asked`: what one of them was told of is not told again, or ten thousand clones of one machine would each be
   * told of all the others.
   */
  met(lease: Lease, visit: (other: Lease) => void, asked?: Set<string>): void
  all(): Iterable<Lease>
  /** Prefix lengths of the subnets that occur. */
  readonly lengths: ReadonlySet<number>
}

/**
 * Two claims meet when they have one lladdr, or subnets that overlap. CIDRs are nested or disjoint: they overlap when one
 * is the other masked to its length; one or two lengths occur in a real cluster. `loops`: they also meet when one's
 * underlay address is inside the other's subnet.
 */
export function createClaimRegister(family: Family, loops: boolean): ClaimRegister {
  const rows: (Lease | undefined)[] = []
  const free: number[] = []
  const counts = new Map<number, number>()
  const claimAt = (row: number): FamilyLease => claimOf(rows[row], family)
  const subnets = createTextIndex((row) => claimAt(row).subnet)
  const lladdrs = createTextIndex((row) => claimAt(row).lladdr)
  /** By length: the longer subnets, masked to it. */
  const inner = new Map<number, TextIndex>()
  /** By length: the underlay addresses, masked to it; empty without `loops`. */
  const underlays = new Map<number, TextIndex>()

  const lengthAt = (row: number): number => prefixLength(claimAt(row).subnet)
  const addLength = (length: number): void => {
    const longer = createTextIndex((row) => cidrOf(networkAddress(claimAt(row).subnet), length))
    const masked = createTextIndex((row) => cidrOf(claimAt(row).underlay, length))
    for (const [row, lease] of rows.entries()) {
      if (lease === undefined) continue
      if (lengthAt(row) > length) longer.add(row)
      if (loops) masked.add(row)
    }
    inner.set(length, longer)
    if (loops) underlays.set(length, masked)
  }
  /** Those that only several lengths, or an open network, need. */
  function* maskedIndexes(length: number): Generator<TextIndex> {
    for (const [shorter, index] of inner) if (shorter < length) yield index
    yield* underlays.values()
  }
  const rowOf = (lease: Lease): number => {
    let found = -1
    subnets.each(claimOf(lease, family).subnet, (row) => {
      if (rows[row] === lease) found = row
    })
    return found
  }
  const met: ClaimRegister['met'] = (lease, visit, asked) => {
    const { subnet, lladdr, underlay } = claimOf(lease, family)
    const length = prefixLength(subnet)
    const meet = (row: number): void => {
      const other = rows[row]
      if (other !== undefined && other !== lease) visit(other)
    }
    const ask = (name: string, index: TextIndex | undefined, text: string): void => {
      if (asked?.has(name + text) === true) return
      asked?.add(name + text)
      index?.each(text, meet)
    }
    ask('subnet ', subnets, subnet)
    ask('lladdr ', lladdrs, lladdr)
    ask('inner ', inner.get(length), subnet)
    for (const shorter of counts.keys())
      if (shorter < length) ask('subnet ', subnets, cidrOf(networkAddress(subnet), shorter))
    if (!loops) return
    ask('underlay ', underlays.get(length), subnet)
    for (const any of counts.keys()) ask('subnet ', subnets, cidrOf(underlay, any))
  }

  return {
    add(lease) {
      const length = prefixLength(claimOf(lease, family).subnet)
      if (!counts.has(length)) addLength(length)
      counts.set(length, (counts.get(length) ?? 0) + 1)
      const row = free.pop() ?? rows.length
      rows[row] = lease
      let meets = subnets.add(row)
      if (lladdrs.add(row)) meets = true
      if (counts.size === 1 && !loops) return meets
      for (const index of maskedIndexes(length)) index.add(row)
      if (meets) return true
      met(lease, () => {
        meets = true
      })
      return meets
    },
    remove(lease) {
      const row = rowOf(lease)
      if (row < 0) return
      const length = lengthAt(row)
      for (const index of [subnets, lladdrs, ...maskedIndexes(length)]) index.remove(row)
      rows[row] = undefined
      free.push(row)
      const left = (counts.get(length) ?? 1) - 1
      counts.set(length, left)
      if (left > 0) return
      counts.delete(length)
      inner.delete(length)
      underlays.delete(length)
    },
    met,
    *all() {
      for (const lease of rows) if (lease !== undefined) yield lease
    },
    get lengths() {
      return new Set(counts.keys())
    },
  }
}

function claimOf(lease: Lease | undefined, family: Family): FamilyLease {
  const claim = lease?.[family]
  if (claim === undefined) throw new TypeError(`a lease without ${family} cannot be registered`)
  return claim
}
