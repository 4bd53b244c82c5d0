/** The pod-to-pod matrix: who reached whom, as numbers and as a picture. Pure. */
import type { Family } from '../net/ip.ts'
import type { ProbePair } from './probe-pairs.ts'
import type { PairResult } from './prober-protocol.ts'

export interface MatrixResult {
  /** Directed pairs, families counted apart. */
  readonly pairs: number
  readonly reached: number
  /** `node1-pod1 → node2-pod1 (ipv4)`, for each pair that nothing reached. */
  readonly missing: readonly string[]
  readonly cells: readonly MatrixCell[]
}

export interface MatrixCell {
  /** Of the sending pod. */
  readonly node: string
  readonly from: string
  readonly to: string
  readonly family: Family
  readonly sent: number
  readonly arrived: number
  /** One way; undefined: nothing arrived. */
  readonly medianUs: number | undefined
}

/** `results` in the order of `pairs`. */
export function matrixResult(pairs: readonly ProbePair[], results: readonly PairResult[]): MatrixResult {
  const cells = pairs.map((pair, index): MatrixCell => {
    const result = results[index]
    return {
      node: pair.from.node,
      from: pair.from.netns,
      to: pair.to.netns,
      family: pair.family,
      sent: result?.sent ?? 0,
      arrived: result?.arrived ?? 0,
      medianUs: result?.medianUs,
    }
  })
  const missing = cells.filter((cell) => cell.arrived === 0)
  return {
    pairs: cells.length,
    reached: cells.length - missing.length,
    missing: missing.map((cell) => `${cell.from} → ${cell.to} (${cell.family})`),
    cells,
  }
}

/** Wider matrices would wrap on a terminal: they are shown as a count only. */
const WIDEST = 10

/** One grid a family: rows send, columns receive, a cell is the median one-way time in microseconds. */
export function renderMatrix(matrix: MatrixResult): string[] {
  const names = [...new Set(matrix.cells.map((cell) => cell.from))]
  if (names.length > WIDEST) return []
  const families = [...new Set(matrix.cells.map((cell) => cell.family))]
  return families.flatMap((family) => renderGrid(matrix.cells, names, family))
}

function renderGrid(cells: readonly MatrixCell[], names: readonly string[], family: Family): string[] {
  const width = Math.max(8, ...names.map((name) => name.length))
  const pad = (text: string): string => text.padStart(width)
  const head = `${(family === 'ipv4' ? 'IPv4, µs' : 'IPv6, µs').padEnd(width)} ${names.map(pad).join(' ')}`
  const rows = names.map((from) => {
    const row = names.map((to) => pad(renderCell(cells, from, to, family)))
    return `${from.padEnd(width)} ${row.join(' ')}`
  })
  return [head, ...rows]
}

function renderCell(cells: readonly MatrixCell[], from: string, to: string, family: Family): string {
  if (from === to) return '·'
  const cell = cells.find((candidate) => candidate.from === from && candidate.to === to && candidate.family === family)
  return cell?.medianUs === undefined ? 'silent' : cell.medianUs.toFixed(0)
}
