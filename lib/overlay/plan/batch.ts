/** Collects packed entries for applyEntries, and remembers for which peer each one is. */
import * as abi from '../../addon/abi.ts'
import type { EntryTable } from '../../rtnl/entries.ts'
import { HEAD_MASK, WORDS, word, wordOf, wordsOf } from '../packed/words.ts'

/** A batch whose entry i serves peer `peers[i]` of the desired tables; -1: none (a delete). */
export interface PlannedBatch extends EntryTable {
  readonly peers: Int32Array
}

/** Nothing is pushed after `finish`: the batch is the writer's own memory. */
export interface BatchWriter {
  /** Copies the entry at word offset `at`, with operation `op` (OP_*). */
  push(op: number, words: Int32Array, at: number, peer: number): void
  append(batch: PlannedBatch): void
  /** Entries so far. */
  readonly length: number
  finish(): PlannedBatch
}

const OP_WORDS = [0, abi.OP_REPLACE, abi.OP_DELETE, abi.OP_CREATE].map((op) => wordOf(op, 0, 0, 0))

/** `expected`: how many may come; room for them is made as soon as there are more than a few, and more is possible. */
export function createBatchWriter(expected = 0): BatchWriter {
  let words = new Int32Array(16 * WORDS)
  let peers = new Int32Array(16)
  let length = 0
  const reserve = (count: number): void => {
    if (peers.length >= length + count) return
    // What is not written to is not resident; growing by doubling leaves as much again behind.
    let capacity = Math.max(peers.length, expected)
    while (capacity < length + count) capacity *= 2
    const larger = new Int32Array(capacity * WORDS)
    larger.set(words)
    words = larger
    const more = new Int32Array(capacity)
    more.set(peers)
    peers = more
  }
  return {
    push(op, source, at, peer) {
      reserve(1)
      const to = length * WORDS
      for (let i = 1; i < WORDS; i += 1) words[to + i] = word(source, at + i)
      words[to] = (word(source, at) & HEAD_MASK) | (OP_WORDS[op] ?? 0)
      peers[length] = peer
      length += 1
    },
    append(batch) {
      reserve(batch.length)
      words.set(wordsOf(batch), length * WORDS)
      peers.set(batch.peers, length)
      length += batch.length
    },
    get length() {
      return length
    },
    finish() {
      return {
        bytes: new Uint8Array(words.buffer, 0, length * abi.ENTRY_BYTES),
        length,
        peers: peers.subarray(0, length),
      }
    },
  }
}
