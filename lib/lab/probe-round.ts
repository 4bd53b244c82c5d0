/**
 * The records of one measurement: what was sent when, what arrived in time. Pure bookkeeping, times are given from
 * outside. Must not: own a socket or a timer.
 *
 * Late is as bad as lost: while a neighbour entry is missing the kernel queues packets (unres_qlen_bytes, some 200 of
 * them) and delivers them once it is back, so a flush that cut pods off for 200 ms would lose nothing.
 */
import { arrivedInARow, lostRuns, median } from './gaps.ts'
import type { PairResult } from './prober-protocol.ts'

/**
 * A probe is late when more than so many later ones of its pair were sent before it arrived. Counted in probes, not in
 * milliseconds: a prober that was not scheduled for a while has sent none either, and must not look like an outage.
 */
export const LATE_AFTER_PROBES = 5

export interface ProbeRound {
  /** Notes a probe of `pair` and returns its sequence number. */
  sent(pair: number, atMs: number): number
  /** Repeats and unknown numbers are ignored. */
  arrived(pair: number, sequence: number, atMs: number): void
  /** Whether any probe of the pair arrived, late ones included. */
  hasArrived(pair: number): boolean
  /** A pair each: when the first probe arrived that came after `sinceMs`, late ones included; null: none. */
  arrivals(sinceMs: number): (number | null)[]
  /** The least over all pairs; see arrivedInARow. */
  leastInARow(bounds: { sinceMs: number; settledMs: number }): number
  results(): PairResult[]
}

interface PairRecord {
  readonly sentAtMs: number[]
  /** A probe each: 1 it arrived in time, 0 not. */
  readonly inTime: number[]
  /** A probe each: 1 it arrived, late or not. */
  readonly seen: number[]
  /** Of all that arrived, in the order of their arrival: when, and after how many microseconds. */
  readonly arrivedAtMs: number[]
  readonly latencies: number[]
}

export function createProbeRound(pairs: number): ProbeRound {
  const records: PairRecord[] = Array.from({ length: pairs }, () => ({
    sentAtMs: [],
    inTime: [],
    seen: [],
    arrivedAtMs: [],
    latencies: [],
  }))
  return {
    sent(pair, atMs) {
      const record = records[pair]
      if (record === undefined) throw new RangeError(`there is no pair ${pair}`)
      record.inTime.push(0)
      record.seen.push(0)
      return record.sentAtMs.push(atMs) - 1
    },
    arrived(pair, sequence, atMs) {
      const record = records[pair]
      const sentAtMs = record?.sentAtMs[sequence]
      if (record === undefined || sentAtMs === undefined || record.seen[sequence] !== 0) return
      record.seen[sequence] = 1
      record.arrivedAtMs.push(atMs)
      record.latencies.push((atMs - sentAtMs) * 1000)
      if (record.sentAtMs.length - 1 - sequence <= LATE_AFTER_PROBES) record.inTime[sequence] = 1
    },
    hasArrived: (pair) => (records[pair]?.latencies.length ?? 0) > 0,
    arrivals: (sinceMs) => records.map(({ arrivedAtMs }) => firstAfter(arrivedAtMs, sinceMs) ?? null),
    leastInARow: (bounds) =>
      Math.min(...records.map((record) => arrivedInARow(record.sentAtMs, record.inTime, bounds))),
    results: () => records.map(resultOf),
  }
}

/** Searched from the end: what is asked for is new. */
function firstAfter(timesMs: readonly number[], sinceMs: number): number | undefined {
  let index = timesMs.length
  while ((timesMs[index - 1] ?? sinceMs) > sinceMs) index -= 1
  return timesMs[index]
}

function resultOf(record: PairRecord): PairResult {
  return {
    sent: record.sentAtMs.length,
    arrived: record.latencies.length,
    medianUs: median(record.latencies),
    runs: lostRuns(record.sentAtMs, record.inTime),
  }
}
