/**
 * Finds the entries of a packed table by their keys, without an object or a string an entry: an open-addressing hash index
 * of row numbers. A key is the masked first word and the 16 bytes of `dst` (a route's metric is not part of it).
 *
 * At 100,000 peers the time goes into cache misses, so each step runs over a block of entries before the next one begins:
 * independent loads overlap, which halves the time against one entry after another (bench: `plan`).
 */
import type { Slices } from '../../util/slices.ts'
import { DST, sameAddress, WORDS, word } from './words.ts'

/** Entries that `match` looks up at a time; small enough that their rows stay in the first-level cache. */
export const BLOCK = 256

/** Blocks between two stops of work in slices. */
export const BLOCKS_A_SLICE = 32

export interface KeyIndex {
  /** The row that has the key of the entry at word offset `at`; -1: none. */
  find(words: Int32Array, at: number): number
  /**
   * Fills `rows` for the BLOCK entries of `words` from word offset `start` on, or for those that are left: the row with the
   * key of each, or -1. Returns how many there were.
   */
  match(words: Int32Array, start: number, rows: Int32Array): number
  /** The rows whose key an earlier row has, which is the one that is found. */
  readonly duplicates: readonly number[]
}

/** At least half of the slots stay free; a power of two. */
function slotCount(length: number): number {
  return 1 << Math.ceil(Math.log2(Math.max(8, length * 2)))
}

/** `table` must not change afterwards. */
export function* indexKeys(table: Int32Array, length: number, headMask: number): Slices<KeyIndex> {
  const mask = slotCount(length) - 1
  /** Row number plus one; 0: free. */
  const slots = new Int32Array(mask + 1)
  const hashes = new Int32Array(BLOCK)
  const firsts = new Int32Array(BLOCK)
  const duplicates: number[] = []

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

  const end = length * WORDS
  for (let start = 0, block = 0; start < end; start += BLOCK * WORDS, block += 1) {
    if (block % BLOCKS_A_SLICE === BLOCKS_A_SLICE - 1) yield
    const count = readBlock(table, start, end)
    for (let i = 0; i < count; i += 1) {
      const at = start + i * WORDS
      let slot = word(hashes, i)
      // Not `firsts`: an earlier entry of this very block may stand there by now.
      if (findFrom(slot, word(slots, slot), table, at) !== 0) {
        duplicates.push(at / WORDS)
        continue
      }
      while (slots[slot] !== 0) slot = (slot + 1) & mask
      slots[slot] = at / WORDS + 1
    }
  }
  return {
    duplicates,
    find(words, at) {
      const slot = hashOf(words, at, headMask) & mask
      return findFrom(slot, word(slots, slot), words, at) - 1
    },
    match(words, start, rows) {
      const count = readBlock(words, start, words.length)
      for (let i = 0; i < count; i += 1)
        rows[i] = findFrom(word(hashes, i), word(firsts, i), words, start + i * WORDS) - 1
      return count
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
