/**
 * What the lab and its prober process say to each other (Node's IPC channel), and the bytes of one probe. Pure.
 * Must not: open sockets or processes.
 */
import type { Family } from '../net/ip.ts'
import type { LostRun } from './gaps.ts'
import type { ProbePair } from './probe-pairs.ts'

/** Every socket of the prober is bound to this UDP port, in a namespace of its own each. */
export const PROBE_PORT = 7177
/** One probe a pair this often. */
export const PROBE_INTERVAL_MS = 2

export type ProberRequest =
  /** Opens a socket a family in each namespace that has none yet. */
  | { readonly op: 'open'; readonly netns: readonly string[]; readonly families: readonly Family[] }
  /** One probe a pair every PROBE_INTERVAL_MS until `stop`. */
  | { readonly op: 'start'; readonly pairs: readonly ProbePair[] }
  /** The least number of probes, over all pairs, that arrived in a row up to now and were sent after `sinceMs`. */
  | { readonly op: 'inARow'; readonly sinceMs: number }
  /** When the first probe of each pair arrived that came after `sinceMs`: CLOCK_MONOTONIC of the receiver; null: none. */
  | { readonly op: 'arrivals'; readonly sinceMs: number }
  | { readonly op: 'stop' }
  /** `each` probes a pair, then again those pairs that nothing reached, until all are reached or the time is up. */
  | { readonly op: 'matrix'; readonly pairs: readonly ProbePair[]; readonly each: number; readonly timeoutMs: number }

/** What became of the probes of one pair; results stand in the order of the pairs. */
export interface PairResult {
  readonly sent: number
  /** Late ones included. */
  readonly arrived: number
  /** One way, microseconds; undefined when nothing arrived. */
  readonly medianUs: number | undefined
  readonly runs: readonly LostRun[]
}

export interface ProberReplies {
  readonly open: null
  readonly start: null
  readonly inARow: number
  readonly arrivals: readonly (number | null)[]
  readonly stop: readonly PairResult[]
  readonly matrix: readonly PairResult[]
}

export type ProberMessage =
  | { readonly id: number; readonly ok: true; readonly value: unknown }
  | { readonly id: number; readonly ok: false; readonly error: string }

/** Sent by the process that opens sockets inside one namespace, each together with the socket. */
export interface SocketMessage {
  readonly family: Family
}

const PROBE_BYTES = 12

/** `round` tells the probes of one measurement from late ones of an earlier; all three are unsigned 32-bit numbers. */
export function encodeProbe(round: number, pair: number, sequence: number): Buffer {
  const bytes = Buffer.allocUnsafe(PROBE_BYTES)
  bytes.writeUInt32BE(round, 0)
  bytes.writeUInt32BE(pair, 4)
  bytes.writeUInt32BE(sequence, 8)
  return bytes
}

/** undefined: not one of ours. */
export function decodeProbe(bytes: Buffer): { round: number; pair: number; sequence: number } | undefined {
  if (bytes.length !== PROBE_BYTES) return undefined
  return { round: bytes.readUInt32BE(0), pair: bytes.readUInt32BE(4), sequence: bytes.readUInt32BE(8) }
}
