/**
 * Our node: a namespace with an underlay, and the whole agent on its real kernel, with a lease source that the test
 * scripts. The agent runs in this process, so that a test can say what comes when. Owns waiting until the tables are
 * right, read by iproute2 alone. Must not: reach into the agent.
 */
import assert from 'node:assert/strict'
import { isDeepStrictEqual } from 'node:util'
import { type AgentCore, createAgentCore } from '../../../../lib/agent/agent-core.ts'
import { parseNetwork } from '../../../../lib/cluster/net-conf.ts'
import type { Network } from '../../../../lib/cluster/network.ts'
import { systemClock } from '../../../../lib/host/clock.ts'
import type { LeaseSource } from '../../../../lib/leases/source.ts'
import { openRtnl } from '../../../../lib/rtnl/native.ts'
import type { Rtnl } from '../../../../lib/rtnl/port.ts'
import type { UnderlayChoice } from '../../../../lib/underlay/choice.ts'
import type { Log, LogFields } from '../../../../lib/util/log.ts'
import { underlayChoice } from '../../../support/config.ts'
import { createNetns, type Netns, type Scope } from '../../../support/netns.ts'
import { patience } from '../../../support/patience.ts'
import { claimOf, type Family, netConf, UNDERLAY_LENGTH } from '../../healing/support/cluster.ts'
import { type KernelEvents, watchKernel } from '../../healing/support/kernel-events.ts'
import { runLines } from '../../healing/support/surroundings.ts'
import { readTables } from '../../healing/support/tables.ts'
import { type Lines, merged, NOTHING, OWN, type PeerNode, peer, tunnelled } from './nodes.ts'
import { createScriptedNodes, type ScriptedNodes } from './scripted-nodes.ts'

/** The longest that anything is waited for; a bound, not a measure. */
const PATIENCE_MS = patience(20_000)
const LOOK_MS = patience(100)

export interface LogEntry {
  readonly event: string
  readonly message: string
  readonly fields: LogFields
}

export interface StartOptions {
  /** Of net-conf. */
  readonly backend?: object
  /** Default: scripted Nodes, anew for each start. */
  readonly source?: (network: Network, log: Log) => LeaseSource
  /** Stands between the agent and the kernel, e.g. to count. */
  readonly wrap?: (rtnl: Rtnl) => Rtnl
  /** Default: the namespace. May throw, as the kernel makes it. */
  readonly open?: () => Rtnl
  /** A flannel that runs beside us, in words. */
  readonly rival?: () => string | undefined
  /** Default: --iface=mgmt0. */
  readonly choice?: Partial<UnderlayChoice>
  /** Default: what is contested goes at once. */
  readonly contestedStayMs?: number | undefined
}

export interface Host {
  readonly netns: Netns
  readonly families: readonly Family[]
  readonly events: KernelEvents
  /** Of all agents so far. */
  readonly log: readonly LogEntry[]
  /** Of the running agent. */
  readonly nodes: ScriptedNodes
  /** What belongs to others and is to be seen beside the peers' entries; the test's to set. */
  foreign: Partial<Readonly<Record<Family, Lines>>>
  /** One command a line; rejects when one of them fails. */
  ip(...lines: string[]): Promise<void>
  bridge(...lines: string[]): Promise<void>
  start(options?: StartOptions): void
  stop(): Promise<void>
  read(family: Family): Promise<Lines>
  /** Waits until the tables hold what `shall` says for each family, and `foreign`; fails with the difference and the log. */
  until(shall: (family: Family) => Lines): Promise<void>
  /** As `until`, for peers as `shape` has them. */
  right(peers: readonly PeerNode[]): Promise<void>
  /**
   * As `right`, and nothing else is still to come of what was told before: a further peer joins and leaves, and each time
   * the tables hold just that.
   */
  atRest(peers: readonly PeerNode[]): Promise<void>
  /** Waits for a line of the log, from entry `from` on. */
  said(event: string, from: number, matches?: (entry: LogEntry) => boolean): Promise<LogEntry>
}

export interface HostOptions {
  readonly families: readonly Family[]
  /** What stands for a peer; default: all are behind VXLAN. */
  readonly shape?: (node: PeerNode, family: Family) => Lines
}

/** The agent is not started yet. */
export async function createHost(t: Scope, { families, shape = tunnelled }: HostOptions): Promise<Host> {
  const netns = await createNetns(t, 'handover')
  const events = await watchKernel(netns.name)
  const log = createRecorder()
  let core: AgentCore | undefined
  let nodes: ScriptedNodes | undefined
  const disk = new Map<string, string>()
  t.after(async () => {
    await core?.stop()
    await events.close()
  })
  const host: Host = {
    netns,
    families,
    events,
    log: log.entries,
    get nodes() {
      if (nodes === undefined) throw new Error('no agent with scripted Nodes was started')
      return nodes
    },
    foreign: {},
    ip: (...lines) => runLines('ip', netns.name, lines),
    bridge: (...lines) => runLines('bridge', netns.name, lines),
    start({
      backend = {},
      source,
      wrap = (rtnl: Rtnl) => rtnl,
      rival = () => undefined,
      choice = {},
      open,
      ...rest
    } = {}) {
      const { network } = parseNetwork(JSON.stringify(netConf(families, backend)), 'net-conf.json')
      nodes = source === undefined ? createScriptedNodes(network, families) : undefined
      const chosen = source?.(network, log.log) ?? host.nodes
      const opening = open ?? ((): Rtnl => wrap(openRtnl({ netns: netns.path })))
      core = startCore({
        network,
        source: chosen,
        log: log.log,
        openRtnl: opening,
        rival,
        choice,
        disk,
        contestedStayMs: 0,
        ...rest,
      })
    },
    async stop() {
      await core?.stop()
      core = undefined
    },
    read: (family) => readLines(netns, family),
    until: (shall) => untilRight(host, shall),
    right: (peers) => host.until((family) => merged(...peers.map((each) => shape(each, family)))),
    async atRest(peers) {
      host.nodes.tell({ put: MARKER })
      await host.right([...peers, MARKER])
      host.nodes.tell({ delete: MARKER })
      await host.right(peers)
    },
    said: log.said,
  }
  await host.ip('link add mgmt0 type veth peer name far0', 'link set mgmt0 up', 'link set far0 up')
  await host.ip(...families.map((family) => `address add ${underlayPrefix(family)} dev mgmt0${nodad(family)}`))
  return host
}

