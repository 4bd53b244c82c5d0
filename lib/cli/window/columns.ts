/** Tables as a person reads them. Pure. */

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
