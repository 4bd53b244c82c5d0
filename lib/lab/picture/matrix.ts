/** The matrix of pairs as drawings, one a family: rows send, columns receive, a cell is the median one-way time. Pure. */
import { printable } from '../../util/printable.ts'
import type { MatrixCell } from '../matrix.ts'
import { FAMILY_NAMES } from '../tables.ts'
import type { Form } from './frame.ts'
import { type Markup, markup } from './markup.ts'
import { cutText } from './text-width.ts'

/** Larger ones would be no picture. */
const MOST_PODS = 60
/** As the timelines. */
const WIDTH: Readonly<Record<Form, number>> = { wide: 812, narrow: 340 }
/** Less, and its row would have no name. */
const NAMED = 14
const NAMES = 112
const TOP = 26
/** A time is told in a cell that has room for it, else in its title alone. */
const ROOMY = 30

export function drawMatrix(cells: readonly MatrixCell[]): Markup[] {
  const names = [...new Set(cells.map(({ from }) => from))]
  if (names.length > MOST_PODS) return []
  return [...new Set(cells.map(({ family }) => family))].map((family) => {
    const own = cells.filter((cell) => cell.family === family)
    const reached = own.filter(({ arrived }) => arrived > 0).length
    const title = `${FAMILY_NAMES[family]}: ${reached} of ${own.length} pairs reached`
    const forms = (['wide', 'narrow'] as const).map((form) => drawGrid(own, names, title, form))
    return markup`<figure>${forms}<figcaption>${title}. Rows send, columns receive; microseconds one way, the median.</figcaption></figure>`
  })
}

function drawGrid(cells: readonly MatrixCell[], names: readonly string[], title: string, form: Form): Markup {
  const side = Math.min(46, (WIDTH[form] - NAMES) / names.length)
  const [width, height] = [Math.max(NAMES + side * names.length, 200), TOP + side * names.length + 4]
  const heads = names.map((name, index) => {
    const [x, y] = [NAMES + (index + 0.5) * side, TOP + (index + 0.5) * side + 4]
    const label = cutText(`${index + 1} ${printable(name)}`, NAMES - 6, 11)
    return (
      side >= NAMED &&
      markup`<text class="faint mid" font-size="11" x="${x}" y="${TOP - 8}">${index + 1}</text><text class="ink end" font-size="11" x="${NAMES - 6}" y="${y}">${label}</text>`
    )
  })
  const drawn = cells.map((cell) => drawCell(cell, names, side))
  return markup`<svg class="${form}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${title}">${heads}${drawn}</svg>`
}

function drawCell({ from, to, medianUs }: MatrixCell, names: readonly string[], side: number): Markup {
  const [x, y] = [NAMES + names.indexOf(to) * side, TOP + names.indexOf(from) * side]
  const words = medianUs === undefined ? 'silent' : `${medianUs.toFixed(0)} µs`
  const inside = medianUs === undefined ? '✕' : medianUs.toFixed(0)
  const silent = medianUs === undefined
  const gap = side > 10 ? 1 : 0.3
  const text =
    side >= ROOMY &&
    markup`<text class="mid ${silent ? 'on' : 'ink'}" font-size="11" x="${x + side / 2}" y="${y + side / 2 + 4}">${inside}</text>`
  return markup`<g><title>${from} → ${to}: ${words}</title><rect class="${silent ? 'silent' : 'reached'}" x="${x + gap}" y="${y + gap}" width="${side - 2 * gap}" height="${side - 2 * gap}"/>${text}</g>`
}
