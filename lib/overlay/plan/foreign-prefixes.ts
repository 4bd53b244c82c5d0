/**
 * The prefixes inside the network at which somebody else has a route. A peer of such a prefix is never planned by its own
 * keys alone: what stands there may shadow the peer's route, or be a connected route that must not be replaced.
 * Must not: judge what such a route does to ours (routes.ts).
 */
import type { Cidr } from '../../net/cidr.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import type { EntryTable } from '../../rtnl/entries.ts'
import { SLICE_ROWS, type Slices } from '../../util/slices.ts'
import { DST, HEAD, HEAD_MASK, WORDS, word, wordsOf } from '../packed/words.ts'
import { ownershipOf } from './ownership.ts'

/** Whether any route of a table is for one of those prefixes, whatever its metric. */
export type ForeignPrefixes = (wanted: EntryTable) => boolean

/** `routes`: the main table of the family, of which only the prefixes of others are kept; `ifindex` of our own device. */
export function* foreignPrefixes(
  routes: EntryTable,
  network: Cidr,
  ifindex: Ifindex | undefined,
): Slices<ForeignPrefixes> {
  const { foreignRoute } = ownershipOf(network, ifindex)
  const words = wordsOf(routes)
  const foreign = new Set<string>()
  for (let at = 0; at < routes.length * WORDS; at += WORDS) {
    if (foreignRoute(words, at)) foreign.add(prefixKey(words, at))
    if (at % (SLICE_ROWS * WORDS) === 0) yield
  }
  return (wanted) => {
    const rows = wordsOf(wanted)
    for (let at = 0; foreign.size > 0 && at < wanted.length * WORDS; at += WORDS) {
      if (foreign.has(prefixKey(rows, at))) return true
    }
    return false
  }
}

function prefixKey(words: Int32Array, at: number): string {
  return [word(words, at + HEAD) & HEAD_MASK, ...words.subarray(at + DST, at + DST + 4)].join()
}
