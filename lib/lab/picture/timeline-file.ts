/** A scenario's timeline as an SVG file of its own: heading, its first scene, its own look for light and dark. Pure. */
import type { ScenarioReport } from '../report.ts'
import { factsOf } from './facts.ts'
import { type Markup, markup } from './markup.ts'
import { scenesOf } from './scenes.ts'
import { COLOURS, DRAWING } from './theme.ts'
import { drawScene } from './timeline.ts'

const SIDE = 14
const HEADING = 58
/** Between scenes, for the title of each. */
const BETWEEN = 30

/** Ends with a line feed. */
export function renderTimelineSvg(scenario: ScenarioReport): string {
  const scenes = scenesOf(scenario).map((scene) => ({ title: scene.title, ...drawScene(scene, 'wide') }))
  let y = HEADING
  const placed = scenes.map(({ title, body, height }) => {
    const heading = scenes.length > 1 && markup`<text class="ink strong" x="${SIDE}" y="${y + 14}">${title}</text>`
    const top = y + (scenes.length > 1 ? BETWEEN : 0)
    y = top + height
    return markup`${heading}<g transform="translate(${SIDE} ${top})">${body}</g>`
  })
  return wrap(scenario, Math.max(...scenes.map(({ width }) => width)) + SIDE, y, placed).markup
}

function wrap(scenario: ScenarioReport, width: number, height: number, body: readonly Markup[]): Markup {
  const { title } = scenario
  const description = factsOf(scenario)
    .map((fact) => fact.join(' '))
    .join(', ')
  return markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-labelledby="t d">
<title id="t">${title}</title><desc id="d">${description}</desc>
<style>${COLOURS}${DRAWING}</style>
<rect class="paper" width="${width}" height="${height}" rx="6"/>
<text class="ink title" x="${SIDE}" y="26">${title}</text><text class="faint" x="${SIDE}" y="46">${description}</text>
${body}
</svg>
`
}
