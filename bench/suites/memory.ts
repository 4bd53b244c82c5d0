/**
 * `memory`: what N peers cost: a real `vtepd run --leases` once it is ready (RSS), and the overlay alone in a process of
 * its own (heap and buffers that survive a collection, a peer).
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { runOrThrow } from '../contenders/programs.ts'
import { BENCH_FAMILIES, type BenchFamily, familiesOf, type Sample } from '../frame/sample.ts'
import { SIZES, type Suite, type SuiteContext } from '../frame/suite.ts'
import { startBenchAgent } from '../world/agent-process.ts'
import { clusterOf } from '../world/cluster.ts'
import { createGround } from '../world/ground.ts'
import { leasesFileOf } from '../world/leases-file.ts'

const MIB = 1 << 20

/** What docs/benchmarks.md promises: heap and buffers a peer, in bytes, from SETTLED peers on. The suite fails beyond it. */
const MOST_BYTES_PER_PEER: Readonly<Record<BenchFamily, number>> = { ipv4: 650, ipv6: 650, dual: 1250 }

/** Below, what every process needs counts more than the peers. */
const SETTLED = 10_000

export const memory: Suite = {
  name: 'memory',
  about: 'RSS of the agent with N peers; heap and buffers a peer',
  sizes: SIZES,
  families: BENCH_FAMILIES,
  async run(context) {
    for (const family of context.families)
      for (const size of context.sizes) {
        context.progress(`memory ${family} ${size}: a process with the overlay alone`)
        const tables = await measureTables(family, size)
        context.report([sampleOf(family, size, 'overlay', tables)])
        insist(family, size, tables.bytesPerPeer ?? 0)
        context.progress(`memory ${family} ${size}: vtepd run`)
        context.report([sampleOf(family, size, 'vtepd run', await measureAgent(context, family, size))])
      }
  },
}

function insist(family: BenchFamily, size: number, bytesPerPeer: number): void {
  const most = MOST_BYTES_PER_PEER[family]
  if (size < SETTLED || bytesPerPeer <= most) return
  throw new Error(
    `memory ${family} ${size}: a peer takes ${bytesPerPeer} bytes, more than the ${most} that are promised`,
  )
}

function sampleOf(
  family: BenchFamily,
  size: number,
  contender: string,
  { readyMs, ...measures }: Readonly<Record<string, number>>,
): Sample {
  return {
    suite: 'memory',
    case: 'peers programmed',
    family,
    size,
    contender,
    medianMs: readyMs ?? null,
    ratioToLimit: null,
    samples: readyMs === undefined ? [] : [readyMs],
    measures,
  }
}

async function measureTables(family: BenchFamily, size: number): Promise<Record<string, number>> {
  const script = path.resolve(import.meta.dirname, '../world/memory-child.ts')
  const printed = await runOrThrow(process.execPath, ['--expose-gc', '--import', 'tsx', script, family, String(size)])
  const { leaseBytes = 0, heapBytes = 0, bufferBytes = 0 } = JSON.parse(printed) as Record<string, number>
  return {
    bytesPerPeer: Math.round((heapBytes + bufferBytes) / size),
    leaseBytesPerPeer: Math.round(leaseBytes / size),
    heapMiB: heapBytes / MIB,
    buffersMiB: bufferBytes / MIB,
  }
}

/** RSS when it says that it is ready, and its highest until a second later. */
async function measureAgent(context: SuiteContext, family: BenchFamily, size: number): Promise<Record<string, number>> {
  const families = familiesOf(family)
  const ends: (() => unknown)[] = []
  const scope = { after: (end: () => unknown) => void ends.push(end) }
  try {
    const ground = await createGround(scope, families)
    const file = path.join(context.folder, 'leases.json')
    writeFileSync(file, leasesFileOf(families, clusterOf(families, size)))
    const agent = startBenchAgent({
      scope,
      netns: ground.netns.path,
      families,
      nodeName: 'ours',
      folder: path.join(context.folder, `agent-${family}-${size}`),
      source: `--leases=${file}`,
    })
    const ready = await agent.until(({ event }) => event === 'agent.ready')
    await wait(1000)
    const usage = agent.usage()
    if (usage === undefined) throw new Error('the agent has ended')
    return {
      readyMs: ready.monotonicMs - agent.startedMs,
      rssMiB: usage.rssBytes / MIB,
      peakRssMiB: agent.peakRssBytes() / MIB,
      cpuMs: usage.cpuMs,
    }
  } finally {
    for (const end of ends.reverse()) await end()
  }
}
