/**
 * `simulate`: a cluster of N nodes on one machine: three real agents in namespaces of their own, everybody else a Node
 * object in the embedded API server. How long until all agents have programmed everybody, what that costs each of them,
 * and what it costs when a node joins, changes its lease, leaves, when everybody sends heartbeats, when the API server goes
 * away and returns, and when agents are restarted one after another; once following Nodes, once following the claims that a
 * mirror writes.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { monotonicMs } from '../../lib/host/clock.ts'
import { type ApiServer, startApiServer } from '../../lib/lab/api-server/api-server.ts'
import type { Family } from '../../lib/net/ip.ts'
import { type BenchFamily, familiesOf, type Sample } from '../frame/sample.ts'
import { median, mediansOf } from '../frame/statistics.ts'
import type { Suite, SuiteContext } from '../frame/suite.ts'
import { atRate } from '../leases/cases.ts'
import { type BenchAgent, type LoggedEvent, startBenchAgent } from '../world/agent-process.ts'
import { clusterOf, leaseOf, nodeName } from '../world/cluster.ts'
import { API_HOST, createBenchFabric, type FabricNode } from '../world/fabric.ts'
import { UNDERLAY_IFNAME } from '../world/ground.ts'
import { startBenchMirror } from '../world/mirror-process.ts'
import { nodeObjectOf, statusOf } from '../world/node-objects.ts'

const AGENTS = 3
const PER_PEER = 3
const MIB = 1 << 20
/** The agents take turns. */
const RESTARTS = 50
const FEW_RESTARTS = 9
/** From here on there are as many as shall be; milliseconds between the heartbeats of 10,000 kubelets. */
const LARGE = 10_000
const BEAT_EVERY_MS = 30
/** Heartbeats of `at rest`, and for how long: one audit of the tables is among them. */
const PER_SECOND = 340
const SECONDS = 60
/** How long the API server stays away. */
const AWAY_MS = 3000

export const simulate: Suite = {
  name: 'simulate',
  about: 'a cluster of N nodes, three of them real agents against the embedded API server',
  sizes: [100, 1000, 10_000],
  families: ['ipv4'],
  async run(context) {
    for (const family of context.families)
      for (const size of context.sizes)
        for (const claims of ['annotations', 'objects'] as const) {
          const ends: (() => unknown)[] = []
          try {
            await simulateCluster(context, { after: (end) => void ends.push(end) }, { family, size, claims })
          } finally {
            for (const end of ends.reverse()) await end()
          }
        }
  },
}

/** What is simulated; `claims` is the flag of the agents. */
interface Case {
  readonly family: BenchFamily
  readonly size: number
  readonly claims: 'annotations' | 'objects'
}

interface World {
  readonly families: readonly Family[]
  readonly api: ApiServer
  readonly nodes: readonly FabricNode[]
  readonly agents: BenchAgent[]
  /** Starts the agent of that node, again too. */
  start(node: FabricNode): BenchAgent
}

/** Milliseconds of each occurrence, and what each agent has spent on it. */
interface Outcome {
  readonly samples: readonly number[]
  readonly measures: Readonly<Record<string, number>>
}

async function simulateCluster(context: SuiteContext, scope: SuiteContext['scope'], what: Case): Promise<void> {
  const { family, size, claims } = what
  const report = (name: string, outcome: Outcome): void => context.report([sampleOf(name, what, outcome)])
  const say = (text: string): void => context.progress(`simulate ${family} ${size} ${claims}: ${text}`)
  say('building')
  const world = await build(context, scope, what)
  const { families } = world
  say('until all agents have programmed everybody')
  report('all converged', await converge(world, size))
  const joined = size + 1
  const rounds = context.rounds(size)
  say('a node joins, changes, leaves')
  const joins: Outcome[] = []
  const changes: Outcome[] = []
  const leaves: Outcome[] = []
  for (let round = 0; round < rounds; round += 1) {
    joins.push(await seen(world, wrote, () => world.api.nodes.create(nodeObjectOf(leaseOf(families, joined)))))
    const behind = joined + 1 + round
    changes.push(
      await seen(world, wrote, () => world.api.nodes.update(nodeObjectOf(leaseOf(families, joined, behind)))),
    )
    leaves.push(await seen(world, deleted, () => world.api.nodes.delete(nodeName(joined))))
  }
  report('a node joins', together(joins))
  report('its lease changes', together(changes))
  report('it leaves', together(leaves))
  say('a heartbeat of every node')
  report('heartbeat of every node', await heartbeats(world, size))
  say('heartbeats for a while')
  report('at rest, 340 heartbeats a second', await atRest(world, size))
  say('the API server goes away and returns')
  report('API server away and back', await away(world, size))
  say('agents are restarted one after another')
  report('an agent is restarted', await restarts(world, size))
}

