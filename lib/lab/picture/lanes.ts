/** The bars on top of a timeline: when pods and nodes were silent, what the agent held of each device. Must not: draw the axis. */
import { durationText } from '../tables.ts'
import type { Frame } from './frame.ts'
import { type Markup, markup } from './markup.ts'
import { momentText } from './scale.ts'
import type { DeviceLane, SilenceLane, Span } from './scenes.ts'
import { cutText, textWidth } from './text-width.ts'

export const LANE_HEIGHT = { wide: 22, narrow: 34 } as const
const BAR = 14
const SIZE = 11
const GAP = 6
/** What is shorter is still seen. */
const THINNEST = 2

export function drawSilence(lane: SilenceLane, frame: Frame, y: number): Markup {
  return drawLane(frame, y, lane.name, silenceText(lane), lane.silent, 'silent')
}

export function drawDevice({ name, states }: DeviceLane, frame: Frame, y: number): Markup {
  const away = states.filter(({ state }) => state !== 'ready')
  const passed = away
    .map(({ state }) => state)
    .filter((state, index, all) => state !== all[index - 1])
    .join(' → ')
  return drawLane(frame, y, name, away.length === 0 ? 'ready all the time' : passed, away, 'other')
}

/** `190 ms silent, +1.4 … +191.6`. */
function silenceText({ silent, totalMs, ended }: SilenceLane): string {
  const [first, last] = [silent[0], silent.at(-1)]
  if (first === undefined || last === undefined) return 'not a probe lost'
  return `${durationText(totalMs)} silent, ${momentText(first.fromMs)} … ${ended ? momentText(last.toMs) : 'and on'}`
}

function drawLane(
  frame: Frame,
  y: number,
  name: string,
  words: string,
  spans: readonly Span[],
  kind: 'silent' | 'other',
): Markup {
  const { form, scale, left, right } = frame
  const middle = y + (form === 'wide' ? 11 : 25)
  const bars = spans.map(({ fromMs, toMs }) => {
    const x = scale.at(fromMs)
    const width = Math.max(THINNEST, scale.at(toMs) - x)
    return markup`<rect class="${kind}" x="${x}" y="${middle - BAR / 2}" width="${width}" height="${BAR}" rx="2"/>`
  })
  const label = form === 'wide' ? wideLabel(frame, middle, name, words, spans) : narrowLabel(left, y, name, words)
  return markup`<g><title>${name}: ${words}</title><line class="well" x1="${left}" x2="${right}" y1="${middle}" y2="${middle}"/>${bars}${label}</g>`
}

function narrowLabel(left: number, y: number, name: string, words: string): Markup {
  return markup`<text class="ink" x="${left}" y="${y + 13}"><tspan class="strong">${name}</tspan> ${words}</text>`
}

/** The name stands before the axis, the words in the first bar that has room for them, else on paper between the bars. */
function wideLabel(frame: Frame, middle: number, name: string, words: string, spans: readonly Span[]): Markup {
  const { scale } = frame
  const width = textWidth(words, SIZE)
  const y = middle + 4
  const title = markup`<text class="ink strong" x="0" y="${y}">${name}</text>`
  const roomy = spans.find(({ fromMs, toMs }) => scale.at(toMs) - scale.at(fromMs) > width + 2 * GAP)
  if (roomy !== undefined)
    return markup`${title}<text class="on" x="${scale.at(roomy.fromMs) + GAP}" y="${y}">${words}</text>`
  const gap = gapFor(width + 2 * GAP, gapsBetween(spans, frame))
  const shown = cutText(words, gap.to - gap.from - 2 * GAP, SIZE)
  const ground = textWidth(shown, SIZE) + GAP
  // Paper below it interrupts the line.
  return markup`${title}<rect class="paper" x="${gap.from + GAP / 2}" y="${middle - 8}" width="${ground}" height="16"/><text class="ink" font-size="${SIZE}" x="${gap.from + GAP}" y="${y}">${shown}</text>`
}

interface Gap {
  readonly from: number
  readonly to: number
}

/** Pixels, in order; the last one begins at the damage where there are no spans. */
function gapsBetween(spans: readonly Span[], { scale, left, right }: Frame): Gap[] {
  const ends = [spans.length === 0 ? scale.at(0) : left, ...spans.map(({ toMs }) => scale.at(toMs))]
  const begins = [...spans.map(({ fromMs }) => scale.at(fromMs)), right]
  return ends.map((from, index) => ({ from, to: begins[index] ?? right }))
}

/** The last one where that is wide enough, else the widest. */
function gapFor(width: number, gaps: readonly Gap[]): Gap {
  const last = gaps.at(-1) ?? { from: 0, to: 0 }
  if (last.to - last.from >= width) return last
  return gaps.reduce((widest, gap) => (gap.to - gap.from > widest.to - widest.from ? gap : widest), last)
}
