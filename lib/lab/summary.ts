/** The lab's findings as a person reads them: a scenario's story, the final tables, the verdict. Pure. */

import type { Style } from '../util/style.ts'
import type { LabReport, ScenarioReport } from './report.ts'
import { isHealed, isHonest, isQuiet } from './report.ts'
import { renderAgents, renderOneWay, renderScenarios } from './tables.ts'
import { renderTimeline } from './timeline.ts'

/** Indented below the line that says how the scenario ended. */
export function renderScenarioStory(report: ScenarioReport, style: Style): string[] {
  const lost = report.bystandersLost
  return [
    ...renderTimeline(report.timeline),
    ...(report.recovered ? [] : [style.bad('some of the probed pairs did not answer again in time')]),
    ...(lost === 0 ? [] : [style.bad(`${lost} probes between other nodes were lost meanwhile`)]),
    ...missingLines(report.matrix.missing, style),
  ].map((line) => `    ${line}`)
}

/** Tables and verdict; for a lab that ended early, why, with the log of the agent at fault. */
export function renderSummary(report: LabReport, style: Style): string[] {
  const verdict = report.ok
    ? style.good(`all is well: every pod reached every pod, no agent ended (${seconds(report.totalMs)})`)
    : style.bad(`NOT well: ${faultOf(report)} (${seconds(report.totalMs)})`)
  return [
    ...section(renderScenarios(report.scenarios), style),
    ...report.scenarios.flatMap(({ oneWay }) => (oneWay === undefined ? [] : section(renderOneWay(oneWay), style))),
    ...section(renderAgents(report.agents), style),
    ...missingLines(report.bringUp?.matrix.missing ?? [], style),
    ...report.log.map((line) => style.faint(`  | ${line}`)),
    '',
    verdict,
  ]
}

const MOST_MISSING = 10

function missingLines(missing: readonly string[], style: Style): string[] {
  const more = missing.length - MOST_MISSING
  return [
    ...missing.slice(0, MOST_MISSING).map((pair) => style.bad(`silent: ${pair}`)),
    ...(more > 0 ? [style.bad(`… and ${more} more`)] : []),
  ]
}

/** Why it is not well, in words. */
export function faultOf(report: LabReport): string {
  if (report.error !== undefined) return report.error
  const ended = report.agents.filter((agent) => !agent.running).map((agent) => agent.node)
  if (ended.length > 0) return `the agents of ${ended.join(', ')} ended`
  const hurt = report.scenarios.filter((one) => !isHealed(one))
  if (hurt.length > 0) return `pods stayed silent after ${hurt.map((one) => one.name).join(', ')}`
  const dishonest = report.scenarios.filter((one) => !isHonest(one))
  if (dishonest.length > 0) return 'an agent announced what is not its own, or not what is'
  const loud = report.agents.filter((agent) => !isQuiet(agent)).map((agent) => agent.node)
  if (loud.length > 0) return `the agents of ${loud.join(', ')} did not keep quiet at rest`
  return 'pods were silent from the start'
}

function section(lines: readonly string[], style: Style): string[] {
  const [head, ...rows] = lines
  return head === undefined ? [] : ['', style.strong(head), ...rows]
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
