/** The tables that a person reads of a lab, as cells and as lines of text. Pure. Must not: judge. */
import { type Family, familyOf } from '../net/ip.ts'
import type { AgentReport, FamilyOutage, OneWayReport, RestReport, ScenarioReport } from './report.ts'

/** Cells of the table of scenarios, its head first; nothing without scenarios. */
export function scenarioCells(scenarios: readonly ScenarioReport[]): string[][] {
  const rows = scenarios.flatMap((scenario) => [
    ...outageRows(scenario.title, scenario.outages, [
      actedText(scenario.agentActed),
      `${scenario.matrix.reached} of ${scenario.matrix.pairs}`,
    ]),
    ...scenario.steps.flatMap(({ title, outages }) => outageRows(`  ${title}`, outages, ['', ''])),
  ])
  const head = ['scenario', '', 'pods silent', 'nodes silent', 'beyond that', 'agent acted', 'pairs reached']
  return scenarios.length === 0 ? [] : [head, ...rows]
}

export function renderScenarios(scenarios: readonly ScenarioReport[]): string[] {
  return table(scenarioCells(scenarios), [0, 1])
}

/** One a family; what is the same for all stands in the first. */
function outageRows(title: string, outages: readonly FamilyOutage[], rest: readonly string[]): string[][] {
  return outages.map(({ family, pods, underlay, beyondUnderlayMs }, index) => [
    index === 0 ? title : '',
    FAMILY_NAMES[family],
    `${durationText(pods.totalMs)}${pods.ended ? '' : ' and on'}`,
    durationText(underlay.totalMs),
    durationText(beyondUnderlayMs),
    ...rest.map((cell) => (index === 0 ? cell : '')),
  ])
}

export const FAMILY_NAMES = { ipv4: 'IPv4', ipv6: 'IPv6' } as const

/** How long nothing came from one-way senders once the address was back, and what was announced meanwhile. */
export function oneWayCells({ families, announced, heardBy }: OneWayReport): string[][] {
  const timesOf = (wanted: Family, own: boolean): number =>
    announced.reduce((sum, one) => (one.own === own && familyOf(one.ip) === wanted ? sum + one.times : sum), 0)
  const rows = families.map(({ family, silentMs, medianMs, worstMs, unannounced }) => [
    FAMILY_NAMES[family],
    `${silentMs.length} rebuilds`,
    durationText(medianMs),
    durationText(worstMs),
    unannounced === undefined ? '' : `${unannounced.ended ? '' : '> '}${durationText(unannounced.ms)}`,
    `${timesOf(family, true)} times`,
    `${timesOf(family, false)} times`,
  ])
  const head = ['silent from address to first packet, one way', '', 'median', 'worst', 'unannounced']
  return [[...head, `announced (${heardBy})`, 'addresses of others'], ...rows]
}

export function renderOneWay(report: OneWayReport): string[] {
  return table(oneWayCells(report), [0, 1])
}

export function agentCells(agents: readonly AgentReport[]): string[][] {
  const rests = agents.some(({ rest }) => rest !== undefined)
  const rows = agents.map((agent) => [
    agent.node,
    agent.running ? 'running' : 'ENDED',
    agent.readyAfterMs === undefined ? 'never' : durationText(agent.readyAfterMs),
    agent.cpuMs === undefined ? '' : `${(agent.cpuMs / 1000).toFixed(2)} s`,
    agent.rssBytes === undefined ? '' : `${(agent.rssBytes / 1e6).toFixed(0)} MB`,
    String(agent.complaints),
    ...(rests ? [atRest(agent.rest)] : []),
  ])
  const head = ['agent', '', 'ready after', 'CPU', 'memory', 'warnings', ...(rests ? ['at rest'] : [])]
  return [head, ...rows]
}

export function renderAgents(agents: readonly AgentReport[]): string[] {
  return table(agentCells(agents), [0, 1])
}

/** Columns as wide as they must be; those in `left` flush left, the others right. */
export function table(rows: readonly (readonly string[])[], left: readonly number[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0
        return left.includes(column) ? cell.padEnd(width) : cell.padStart(width)
      })
      .join('  ')
      .trimEnd(),
  )
}

function atRest(rest: RestReport | undefined): string {
  if (rest === undefined) return ''
  const { lines, readinessChanges } = rest
  return `${lines} lines, ${readinessChanges} changes of readiness in ${(rest.ms / 1000).toFixed(0)} s`
}

/** `+22 … +194 ms`, or that it did nothing. */
export function actedText(span: ScenarioReport['agentActed']): string {
  return span === undefined ? 'not at all' : `+${span.firstMs.toFixed(0)} … +${span.lastMs.toFixed(0)} ms`
}

/** `190 ms`, `4.0 ms`. */
export function durationText(ms: number): string {
  return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`
}