async function build(
  context: SuiteContext,
  scope: SuiteContext['scope'],
  { family, size, claims }: Case,
): Promise<World> {
  const families = familiesOf(family)
  const nodes = await createBenchFabric(scope, families, AGENTS)
  const api = await startApiServer({ host: API_HOST, historyEvents: 4 * size + 20_000, claims: claims === 'objects' })
  scope.after(() => api.close())
  for (const [index, lease] of [...clusterOf(families, size).values()].entries()) {
    const object = nodeObjectOf(lease)
    // The agents publish their own annotations.
    api.nodes.create(index < AGENTS ? { ...object, metadata: { name: lease.node } } : object)
  }
  const kubeconfig = path.join(context.folder, 'kubeconfig')
  writeFileSync(kubeconfig, api.kubeconfig())
  if (claims === 'objects')
    await startBenchMirror(scope, kubeconfig, async (at) => (await fetch(`${api.url}${at}`)).text())
  const start = ({ index, netns }: FabricNode): BenchAgent =>
    startBenchAgent({
      scope,
      netns: netns.path,
      families,
      nodeName: nodeName(index),
      folder: path.join(context.folder, `simulate-${family}-${size}-${claims}-${index}`),
      source: `--kubeconfig-file=${kubeconfig}`,
      flags: [`--claims=${claims}`],
    })
  return { families, api, nodes, agents: nodes.map(start), start }
}

/**
 * Each is ended as an upgrade ends it, while everybody sends heartbeats. Until it is ready again; the bytes are what its
 * node received from the moment of its end, from nobody but the API server.
 */
async function restarts({ api, agents, nodes, start }: World, size: number): Promise<Outcome> {
  let beats = 0
  const beating = setInterval(() => {
    beats += 1
    api.nodes.patchStatus(nodeName(AGENTS + 1 + (beats % (size - AGENTS))), { status: statusOf(beats) })
  }, BEAT_EVERY_MS)
  const samples: number[] = []
  const measures: Record<string, number>[] = []
  try {
    for (let round = 0; round < (size < LARGE ? FEW_RESTARTS : RESTARTS); round += 1) {
      const at = round % AGENTS
      const node = nodes[at]
      if (node === undefined) throw new Error(`there is no node ${at}`)
      await agents[at]?.end()
      const before = await receivedBy(node)
      const agent = start(node)
      agents[at] = agent
      const ready = await agent.until(({ event }) => event === 'agent.ready')
      samples.push(ready.monotonicMs - agent.startedMs)
      measures.push({ bytesPerAgent: (await receivedBy(node)) - before, cpuMs: agent.usage()?.cpuMs ?? Number.NaN })
    }
  } finally {
    clearInterval(beating)
  }
  return { samples, measures: mediansOf(measures) ?? {} }
}

async function receivedBy({ netns }: FabricNode): Promise<number> {
  const links = JSON.parse(await netns.exec('ip', '-s', '-j', 'link', 'show', UNDERLAY_IFNAME))
  return links[0].stats64.rx.bytes
}

/** Of each agent the time from its start until it is ready and its kernel holds everybody. */
async function converge({ agents, nodes, families }: World, size: number): Promise<Outcome> {
  const samples = await Promise.all(
    agents.map(async (agent, i) => {
      await agent.until(({ event }) => event === 'agent.ready')
      while ((await nodes[i]?.count()) !== PER_PEER * families.length * (size - 1)) await wait(20)
      return monotonicMs() - agent.startedMs
    }),
  )
  const usages = agents.flatMap((agent) => agent.usage() ?? [])
  return {
    samples,
    measures: {
      cpuMs: median(usages.map(({ cpuMs }) => cpuMs)),
      rssMiB: median(usages.map(({ rssBytes }) => rssBytes / MIB)),
      peakRssMiB: median(agents.map((agent) => agent.peakRssBytes() / MIB)),
    },
  }
}

const wrote = ({ event, neighbours, fdb }: LoggedEvent): boolean =>
  event === 'peers.applied' && Number(neighbours) + Number(fdb) > 0
const deleted = (event: LoggedEvent): boolean => event.event === 'peers.applied' && Number(event.deleted) > 0

/** From the write in the API server until the last agent says, for its last family, that the kernel has acknowledged it. */
async function seen(world: World, matches: (event: LoggedEvent) => boolean, write: () => unknown): Promise<Outcome> {
  const { agents } = world
  const before = await cpuOf(agents)
  const heard = hearAll(world, matches)
  const began = monotonicMs()
  write()
  const events = await Promise.all(heard)
  const ms = Math.max(...events.map((event) => event.monotonicMs)) - began
  return { samples: [ms], measures: { cpuMs: (await cpuOf(agents)) - before } }
}

