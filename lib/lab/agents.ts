/**
 * The agents of the lab: one real `vtepd run` per node, in the node's namespace. Owns their processes and their logs.
 * Must not: start one again that ended by itself: that is the lab's failure.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { LabPlan, NodePlan } from './address-plan.ts'
import { netnsPath } from './address-plan.ts'
import { type AgentEvent, parseAgentLine, renderAgentEvent } from './agent-log.ts'
import { behindWalls } from './agent-walls.ts'
import { LabError } from './lab-error.ts'
import type { LabClaims } from './options.ts'
import { ownCommand } from './own-command.ts'
import { becomesTrue } from './waiting.ts'

export interface LabAgent {
  readonly node: string
  /** Of its last start; in the lab's PID namespace. */
  readonly pid: number
  readonly startedMs: number
  /** When it said agent.ready, after its last start; CLOCK_MONOTONIC. */
  readonly readyMs: number | undefined
  readonly running: boolean
  /** Everything it logged, oldest first; bounded. */
  readonly events: readonly AgentEvent[]
  /** As it came, rendered for people, the newest last; bounded. */
  readonly lines: readonly string[]
  /** All that it wrote since the lab began, dropped ones too. */
  readonly lineCount: number
}

export interface Agents {
  readonly all: readonly LabAgent[]
  /** Rejects with LabError as soon as an agent ends; never resolves. */
  readonly failed: Promise<never>
  /** Resolves when every agent is ready; rejects with LabError that shows the log of one that is not. */
  waitReady(timeoutMs: number, onProgress: (ready: number) => void): Promise<void>
  /**
   * Ends the node's agent with SIGTERM and starts the next one; resolves when that one runs. `mayAnnounce` false: without
   * CAP_NET_RAW. Default true.
   */
  restart(node: string, mayAnnounce?: boolean): Promise<void>
}

export interface AgentParts {
  readonly plan: LabPlan
  /** Receives kubeconfig, net-conf.json and a folder a node; lies on the lab's own tmpfs. */
  readonly folder: string
  readonly kubeconfig: string
  readonly pinDevice: boolean
  /** Of the agents; undefined: this very command. */
  readonly program: string | undefined
  readonly confined: boolean
  readonly claims: LabClaims
  readonly now: () => number
  /** Each log line as it comes, for --verbose. */
  readonly onLine: (node: string, line: string) => void
}

/** What a failure shows of the log of the agent at fault. */
function lastLines(agent: LabAgent | undefined): readonly string[] {
  return agent?.lines.slice(-SHOWN_LINES) ?? []
}

/** The same of the agent of this node. */
export function logOf(all: readonly LabAgent[], node: string): readonly string[] {
  return lastLines(all.find((agent) => agent.node === node))
}

const SHOWN_LINES = 15
const KEPT_LINES = 200
const KEPT_EVENTS = 10_000
/** What an agent gets of the lab's environment. FLANNELD_* and proxy settings of the user stay out. */
const PASSED_ENVIRONMENT = ['PATH', 'HOME', 'TMPDIR', 'VTEPD_NATIVE_DIR', 'NODE_V8_COVERAGE']

/** Writes the agents' files and starts them all. */
export function startAgents(parts: AgentParts): Agents {
  const files = writeFiles(parts)
  let fail: (error: LabError) => void = () => {}
  const failed = new Promise<never>((_, reject) => {
    fail = reject
  })
  // Nobody may be waiting at the moment when an agent ends; the next who waits learns of it.
  failed.catch(() => {})
  const running = parts.plan.nodes.map((node) => startAgent(node, files, parts, fail))
  const all = running.map(({ agent }) => agent)
  return {
    all,
    failed,
    async restart(node, mayAnnounce = true) {
      const one = running.find(({ agent }) => agent.node === node)
      if (one === undefined) throw new LabError(`there is no node ${node}`)
      await Promise.race([one.restart(mayAnnounce), failed])
    },
    async waitReady(timeoutMs, onProgress) {
      const readyCount = (): number => all.filter((agent) => agent.readyMs !== undefined).length
      const check = (): boolean => {
        const ready = readyCount()
        onProgress(ready)
        return ready === all.length
      }
      const late = (): LabError => {
        const waiting = all.filter((agent) => agent.readyMs === undefined)
        const names = waiting.map((agent) => agent.node).join(', ')
        return new LabError(`after ${timeoutMs / 1000} s these agents are not ready: ${names}`, {
          log: lastLines(waiting[0]),
        })
      }
      if (!(await Promise.race([becomesTrue(check, timeoutMs), failed]))) throw late()
    },
  }
}

interface AgentFiles {
  readonly kubeconfig: string
  readonly netConf: string
}

