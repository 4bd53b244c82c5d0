/**
 * Finds the entries of a packed table by their keys, without an object or a string an entry: an open-addressing hash index
 * of row numbers. A key is the masked first word and the 16 bytes of `dst` (a route's metric is not part of it).
 *
 * At 100,000 peers the time goes into cache misses, so each step runs over a block of entries before the next one begins:
 * independent loads overlap, which halves the time against one entry after another (bench/plan.ts).
 */
import { InvariantError } from '../../errors.ts'
import { DST, sameAddress, WORDS, word } from './words.ts'

export interface KeyIndex {
  /**
   * For each entry of `words` in order: its word offset, and the row of the indexed table that has its key, or -1.
   */
  forEachMatch(words: Int32Array, visit: (at: number, row: number) => void): void
}

/** Entries a step; small enough that their rows stay in the first-level cache. */
const BLOCK = 256

/** Keys must be unique: a table that wants two things for one key can never be reached. Throws InvariantError. */
export function createKeyIndex(table: Int32Array, length: number, headMask: number): KeyIndex {
  const mask = (1 << Math.ceil(Math.log2(Math.max(8, length * 2)))) - 1
  /** Row number plus one; 0: free. */
  const slots = new Int32Array(mask + 1)
  const hashes = new Int32Array(BLOCK)
  const firsts = new Int32Array(BLOCK)

  /** Reads the first slot of each entry of the block that starts at word offset `start`; returns how many there are. */
  const readBlock = (words: Int32Array, start: number, end: number): number => {
    const count = Math.min(BLOCK, (end - start) / WORDS)
    for (let i = 0; i < count; i += 1) hashes[i] = hashOf(words, start + i * WORDS, headMask) & mask
    for (let i = 0; i < count; i += 1) firsts[i] = word(slots, word(hashes, i))
    return count
  }
  /** The row plus one that has the key of the entry at `at`, beginning with the one in `slot`; 0: none has. */
  const findFrom = (slot: number, first: number, words: Int32Array, at: number): number => {
    const head = word(words, at) & headMask
    for (let held = first; held !== 0; held = word(slots, slot)) {
      const there = (held - 1) * WORDS
      if ((word(table, there) & headMask) === head && sameAddress(table, there + DST, words, at + DST)) return held
      slot = (slot + 1) & mask
    }
    return 0
  }

  for (let row = 0; row < length; row += 1) {
    const at = row * WORDS
    let slot = hashOf(table, at, headMask) & mask
    if (findFrom(slot, word(slots, slot), table, at) !== 0)
      throw new InvariantError(`desired entry ${row} has the key of an earlier one`)
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = row + 1
  }
  return {
    forEachMatch(words, visit) {
      for (let start = 0; start < words.length; start += BLOCK * WORDS) {
        const count = readBlock(words, start, words.length)
        for (let i = 0; i < count; i += 1) {
          const at = start + i * WORDS
          visit(at, findFrom(word(hashes, i), word(firsts, i), words, at) - 1)
        }
      }
    },
  }
}

/** Neighbouring subnets differ in a few bits in the middle of one word: each step spreads them over the whole word. */
function hashOf(words: Int32Array, at: number, headMask: number): number {
  let h = Math.imul((word(words, at) & headMask) ^ word(words, at + DST), 0x9e3779b1)
  h = Math.imul((h ^ (h >>> 15)) + word(words, at + DST + 1), 0x85ebca77)
  h = Math.imul((h ^ (h >>> 13)) + word(words, at + DST + 2), 0xc2b2ae3d)
  h = Math.imul((h ^ (h >>> 16)) + word(words, at + DST + 3), 0x27d4eb2f)
  return h ^ (h >>> 15)
}
