/**
 * `vtepd lab` from bring-up to summary, inside its namespaces. Owns the order of things and the exit status.
 * Must not: run outside (lib/lab/isolation); clean up: the namespaces die with this process.
 */

import { setTimeout as delay } from 'node:timers/promises'
import { monotonicMs } from '../host/clock.ts'
import { errorOutput, output, writeJson } from '../host/output.ts'
import { printable } from '../util/printable.ts'
import { planLab } from './address-plan.ts'
import { type Agents, logOf } from './agents.ts'
import { type BringUp, bringUp } from './bring-up.ts'
import { type Inside, onToldToEnd } from './isolation.ts'
import { LabError } from './lab-error.ts'
import { renderLookAround } from './look-around.ts'
import type { LabOptions } from './options.ts'
import { writePictures } from './picture/files.ts'
import { readProcessUsage } from './process-usage.ts'
import { createProgress, inStep, type Progress } from './progress.ts'
import { type AgentReport, isHealed, isOk, type LabReport, type RestReport, type ScenarioReport } from './report.ts'
import { beginRest } from './rest.ts'
import { playScenario, type Stage } from './scenario.ts'
import { renderScenarioStory, renderSummary } from './summary.ts'

/** What is known so far; a lab that ends early reports this much. */
interface Findings {
  stage: BringUp | undefined
  agents: Agents | undefined
  readonly scenarios: ScenarioReport[]
  /** An agent each, in order. */
  rests: readonly RestReport[]
  /** Of the agent whose pods stayed silent. */
  log: readonly string[]
}

/** Resolves with the exit status: 0 when all is well, 1 when not, 128 + signal when it was interrupted. */
export async function runLab(options: LabOptions, inside: Inside): Promise<number> {
  const begunMs = monotonicMs()
  const progress = createProgress(options.json ? errorOutput : output)
  const findings: Findings = { stage: undefined, agents: undefined, scenarios: [], rests: [], log: [] }
  const told = new Promise<number>((resolve) => onToldToEnd(resolve))
  const work = playAll(options, progress, findings).catch((error: unknown) => ({ error }))
  const outcome = await Promise.race([told, work])
  if (typeof outcome === 'number') {
    progress.abandon()
    progress.print(['interrupted'])
    return outcome
  }
  const report = makeReport(options, findings, outcome?.error, monotonicMs() - begunMs)
  progress.print(renderSummary(report, progress.style))
  const drawn = draw(report, options, progress)
  if (options.json) writeJson(report, 2)
  if (options.keep && findings.stage !== undefined) {
    progress.print(renderLookAround(findings.stage.fabric.plan, inside))
    findings.stage.agents.failed.catch((error: unknown) => progress.print([errorLine(error)]))
    await told
  }
  return report.ok && drawn ? 0 : 1
}

/** false: a file that was asked for could not be written. */
function draw(report: LabReport, options: LabOptions, { print, style }: Progress): boolean {
  try {
    print(writePictures(report, options).map((file) => `wrote ${printable(file)}`))
    return true
  } catch (error) {
    print([style.bad(printable(errorLine(error)))])
    return false
  }
}

async function playAll(options: LabOptions, progress: Progress, findings: Findings): Promise<undefined> {
  const onAgents = (agents: Agents): void => {
    findings.agents = agents
  }
  const stage = await bringUp(planLab(options), options, progress, onAgents)
  findings.stage = stage
  const silent = stage.matrix.cells.find((cell) => cell.arrived === 0)
  if (silent !== undefined) findings.log = logOf(stage.agents.all, silent.node)
  for (const name of options.scenarios) {
    const report = await playOne(name, stage, progress)
    findings.scenarios.push(report)
    if (!isHealed(report)) findings.log = logOf(stage.agents.all, report.node)
  }
  if (options.restSeconds > 0) findings.rests = await rest(options.restSeconds * 1000, stage.agents, progress)
}

async function rest(ms: number, agents: Agents, progress: Progress): Promise<readonly RestReport[]> {
  return await inStep(progress, 'rest', async (step) => {
    step.update(`${ms / 1000} s in which nothing is disturbed`)
    const end = beginRest(agents.all, monotonicMs())
    await Promise.race([delay(ms), agents.failed])
    const value = end(ms)
    const most = Math.max(...value.map(({ lines }) => lines))
    const changes = value.reduce((sum, { readinessChanges }) => sum + readinessChanges, 0)
    const detail = `${ms / 1000} s: at most ${most} lines of an agent, ${changes} changes of readiness`
    return { value, good: changes === 0, detail }
  })
}

async function playOne(
  name: LabOptions['scenarios'][number],
  stage: Stage,
  progress: Progress,
): Promise<ScenarioReport> {
  const [victim] = stage.fabric.plan.nodes
  if (victim === undefined) throw new LabError('the lab has no nodes')
  const report = await inStep(progress, `${victim.name}: ${name}`, async (step) => {
    const played = playScenario(name, victim, stage, (text) => step.update(text))
    const found = await Promise.race([played, stage.agents.failed])
    const { reached, pairs } = found.matrix
    return { value: found, good: isHealed(found), detail: `${reached} of ${pairs} pairs reached` }
  })
  progress.print(renderScenarioStory(report, progress.style))
  return report
}

function makeReport(options: LabOptions, findings: Findings, failure: unknown, totalMs: number): LabReport {
  const { stage } = findings
  const { json: _json, verbose: _verbose, keep: _keep, html: _html, svg: _svg, ...shown } = options
  const report = {
    error: failure === undefined ? undefined : errorLine(failure),
    log: failure instanceof LabError ? failure.log : findings.log,
    options: shown,
    bringUp: stage?.times,
    cells: stage?.matrix.cells ?? [],
    scenarios: findings.scenarios,
    agents: agentReports(findings),
    totalMs,
  }
  return { ok: isOk(report), ...report }
}

function agentReports({ agents, rests }: Findings): AgentReport[] {
  return (agents?.all ?? []).map((agent, index) => {
    const usage = agent.running ? readProcessUsage(agent.pid) : undefined
    return {
      node: agent.node,
      running: agent.running,
      readyAfterMs: agent.readyMs === undefined ? undefined : agent.readyMs - agent.startedMs,
      cpuMs: usage?.cpuMs,
      rssBytes: usage?.rssBytes,
      complaints: agent.events.filter((event) => event.level === 'warn' || event.level === 'error').length,
      rest: rests[index],
    }
  })
}

/** One line with the causes; the stack too where the error is no expected one. */
function errorLine(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : ''
  const expected = error instanceof LabError || 'code' in error
  return expected ? `${error.message}${cause}` : (error.stack ?? error.message)
}
