/**
 * The story of one scenario: what was done, what the kernel dropped, what the agent did, when the pods were silent.
 * Pure. Times are milliseconds after the first disturbance.
 */
import type { Family } from '../net/ip.ts'
import type { LostRun } from './gaps.ts'
import type { ProbePair } from './probe-pairs.ts'
import type { PairResult } from './prober-protocol.ts'
import type { PairSilence } from './report.ts'

export type Witness = 'lab' | 'kernel' | 'agent' | 'probes'

export interface TimelineRow {
  readonly atMs: number
  readonly who: Witness
  readonly text: string
}

/** A row that stands for `count` equal ones, the last at `lastMs`. */
export interface MergedRow extends TimelineRow {
  readonly lastMs: number
  readonly count: number
}

/** In order of time; equal rows of one witness merge until another witness comes between. */
export function mergeRows(rows: readonly TimelineRow[]): MergedRow[] {
  const merged: MergedRow[] = []
  for (const row of [...rows].sort((a, b) => a.atMs - b.atMs)) {
    const index = lastBlock(merged, row)
    const same = index === undefined ? undefined : merged[index]
    if (index === undefined || same === undefined) merged.push({ ...row, lastMs: row.atMs, count: 1 })
    else merged[index] = { ...same, lastMs: row.atMs, count: same.count + 1 }
  }
  return merged
}

/** The row to merge with: the same text in the newest unbroken block of rows by the same witness. */
function lastBlock(merged: readonly MergedRow[], row: TimelineRow): number | undefined {
  for (let index = merged.length - 1; index >= 0 && merged[index]?.who === row.who; index -= 1) {
    if (merged[index]?.text === row.text) return index
  }
  return undefined
}

/** One line a row: `+   12.3 ms  kernel  mgmt0: route deleted (×3)`. */
export function renderTimeline(rows: readonly MergedRow[]): string[] {
  return rows.map((row) => {
    const times = row.count === 1 ? '' : ` (×${row.count})`
    const sign = row.atMs < 0 ? '-' : '+'
    return `${sign}${Math.abs(row.atMs).toFixed(1).padStart(8)} ms  ${row.who.padEnd(6)}  ${row.text}${times}`
  })
}

/** Rows that say from when to when a layer was silent in a family: the earliest loss (or late arrival) to the last return. */
export function silenceRows(pairs: readonly ProbePair[], results: readonly PairResult[]): TimelineRow[] {
  const layers: readonly (readonly [ProbePair['layer'], Family])[] = [
    ['underlay', 'ipv4'],
    ['underlay', 'ipv6'],
    ['overlay', 'ipv4'],
    ['overlay', 'ipv6'],
  ]
  return layers.flatMap(([layer, family]) => {
    const runs = pairs.flatMap((pair, index) =>
      pair.layer === layer && pair.family === family ? (results[index]?.runs ?? []) : [],
    )
    return silence(runs, `${layer === 'overlay' ? 'pods' : 'nodes'} over ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`)
  })
}

function silence(runs: readonly LostRun[], who: string): TimelineRow[] {
  if (runs.length === 0) return []
  const fromMs = Math.min(...runs.map((run) => run.fromMs))
  const toMs = Math.max(...runs.map((run) => run.toMs))
  const ended = runs.every((run) => run.ended)
  return [
    { atMs: fromMs, who: 'probes', text: `${who}: silent` },
    { atMs: toMs, who: 'probes', text: ended ? `${who}: all answer again` : `${who}: some still silent` },
  ]
}

/** What each direction lost, milliseconds after `zeroMs`; those that lost nothing are left out. */
export function pairSilences(
  pairs: readonly ProbePair[],
  results: readonly PairResult[],
  zeroMs: number,
): PairSilence[] {
  return pairs.flatMap(({ layer, family, from, to }, index) => {
    const runs = (results[index]?.runs ?? []).map((run) => ({
      ...run,
      fromMs: run.fromMs - zeroMs,
      toMs: run.toMs - zeroMs,
    }))
    return runs.length === 0 ? [] : [{ layer, family, from: from.netns, to: to.netns, runs }]
  })
}
