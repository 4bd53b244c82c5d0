/**
 * A node to be damaged: a namespace with an uplink, a management interface on it, somebody else's things beside, and a
 * real agent. Owns building, damaging by iproute2 and waiting until everything is right again.
 * Must not: use vtepd's netlink code, nor look into the agent.
 */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import {
  type AgentFolder,
  type AgentProcess,
  createAgentFolder,
  startAgentProcess,
} from '../../../support/agent-process.ts'
import { createNetns, type Netns, type Scope } from '../../../support/netns.ts'
import { patience } from '../../../support/patience.ts'
import {
  deviceName,
  type Expected,
  expectedAtFirst,
  expectedSubnetEnv,
  expectedTables,
  type Family,
  type FamilyTables,
  leasesFile,
  netConf,
} from './cluster.ts'
import { type KernelEvents, watchKernel } from './kernel-events.ts'
import {
  addForeign,
  disableIpv6,
  FOREIGN_ROUTES,
  type ParentNature,
  type ParentOptions,
  parentLines,
  readForeign,
  runLines,
  UPLINK,
} from './surroundings.ts'
import { readTables } from './tables.ts'

/** The longest that anything is waited for; a bound, not a measure. */
const PATIENCE_MS = patience(20_000)
/** Sysctls and files are announced nowhere: looked at this often at least. */
const LOOK_MS = patience(100)

export interface HostOptions extends ParentNature {
  readonly families: readonly Family[]
  readonly pinned?: boolean
  /** Default 5. */
  readonly peers?: number
  /** Our own number, default 1. */
  readonly own?: number
  /** A namespace that exists already and has an uplink eth0; default: a new one. */
  readonly netns?: Netns
  /** How the agent chooses its interface; default `--iface=mgmt0`. */
  readonly choice?: readonly string[]
  readonly backend?: object
  /** A host as with `ipv6.disable=1`, as far as a namespace can be one. */
  readonly withoutIpv6?: boolean
  /** Flags that say where the leases come from; default: a file that `expected` is written to. */
  readonly leases?: readonly string[]
  /** The test adds routes of its own to the main table: those of other links are not compared. */
  readonly crowded?: boolean
}

export interface Host {
  readonly netns: Netns
  readonly events: KernelEvents
  readonly folder: AgentFolder
  readonly agent: AgentProcess
  expected: Expected
  /** One `ip` command a line, in one process, so that nothing comes between; rejects when one of them fails. */
  ip(...lines: string[]): Promise<void>
  bridge(line: string): Promise<void>
  /** Does something while the agent stands still, as on a busy machine: it would be done before the second step. */
  whileFrozen(work: () => Promise<void>): Promise<void>
  /** Builds the management interface with its addresses. */
  buildParent(options?: ParentOptions): Promise<void>
  /** Expects something else of the peers, and rewrites the leases file accordingly, as a rename. */
  setPeers(change: Partial<Pick<Expected, 'peers' | 'moved'>>): void
  /** Starts an agent, or another one after the first has ended. */
  start(...flags: string[]): void
  read(): Promise<HostState>
  /** Waits until device, tables and subnet.env are as `expected` says; fails with the difference and the agent's log. */
  right(): Promise<void>
  /** As `right`, and then that the agent says so. */
  ready(): Promise<void>
}

export interface HostState {
  readonly tables: Partial<Record<Family, FamilyTables>>
  readonly subnetEnv: string
  readonly foreign: readonly string[]
}

