/**
 * A real `vtepd run` in a network namespace, as its supervisor sees it: log events, exit status, files. It is ended when
 * the test ends. Must not: look into the agent; what it did is read from the kernel.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import type { Netns, Scope } from './netns.ts'

/** The built command. */
export const ENTRY = path.resolve(import.meta.dirname, '../../dist/bin/vtepd.js')

/** The longest that any event is waited for; a bound, not a measure. */
const PATIENCE_MS = 30_000

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
  const child = spawn('ip', ['netns', 'exec', netns.name, ...node], {
    env: { ...process.env, NODE_NAME: nodeName, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  t.after(async () => {
    child.kill('SIGKILL')
    await ended
  })
  const log = collect(child)
  child.on('close', () => log.end())
  return { pid: child.pid ?? 0, lines: log.lines, until: log.until, ended, kill: (signal) => child.kill(signal) }
}

function collect(child: ChildProcess) {
  const lines: LogLine[] = []
  const waiting = new Set<() => void>()
  let over = false
  const wake = (): void => {
    for (const look of [...waiting]) look()
  }
  if (child.stderr === null) throw new Error('the agent has no standard error')
  createInterface({ input: child.stderr }).on('line', (text) => {
    lines.push(parseLine(text))
    wake()
  })
  const until = (event: string, matches: (line: LogLine) => boolean = () => true, from = 0): Promise<LogLine> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const found = lines.find((line, index) => index >= from && line.event === event && matches(line))
        if (found !== undefined) finish(() => resolve(found))
        else if (over) finish(() => reject(new Error(`the agent ended without ${event}:\n${told(lines)}`)))
      }
      const timer = setTimeout(
        () => finish(() => reject(new Error(`no ${event} within ${PATIENCE_MS} ms:\n${told(lines)}`))),
        PATIENCE_MS,
      )
      const finish = (act: () => void): void => {
        clearTimeout(timer)
        waiting.delete(look)
        act()
      }
      waiting.add(look)
      look()
    })
  return {
    lines,
    until,
    end(): void {
      over = true
      wake()
    },
  }
}

function parseLine(text: string): LogLine {
  try {
    return JSON.parse(text) as LogLine
  } catch {
    return { event: 'not-json', msg: text, level: 'error', monotonicMs: 0 }
  }
}

function told(lines: readonly LogLine[]): string {
  return lines.map((line) => `${line.event} ${line.msg}`).join('\n')
}
