/** Samples as a table for people, and as lines for programs. Must not: measure or choose what is shown. */
import type { Sample } from './sample.ts'

const HEAD = ['case', 'family', 'peers', 'contender', 'median', 'ratio to limit', 'µs/peer', '']

/** Columns are as wide as their widest cell; figures are right-aligned. */
export function renderTable(samples: readonly Sample[]): string {
  const rows = [HEAD, ...samples.map(cellsOf)]
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)))
  return rows
    .map((row) =>
      row
        .map((cell, column) => pad(cell, widths[column] ?? 0, column))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

/** The same for a document. */
export function renderMarkdown(samples: readonly Sample[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const rule = HEAD.map((_, column) => (isFigure(column) ? '---:' : '---'))
  return [HEAD, rule, ...samples.map(cellsOf)].map(line).join('\n')
}

/** One JSON object: the fields of Sample, in their order. */
export function renderJsonLine(sample: Sample): string {
  const { suite, case: name, family, size, contender, medianMs, ratioToLimit, samples, measures } = sample
  return JSON.stringify({ suite, case: name, family, size, contender, medianMs, ratioToLimit, samples, measures })
}

function cellsOf({ case: name, family, size, contender, medianMs, ratioToLimit, measures }: Sample): string[] {
  return [
    name,
    family,
    size.toLocaleString('en-US'),
    contender,
    medianMs === null ? '–' : `${figure(medianMs)} ms`,
    ratioToLimit === null ? '–' : figure(ratioToLimit),
    medianMs === null ? '–' : figure((medianMs * 1000) / size),
    Object.entries(measures ?? {})
      .map(([key, value]) => `${key} ${figure(value)}`)
      .join(', '),
  ]
}

/** Three significant digits, no exponent, thousands set apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–'
  const rounded = Number(value.toPrecision(3))
  return rounded.toLocaleString('en-US', { maximumFractionDigits: 4 })
}

function isFigure(column: number): boolean {
  return column === 2 || (column >= 4 && column <= 6)
}

function pad(cell: string, width: number, column: number): string {
  return isFigure(column) ? cell.padStart(width) : cell.padEnd(width)
}
