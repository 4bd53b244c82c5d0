/**
 * From probes sent and received to "how long could they not talk". Pure.
 * Must not: know sockets or who talks to whom.
 */

/** Consecutive probes that were lost, or late (lib/lab/probe-round). Milliseconds of CLOCK_MONOTONIC. */
export interface LostRun {
  /** When the first lost one was sent. */
  readonly fromMs: number
  /** When the next one that arrived was sent; for a run that never ended, when the last lost one was sent. */
  readonly toMs: number
  readonly lost: number
  /** False: nothing arrived after it. */
  readonly ended: boolean
}

/** What one direction of one pair lost. */
export interface Outage {
  readonly longestMs: number
  readonly totalMs: number
  readonly lost: number
  readonly ended: boolean
}

/**
 * Measured between times of *sending*, so that a prober that was not scheduled for a while (it then neither sends nor
 * loses) shows no gap. `arrived[i]` is 0 for a lost probe and for a late one.
 */
export function lostRuns(sentAtMs: readonly number[], arrived: ArrayLike<number>): LostRun[] {
  const runs: LostRun[] = []
  let start = -1
  for (let i = 0; i <= sentAtMs.length; i += 1) {
    const lost = i < sentAtMs.length && arrived[i] === 0
    if (lost && start < 0) start = i
    if (lost || start < 0) continue
    const ended = i < sentAtMs.length
    const fromMs = sentAtMs[start] ?? 0
    runs.push({ fromMs, toMs: sentAtMs[ended ? i : i - 1] ?? fromMs, lost: i - start, ended })
    start = -1
  }
  return runs
}

export function outageOf(runs: readonly LostRun[]): Outage {
  const lengths = runs.map((run) => run.toMs - run.fromMs)
  return {
    longestMs: Math.max(0, ...lengths),
    totalMs: lengths.reduce((sum, length) => sum + length, 0),
    lost: runs.reduce((sum, run) => sum + run.lost, 0),
    ended: runs.every((run) => run.ended),
  }
}

/** Of several outages, the worst in each respect. */
export function worstOutage(outages: readonly Outage[]): Outage {
  return {
    longestMs: Math.max(0, ...outages.map((outage) => outage.longestMs)),
    totalMs: Math.max(0, ...outages.map((outage) => outage.totalMs)),
    lost: Math.max(0, ...outages.map((outage) => outage.lost)),
    ended: outages.every((outage) => outage.ended),
  }
}

export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

/**
 * How many of the newest probes arrived in a row, counted backwards; those sent after `settledMs` that have not arrived
 * may still be under way and are passed over, those sent before `sinceMs` do not count.
 */
export function arrivedInARow(
  sentAtMs: readonly number[],
  arrived: ArrayLike<number>,
  bounds: { sinceMs: number; settledMs: number },
): number {
  let index = sentAtMs.length - 1
  while (index >= 0 && arrived[index] === 0 && (sentAtMs[index] ?? 0) > bounds.settledMs) index -= 1
  let count = 0
  for (; index >= 0 && arrived[index] !== 0 && (sentAtMs[index] ?? 0) >= bounds.sinceMs; index -= 1) count += 1
  return count
}
