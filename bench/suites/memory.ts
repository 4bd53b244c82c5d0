/**
 * `memory`: what N peers cost: processes that follow the Nodes of an API server, a minute after all are programmed (vtepd on
 * each Node that is asked for, an archive, the real flanneld), and the overlay alone in a process of its own (heap and buffers
 * that survive a collection, a peer).
 */
import path from 'node:path'
import { runOrThrow } from '../contenders/programs.ts'
import { BENCH_FAMILIES, type BenchFamily, type Sample } from '../frame/sample.ts'
import type { Suite, SuiteContext } from '../frame/suite.ts'
import { missingRealKube, startEmbeddedLeaseServer, startRealLeaseServer } from '../leases/server.ts'
import { measureAtRest } from '../memory/at-rest.ts'
import { type Contender, findContenders } from '../memory/contenders.ts'
import { createBenchFabric } from '../world/fabric.ts'

const MIB = 1 << 20

/** What docs/benchmarks.md promises: heap and buffers a peer, in bytes, from SETTLED peers on. The suite fails beyond it. */
const MOST_BYTES_PER_PEER: Readonly<Record<BenchFamily, number>> = { ipv4: 850, ipv6: 850, dual: 1600 }

/** With fewer, what every process needs counts more than the peers. */
const SETTLED = 10_000

/** More Nodes of 10 KB are more than etcd likes; flanneld and an agent a Node more than a small machine does. */
const LARGEST_CLUSTER = 10_000
/** At the same time, each on a node of its own: figures of memory do not mind. */
const AT_ONCE = 6

export const memory: Suite = {
  name: 'memory',
  about: 'memory with N peers: vtepd (--node, --archive) beside flanneld at rest; heap and buffers a peer',
  sizes: [3, 100, 1000, 10_000],
  families: BENCH_FAMILIES,
  async run(context) {
    for (const family of context.families)
      for (const size of context.sizes.filter((peers) => peers >= SETTLED)) {
        context.progress(`memory ${family} ${size}: a process with the overlay alone`)
        const tables = await measureTables(family, size)
        context.report([sampleOf('peers programmed', family, size, 'overlay', tables)])
        insist(family, size, tables.bytesPerPeer ?? 0)
      }
    if (!context.families.includes('ipv4')) return
    const contenders = findContenders(context)
    const missing = missingRealKube()
    if (missing !== undefined)
      context.note(`${missing} is not built: the embedded API server stands in for it, without TLS`)
    for (const size of context.sizes.filter((peers) => peers <= LARGEST_CLUSTER))
      await measureCluster(context, contenders, size, missing === undefined)
  },
}

async function measureCluster(
  context: SuiteContext,
  contenders: readonly Contender[],
  peers: number,
  real: boolean,
): Promise<void> {
  const ends: (() => unknown)[] = []
  const scope = { after: (end: () => unknown) => void ends.push(end) }
  try {
    const nodes = await createBenchFabric(scope, ['ipv4'], Math.min(AT_ONCE, contenders.length, peers + 1))
    context.progress(`memory ${peers}: an API server with ${peers + 1} Nodes`)
    const server = await (real ? startRealLeaseServer : startEmbeddedLeaseServer)(scope, context.folder, peers + 1)
    const kubeconfig = server.kubeconfigFile()
    const left = [...contenders.entries()]
    await Promise.all(
      nodes.map(async (node) => {
        for (let next = left.shift(); next !== undefined; next = left.shift()) {
          const [index, contender] = next
          context.progress(`memory ${peers}: ${contender.name}, until a minute after all are programmed`)
          const folder = path.join(context.folder, `at-rest-${peers}-${index}`)
          const measures = await measureAtRest(contender, { node, folder, kubeconfig, peers })
          context.report([sampleOf('at rest', 'ipv4', peers, contender.name, measures)])
        }
      }),
    )
  } finally {
    for (const end of ends.reverse()) await end()
  }
}

function insist(family: BenchFamily, size: number, bytesPerPeer: number): void {
  const most = MOST_BYTES_PER_PEER[family]
  if (bytesPerPeer <= most) return
  throw new Error(
    `memory ${family} ${size}: a peer takes ${bytesPerPeer} bytes, more than the ${most} that are promised`,
  )
}

function sampleOf(
  name: string,
  family: BenchFamily,
  size: number,
  contender: string,
  measures: Readonly<Record<string, number>>,
): Sample {
  return {
    suite: 'memory',
    case: name,
    family,
    size,
    contender,
    medianMs: null,
    ratioToLimit: null,
    samples: [],
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
