/**
 * What a lab found: the document of `--json`. Pure.
 * Must not: measure; `ok` is computed here, and it alone decides the exit status.
 */
import type { Family, Ip } from '../net/ip.ts'
import type { LostRun, Outage } from './gaps.ts'
import type { MatrixCell, MatrixResult } from './matrix.ts'
import type { LabOptions, ScenarioName } from './options.ts'
import type { ProbePair } from './probe-pairs.ts'
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

/** A probed direction that lost something, or had it late. */
export interface PairSilence {
  readonly layer: ProbePair['layer']
  readonly family: Family
  /** Names of namespaces. */
  readonly from: string
  readonly to: string
  /** Milliseconds after the disturbance. */
  readonly runs: readonly LostRun[]
}

/** What the node's agent held of a device, until its next word about it. */
export interface DeviceState {
  /** Milliseconds after the disturbance; below 0 for the state before it. */
  readonly atMs: number
  readonly device: string
  readonly state: string
}

export interface StepReport {
  readonly title: string
  /** Milliseconds after the disturbance. */
  readonly fromMs: number
  readonly outages: readonly FamilyOutage[]
}

export interface ScenarioReport {
  readonly name: ScenarioName
  readonly title: string
  readonly node: string
  readonly outages: readonly FamilyOutage[]
  /** Of a scenario that damages in steps: what each cost, until the next began. */
  readonly steps: readonly StepReport[]
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
  readonly silences: readonly PairSilence[]
  readonly states: readonly DeviceState[]
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
  readonly options: Omit<LabOptions, 'json' | 'verbose' | 'keep' | 'html' | 'svg'>
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

function isWhole(matrix: Omit<MatrixResult, 'cells'>): boolean {
  return matrix.pairs > 0 && matrix.reached === matrix.pairs
}
