/**
 * A real `vtepd run` in a namespace: its log events, what it uses, its end. Must not: look into it, or start one that is
 * not built (npm run bench builds first).
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { type ProcessUsage, readProcessUsage } from '../../lib/lab/process-usage.ts'
import type { Family } from '../../lib/net/ip.ts'
import type { Scope } from '../../test/support/netns.ts'
import { CIDRS } from './cluster.ts'
import { UNDERLAY_IFNAME } from './ground.ts'

/** As the first line of the built command has them. */
export const NODE_FLAGS: readonly string[] = ['--max-semi-space-size=1']

export const ENTRY = path.resolve(import.meta.dirname, '../../dist/bin/vtepd.js')
/** A bound, not a measure. */
const PATIENCE_MS = 180_000

export interface LoggedEvent {
  readonly event: string
  readonly msg: string
  /** CLOCK_MONOTONIC, comparable with process.hrtime of every process here. */
  readonly monotonicMs: number
  readonly [field: string]: unknown
}

export interface BenchAgent {
  readonly pid: number
  /** CLOCK_MONOTONIC in milliseconds. */
  readonly startedMs: number
  /** All that it has logged so far, oldest first. */
  readonly events: readonly LoggedEvent[]
  /** The first event that `matches`, of those from now on or, with `ever`, of all; rejects when the agent ends or is too late. */
  until(matches: (event: LoggedEvent) => boolean, from?: 'now' | 'ever'): Promise<LoggedEvent>
  /** undefined: it has ended. */
  usage(): ProcessUsage | undefined
  /** The most that it had resident so far; 0: it has ended. */
  peakRssBytes(): number
  stop(): Promise<void>
  /** As systemd ends it. */
  end(): Promise<void>
}

export interface BenchAgentOptions {
  readonly scope: Scope
  /** Path of the namespace. */
  readonly netns: string
  readonly families: readonly Family[]
  readonly nodeName: string
  /** For its files. */
  readonly folder: string
  /** Where it learns of its peers: --leases=FILE or --kubeconfig-file=FILE. */
  readonly source: string
  /** In net-conf, beside the backend's type. */
  readonly backend?: object
  /** More for `vtepd run`. */
  readonly flags?: readonly string[]
  /** What stands before `run`; default: this Node and what was built last. */
  readonly command?: readonly string[]
}

export function startBenchAgent(options: BenchAgentOptions): BenchAgent {
  const child = spawn('nsenter', [`--net=${options.netns}`, '--', ...commandOf(options)], {
    env: { PATH: process.env.PATH, HOME: process.env.HOME, NODE_NAME: options.nodeName },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const startedMs = Number(process.hrtime.bigint()) / 1e6
  const events: LoggedEvent[] = []
  const waiting = new Set<() => void>()
  let over = false
  const wake = (): void => {
    for (const look of [...waiting]) look()
  }
  createInterface({ input: child.stderr }).on('line', (line) => {
    events.push(parseEvent(line))
    wake()
  })
  const ended = new Promise<void>((resolve) =>
    child.on('close', () => {
      over = true
      wake()
      resolve()
    }),
  )
  const stop = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  options.scope.after(stop)
  return {
    pid: child.pid ?? 0,
    startedMs,
    events,
    until: (matches, from = 'ever') =>
      new Promise((resolve, reject) => {
        let next = from === 'ever' ? 0 : events.length
        const finish = (act: () => void): void => {
          clearTimeout(timer)
          waiting.delete(look)
          act()
        }
        const look = (): void => {
          const found = events.slice(next).find(matches)
          next = events.length
          if (found !== undefined) finish(() => resolve(found))
          else if (over) finish(() => reject(new Error(`${options.nodeName} ended:\n${lastOf(events)}`)))
        }
        const timer = setTimeout(
          () => finish(() => reject(new Error(`${options.nodeName} did not say it in time:\n${lastOf(events)}`))),
          PATIENCE_MS,
        )
        waiting.add(look)
        look()
      }),
    usage: () => readProcessUsage(child.pid ?? 0),
    peakRssBytes: () => peakRssBytes(child.pid ?? 0),
    stop,
    async end() {
      child.kill('SIGTERM')
      await ended
    },
  }
}

function commandOf(options: BenchAgentOptions): string[] {
  const { families, folder, source, backend, flags = [], command = [process.execPath, ...NODE_FLAGS, ENTRY] } = options
  mkdirSync(folder, { recursive: true })
  writeFileSync(path.join(folder, 'net-conf.json'), JSON.stringify(netConfOf(families, backend)))
  return [
    ...command,
    'run',
    source,
    `--iface=${UNDERLAY_IFNAME}`,
    `--net-config-path=${folder}/net-conf.json`,
    `--subnet-file=${folder}/subnet.env`,
    `--state-dir=${folder}/state`,
    `--run-dir=${folder}/run`,
    '--log-format=json',
    ...flags,
  ]
}

/** Of net-conf.json, for vtepd and flanneld alike; `backend`: more of it than its type. */
export function netConfOf(families: readonly Family[], backend: object = {}): object {
  const network = (family: Family): string | undefined => (families.includes(family) ? CIDRS[family] : undefined)
  return {
    EnableIPv4: families.includes('ipv4'),
    EnableIPv6: families.includes('ipv6'),
    Network: network('ipv4'),
    IPv6Network: network('ipv6'),
    Backend: { Type: 'vxlan', ...backend },
  }
}

function parseEvent(line: string): LoggedEvent {
  try {
    return JSON.parse(line) as LoggedEvent
  } catch {
    return { event: 'not-json', msg: line, monotonicMs: 0 }
  }
}

function peakRssBytes(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}

function lastOf(events: readonly LoggedEvent[]): string {
  return events
    .slice(-12)
    .map(({ event, msg }) => `  ${event}: ${msg}`)
    .join('\n')
}
