/**
 * Plays one scenario: probes on, damage done, recovery awaited, everything told in one timeline.
 * Must not: judge; what is found goes into the report.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from '../host/clock.ts'
import type { Family } from '../net/ip.ts'
import type { LabPlan, NodePlan } from './address-plan.ts'
import { agentRows, deviceStates } from './agent-rows.ts'
import { type Agents, logOf } from './agents.ts'
import { DISTURBANCES } from './disturbances.ts'
import type { Fabric } from './fabric.ts'
import { outageOf } from './gaps.ts'
import { createKernelEvents } from './kernel-events.ts'
import { LabError } from './lab-error.ts'
import { type MatrixResult, matrixResult } from './matrix.ts'
import type { NodeApi } from './node-api.ts'
import type { LabOptions, ScenarioName } from './options.ts'
import { compareOutages } from './outages.ts'
import { bystanderPairs, matrixPairs, type ProbePair, scenarioPairs } from './probe-pairs.ts'
import type { Prober } from './prober-client.ts'
import type { PairResult } from './prober-protocol.ts'
import type { OneWayReport, ScenarioReport } from './report.ts'
import { mergeRows, pairSilences, silenceRows, type TimelineRow } from './timeline.ts'
import { becomesTrue } from './waiting.ts'

export interface Stage {
  readonly fabric: Fabric
  readonly api: NodeApi
  readonly agents: Agents
  readonly prober: Prober
  readonly asked: Pick<LabOptions, 'repeats' | 'unannouncedSeconds' | 'html'>
}

/** Probes before the damage, so that the first loss is seen. */
const BASELINE_MS = 200
/** Recovered: so many probes of every pair in a row, all sent after the last step of the damage … */
const IN_A_ROW = 75
/** … and so much time for what an agent may still do (a MAC reaches the other nodes through the API server). */
const AFTERWARDS_MS = 400
const RECOVERY_TIMEOUT_MS = 20_000
const RESTARTED_TIMEOUT_MS = 30_000
const MATRIX_TIMEOUT_MS = 20_000
/** Where the probed pairs have not recovered, only to see who else is silent. */
const HOPELESS_MATRIX_TIMEOUT_MS = 2_000
const MATRIX_PROBES = 5
/** In a larger lab the other nodes' rows would bury the victim's. */
const MOST_TOLD_NODES = 4

/** Sends probes between all pods until each pair is reached or the time is up. */
export async function checkMatrix(
  { fabric, prober }: Pick<Stage, 'fabric' | 'prober'>,
  timeoutMs = MATRIX_TIMEOUT_MS,
): Promise<MatrixResult> {
  const pairs = matrixPairs(fabric.plan)
  const results = await prober.ask({ op: 'matrix', pairs, each: MATRIX_PROBES, timeoutMs })
  return matrixResult(pairs, results)
}

/** `onPhase` hears what is going on, for the progress line. */
export async function playScenario(
  name: ScenarioName,
  node: NodePlan,
  stage: Stage,
  onPhase: (text: string) => void,
): Promise<ScenarioReport> {
  const { plan } = stage.fabric
  const both = scenarioPairs(plan, node)
  const pairs = DISTURBANCES[name].oneWay === true ? both.filter((pair) => pair.to.node === node.name) : both
  const bystanders = bystanderPairs(plan, node)
  const { rows, firstMs, steps, recovered, results, oneWay } = await damageUnderProbes(name, node, stage, onPhase, [
    ...pairs,
    ...bystanders,
  ])
  onPhase('checking every pair')
  const { cells: _, ...matrix } = await checkMatrix(stage, recovered ? MATRIX_TIMEOUT_MS : HOPELESS_MATRIX_TIMEOUT_MS)
  const heard = isTold(plan, node.name)
  const acting = agentRows(
    stage.agents.all.filter((agent) => heard(agent.node)),
    node.name,
    firstMs,
  )
  const own = acting.filter((row) => row.own && row.action).map((row) => row.atMs - firstMs)
  const told = [...rows, ...acting, ...silenceRows(pairs, results)].filter((row) => row.atMs >= firstMs - BASELINE_MS)
  return {
    name,
    title: DISTURBANCES[name].title,
    node: node.name,
    outages: compareOutages(plan.families, pairs, results),
    steps: steps.map(({ title, fromMs }, index) => ({
      title,
      fromMs: fromMs - firstMs,
      outages: compareOutages(plan.families, pairs, between(results, fromMs, steps[index + 1]?.fromMs)),
    })),
    agentActed: own.length === 0 ? undefined : { firstMs: Math.min(...own), lastMs: Math.max(...own) },
    bystandersLost: results.slice(pairs.length).reduce((sum, result) => sum + outageOf(result.runs).lost, 0),
    recovered,
    oneWay,
    matrix,
    timeline: mergeRows(told.map(({ atMs, who, text }) => ({ atMs: atMs - firstMs, who, text }))),
    silences: pairSilences(pairs, results, firstMs),
    states: deviceStates(stage.agents.all, node.name, firstMs),
  }
}

