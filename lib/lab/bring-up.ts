/**
 * From nothing to a working overlay: fabric, API server with the Node objects, agents, prober, first matrix.
 * Must not: damage anything.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { monotonicMs } from '../host/clock.ts'
import { openRtnl } from '../rtnl/native.ts'
import type { LabPlan } from './address-plan.ts'
import { type Agents, startAgents } from './agents.ts'
import { createFabric } from './fabric.ts'
import type { MatrixResult } from './matrix.ts'
import { renderMatrix } from './matrix.ts'
import { startLabMirror } from './mirror.ts'
import { type NodeApi, startNodeApi } from './node-api.ts'
import type { LabOptions } from './options.ts'
import { matrixPairs, netnsOf, scenarioPairs } from './probe-pairs.ts'
import { startProber } from './prober-client.ts'
import { inStep, type Progress } from './progress.ts'
import { startRealNodeApi } from './real-node-api.ts'
import type { LabReport } from './report.ts'
import { checkMatrix, type Stage } from './scenario.ts'

export interface BringUp extends Stage {
  readonly times: NonNullable<LabReport['bringUp']>
  readonly matrix: MatrixResult
}

/** On the lab's own tmpfs. */
const FOLDER = '/run/vtepd-lab'
const READY_TIMEOUT_MS = 30_000
/** More for each agent: they share the machine's processors while they start. */
const READY_TIMEOUT_PER_NODE_MS = 1_500

/** `onAgents` is told of the agents as soon as they run, so that a failure's report has them. Rejects with LabError. */
export async function bringUp(
  plan: LabPlan,
  options: LabOptions,
  progress: Progress,
  onAgents: (agents: Agents) => void,
): Promise<BringUp> {
  const nodes = plan.nodes.length
  const begunMs = monotonicMs()
  const fabric = await inStep(progress, 'network', async (step) => {
    const value = await createFabric(plan, openRtnl, (standing) => step.update(`${standing} of ${nodes} nodes`))
    const pods = plan.nodes.flatMap((node) => node.pods).length
    return { value, good: true, detail: `${nodes} nodes, ${pods} pods, ${elapsed(begunMs)}` }
  })
  const fabricMs = monotonicMs() - begunMs
  const api = await inStep(progress, 'API server', async () => {
    const value = await startApi(plan, options)
    return { value, good: true, detail: `${options.kube}, ${value.url}, ${nodes} Node objects` }
  })

  const agentsMs = monotonicMs()
  const onLine = (node: string, line: string): void => {
    if (options.verbose) progress.print([progress.style.faint(`  ${node}  ${line}`)])
  }
  const { pinDevice, agentProgram, confined, claims } = options
  const { kubeconfig } = api
  if (claims === 'objects')
    await inStep(progress, 'mirror', async () => {
      await startMirror(kubeconfig, (line) => onLine('mirror', line))
      return { value: undefined, good: true, detail: 'writes the claims' }
    })
  const agents = startAgents({
    plan,
    folder: FOLDER,
    kubeconfig,
    pinDevice,
    program: agentProgram,
    confined,
    claims,
    now: monotonicMs,
    onLine,
  })
  onAgents(agents)
  await inStep(progress, 'agents', async (step) => {
    const timeoutMs = READY_TIMEOUT_MS + nodes * READY_TIMEOUT_PER_NODE_MS
    await agents.waitReady(timeoutMs, (ready) => step.update(`${ready} of ${nodes} are ready`))
    return { value: undefined, good: true, detail: `${nodes} are ready after ${elapsed(agentsMs)}` }
  })
  const readyMs = monotonicMs() - agentsMs

  const prober = startProber()
  await inStep(progress, 'probes', async (step) => {
    const netns = netnsOf([
      ...matrixPairs(plan),
      ...plan.nodes.slice(0, 1).flatMap((node) => scenarioPairs(plan, node)),
    ])
    step.update(`opening sockets in ${netns.length} namespaces`)
    await prober.ask({ op: 'open', netns, families: plan.families })
    return { value: undefined, good: true, detail: `sockets in ${netns.length} namespaces` }
  })
  const matrix = await inStep(progress, 'every pod to every pod', async (step) => {
    step.update(`${matrixPairs(plan).length} pairs`)
    const value = await Promise.race([checkMatrix({ fabric, prober }), agents.failed])
    return { value, good: value.reached === value.pairs, detail: `${value.reached} of ${value.pairs} pairs reached` }
  })
  progress.print(renderMatrix(matrix).map((line) => `    ${line}`))
  const { cells: _, ...totals } = matrix
  return { fabric, api, agents, prober, asked: options, matrix, times: { fabricMs, readyMs, matrix: totals } }
}

function startApi(plan: LabPlan, { kube, kubePrograms, claims }: LabOptions): Promise<NodeApi> {
  const objects = claims === 'objects'
  return kube === 'real' ? startRealNodeApi(plan, `${FOLDER}/kube`, kubePrograms, objects) : startNodeApi(plan, objects)
}

function startMirror(kubeconfig: string, onLine: (line: string) => void): Promise<void> {
  const file = path.join(FOLDER, 'mirror-kubeconfig')
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(file, kubeconfig, { mode: 0o600 })
  return startLabMirror(file, onLine)
}

function elapsed(sinceMs: number): string {
  return `${((monotonicMs() - sinceMs) / 1000).toFixed(2)} s`
}
