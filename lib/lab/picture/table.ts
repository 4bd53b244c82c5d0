/** A table of cells as HTML; on a narrow screen each row becomes a block that names its cells. Pure. */
import { type Markup, markup } from './markup.ts'

/** The first row is the head; `left` columns hold words, the others figures. Nothing without rows. */
export function drawTable([head, ...rows]: readonly (readonly string[])[], left: readonly number[]): Markup {
  if (head === undefined || rows.length === 0) return markup``
  const kind = (column: number): string => (left.includes(column) ? 'words' : 'figure')
  const heads = head.map((cell, column) => markup`<th scope="col" class="${kind(column)}">${cell}</th>`)
  return markup`<table><thead><tr>${heads}</tr></thead><tbody>${rows.map((row) => drawRow(row, head, kind))}</tbody></table>`
}

/** A cell that begins with blanks belongs to the row above. */
function drawRow(row: readonly string[], head: readonly string[], kind: (column: number) => string): Markup {
  const cells = row.map((cell, column) => {
    if (column === 0) return markup`<th scope="row" class="words${cell.startsWith(' ') && ' part'}">${cell.trim()}</th>`
    const label = head[column] ?? ''
    return markup`<td class="${kind(column)}${cell === '' && ' none'}"${label !== '' && markup` data-label="${label}"`}>${cell}</td>`
  })
  return markup`<tr>${cells}</tr>`
}
