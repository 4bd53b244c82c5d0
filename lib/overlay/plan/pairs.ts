/**
 * The difference of one neighbour or FDB table. Both map a key to one value on our device, so one algorithm serves both.
 * Must not: send anything, or judge routes (lib/overlay/plan/routes).
 */

import * as abi from '../../addon/abi.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import type { EntryTable } from '../../rtnl/entries.ts'
import { SLICE_ROWS, type Slices } from '../../util/slices.ts'
import type { DesiredTable } from '../desired.ts'
import { BLOCK, BLOCKS_A_SLICE } from '../packed/key-index.ts'
import { HEAD, HEAD_MASK, IFINDEX, sameAddress, TAIL, VIA, WORDS, word, wordOf, wordsOf } from '../packed/words.ts'
import type { BatchWriter } from './batch.ts'

export interface PairsInput {
  readonly desired: DesiredTable
  readonly actual: EntryTable
  readonly ifindex: Ifindex | undefined
  /** Whether an entry without a wish may be deleted. */
  readonly owned: (words: Int32Array, at: number) => boolean
  /** It may not, for now. */
  readonly spared: (words: Int32Array, at: number) => boolean
  readonly complete: boolean
}

const NUD_NOARP = 0x40
/** Neither PERMANENT nor NOARP: the kernel's own cache (incomplete, failed, stale, learnt from a packet). */
const CONFIGURED = wordOf(0, abi.NUD_PERMANENT | NUD_NOARP, 0, 0)
/**
 * What decides equality beside key and value. The protocol does not: a neighbour of flannel's is right as it is, and a
 * kernel before 5.0 does not store it.
 */
const TAIL_MASK = wordOf(0, abi.NUD_PERMANENT, 0, abi.ENTRY_EXTRAS)

export const ABSENT = 0
const CACHED = 1
const DIFFERENT = 2
export const RIGHT = 3

/**
 * Appends what is missing or different to `writes` and what is stale to `deletes`. With an incomplete view only absent keys
 * are written, with OP_CREATE; a cached entry of the kernel's counts as absent, but needs OP_REPLACE (EXCL gives EEXIST).
 * Returns what stands at each desired key.
 */
export function* planPairs(input: PairsInput, writes: BatchWriter, deletes: BatchWriter): Slices<Uint8Array> {
  const { desired, complete } = input
  const wanted = wordsOf(desired)
  const states = yield* compare(input, wanted, deletes)
  // Written for each of its users, so that each learns whether it stands.
  for (const [first, others] of desired.twins) for (const row of others) states[row] = states[first] ?? ABSENT
  for (let row = 0; row < desired.length; row += 1) {
    if (row % SLICE_ROWS === SLICE_ROWS - 1) yield
    const state = states[row]
    if (state === RIGHT || (state === DIFFERENT && !complete)) continue
    const op = state === ABSENT && !complete ? abi.OP_CREATE : abi.OP_REPLACE
    writes.push(op, wanted, row * WORDS, desired.peers[row] ?? -1)
  }
  return states
}

/** What stands at each desired key. */
function* compare(input: PairsInput, wanted: Int32Array, deletes: BatchWriter): Slices<Uint8Array> {
  const { desired, actual, ifindex, owned, spared, complete } = input
  const states = new Uint8Array(desired.length)
  const words = wordsOf(actual)
  const rows = new Int32Array(BLOCK)
  for (let start = 0, block = 0; start < words.length; start += BLOCK * WORDS, block += 1) {
    if (block % BLOCKS_A_SLICE === BLOCKS_A_SLICE - 1) yield
    const count = desired.index.match(words, start, rows)
    for (let i = 0, at = start; i < count; i += 1, at += WORDS) {
      const row = word(rows, i)
      if (words[at + IFINDEX] !== ifindex) continue
      if (row >= 0) {
        const state = stateOf(words, at, wanted, row * WORDS)
        if (state > (states[row] ?? 0)) states[row] = state
      } else if (complete && owned(words, at) && !spared(words, at)) {
        deletes.push(abi.OP_DELETE, words, at, -1)
      }
    }
  }
  return states
}

function stateOf(words: Int32Array, at: number, wanted: Int32Array, there: number): number {
  const tail = word(words, at + TAIL)
  if ((tail & CONFIGURED) === 0) return CACHED
  const same =
    (word(words, at + HEAD) & HEAD_MASK) === (word(wanted, there + HEAD) & HEAD_MASK) &&
    (tail & TAIL_MASK) === (word(wanted, there + TAIL) & TAIL_MASK) &&
    sameAddress(words, at + VIA, wanted, there + VIA)
  return same ? RIGHT : DIFFERENT
}
