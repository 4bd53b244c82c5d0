/**
 * What a lab found: the document of `--json`, and the tables that a person reads. Pure.
 * Must not: measure; `ok` is computed here, and it alone decides the exit status.
 */
import type { Family } from '../net/ip.ts'
import type { Outage } from './gaps.ts'
import type { MatrixCell, MatrixResult } from './matrix.ts'
import type { LabOptions, ScenarioName } from './options.ts'
import type { MergedRow } from './timeline.ts'

export interface FamilyOutage {
  readonly family: Family
  /** The worst over the probed pod pairs. */
  readonly pods: Outage
  /** The worst over the same nodes' underlay addresses in the same run: what no agent could have prevented. */
  readonly underlay: Outage
  /** The worst over the pairs of: silence of the pods less silence of their nodes, milliseconds. */
  readonly beyondUnderlayMs: number
}

export interface ScenarioReport {
  readonly name: ScenarioName
  readonly title: string
  readonly node: string
  readonly outages: readonly FamilyOutage[]
  /** Of a scenario that damages in steps: what each cost, until the next began. */
  readonly steps: readonly { readonly title: string; readonly outages: readonly FamilyOutage[] }[]
  /** First and last thing the node's agent did, milliseconds after the disturbance; undefined: it did nothing. */
  readonly agentActed: { readonly firstMs: number; readonly lastMs: number } | undefined
  /** Probes between two other nodes' pods that were lost meanwhile. */
  readonly bystandersLost: number
  /** The probed pairs answered again, without a loss, within the bound. */
  readonly recovered: boolean
  readonly matrix: Omit<MatrixResult, 'cells'>
  readonly timeline: readonly MergedRow[]
}

export interface AgentReport {
  readonly node: string
  readonly running: boolean
  /** From its start to agent.ready. */
  readonly readyAfterMs: number | undefined
  readonly cpuMs: number | undefined
  readonly rssBytes: number | undefined
  /** Log lines of level warn or error. */
  readonly complaints: number
}

export interface LabReport {
  readonly ok: boolean
  /** Why it ended early. */
  readonly error: string | undefined
  readonly log: readonly string[]
  readonly options: Omit<LabOptions, 'json' | 'verbose' | 'keep'>
  readonly bringUp:
    | { readonly fabricMs: number; readonly readyMs: number; readonly matrix: Omit<MatrixResult, 'cells'> }
    | undefined
  /** The matrix at the start in full. */
  readonly cells: readonly MatrixCell[]
  readonly scenarios: readonly ScenarioReport[]
  readonly agents: readonly AgentReport[]
  readonly totalMs: number
}

/** Every pair reached, at first and after each scenario, and every agent still the one that was started. */
export function isOk(report: Omit<LabReport, 'ok'>): boolean {
  const { bringUp, scenarios, agents, options } = report
  return (
    report.error === undefined &&
    bringUp !== undefined &&
    isWhole(bringUp.matrix) &&
    scenarios.length === options.scenarios.length &&
    scenarios.every(isHealed) &&
    agents.length === options.nodes &&
    agents.every((agent) => agent.running)
  )
}

/** The probed pairs answered again, and every pair was reached afterwards. */
export function isHealed(scenario: ScenarioReport): boolean {
  return scenario.recovered && isWhole(scenario.matrix)
}

export function renderScenarios(scenarios: readonly ScenarioReport[]): string[] {
  const rows = scenarios.flatMap((scenario) => [
    ...outageRows(scenario.title, scenario.outages, [
      acted(scenario.agentActed),
      `${scenario.matrix.reached} of ${scenario.matrix.pairs}`,
    ]),
    ...scenario.steps.flatMap(({ title, outages }) => outageRows(`  ${title}`, outages, ['', ''])),
  ])
  const head = ['scenario', '', 'pods silent', 'nodes silent', 'beyond that', 'agent acted', 'pairs reached']
  return scenarios.length === 0 ? [] : table([head, ...rows], [0, 1])
}

/** One a family; what is the same for all stands in the first. */
function outageRows(title: string, outages: readonly FamilyOutage[], rest: readonly string[]): string[][] {
  return outages.map(({ family, pods, underlay, beyondUnderlayMs }, index) => [
    index === 0 ? title : '',
    family === 'ipv4' ? 'IPv4' : 'IPv6',
    `${ms(pods.totalMs)}${pods.ended ? '' : ' and on'}`,
    ms(underlay.totalMs),
    ms(beyondUnderlayMs),
    ...rest.map((cell) => (index === 0 ? cell : '')),
  ])
}

export function renderAgents(agents: readonly AgentReport[]): string[] {
  const rows = agents.map((agent) => [
    agent.node,
    agent.running ? 'running' : 'ENDED',
    agent.readyAfterMs === undefined ? 'never' : ms(agent.readyAfterMs),
    agent.cpuMs === undefined ? '' : `${(agent.cpuMs / 1000).toFixed(2)} s`,
    agent.rssBytes === undefined ? '' : `${(agent.rssBytes / 1e6).toFixed(0)} MB`,
    String(agent.complaints),
  ])
  return table([['agent', '', 'ready after', 'CPU', 'memory', 'warnings'], ...rows], [0, 1])
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

function isWhole(matrix: Omit<MatrixResult, 'cells'>): boolean {
  return matrix.pairs > 0 && matrix.reached === matrix.pairs
}

function acted(span: ScenarioReport['agentActed']): string {
  return span === undefined ? 'not at all' : `+${span.firstMs.toFixed(0)} … +${span.lastMs.toFixed(0)} ms`
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}
