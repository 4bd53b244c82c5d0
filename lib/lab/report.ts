/**
 * What a lab found: the document of `--json`, and the tables that a person reads. Pure.
 * Must not: measure; `ok` is computed here, and it alone decides the exit status.
 */
import { type Family, familyOf, type Ip } from '../net/ip.ts'
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

/** From the moment the address is back to the first packet from the last of the senders. */
export interface Silence {
  readonly family: Family
  readonly ms: number
  /** false: nothing came as long as it was waited for, which is `ms`. */
  readonly ended: boolean
}

/** Traffic towards a node whose interface comes back with another MAC. */
export interface OneWayReport {
  readonly families: readonly {
    readonly family: Family
    /** A rebuild each, in order. */
    readonly silentMs: readonly number[]
    readonly medianMs: number
    readonly worstMs: number
    /** The same with an agent that cannot announce; undefined: not tried. */
    readonly unannounced: Silence | undefined
  }[]
  /** On the link of a peer: every announcement, or those by which the peer's table changed. */
  readonly heardBy: 'tcpdump' | 'neighbour tables'
  /** The node's own addresses, and those on the same interface that are not. */
  readonly announced: readonly { readonly ip: Ip; readonly own: boolean; readonly times: number }[]
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
  /** Of `one-way`. */
  readonly oneWay: OneWayReport | undefined
  readonly matrix: Omit<MatrixResult, 'cells'>
  readonly timeline: readonly MergedRow[]
}

/** While nothing was disturbed, at the end. */
export interface RestReport {
  readonly ms: number
  /** Of its log. */
  readonly lines: number
  readonly readinessChanges: number
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
  readonly rest: RestReport | undefined
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

/** Every pair reached, at first and after each scenario, and every agent still the one that was started, honest and quiet. */
export function isOk(report: Omit<LabReport, 'ok'>): boolean {
  const { bringUp, scenarios, agents, options } = report
  return (
    report.error === undefined &&
    bringUp !== undefined &&
    isWhole(bringUp.matrix) &&
    scenarios.length === options.scenarios.length &&
    scenarios.every((scenario) => isHealed(scenario) && isHonest(scenario)) &&
    agents.length === options.nodes &&
    agents.every((agent) => agent.running && isQuiet(agent))
  )
}

/** The probed pairs answered again, and every pair was reached afterwards. */
export function isHealed(scenario: ScenarioReport): boolean {
  return scenario.recovered && isWhole(scenario.matrix)
}

/** Each address that it has as its underlay was announced, and no other one. */
export function isHonest({ oneWay }: ScenarioReport): boolean {
  return oneWay === undefined || oneWay.announced.every(({ own, times }) => own === times > 0)
}

/** Lines of a log in any minute of rest. */
const MOST_LINES_A_MINUTE = 3

export function isQuiet({ rest }: AgentReport): boolean {
  if (rest === undefined) return true
  return rest.readinessChanges === 0 && rest.lines <= MOST_LINES_A_MINUTE * Math.max(1, rest.ms / 60_000)
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
    FAMILY_NAMES[family],
    `${ms(pods.totalMs)}${pods.ended ? '' : ' and on'}`,
    ms(underlay.totalMs),
    ms(beyondUnderlayMs),
    ...rest.map((cell) => (index === 0 ? cell : '')),
  ])
}

const FAMILY_NAMES = { ipv4: 'IPv4', ipv6: 'IPv6' } as const

/** How long nothing came from one-way senders once the address was back, and what was announced meanwhile. */
export function renderOneWay({ families, announced, heardBy }: OneWayReport): string[] {
  const timesOf = (wanted: Family, own: boolean): number =>
    announced.reduce((sum, one) => (one.own === own && familyOf(one.ip) === wanted ? sum + one.times : sum), 0)
  const rows = families.map(({ family, silentMs, medianMs, worstMs, unannounced }) => [
    FAMILY_NAMES[family],
    `${silentMs.length} rebuilds`,
    ms(medianMs),
    ms(worstMs),
    unannounced === undefined ? '' : `${unannounced.ended ? '' : '> '}${ms(unannounced.ms)}`,
    `${timesOf(family, true)} times`,
    `${timesOf(family, false)} times`,
  ])
  const head = ['silent from address to first packet, one way', '', 'median', 'worst', 'unannounced']
  return table([[...head, `announced (${heardBy})`, 'addresses of others'], ...rows], [0, 1])
}

export function renderAgents(agents: readonly AgentReport[]): string[] {
  const rests = agents.some(({ rest }) => rest !== undefined)
  const rows = agents.map((agent) => [
    agent.node,
    agent.running ? 'running' : 'ENDED',
    agent.readyAfterMs === undefined ? 'never' : ms(agent.readyAfterMs),
    agent.cpuMs === undefined ? '' : `${(agent.cpuMs / 1000).toFixed(2)} s`,
    agent.rssBytes === undefined ? '' : `${(agent.rssBytes / 1e6).toFixed(0)} MB`,
    String(agent.complaints),
    ...(rests ? [atRest(agent.rest)] : []),
  ])
  const head = ['agent', '', 'ready after', 'CPU', 'memory', 'warnings', ...(rests ? ['at rest'] : [])]
  return table([head, ...rows], [0, 1])
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

function atRest(rest: RestReport | undefined): string {
  if (rest === undefined) return ''
  const { lines, readinessChanges } = rest
  return `${lines} lines, ${readinessChanges} changes of readiness in ${(rest.ms / 1000).toFixed(0)} s`
}

function acted(span: ScenarioReport['agentActed']): string {
  return span === undefined ? 'not at all' : `+${span.firstMs.toFixed(0)} … +${span.lastMs.toFixed(0)} ms`
}

function ms(value: number): string {
  return `${value.toFixed(value < 10 ? 1 : 0)} ms`
}
