/**
 * A scene as a drawing: axis of time with the damage at zero, bars of silence and of the devices' states, the events. While pods were
 * silent the ground has another colour. Must not: decide what belongs to a scene.
 */
import { type Form, type Frame, frameOf } from './frame.ts'
import { drawDevice, drawSilence, LANE_HEIGHT } from './lanes.ts'
import { type Markup, markup } from './markup.ts'
import { drawRows } from './rows.ts'
import { momentText } from './scale.ts'
import type { Scene } from './scenes.ts'
import { textWidth } from './text-width.ts'

export interface Drawing {
  readonly body: Markup
  readonly width: number
  readonly height: number
}

const AXIS_Y = 36

export function drawScene(scene: Scene, form: Form): Drawing {
  const frame = frameOf(scene, form)
  const lanes: Markup[] = []
  let y = AXIS_Y + 6
  for (const lane of scene.silences) {
    lanes.push(drawSilence(lane, frame, y))
    y += LANE_HEIGHT[form]
  }
  for (const device of scene.devices) {
    lanes.push(drawDevice(device, frame, y))
    y += LANE_HEIGHT[form]
  }
  const rows = drawRows(scene.rows, frame, y + 6)
  const bottom = rows.y + 4
  const body = markup`${drawBands(scene, frame, bottom)}${drawAxis(frame, bottom)}${drawMoments(scene, frame, bottom)}${lanes}${rows.drawing}`
  return { body, width: frame.width, height: Math.ceil(bottom + 6) }
}

function drawBands({ silences }: Scene, { scale }: Frame, bottom: number): Markup[] {
  return silences
    .filter(({ layer }) => layer === 'overlay')
    .flatMap(({ silent }) => silent)
    .map(({ fromMs, toMs }) => {
      const x = scale.at(fromMs)
      return markup`<rect class="band" x="${x}" y="${AXIS_Y}" width="${scale.at(toMs) - x}" height="${bottom - AXIS_Y}"/>`
    })
}

function drawAxis({ scale, left, right, form, width }: Frame, bottom: number): Markup {
  const ticks = scale.ticks.map((tick) => {
    const x = scale.at(tick)
    const label = Number(tick.toFixed(3)).toLocaleString('en-US')
    const half = textWidth(label, 11) / 2
    const place = Math.min(Math.max(x, half), width - half)
    return markup`<line class="grid" x1="${x}" y1="${AXIS_Y - 4}" x2="${x}" y2="${bottom}"/><text class="faint mid" font-size="11" x="${place}" y="${AXIS_Y - 8}">${label}</text>`
  })
  const unit = form === 'wide' && markup`<text class="faint" font-size="11" x="0" y="${AXIS_Y - 8}">milliseconds</text>`
  return markup`${unit}${ticks}<line class="grid" x1="${left}" y1="${AXIS_Y}" x2="${right}" y2="${AXIS_Y}"/>`
}

/** The damage, and the moment from which everything is whole. */
function drawMoments({ wholeMs, first }: Scene, { scale, left, right }: Frame, bottom: number): Markup {
  const at = (ms: number, words: string, kind: 'zero' | 'whole', end: boolean): Markup => {
    const x = scale.at(ms)
    const width = textWidth(words)
    const place = end ? Math.max(x, left + width) : Math.min(x, right - width)
    return markup`<line class="${kind}" x1="${x}" y1="14" x2="${x}" y2="${bottom}"/><text class="ink strong${end && ' end'}" x="${place}" y="11">${words}</text>`
  }
  const whole =
    wholeMs !== undefined &&
    at(wholeMs, `whole again ${momentText(wholeMs)} ms`, 'whole', scale.at(wholeMs) > (left + right) / 2)
  return markup`${at(0, first, 'zero', false)}${whole}`
}