/** The next matching event of each family of each agent. */
function hearAll({ agents, families }: World, matches: (event: LoggedEvent) => boolean): Promise<LoggedEvent>[] {
  return agents.flatMap((agent) =>
    families.map((family) => agent.until((event) => event.family === family && matches(event), 'now')),
  )
}

/** Each Node written once with a new time; nothing follows from it. Until the agents have used no CPU for a while. */
async function heartbeats({ api, agents }: World, size: number): Promise<Outcome> {
  const before = await cpuOf(agents)
  const began = monotonicMs()
  for (let index = 1; index <= size; index += 1) {
    api.nodes.patchStatus(nodeName(index), { status: statusOf(1) })
    if (index % 100 === 0) await wait(1)
  }
  const ms = monotonicMs() - began
  const cpuMs = (await cpuOf(agents)) - before
  return { samples: [ms], measures: { cpuMs, usPerHeartbeat: (cpuMs * 1000) / size } }
}

/**
 * As 10,000 kubelets send them that report every 30 s; the agents' own Nodes stay out, each of which costs its own agent one
 * event a heartbeat in any case. Bytes are those of the link, retransmissions and acknowledgements included.
 */
async function atRest({ api, agents, nodes }: World, size: number): Promise<Outcome> {
  const told = (): number[] => nodes.map(({ address }) => api.eventsTold(address))
  const received = (): number[] => nodes.map((node) => node.receivedBytes())
  const before = { cpuMs: await cpuOf(agents), told: told(), received: received() }
  const began = monotonicMs()
  const served = process.cpuUsage()
  const beats = await atRate(PER_SECOND, SECONDS, async (i) => {
    api.nodes.patchStatus(nodeName(AGENTS + 1 + (i % (size - AGENTS))), { status: statusOf(2 + i) })
  })
  const ms = monotonicMs() - began
  const { user, system } = process.cpuUsage(served)
  const cpuMs = median(agents.map((agent) => agent.usage()?.cpuMs ?? Number.NaN)) - before.cpuMs
  const more = (now: number[], then: number[]): number => median(now.map((value, i) => value - (then[i] ?? 0)))
  return {
    samples: [],
    measures: {
      eventsPerMinute: (more(told(), before.told) * 60_000) / ms,
      kbPerMinute: (more(received(), before.received) * 60) / ms,
      cpuPercent: (cpuMs * 100) / ms,
      serverUsPerHeartbeat: (user + system) / beats,
    },
  }
}

/** A node joins while nobody can hear of it: from the server's return until every agent has programmed it. */
async function away(world: World, size: number): Promise<Outcome> {
  const { api, agents, nodes, families } = world
  const all = PER_PEER * families.length * (size - 1)
  const before = await cpuOf(agents)
  api.setUnavailable('drop')
  await wait(AWAY_MS)
  const kept = await Promise.all(nodes.map((node) => node.count()))
  if (kept.some((count) => count !== all)) throw new Error(`entries vanished with the API server: ${kept} of ${all}`)
  api.nodes.create(nodeObjectOf(leaseOf(families, size + 1)))
  const heard = hearAll(world, wrote)
  const began = monotonicMs()
  api.setUnavailable(false)
  const events = await Promise.all(heard)
  const ms = Math.max(...events.map((event) => event.monotonicMs)) - began
  return { samples: [ms], measures: { cpuMs: (await cpuOf(agents)) - before } }
}

/** CPU milliseconds of one agent, the median, once none of them has used any for half a second. */
async function cpuOf(agents: readonly BenchAgent[]): Promise<number> {
  const total = (): number[] => agents.map((agent) => agent.usage()?.cpuMs ?? Number.NaN)
  for (let last = ''; ; ) {
    const now = total()
    if (String(now) === last) return median(now)
    last = String(now)
    await wait(500)
  }
}

function together(outcomes: readonly Outcome[]): Outcome {
  return {
    samples: outcomes.flatMap(({ samples }) => samples),
    measures: mediansOf(outcomes.map(({ measures }) => measures)) ?? {},
  }
}

function sampleOf(name: string, { family, size, claims }: Case, { samples, measures }: Outcome): Sample {
  const medianMs = samples.length === 0 ? null : median(samples)
  return {
    suite: 'simulate',
    case: name,
    family,
    size,
    contender: claims === 'objects' ? 'vtepd run --claims=objects' : 'vtepd run',
    medianMs,
    ratioToLimit: null,
    samples,
    measures,
  }
}