export async function createHost(test: Scope, options: HostOptions): Promise<Host> {
  const t = lastFirst(test)
  const { families, pinned = false, peers = 5 } = options
  const netns = options.netns ?? (await createNetns(t, 'heal'))
  const events = await watchKernel(netns.name)
  t.after(() => events.close())
  const folder = createAgentFolder(netConf(families, options.backend))
  const leases = path.join(folder.path, 'leases.json')
  const choice = options.choice ?? ['--iface=mgmt0']
  let agent: AgentProcess | undefined

  const ip = (...lines: string[]): Promise<void> => runLines('ip', netns.name, lines)
  const host: Host = {
    netns,
    events,
    folder,
    expected: expectedAtFirst({ families, own: options.own ?? 1, peers, pinned }),
    get agent() {
      if (agent === undefined) throw new Error('no agent was started')
      return agent
    },
    ip,
    bridge: (line) => runLines('bridge', netns.name, [line]),
    async whileFrozen(work) {
      host.agent.kill('SIGSTOP')
      while (!isFrozen(host.agent.pid)) await nextTurn()
      try {
        await work()
      } finally {
        host.agent.kill('SIGCONT')
      }
    },
    buildParent: (parent = {}) => ip(...parentLines(options, host.expected, parent)),
    setPeers(change) {
      host.expected = { ...host.expected, ...change }
      writeFileSync(`${leases}.new`, leasesFile(host.expected))
      renameSync(`${leases}.new`, leases)
    },
    start(...flags) {
      const pin = pinned ? ['--pin-device'] : []
      const source = options.leases ?? [`--leases=${leases}`]
      // The packet filter has tests of its own; here it would be two families' programs at each of a hundred starts.
      const words = [...folder.flags, '--firewall=none', ...source, ...choice, ...pin, ...flags]
      agent = startAgentProcess(t, netns, 'us', words)
    },
    read: () => readHost(host, options.crowded === true),
    right: () => untilRight(host, options.crowded === true, () => agent),
    async ready() {
      await host.right()
      const said = (event: string): number => host.agent.lines.findLastIndex((line) => line.event === event)
      if (said('agent.not-ready') >= said('agent.ready'))
        await host.agent.until('agent.ready', () => true, Math.max(0, said('agent.not-ready')))
    },
  }
  host.setPeers({})
  if (options.withoutIpv6 === true) await disableIpv6(netns)
  if (options.netns === undefined) await ip(...UPLINK)
  await addForeign(netns, options.withoutIpv6 !== true)
  foreignOf.set(host, await readForeign(netns.name))
  return host
}

/** The agent ends before its folder and its namespace do. */
function lastFirst(scope: Scope): Scope {
  const finishers: (() => unknown)[] = []
  scope.after(async () => {
    for (const finish of finishers.reverse()) await finish()
  })
  return { after: (finish) => void finishers.push(finish) }
}

/** A host whose agent has made everything right once. */
export async function createHealthyHost(t: Scope, options: HostOptions): Promise<Host> {
  const host = await createHost(t, options)
  await host.buildParent()
  host.start()
  await host.ready()
  return host
}

/** Every thread has stopped: proc(5), the field after the name in parentheses. */
function isFrozen(pid: number): boolean {
  const tasks = readdirSync(`/proc/${pid}/task`)
  return tasks.every((task) => /\) T /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8')))
}

const foreignOf = new WeakMap<Host, readonly string[]>()

async function readHost(host: Host, crowded: boolean): Promise<HostState> {
  const { families, underlay } = host.expected
  const compared = families.filter((family) => underlay[family] !== undefined)
  const [foreign, ...tables] = await Promise.all([
    readForeign(host.netns.name),
    ...compared.map(async (family) => {
      const { routes, ...rest } = await readTables(host.netns.name, family)
      return {
        ...rest,
        routes: crowded ? routes.filter((line) => line.includes(` dev ${deviceName(family)} `)) : routes,
      }
    }),
  ])
  const byFamily = Object.fromEntries(compared.map((family, i) => [family, tables[i]]))
  return { tables: byFamily, subnetEnv: readSubnetEnv(host), foreign }
}

function readSubnetEnv({ folder }: Host): string {
  try {
    return readFileSync(path.join(folder.path, 'subnet.env'), 'utf8')
  } catch {
    return 'absent'
  }
}

function expectedState(host: Host, crowded: boolean): HostState {
  const { expected } = host
  const compared = expected.families.filter((family) => expected.underlay[family] !== undefined)
  const tables = Object.fromEntries(
    compared.map((family) => {
      const table = expectedTables(expected, family)
      return [family, crowded ? table : { ...table, routes: [...table.routes, FOREIGN_ROUTES[family]].sort() }]
    }),
  )
  return { tables, subnetEnv: expectedSubnetEnv(expected), foreign: foreignOf.get(host) ?? [] }
}

async function untilRight(host: Host, crowded: boolean, agent: () => AgentProcess | undefined): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const seen = host.events.lines.length
    const actual = await host.read()
    const expected = expectedState(host, crowded)
    if (isDeepStrictEqual(actual, expected)) return
    if (performance.now() > deadline) throw new Error(difference(actual, expected, agent()))
    await host.events.more(seen, LOOK_MS)
  }
}

function difference(actual: HostState, expected: HostState, agent: AgentProcess | undefined): string {
  const told = (agent?.lines ?? []).slice(-40).map(({ event, msg, monotonicMs }) => `${monotonicMs} ${event} ${msg}`)
  try {
    assert.deepEqual(actual, expected)
    return 'no difference'
  } catch (error) {
    return `not right after ${PATIENCE_MS} ms: ${(error as Error).message}\n${told.join('\n')}`
  }
}
