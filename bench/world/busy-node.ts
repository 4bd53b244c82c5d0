/**
 * A node with N peers and a real `vtepd run` on it, and what that process costs while somebody else is at work there.
 * Must not: know what the other one does.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Lease } from '../../lib/cluster/lease.ts'
import type { Family } from '../../lib/net/ip.ts'
import type { Scope } from '../../test/support/netns.ts'
import { type BenchAgent, startBenchAgent } from './agent-process.ts'
import { clusterOf } from './cluster.ts'
import { createGround, type Ground } from './ground.ts'
import { leasesFileOf } from './leases-file.ts'
import { whatIsWrong } from './right.ts'

export interface BusyNode {
  readonly ground: Ground
  readonly leases: ReadonlyMap<string, Lease>
  readonly agent: BenchAgent
  /** Until what the kernel holds is right, looked at again and again; throws with what is wrong. */
  untilRight(): Promise<void>
}

export interface BusyNodeOptions {
  readonly families: readonly Family[]
  readonly size: number
  readonly folder: string
  readonly backend?: object
}

/** Fewer peers than that say nothing about load: what is done is done for a moment only. */
export const SMALLEST_MEASURED = 100
/** After an agent is ready, it has still to look at what it wrote, and to say what it found on the host. */
const SETTLING_MS = 2000
const PATIENCE_MS = 30_000
const LOOK_EVERY_MS = 5

/** Runs `work` on a fresh node with an agent that is ready and has settled; the node ends with it. */
export async function withBusyNode<T>(options: BusyNodeOptions, work: (node: BusyNode) => Promise<T>): Promise<T> {
  const { families, size, folder, backend = {} } = options
  const ends: (() => unknown)[] = []
  const scope: Scope = { after: (end) => void ends.push(end) }
  try {
    const ground = await createGround(scope, families)
    await ground.netns.exec(
      'sh',
      '-c',
      'echo 1 | tee /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding',
    )
    const leases = clusterOf(families, size)
    const file = path.join(folder, 'leases.json')
    writeFileSync(file, leasesFileOf(families, leases))
    const agent = startBenchAgent({
      scope,
      netns: ground.netns.path,
      families,
      nodeName: 'ours',
      folder: path.join(folder, 'agent'),
      source: `--leases=${file}`,
      backend,
    })
    await agent.until(({ event }) => event === 'agent.ready')
    await wait(size < SMALLEST_MEASURED ? 0 : SETTLING_MS)
    return await work({ ground, leases, agent, untilRight: () => untilRight(ground, leases) })
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

async function untilRight(ground: Ground, leases: BusyNode['leases']): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const wrong = await Promise.all(ground.families.map((family) => whatIsWrong(ground.rtnl, family, leases)))
    const [first] = wrong.filter((each) => each !== undefined)
    if (first === undefined) return
    if (performance.now() > deadline) throw new Error(`after ${PATIENCE_MS} ms ${first}`)
    await wait(LOOK_EVERY_MS)
  }
}

export interface Load {
  /** User and system time of the agent's process, of one core. */
  readonly cpuPercent: number
  /** Of its log, at the default level. */
  readonly lines: number
  /** How often it said, and /readyz with it, that it is not ready. */
  readonly notReady: number
}

/** What the agent costs and says while `work` runs. */
export async function loadDuring<T>(agent: BenchAgent, work: () => Promise<T>): Promise<{ load: Load; result: T }> {
  const [cpuMs, from, began] = [cpuOf(agent), agent.events.length, performance.now()]
  const result = await work()
  const ms = performance.now() - began
  const cpuPercent = ((cpuOf(agent) - cpuMs) / ms) * 100
  const said = agent.events.slice(from)
  return {
    result,
    load: { cpuPercent, lines: said.length, notReady: said.filter(({ event }) => event === 'agent.not-ready').length },
  }
}

function cpuOf(agent: BenchAgent): number {
  const usage = agent.usage()
  if (usage === undefined) throw new Error('the agent has ended')
  return usage.cpuMs
}
