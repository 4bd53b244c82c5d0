/**
 * A real `vtepd run` in a network namespace, as its supervisor sees it: log events, exit status, files. It is ended when
 * the test ends. Must not: look into the agent; what it did is read from the kernel.
 */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { witness } from './cut-off.ts'
import { type LinedProcess, startLined } from './lined-process.ts'
import type { Netns, Scope } from './netns.ts'

/** The built command. */
export const ENTRY = path.resolve(import.meta.dirname, '../../dist/bin/vtepd.js')

export interface LogLine {
  readonly event: string
  readonly msg: string
  readonly level: string
  readonly monotonicMs: number
  readonly [field: string]: unknown
}

export interface AgentProcess {
  readonly pid: number
  readonly lines: readonly LogLine[]
  /** The next line, from line `from` on, with this event that `matches`; rejects with the log when it does not come. */
  until(event: string, matches?: (line: LogLine) => boolean, from?: number): Promise<LogLine>
  /** Resolves with the exit status; null when a signal ended it. */
  readonly ended: Promise<number | null>
  kill(signal: NodeJS.Signals): void
}

export interface AgentFolder {
  readonly path: string
  /** Flags that name the files of this agent, and the node name in the environment. */
  readonly flags: readonly string[]
}

const folders: string[] = []
process.once('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true })
})

/** When no agent lives any more that would put back what it keeps. */
export function removeAtExit(folder: string): void {
  folders.push(folder)
}

/** A folder of its own for net-conf.json and everything that the agent writes, removed at the end of this process. */
export function createAgentFolder(netConf: object): AgentFolder {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-agent-'))
  removeAtExit(folder)
  writeFileSync(path.join(folder, 'net-conf.json'), JSON.stringify(netConf))
  return {
    path: folder,
    flags: [
      `--net-config-path=${folder}/net-conf.json`,
      `--subnet-file=${folder}/subnet.env`,
      `--state-dir=${folder}/state`,
      `--run-dir=${folder}/run`,
      '--log-format=json',
      '--log-level=debug',
    ],
  }
}

/** `env`: beside NODE_NAME and the test's own. `around`: a program and its arguments, in which the command runs. */
export function startAgentProcess(
  t: Scope,
  netns: Netns,
  nodeName: string,
  flags: readonly string[],
  env: NodeJS.ProcessEnv = {},
  around: readonly string[] = [],
): AgentProcess {
  if (!existsSync(ENTRY)) throw new Error('dist/bin/vtepd.js is missing: npm run build')
  const node = [...around, process.execPath, '--max-semi-space-size=1', ENTRY, 'run', ...flags]
  const agent = startLined(t, netns, node, { from: 'stderr', env: { NODE_NAME: nodeName, ...env } })
  return witness(netns, {
    pid: agent.child.pid ?? 0,
    get lines() {
      return parsed(agent)
    },
    until: (event, matches = () => true, from = 0) =>
      agent.find(event, () => parsed(agent).find((line, at) => at >= from && line.event === event && matches(line))),
    ended: agent.ended,
    kill: (signal) => agent.child.kill(signal),
  })
}

const parsedLines = new WeakMap<LinedProcess, LogLine[]>()

function parsed(agent: LinedProcess): readonly LogLine[] {
  const lines = parsedLines.get(agent) ?? []
  parsedLines.set(agent, lines)
  for (const text of agent.lines.slice(lines.length)) lines.push(parseLine(text))
  return lines
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return { event: 'not-json', msg: text, level: 'error', monotonicMs: 0 }
  }
}