/** Resolves once `check` holds; rejects with `otherwise` when it does not in time. For what nothing announces. */
export async function eventually(check: () => boolean, otherwise: () => string): Promise<void> {
  const deadline = systemClock.now() + PATIENCE_MS
  while (!check()) {
    if (systemClock.now() > deadline) throw new Error(otherwise())
    await new Promise<void>((resolve) => systemClock.after(10, resolve))
  }
}

/** Joins and leaves to show that whatever was told before has been worked off. */
const MARKER = peer('marker', { subnet: 50_000, born: 900 })

/** Our own address on the underlay, with its prefix length. */
export function underlayPrefix(family: Family): string {
  return `${claimOf(family, OWN).underlay}/${UNDERLAY_LENGTH[family]}`
}

/** As `ip address add` takes it: IPv6 addresses shall be usable at once. */
export function nodad(family: Family): string {
  return family === 'ipv6' ? ' nodad' : ''
}

interface CoreParts {
  readonly network: Network
  readonly source: LeaseSource
  readonly log: Log
  readonly openRtnl: () => Rtnl
  readonly rival: () => string | undefined
  readonly choice: Partial<UnderlayChoice>
  /** Files by their paths; they outlive an agent. */
  readonly disk: Map<string, string>
  readonly contestedStayMs?: number | undefined
}

function startCore({ network, source, log, openRtnl: open, rival, choice, disk, ...rest }: CoreParts): AgentCore {
  return createAgentCore(
    {
      network,
      underlayChoice: underlayChoice(choice),
      subnetFile: 'subnet.env',
      ipMasq: false,
      iptablesForwardRules: false,
      stateDir: 'state',
      health: undefined,
      force: false,
      leases: { kind: 'file', path: 'not read', nodeName: 'us' },
    },
    {
      ...rest,
      openRtnl: open,
      // /proc/sys shows this process' namespace, not the node's; test/kernel/contract.test.ts checks accept_ra.
      sysctl: {
        read: async (key) => (/forward|bridge/.test(key) ? '1' : '0'),
        write: async () => ({ written: true as const }),
      },
      nameOwner: async () => undefined,
      rival: async () => rival(),
      source,
      readFile: async (path) => disk.get(path),
      replaceFile: async (path, text) => void disk.set(path, text),
      advertisedLinks: async () => [],
      keptFiles: {
        read: async (path) => disk.get(path),
        replace: async (path, text) => void disk.set(path, text),
        watch: () => ({ close: () => undefined }),
        list: async () => [],
      },
      clock: systemClock,
      log,
      onHopeless: (error) => log.error('hopeless', error.message),
    },
  )
}

function createRecorder() {
  const entries: LogEntry[] = []
  const waiting = new Set<() => void>()
  const note =
    (base: LogFields) =>
    (event: string, message: string, fields: LogFields = {}): void => {
      entries.push({ event, message, fields: { ...base, ...fields } })
      for (const look of [...waiting]) look()
    }
  const logWith = (base: LogFields): Log => {
    const at = note(base)
    return { debug: at, info: at, warn: at, error: at, with: (fields) => logWith({ ...base, ...fields }) }
  }
  const said: Host['said'] = (event, from, matches = () => true) =>
    new Promise((resolve, reject) => {
      const finish = (act: () => void): void => {
        timer.cancel()
        waiting.delete(look)
        act()
      }
      const look = (): void => {
        const found = entries.find((entry, index) => index >= from && entry.event === event && matches(entry))
        if (found !== undefined) finish(() => resolve(found))
      }
      const timer = systemClock.after(PATIENCE_MS, () =>
        finish(() => reject(new Error(`no ${event} within ${PATIENCE_MS} ms:\n${told(entries)}`))),
      )
      waiting.add(look)
      look()
    })
  return { entries, said, log: logWith({}) }
}

async function readLines(netns: Netns, family: Family): Promise<Lines> {
  const { neighbours, fdb, routes } = await readTables(netns.name, family)
  return { neighbours, fdb, routes }
}

async function untilRight(host: Host, shall: (family: Family) => Lines): Promise<void> {
  const deadline = systemClock.now() + PATIENCE_MS
  const expected = host.families.map((family) => merged(shall(family), host.foreign[family] ?? NOTHING))
  for (;;) {
    const seen = host.events.lines.length
    const actual = await Promise.all(host.families.map((family) => host.read(family)))
    if (isDeepStrictEqual(actual, expected)) return
    if (systemClock.now() > deadline) throw new Error(difference(actual, expected, host.log))
    await host.events.more(seen, LOOK_MS)
  }
}

function difference(actual: readonly Lines[], expected: readonly Lines[], log: readonly LogEntry[]): string {
  try {
    assert.deepEqual(actual, expected)
    return 'no difference'
  } catch (error) {
    return `not right after ${PATIENCE_MS} ms: ${(error as Error).message}\n${told(log)}`
  }
}

function told(log: readonly LogEntry[]): string {
  return log
    .slice(-40)
    .map(({ event, message }) => `${event} ${message}`)
    .join('\n')
}
