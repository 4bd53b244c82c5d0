/**
 * All that a lab found as one HTML page that needs nothing but itself: no script, no font, no image, no style from elsewhere, and a
 * policy that forbids them. Readable from a file, on paper, on a narrow screen, by light and dark. Pure. Must not: judge.
 */
import { createHash } from 'node:crypto'
import { planLab } from '../address-plan.ts'
import { isHealed, type LabReport, type ScenarioReport } from '../report.ts'
import { faultOf } from '../summary.ts'
import { agentCells, FAMILY_NAMES, oneWayCells, scenarioCells } from '../tables.ts'
import { drawFabric } from './fabric.ts'
import { factsOf } from './facts.ts'
import type { Form } from './frame.ts'
import { type Markup, markup } from './markup.ts'
import { drawMatrix } from './matrix.ts'
import { PAGE_STYLE } from './page-style.ts'
import { scenesOf } from './scenes.ts'
import { drawStory } from './story.ts'
import { drawTable } from './table.ts'
import { COLOURS, DRAWING } from './theme.ts'
import { drawScene } from './timeline.ts'

/** When and where the lab ran; it does not know by itself. */
export interface Made {
  /** ISO 8601. */
  readonly date: string
  readonly kernel: string
}

export function renderPage(report: LabReport, made: Made): string {
  const { options, scenarios, agents } = report
  const style = markup`${COLOURS}${DRAWING}${PAGE_STYLE}`
  const policy = `default-src 'none'; style-src 'sha256-${hashOf(style)}'; base-uri 'none'; form-action 'none'`
  const families = options.families.map((family) => FAMILY_NAMES[family]).join(' and ')
  const title = `vtepd lab: ${options.nodes} nodes, ${families}`
  const tables = [
    drawTable(scenarioCells(scenarios), [0, 1]),
    ...scenarios.flatMap(({ oneWay }) => (oneWay === undefined ? [] : [drawTable(oneWayCells(oneWay), [0, 1])])),
    drawTable(agentCells(agents), [0, 1]),
  ]
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${style}</style>
</head>
<body>
<header><h1>${title}</h1>${verdict(report)}<p class="faint">${made.date.slice(0, 16).replace('T', ' ')} UTC, Linux ${made.kernel}, backend ${options.backend}</p></header>
<main>
<section><h2>The fabric</h2>${drawFabric(planLab(options), options.kube)}</section>
<section><h2>Every pod to every pod, at the start</h2>${matrixOf(report)}</section>
${scenarios.map(drawScenario)}
<section><h2>Results</h2>${tables}</section>
</main>
</body>
</html>
`.markup
}

function hashOf({ markup: text }: Markup): string {
  return createHash('sha256').update(text).digest('base64')
}

function verdict(report: LabReport): Markup {
  const seconds = `${(report.totalMs / 1000).toFixed(1)} s`
  if (report.ok)
    return markup`<p class="verdict">All is well: every pod reached every pod, no agent ended (${seconds}).</p>`
  const log = report.log.length > 0 && markup`<pre>${report.log.map((line) => markup`${line}\n`)}</pre>`
  return markup`<p class="verdict bad">NOT well: ${faultOf(report)} (${seconds}).</p>${log}`
}

function matrixOf({ cells, bringUp }: LabReport): Markup {
  if (bringUp === undefined) return markup`<p>The lab ended before the first probe.</p>`
  const { reached, pairs, missing } = bringUp.matrix
  const silent = missing.length > 0 && markup`<p>Silent: ${missing.slice(0, 20).join('; ')}</p>`
  return markup`<p>${reached} of ${pairs} pairs reached.</p>${silent}<div class="matrices">${drawMatrix(cells)}</div>`
}

function drawScenario(scenario: ScenarioReport): Markup {
  const { title, node } = scenario
  const facts = factsOf(scenario).map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)
  const hurt = !isHealed(scenario) && markup`<p class="verdict bad">Some pods stayed silent.</p>`
  const figures = scenesOf(scenario).map((scene) => {
    const name = scene.title === title ? undefined : scene.title
    const drawn = (['wide', 'narrow'] as const).map((form) =>
      figureOf(scene, `${title}${name === undefined ? '' : `: ${name}`}`, form),
    )
    return markup`<figure>${name !== undefined && markup`<h3>${name}</h3>`}${drawn}</figure>`
  })
  return markup`<section><h2>${node}: ${title}</h2>${hurt}<dl class="facts">${facts}</dl>${figures}${drawStory(scenario)}</section>
`
}

function figureOf(scene: Parameters<typeof drawScene>[0], title: string, form: Form): Markup {
  const { body, width, height } = drawScene(scene, form)
  return markup`<svg class="${form}" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="Timeline of ${title}">${body}</svg>`
}
