/**
 * A log-log chart as an SVG file in the look of the lab's pictures, light and dark: one curve a contender, named where it ends, so that
 * linear growth is a line at 45 degrees and quadratic growth a steeper one. Must not: know what the figures mean.
 */
import { type Markup, markup } from '../../lib/lab/picture/markup.ts'
import { cutText } from '../../lib/lab/picture/text-width.ts'
import { COLOURS, DRAWING } from '../../lib/lab/picture/theme.ts'
import { type LogScale, logScale } from './scale.ts'

export interface Curve {
  readonly name: string
  /** Stands behind the name. */
  readonly note?: string
  /** Both above 0. */
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface Chart {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly curves: readonly Curve[]
}

const WIDTH = 860
const HEIGHT = 440
const BOX = { left: 76, right: 540, top: 50, bottom: 384 }
const LABELS = BOX.right + 26
const LABEL_HEIGHT = 17
const COLOUR_COUNT = 6
/** One class a colour of the theme. */
const CURVES = markup`svg polyline{fill:none;stroke-width:2}svg .leader{fill:none;stroke-width:1;stroke-dasharray:2 2}
svg .c0{stroke:var(--c0)}svg .c1{stroke:var(--c1)}svg .c2{stroke:var(--c2)}svg .c3{stroke:var(--c3)}svg .c4{stroke:var(--c4)}svg .c5{stroke:var(--c5)}
svg circle.c0{fill:var(--c0)}svg circle.c1{fill:var(--c1)}svg circle.c2{fill:var(--c2)}svg circle.c3{fill:var(--c3)}svg circle.c4{fill:var(--c4)}svg circle.c5{fill:var(--c5)}`

/** Throws RangeError when there is nothing to draw. */
export function renderChart(chart: Chart): string {
  const curves = chart.curves.filter(({ points }) => points.length > 0)
  const points = curves.flatMap((curve) => curve.points)
  const xs = points.map(({ x }) => x)
  const ys = points.map(({ y }) => y)
  const across = logScale(Math.min(...xs), Math.max(...xs), BOX.left, BOX.right)
  const up = logScale(Math.min(...ys), Math.max(...ys), BOX.bottom, BOX.top)
  return markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${chart.title}">
<title>${chart.title}</title>
<style>${COLOURS}${DRAWING}
${CURVES}</style>
<rect class="paper" width="${WIDTH}" height="${HEIGHT}" rx="6"/>
<text class="ink title" x="14" y="26">${chart.title}</text>
${grid(across, up)}
<text class="faint mid" x="${(BOX.left + BOX.right) / 2}" y="${HEIGHT - 16}">${chart.x}</text>
<text class="faint mid" transform="translate(20 ${(BOX.top + BOX.bottom) / 2}) rotate(-90)">${chart.y}</text>
${curves.map((curve, index) => drawCurve(curve, index, across, up))}
${labels(curves, across, up)}
</svg>
`.markup
}

function grid(across: LogScale, up: LogScale): Markup {
  const upright = across.decades.map((value) => {
    const x = across.at(value)
    return markup`<line class="grid" x1="${x}" y1="${BOX.top}" x2="${x}" y2="${BOX.bottom}"/><text class="faint mid" x="${x}" y="${BOX.bottom + 18}">${label(value)}</text>`
  })
  const level = up.decades.map((value) => {
    const y = up.at(value)
    return markup`<line class="grid" x1="${BOX.left}" y1="${y}" x2="${BOX.right}" y2="${y}"/><text class="faint end" x="${BOX.left - 8}" y="${y + 4}">${label(value)}</text>`
  })
  return markup`${upright}${level}`
}

function drawCurve({ points }: Curve, index: number, across: LogScale, up: LogScale): Markup {
  const places = [...points].sort((a, b) => a.x - b.x).map(({ x, y }) => [px(across.at(x)), px(up.at(y))] as const)
  const dots = places.map(([x, y]) => markup`<circle class="${colourOf(index)}" cx="${x}" cy="${y}" r="3"/>`)
  const line = places.map((place) => place.join(',')).join(' ')
  return markup`<polyline class="${colourOf(index)}" points="${line}"/>${dots}
`
}

/** Beside the box, each at the height where its curve ends, or as near as the others leave room. */
function labels(curves: readonly Curve[], across: LogScale, up: LogScale): Markup[] {
  const ends = curves
    .map((curve, index) => {
      const last = curve.points.reduce((far, point) => (point.x > far.x ? point : far))
      return { curve, index, x: across.at(last.x), y: up.at(last.y) }
    })
    .sort((a, b) => a.y - b.y)
  const places = apart(ends.map(({ y }) => y))
  return ends.map(({ curve, index, x, y }, row) => {
    const place = places[row] ?? y
    const name = cutText(curve.name, WIDTH - LABELS)
    const note = curve.note !== undefined && markup` <tspan class="faint" font-weight="400">${curve.note}</tspan>`
    return markup`<path class="leader ${colourOf(index)}" d="M${x + 5} ${y}L${BOX.right + 8} ${y}L${LABELS - 6} ${place}"/><text class="ink strong" x="${LABELS}" y="${place + 4}">${name}${note}</text>
`
  })
}

/** Ascending heights, moved so that no two are nearer than a label is high, all inside the box. */
function apart(heights: readonly number[]): number[] {
  const placed: number[] = []
  for (const height of heights)
    placed.push(Math.max(height, (placed.at(-1) ?? Number.NEGATIVE_INFINITY) + LABEL_HEIGHT))
  let limit = BOX.bottom
  for (let index = placed.length - 1; index >= 0; index -= 1) {
    placed[index] = Math.min(placed[index] ?? limit, limit)
    limit = (placed[index] ?? limit) - LABEL_HEIGHT
  }
  return placed
}

function colourOf(index: number): string {
  return `c${index % COLOUR_COUNT}`
}

function label(value: number): string {
  return value >= 1 ? value.toLocaleString('en-US') : String(Number(value.toPrecision(1)))
}

function px(value: number): number {
  return Math.round(value * 10) / 10
}
