/** Cases of `leases` about a real `vtepd run`: its start, a node that joins, heartbeats. */
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { monotonicMs } from '../../lib/host/clock.ts'
import { mediansOf } from '../frame/statistics.ts'
import { type BenchAgent, startBenchAgent } from '../world/agent-process.ts'
import { nodeName } from '../world/cluster.ts'
import { UNDERLAY_IFNAME } from '../world/ground.ts'
import { atRate, type LeaseWorld, reportTo } from './cases.ts'
import { annotateNode, beat, createNode, deleteClaim, deleteNode } from './server.ts'

/** Which flags its agent has. */
export type Mode = 'nodes' | 'metadata' | 'claims'

const FLAGS: Readonly<Record<Mode, readonly string[]>> = {
  nodes: ['--watch=nodes', '--claims=annotations'],
  metadata: ['--watch=metadata', '--claims=annotations'],
  claims: ['--claims=objects'],
}
/** How the tables name them. */
const NAMES: Readonly<Record<Mode, string>> = {
  nodes: '--watch=nodes',
  metadata: '--watch=metadata',
  claims: '--claims=objects',
}

const PER_PEER = 3
const MIB = 1 << 20
const JOINS = 20
/** Ten times what 10,000 kubelets send that report every five minutes. */
const BEATS_PER_SECOND = 340
const BEAT_SECONDS = 20
/** V8 compiles what runs often; vtepd has it wait longer than usual, for the memory's sake. */
const WARM_UP_SECONDS = 60
/** What the agent needs when nothing happens is looked at before. */
const IDLE_SECONDS = 5
/** The view is kept on disk two seconds after it was complete: that belongs to a start's memory. */
const SETTLED_MS = 4000

/** Each round is a node without a device and without a cache. The last agent goes on. */
export async function measureStart(world: LeaseWorld, rounds: number): Promise<BenchAgent> {
  const { context, node, size } = world
  const samples: number[] = []
  const measures: Record<string, number>[] = []
  for (let round = 1; ; round += 1) {
    context.progress(`leases ${size}: vtepd run until everybody is programmed, round ${round}`)
    const agent = startAgent(world, 'nodes', `start-${round}`)
    const ready = await agent.until(({ event }) => event === 'agent.ready')
    samples.push(ready.monotonicMs - agent.startedMs)
    const count = await node.count()
    if (count !== PER_PEER * (size - 1)) throw new Error(`${count} entries for ${size - 1} peers`)
    const cpuMs = agent.usage()?.cpuMs ?? Number.NaN
    await wait(SETTLED_MS)
    const rssMiB = (agent.usage()?.rssBytes ?? 0) / MIB
    measures.push({ cpuMs, rssMiB, peakRssMiB: agent.peakRssBytes() / MIB })
    if (round >= rounds) {
      reportTo(world, { case: 'start', contender: 'vtepd run', samples, measures: mediansOf(measures) ?? {} })
      return agent
    }
    await agent.stop()
    await node.netns.exec('ip', 'link', 'delete', 'flannel.1')
  }
}

/** The next agent of the node; it takes over what is there. */
export async function restart(world: LeaseWorld, mode: Mode): Promise<BenchAgent> {
  const agent = startAgent(world, mode, `restart-${mode}`)
  await agent.until(({ event }) => event === 'agent.ready')
  await wait(SETTLED_MS)
  return agent
}

function startAgent({ context, scope, node, server, size }: LeaseWorld, mode: Mode, name: string): BenchAgent {
  return startBenchAgent({
    scope,
    netns: node.netns.path,
    families: ['ipv4'],
    nodeName: nodeName(node.index),
    folder: path.join(context.folder, `${name}-${size}-${server.kind}`),
    source: `--kubeconfig-file=${server.kubeconfigFile()}`,
    flags: FLAGS[mode],
  })
}

/** From the API server's answer to a node's annotations until the kernel has acknowledged its entries. */
export async function measureJoins(world: LeaseWorld, agent: BenchAgent, mode: Mode): Promise<void> {
  const { context, server, size } = world
  const samples: number[] = []
  const fromRequest: Record<string, number>[] = []
  for (let round = 1; round <= JOINS; round += 1) {
    context.progress(`leases ${size}: a node joins, ${mode}, ${round} of ${JOINS}`)
    const index = size + round
    await createNode(server, index, false)
    await wait(50)
    const programmed = agent.until(
      ({ event, neighbours, fdb }) => event === 'peers.applied' && Number(neighbours) + Number(fdb) > 0,
      'now',
    )
    const asked = monotonicMs()
    await annotateNode(server, index)
    const accepted = monotonicMs()
    const event = await programmed
    samples.push(Math.max(0, event.monotonicMs - accepted))
    fromRequest.push({ fromRequestMs: event.monotonicMs - asked })
    const gone = agent.until(({ event, deleted }) => event === 'peers.applied' && Number(deleted) > 0, 'now')
    await deleteNode(server, index)
    if (mode === 'claims') await deleteClaim(server, index)
    await gone
  }
  const measures = { ...mediansOf(fromRequest), worstMs: Math.max(...samples) }
  reportTo(world, { case: 'a node joins', contender: NAMES[mode], samples, measures })
}

/** Heartbeats of nodes in turn, far more than the agent's cluster would send. */
export async function measureBeats(world: LeaseWorld, agent: BenchAgent, mode: Mode): Promise<void> {
  const { context, server, node, size } = world
  context.progress(`leases ${size}: ${BEATS_PER_SECOND} heartbeats a second, ${mode}`)
  const cpu = (): number => agent.usage()?.cpuMs ?? Number.NaN
  const received = async (): Promise<number> => {
    const links = JSON.parse(await node.netns.exec('ip', '-s', '-j', 'link', 'show', UNDERLAY_IFNAME))
    return links[0].stats64.rx.bytes
  }
  await atRate(BEATS_PER_SECOND, WARM_UP_SECONDS, (i) => beat(server, 2 + (i % (size - 1))))
  const idleFrom = cpu()
  await wait(IDLE_SECONDS * 1000)
  const idlePercent = (cpu() - idleFrom) / IDLE_SECONDS / 10
  const before = { cpu: cpu(), server: server.cpuMs(), bytes: await received(), at: monotonicMs() }
  const beats = await atRate(BEATS_PER_SECOND, BEAT_SECONDS, (i) => beat(server, 2 + (i % (size - 1))))
  await wait(500)
  const seconds = (monotonicMs() - before.at) / 1000
  const bytes = (await received()) - before.bytes
  reportTo(world, {
    case: 'heartbeats',
    contender: NAMES[mode],
    samples: [],
    measures: {
      perSecond: beats / seconds,
      idlePercent,
      cpuPercent: (cpu() - before.cpu) / seconds / 10,
      usPerBeat: ((cpu() - before.cpu) * 1000) / beats,
      bytesPerBeat: bytes / beats,
      serverCpuPercent: (server.cpuMs() - before.server) / seconds / 10,
      rssMiB: (agent.usage()?.rssBytes ?? 0) / MIB,
    },
  })
}
