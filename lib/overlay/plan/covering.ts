/**
 * Which desired route a more specific route lies inside of: it catches a part of that peer's traffic.
 * Must not: be asked for every route; each question is one look-up a prefix length that is desired.
 */
import * as abi from '../../addon/abi.ts'
import type { DesiredTable } from '../desired.ts'
import { DST, HEAD, WORDS, word, wordOf, wordsOf } from '../packed/words.ts'

/** The row of the longest desired prefix that holds the route at word offset `at` and is shorter than it; -1: none. */
export type Covering = (words: Int32Array, at: number) => number

const LENGTH = wordOf(0, 0, 0, 0xff)

export function coveringOf(desired: DesiredTable): Covering {
  let lengths: readonly number[] | undefined
  const key = new Int32Array(WORDS)
  const bytes = new Uint8Array(key.buffer)
  return (words, at) => {
    lengths ??= lengthsOf(desired)
    for (let i = 0; i < WORDS; i += 1) key[i] = word(words, at + i)
    const own = bytes[abi.OFFSET_DST_LENGTH] ?? 0
    for (const length of lengths) {
      if (length >= own) continue
      key[HEAD] = (word(key, HEAD) & ~LENGTH) | wordOf(0, 0, 0, length)
      maskDst(bytes, length)
      const row = desired.index.find(key, 0)
      if (row >= 0) return row
    }
    return -1
  }
}

/** The longest first, so that each mask only shortens what the one before has left. */
function lengthsOf(desired: DesiredTable): readonly number[] {
  const words = wordsOf(desired)
  const heads = new Set<number>()
  for (let row = 0; row < desired.length; row += 1) heads.add(word(words, row * WORDS + HEAD) & LENGTH)
  const lengths = [...heads].map((head) => new Uint8Array(Int32Array.of(head).buffer)[abi.OFFSET_DST_LENGTH] ?? 0)
  return lengths.sort((a, b) => b - a)
}

function maskDst(bytes: Uint8Array, length: number): void {
  for (let i = 0; i < 16; i += 1) {
    const kept = Math.min(8, Math.max(0, length - i * 8))
    bytes[DST * 4 + i] = (bytes[DST * 4 + i] ?? 0) & (0xff << (8 - kept))
  }
}