interface Damage {
  readonly rows: readonly TimelineRow[]
  /** When the first step was taken; CLOCK_MONOTONIC. */
  readonly firstMs: number
  /** Each until the next. */
  readonly steps: readonly { readonly title: string; readonly fromMs: number }[]
  readonly recovered: boolean
  readonly oneWay: OneWayReport | undefined
  readonly results: readonly PairResult[]
}

async function damageUnderProbes(
  name: ScenarioName,
  node: NodePlan,
  { fabric, api, agents, prober, asked }: Stage,
  onPhase: (text: string) => void,
  pairs: ReturnType<typeof scenarioPairs>,
): Promise<Damage> {
  const rtnl = fabric.nodeRtnl(node.name)
  const rows: TimelineRow[] = []
  let firstMs: number | undefined
  let oneWay: OneWayReport | undefined
  const note = (text: string): void => {
    const atMs = monotonicMs()
    firstMs ??= atMs
    rows.push({ atMs, who: 'lab', text })
    onPhase(text)
  }
  const answersSince = (sinceMs: number): Promise<boolean> => {
    const answering = async (): Promise<boolean> =>
      monotonicMs() - sinceMs >= AFTERWARDS_MS && (await prober.ask({ op: 'inARow', sinceMs })) >= IN_A_ROW
    return becomesTrue(answering, RECOVERY_TIMEOUT_MS)
  }
  const steps: { title: string; fromMs: number }[] = []
  const step = async (title: string, damage: () => Promise<void>): Promise<void> => {
    steps.push({ title, fromMs: monotonicMs() })
    await damage()
    onPhase('waiting until all answer again')
    if (!(await answersSince(monotonicMs())))
      throw new LabError(`${title}: some pods of ${node.name} did not answer again`, {
        log: logOf(agents.all, node.name),
      })
  }
  const watches = asked.html === undefined ? (name: string) => name === node.name : isTold(fabric.plan, node.name)
  const watched = fabric.plan.nodes.filter(({ name }) => watches(name))
  const monitors = await Promise.all(
    watched.map(({ name: one }) => watchKernel(fabric, one, one === node.name, (row) => rows.push(row))),
  )
  try {
    onPhase('probes start')
    await prober.ask({ op: 'start', pairs })
    await delay(BASELINE_MS)
    await DISTURBANCES[name].apply({
      node,
      plan: fabric.plan,
      rtnl,
      note,
      api,
      restartAgent: (mayAnnounce) => agents.restart(node.name, mayAnnounce),
      agentReady: () => agents.waitReady(RESTARTED_TIMEOUT_MS, () => {}),
      fabric,
      step,
      arrivals: (family, sinceMs) => arrivalsAt(node, family, sinceMs, pairs, prober),
      asked,
      tell: (found) => {
        oneWay = found
      },
    })
    onPhase('waiting until all answer again')
    const recovered = await answersSince(monotonicMs())
    const results = await prober.ask({ op: 'stop' })
    if (firstMs === undefined) throw new LabError(`${name} did nothing`)
    return { rows, firstMs, steps, recovered, results, oneWay }
  } finally {
    for (const monitor of monitors) monitor.close()
  }
}

/** From pods of other nodes, the first after `sinceMs` each. */
async function arrivalsAt(
  node: NodePlan,
  family: Family,
  sinceMs: number,
  pairs: readonly ProbePair[],
  prober: Prober,
): Promise<readonly (number | null)[]> {
  const all = await prober.ask({ op: 'arrivals', sinceMs })
  return all.filter((_, index) => {
    const pair = pairs[index]
    return pair?.layer === 'overlay' && pair.family === family && pair.to.node === node.name
  })
}

/** The silences that began in that time. */
function between(results: readonly PairResult[], fromMs: number, toMs = Number.POSITIVE_INFINITY): PairResult[] {
  return results.map((result) => ({
    ...result,
    runs: result.runs.filter((run) => run.fromMs >= fromMs && run.fromMs < toMs),
  }))
}

/** Whose doings are told beside the victim's. */
function isTold({ nodes }: LabPlan, victim: string): (node: string) => boolean {
  return (node) => node === victim || nodes.length <= MOST_TOLD_NODES
}

/** Our own requests are heard too: they are the damage. Rows of another node than the victim begin with its name. */
async function watchKernel(fabric: Fabric, node: string, own: boolean, onRow: (row: TimelineRow) => void) {
  const rtnl = fabric.nodeRtnl(node)
  const events = createKernelEvents((await rtnl.dumpLinks()).value)
  return rtnl.monitor({
    groups: ['link', 'address', 'neighbour', 'route'],
    families: fabric.plan.families,
    ignoreOwn: false,
    onNotifications(notifications) {
      const atMs = monotonicMs()
      for (const text of notifications.flatMap((notification) => events.describe(notification))) {
        onRow({ atMs, who: 'kernel', text: own ? text : `${node}: ${text}` })
      }
    },
  })
}
