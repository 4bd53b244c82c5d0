/**
 * The prober's measurements over sockets that are open already: a stream of probes, or a matrix. One at a time; starting
 * another ends the one before. Must not: open sockets or know whom it works for.
 */
import type { Socket } from 'node:dgram'
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from '../host/clock.ts'
import type { Family } from '../net/ip.ts'
import type { ProbePair } from './probe-pairs.ts'
import { createProbeRound, type ProbeRound } from './probe-round.ts'
import { decodeProbe, encodeProbe, type PairResult, PROBE_INTERVAL_MS, PROBE_PORT } from './prober-protocol.ts'

/** A probe that has not arrived after so long is lost; one machine delivers in well under a millisecond. */
const SETTLE_MS = 30
/** Node's timers count whole milliseconds, rounded up: one of PROBE_INTERVAL_MS would fire every 2.3 ms. */
const TIMER_MS = 1
/** A matrix is spread over about so many intervals, so that probes do not queue behind each other … */
const MATRIX_INTERVALS = 250
/** … but no slower for it: more than this at once would overflow the sockets' receive buffers. */
const LARGEST_BURST = 40

export interface Measurements {
  /** Whatever a socket received. */
  received(bytes: Buffer): void
  /** One probe a pair every PROBE_INTERVAL_MS, until `stop`. */
  start(pairs: readonly ProbePair[]): void
  leastInARow(sinceMs: number): number
  /** A pair each, in order. */
  arrivals(sinceMs: number): (number | null)[]
  stop(): Promise<PairResult[]>
  matrix(pairs: readonly ProbePair[], each: number, timeoutMs: number): Promise<PairResult[]>
}

export type SocketOf = (netns: string, family: Family) => Socket | undefined

export function createMeasurements(socketOf: SocketOf): Measurements {
  let round = 0
  let current: { records: ProbeRound; timer: NodeJS.Timeout } | undefined

  const begin = (pairs: readonly ProbePair[], tick: (send: (pair: number) => void) => void): ProbeRound => {
    clearInterval(current?.timer)
    round += 1
    const records = createProbeRound(pairs.length)
    const send = createSender(round, pairs, records, socketOf)
    let dueMs = monotonicMs()
    const onTimer = (): void => {
      const nowMs = monotonicMs()
      if (nowMs < dueMs) return
      // The mean interval is kept; what was missed by more than one is left out, not sent in a burst.
      dueMs = Math.max(dueMs + PROBE_INTERVAL_MS, nowMs)
      tick(send)
    }
    current = { records, timer: setInterval(onTimer, TIMER_MS) }
    return records
  }
  const stop = async (): Promise<PairResult[]> => {
    clearInterval(current?.timer)
    await delay(SETTLE_MS)
    return current?.records.results() ?? []
  }
  return {
    stop,
    received(bytes) {
      const probe = decodeProbe(bytes)
      if (probe?.round === round) current?.records.arrived(probe.pair, probe.sequence, monotonicMs())
    },
    start(pairs) {
      begin(pairs, (send) => {
        for (let pair = 0; pair < pairs.length; pair += 1) send(pair)
      })
    },
    leastInARow: (sinceMs) => current?.records.leastInARow({ sinceMs, settledMs: monotonicMs() - SETTLE_MS }) ?? 0,
    arrivals: (sinceMs) => current?.records.arrivals(sinceMs) ?? [],
    async matrix(pairs, each, timeoutMs) {
      const deadline = monotonicMs() + timeoutMs
      let queue = Array.from({ length: each }, () => pairs.map((_, pair) => pair)).flat()
      const burst = Math.min(LARGEST_BURST, Math.ceil(queue.length / MATRIX_INTERVALS))
      const records = begin(pairs, (send) => {
        for (const pair of queue.splice(0, burst)) send(pair)
      })
      for (;;) {
        while (queue.length > 0 && monotonicMs() < deadline) await delay(PROBE_INTERVAL_MS)
        await delay(SETTLE_MS)
        const missing = pairs.flatMap((_, pair) => (records.hasArrived(pair) ? [] : [pair]))
        if (missing.length === 0 || monotonicMs() >= deadline) return await stop()
        queue = missing
      }
    },
  }
}

function createSender(
  round: number,
  pairs: readonly ProbePair[],
  records: ProbeRound,
  socketOf: SocketOf,
): (pair: number) => void {
  return (pair) => {
    const ends = pairs[pair]
    if (ends === undefined) throw new RangeError(`there is no pair ${pair}`)
    const bytes = encodeProbe(round, pair, records.sent(pair, monotonicMs()))
    // An error (no route while a link is away) is a lost probe like any other.
    socketOf(ends.from.netns, ends.family)?.send(bytes, PROBE_PORT, ends.to.ip, () => {})
  }
}
