/** The text below a timeline: every row of it, and what each probed direction lost. Pure. */
import type { PairSilence, ScenarioReport } from '../report.ts'
import { durationText, FAMILY_NAMES } from '../tables.ts'
import { type Markup, markup } from './markup.ts'
import { momentText } from './scale.ts'
import { drawTable } from './table.ts'

/** A lab with a thousand rebuilds shall still open in a browser. */
const MOST_ROWS = 1000

export function drawStory({ timeline, silences }: ScenarioReport): Markup {
  const rows = timeline.slice(0, MOST_ROWS).map(
    ({ atMs, who, text, count }) =>
      markup`<li><span>${momentText(atMs)} ms</span><b>${who}</b>${text}${count > 1 && ` (×${count})`}</li>
`,
  )
  const more = timeline.length - MOST_ROWS
  return markup`<details><summary>All of it as text</summary><ol class="story">${rows}</ol>${more > 0 && markup`<p>and ${more} more</p>`}</details>${directions(silences)}`
}

function directions(silences: readonly PairSilence[]): Markup {
  const rows = silences.map(({ layer, family, from, to, runs }) => [
    `${from} → ${to}`,
    FAMILY_NAMES[family],
    layer === 'overlay' ? 'pods' : 'nodes',
    durationText(runs.reduce((sum, run) => sum + run.toMs - run.fromMs, 0)),
    String(runs.reduce((sum, run) => sum + run.lost, 0)),
  ])
  if (rows.length === 0) return markup``
  const head = ['direction', '', 'of', 'silent', 'probes lost or late']
  return markup`<details><summary>The directions that lost probes</summary>${drawTable([head, ...rows], [0, 1, 2])}</details>`
}