function writeFiles(parts: AgentParts): AgentFiles {
  mkdirSync(parts.folder, { recursive: true })
  const kubeconfig = path.join(parts.folder, 'kubeconfig')
  const netConf = path.join(parts.folder, 'net-conf.json')
  writeFileSync(kubeconfig, parts.kubeconfig, { mode: 0o600 })
  writeFileSync(netConf, `${JSON.stringify(netConfOf(parts.plan), null, 2)}\n`)
  return { kubeconfig, netConf }
}

/** net-conf.json as flannel reads it (flannel-contract 1). */
export function netConfOf(plan: LabPlan): Record<string, unknown> {
  const network = (family: 'ipv4' | 'ipv6') => plan.networks[plan.families.indexOf(family)]
  return {
    EnableIPv4: plan.families.includes('ipv4'),
    EnableIPv6: plan.families.includes('ipv6'),
    ...(network('ipv4') === undefined ? {} : { Network: network('ipv4') }),
    ...(network('ipv6') === undefined ? {} : { IPv6Network: network('ipv6') }),
    Backend: { Type: plan.backend },
  }
}

function agentFlags(folder: string, files: AgentFiles, parts: AgentParts): string[] {
  mkdirSync(folder, { recursive: true })
  return [
    ['--kubeconfig-file', files.kubeconfig],
    ['--net-config-path', files.netConf],
    ['--iface', 'mgmt0'],
    ['--subnet-file', path.join(folder, 'subnet.env')],
    ['--healthz-port', '0'],
    ['--state-dir', path.join(folder, 'state')],
    ['--run-dir', path.join(folder, 'run')],
    ['--log-format', 'json'],
    ['--claims', parts.claims],
    parts.pinDevice ? ['--pin-device'] : [],
  ].flat()
}

interface RunningAgent {
  readonly agent: LabAgent
  restart(mayAnnounce: boolean): Promise<void>
}

function startAgent(
  node: NodePlan,
  files: AgentFiles,
  parts: AgentParts,
  fail: (error: LabError) => void,
): RunningAgent {
  const folder = path.join(parts.folder, node.name)
  const words = ['run', ...agentFlags(folder, files, parts)]
  const command = parts.program === undefined ? ownCommand(words) : [parts.program, ...words]
  const walls = { netns: netnsPath(node.name), folder, confined: parts.confined }
  const agent = {
    node: node.name,
    pid: 0,
    startedMs: 0,
    readyMs: undefined as number | undefined,
    running: false,
    events: [] as AgentEvent[],
    lines: [] as string[],
    lineCount: 0,
  }
  /** Called when the process that was asked to end has ended. */
  let onEnd: (() => void) | undefined
  const onLine = (line: string): void => {
    agent.lineCount += 1
    const event = parseAgentLine(node.name, line)
    if (event?.event === 'agent.ready') agent.readyMs ??= event.atMs
    if (event !== undefined && agent.events.push(event) > KEPT_EVENTS) agent.events.shift()
    const text = event === undefined ? line : renderAgentEvent(event)
    if (agent.lines.push(text) > KEPT_LINES) agent.lines.shift()
    parts.onLine(node.name, text)
  }
  const launch = (mayAnnounce: boolean): void => {
    const [program, ...args] = behindWalls({ ...walls, mayAnnounce }, command)
    // The walls become the agent (exec), so the child's PID is the agent's. A session of its own: Ctrl-C is the lab's.
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      env: environmentOf(node.name),
    })
    Object.assign(agent, { pid: child.pid ?? 0, startedMs: parts.now(), readyMs: undefined, running: true })
    createInterface({ input: child.stderr }).on('line', onLine)
    createInterface({ input: child.stdout }).on('line', onLine)
    child.on('error', (error) => fail(new LabError(`the agent of ${node.name} could not be started: ${error.message}`)))
    // 'close', not 'exit': by then its last lines have been read.
    child.on('close', (code, signal) => {
      agent.running = false
      if (onEnd !== undefined && code === 0) return onEnd()
      const log = lastLines(agent)
      const how = onEnd === undefined ? 'by itself' : 'in disorder'
      fail(new LabError(`the agent of ${node.name} ended ${how} (${signal ?? `exit status ${code}`})`, { log }))
    })
  }
  launch(true)
  return {
    agent,
    async restart(mayAnnounce) {
      await new Promise<void>((resolve) => {
        onEnd = resolve
        process.kill(agent.pid, 'SIGTERM')
      })
      onEnd = undefined
      launch(mayAnnounce)
    },
  }
}

function environmentOf(node: string): NodeJS.ProcessEnv {
  const passed = PASSED_ENVIRONMENT.flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return { ...Object.fromEntries(passed), NODE_NAME: node }
}
