/** Columns and durations as a person reads them. Pure. */

/**
 * Rows as columns that line up, two blanks between them; the first row is the heading. Where a line has no room for them (`width`
 * characters), each row is a block: its first cell, then a line for each other one, behind its heading.
 */
export function columns(rows: readonly (readonly string[])[], width = Number.POSITIVE_INFINITY): readonly string[] {
  const widths: number[] = []
  for (const row of rows) for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length)
  const whole = widths.reduce((sum, each) => sum + each + 2, -2)
  if (whole > width) return blocks(rows)
  return rows.map((row) =>
    row
      .map((cell, i) => cell.padEnd(widths[i] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function blocks([heading = [], ...rows]: readonly (readonly string[])[]): readonly string[] {
  const longest = Math.max(...heading.map(({ length }) => length))
  return rows.flatMap(([first = '', ...rest]) => [
    first,
    ...rest.map((cell, i) => `  ${(heading[i + 1] ?? '').padEnd(longest)}  ${cell}`),
  ])
}

/** `6 ms`, `12 s`, `3 min`, `5 h`, `2 days`. */
export function duration(ms: number): string {
  if (ms < 10_000)
    return ms < 10 ? `${ms.toFixed(1)} ms` : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
  const [seconds, minutes, hours] = [ms / 1000, ms / 60_000, ms / 3_600_000]
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (minutes < 120) return `${Math.round(minutes)} min`
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} days`
}
