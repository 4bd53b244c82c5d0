/** The events of a timeline, one below the other in order of time, each with its mark on the axis. Must not: draw the axis. */
import { printable } from '../../util/printable.ts'
import type { MergedRow } from '../timeline.ts'
import type { Frame } from './frame.ts'
import { type Markup, markup } from './markup.ts'
import { momentText } from './scale.ts'
import { cutText, textWidth, wrapText } from './text-width.ts'

/** More would be no picture; the list below it has all of them. */
export const MOST_ROWS = 60
const LINE = 19
const SIZE = 12
/** Bold letters are wider. */
const BOLD_SIZE = 13
const NARROW_INDENT = 20

export interface DrawnRows {
  readonly drawing: Markup
  /** Where they end. */
  readonly y: number
}

export function drawRows(rows: readonly MergedRow[], frame: Frame, top: number): DrawnRows {
  let y = top
  const drawn: Markup[] = rows.slice(0, MOST_ROWS).map((row) => {
    const { drawing, height } = frame.form === 'wide' ? wideRow(row, frame, y) : narrowRow(row, frame, y)
    y += height
    return drawing
  })
  const more = rows.length - MOST_ROWS
  if (more > 0) {
    drawn.push(markup`<text class="faint" x="${frame.left}" y="${y + 13}">and ${more} more, in the list below</text>`)
    y += LINE
  }
  return { drawing: markup`${drawn}`, y }
}

interface Placed {
  readonly drawing: Markup
  readonly height: number
}

function wideRow(row: MergedRow, frame: Frame, y: number): Placed {
  const { scale, left, right } = frame
  const base = y + 13
  const words = wordsOf(row)
  const [from, to] = [scale.at(row.atMs) - 10, scale.at(row.lastMs) + 10]
  const size = row.who === 'lab' ? BOLD_SIZE : SIZE
  const [before, after] = [from - left, right - to]
  const fits = textWidth(words, size)
  const rightwards = after >= before ? fits <= after || fits > before : fits > before && fits <= after
  const shown = cutText(words, rightwards ? after : before, size)
  const strong = row.who === 'lab' && ' strong'
  const drawing = markup`<g><title>${momentText(row.atMs)} ms ${row.who}: ${words}</title><text class="faint end" x="58" y="${base}">${momentText(row.atMs)}</text><text class="faint" x="66" y="${base}">${row.who}</text>${mark(row, frame, y + 9)}<text class="ink${strong}${!rightwards && ' end'}" x="${rightwards ? to : from}" y="${base}">${shown}</text></g>`
  return { drawing, height: LINE }
}

function narrowRow(row: MergedRow, frame: Frame, y: number): Placed {
  const { scale, left: edge, right } = frame
  // Beside the line of the damage, where that stands at the edge.
  const left = Math.min(scale.at(0) + 6, edge + NARROW_INDENT)
  const lines = wrapText(
    `${momentText(row.atMs)} ${row.who}: ${wordsOf(row)}`,
    right - left,
    row.who === 'lab' ? BOLD_SIZE : SIZE,
  )
  const strong = row.who === 'lab' && ' strong'
  const texts = lines.map(
    (line, index) => markup`<text class="ink${strong}" x="${left}" y="${y + 13 + index * 15}">${line}</text>`,
  )
  const height = lines.length * 15 + 16
  return { drawing: markup`<g>${texts}${mark(row, frame, y + height - 9)}</g>`, height }
}

/** As they will stand there: what is not printable is longer. */
function wordsOf({ text, count }: MergedRow): string {
  return count === 1 ? printable(text) : `${printable(text)} (×${count})`
}

/** A shape of its own for each witness; a line to the last of several. */
function mark(row: MergedRow, { scale }: Frame, y: number): Markup {
  const [x, last] = [scale.at(row.atMs), scale.at(row.lastMs)]
  const line = last - x > 1 && markup`<line x1="${x}" y1="${y}" x2="${last}" y2="${y}" stroke-width="2"/>`
  return markup`<g class="${row.who}">${line}${shape(row.who, x, y)}</g>`
}

function shape(who: MergedRow['who'], x: number, y: number): Markup {
  if (who === 'agent') return markup`<circle cx="${x}" cy="${y}" r="4"/>`
  if (who === 'kernel') return markup`<rect x="${x - 3.5}" y="${y - 3.5}" width="7" height="7"/>`
  return markup`<path d="M${x - 4} ${y - 4}l8 8m0-8l-8 8" stroke-width="2.5"/>`
}
