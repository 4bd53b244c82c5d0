/**
 * Packed entries as twelve 32-bit words each: what the planner compares, hashes and copies at 300,000 entries a round.
 * Owns the word offsets and masks. Must not: unpack an entry into an object on the way.
 *
 * Words are read in host byte order and compared only with words read the same way, so masks are made from bytes.
 */
import * as abi from '../../addon/abi.ts'
import type { EntryTable } from '../../rtnl/entries.ts'

export const WORDS = abi.ENTRY_BYTES / 4
/** op, kind, family, dstLength. */
export const HEAD = 0
/** Four words. */
export const DST = abi.OFFSET_DST / 4
export const PRIORITY = abi.OFFSET_PRIORITY / 4
/** Four words. */
export const VIA = abi.OFFSET_VIA / 4
export const IFINDEX = abi.OFFSET_IFINDEX / 4
/** protocol, type, scope, flags. */
export const TAIL = abi.OFFSET_PROTOCOL / 4

/** A word from four bytes in the order in which they stand in an entry. */
export function wordOf(b0: number, b1: number, b2: number, b3: number): number {
  return new Int32Array(Uint8Array.of(b0, b1, b2, b3).buffer)[0] ?? 0
}

/** Everything in the first word but `op`, which a dump and a batch fill differently. */
export const HEAD_MASK = wordOf(0, 0xff, 0xff, 0xff)
/** kind and op-less head of an FDB entry's key: its family byte belongs to the value. */
export const KIND_MASK = wordOf(0, 0xff, 0, 0)

/** A view of the table, or an aligned copy where its bytes start at an odd place. Reading beyond the end gives 0. */
export function wordsOf({ bytes, length }: EntryTable): Int32Array {
  if (bytes.byteOffset % 4 === 0) return new Int32Array(bytes.buffer, bytes.byteOffset, length * WORDS)
  return new Int32Array(new Uint8Array(bytes.subarray(0, length * abi.ENTRY_BYTES)).buffer)
}

/** The word at `at`; typed-array reads are in range by construction, the `?? 0` only tells the compiler. */
export function word(words: Int32Array, at: number): number {
  return words[at] ?? 0
}

/** Whether the four words of an address are the same. */
export function sameAddress(a: Int32Array, atA: number, b: Int32Array, atB: number): boolean {
  return a[atA] === b[atB] && a[atA + 1] === b[atB + 1] && a[atA + 2] === b[atB + 2] && a[atA + 3] === b[atB + 3]
}
