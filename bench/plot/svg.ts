/**
 * A log-log chart as SVG text: one curve a contender, so that linear growth is a line at 45 degrees and quadratic growth a
 * steeper one. Must not: know what the figures mean.
 */
import { type LogScale, logScale } from './scale.ts'

export interface Curve {
  readonly name: string
  /** Both above 0. */
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

export interface Chart {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly curves: readonly Curve[]
}

const WIDTH = 720
const HEIGHT = 440
const BOX = { left: 76, right: 560, top: 44, bottom: 384 }
/** Told apart by those who do not see colours alike, too (Okabe and Ito). */
const COLOURS = ['#555555', '#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00']

/** Throws RangeError when there is nothing to draw. */
export function renderChart(chart: Chart): string {
  const curves = chart.curves.filter(({ points }) => points.length > 0)
  const points = curves.flatMap((curve) => curve.points)
  const xs = points.map(({ x }) => x)
  const ys = points.map(({ y }) => y)
  const across = logScale(Math.min(...xs), Math.max(...xs), BOX.left, BOX.right)
  const up = logScale(Math.min(...ys), Math.max(...ys), BOX.bottom, BOX.top)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escapeText(chart.title)}</title>`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    text(BOX.left, 24, chart.title, 'start', ' font-size="15" font-weight="bold"'),
    ...grid(across, up),
    text((BOX.left + BOX.right) / 2, HEIGHT - 16, chart.x, 'middle'),
    `<g transform="translate(18 ${(BOX.top + BOX.bottom) / 2}) rotate(-90)">${text(0, 0, chart.y, 'middle')}</g>`,
    ...curves.map((curve, index) => drawCurve(curve, index, across, up)),
    ...legend(curves),
    '</svg>',
    '',
  ].join('\n')
}

function grid(across: LogScale, up: LogScale): string[] {
  const line = (x1: number, y1: number, x2: number, y2: number): string =>
    `<line x1="${px(x1)}" y1="${px(y1)}" x2="${px(x2)}" y2="${px(y2)}" stroke="#dddddd"/>`
  return [
    ...across.decades.flatMap((value) => [
      line(across.at(value), BOX.top, across.at(value), BOX.bottom),
      text(across.at(value), BOX.bottom + 18, label(value), 'middle'),
    ]),
    ...up.decades.flatMap((value) => [
      line(BOX.left, up.at(value), BOX.right, up.at(value)),
      text(BOX.left - 8, up.at(value) + 4, label(value), 'end'),
    ]),
  ]
}

function drawCurve({ points }: Curve, index: number, across: LogScale, up: LogScale): string {
  const colour = colourOf(index)
  const places = [...points].sort((a, b) => a.x - b.x).map(({ x, y }) => `${px(across.at(x))},${px(up.at(y))}`)
  const dots = places.map((place) => {
    const [x = '', y = ''] = place.split(',')
    return `<circle cx="${x}" cy="${y}" r="3" fill="${colour}"/>`
  })
  return [`<polyline points="${places.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`, ...dots].join('')
}

/** Beside the box, the slowest curve's name on top, as the curves end. */
function legend(curves: readonly Curve[]): string[] {
  const height = ({ points }: Curve): number => {
    const last = points.reduce((far, point) => (point.x > far.x ? point : far))
    return last.y / last.x
  }
  const order = curves.map((curve, index) => ({ curve, index })).sort((a, b) => height(b.curve) - height(a.curve))
  return order.map(({ curve, index }, row) => {
    const y = BOX.top + 12 + row * 20
    const mark = `<rect x="${BOX.right + 16}" y="${y - 9}" width="10" height="10" fill="${colourOf(index)}"/>`
    return mark + text(BOX.right + 32, y, curve.name, 'start')
  })
}

function text(x: number, y: number, words: string, anchor: 'start' | 'middle' | 'end', more = ''): string {
  return `<text x="${px(x)}" y="${px(y)}" text-anchor="${anchor}" fill="#333333"${more}>${escapeText(words)}</text>`
}

function colourOf(index: number): string {
  return COLOURS[index % COLOURS.length] ?? '#000000'
}

function label(value: number): string {
  return value >= 1 ? value.toLocaleString('en-US') : String(Number(value.toPrecision(1)))
}

function px(value: number): string {
  return String(Math.round(value * 10) / 10)
}

function escapeText(words: string): string {
  return words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}
