/**
 * `codec`: what it costs to turn what others wrote into leases, and leases into packed entries, for N nodes. The limit of
 * a text is JSON.parse of the same bytes; packed entries have the copy of as many bytes.
 */
import { Bench } from 'tinybench'
import { allKeys } from '../../lib/leases/annotations.ts'
import { readClaim } from '../../lib/leases/kube/node-claim.ts'
import { parseLeasesFile } from '../../lib/leases/leases-file.ts'
import { createJsonFormat } from '../../lib/leases/wire/kube-json.ts'
import { projectNode } from '../../lib/leases/wire/node-facts.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { createEntryWriter, unpackEntries } from '../../lib/rtnl/entries.ts'
import { BENCH_FAMILIES, type BenchFamily, familiesOf, type Sample } from '../frame/sample.ts'
import { median } from '../frame/statistics.ts'
import type { Suite } from '../frame/suite.ts'
import { desiredOf } from '../world/batches.ts'
import { clusterOf, networkOf } from '../world/cluster.ts'
import { leasesFileOf } from '../world/leases-file.ts'
import { KEYS, nodeObjectOf } from '../world/node-objects.ts'

type Work = () => unknown
type Cases = Readonly<Record<string, Readonly<Record<string, Work>>>>

export const codec: Suite = {
  name: 'codec',
  about: 'N nodes: events, claims, leases file, packed entries; in memory',
  sizes: [100, 1000, 10_000],
  families: BENCH_FAMILIES,
  async run(context) {
    for (const family of context.families)
      for (const size of context.sizes)
        for (const [name, contenders] of Object.entries(casesOf(family, size))) {
          context.progress(`codec ${family} ${size}: ${name}`)
          context.report(await measure({ name, family, size }, contenders, context.rounds(size)))
        }
  },
}

function casesOf(family: BenchFamily, size: number): Cases {
  const families = familiesOf(family)
  const leases = clusterOf(families, size)
  const network = networkOf(families)
  const wanted = allKeys(KEYS)
  const nodes = [...leases.values()].map((lease) => ({ kind: 'Node', apiVersion: 'v1', ...nodeObjectOf(lease) }))
  const facts = nodes.flatMap((node) => projectNode(node, wanted, 'ours') ?? [])
  const lines = nodes.map((object) => `${JSON.stringify({ type: 'MODIFIED', object })}\n`)
  const stream = Buffer.from(lines.join(''))
  const file = leasesFileOf(families, leases)
  const tables = desiredOf(leases, families[0] ?? 'ipv4', parseIfindex(7))
  const { bytes } = tables.routes
  const routes = unpackEntries(tables.routes)
  const format = createJsonFormat()
  return {
    'watch events, JSON': {
      'JSON.parse': () => lines.map((line) => JSON.parse(line)),
      vtepd: () => [...format.createDecoder(wanted, 'ours').push(stream)],
    },
    'claims from annotations': { vtepd: () => facts.map((node) => readClaim(node, KEYS, network)) },
    'leases file': {
      'JSON.parse': () => JSON.parse(file),
      vtepd: () => parseLeasesFile(file, 'leases.json', 'ours'),
    },
    'routes packed from values': {
      copy: () => bytes.slice(),
      vtepd: () => {
        const writer = createEntryWriter(size)
        for (const route of routes) writer.push('replace', route)
        return writer.finish()
      },
    },
    'routes unpacked to values': { copy: () => bytes.slice(), vtepd: () => unpackEntries(tables.routes) },
  }
}

/** The first contender is the limit, where there is a second. */
async function measure(
  place: { readonly name: string; readonly family: BenchFamily; readonly size: number },
  contenders: Readonly<Record<string, Work>>,
  rounds: number,
): Promise<readonly Sample[]> {
  const bench = new Bench({
    iterations: rounds,
    time: 0,
    warmupIterations: 2,
    warmupTime: 0,
    retainSamples: true,
    throws: true,
  })
  for (const [contender, work] of Object.entries(contenders)) bench.add(contender, async () => void (await work()))
  await bench.run()
  const [limit] = Object.keys(contenders).length > 1 ? bench.tasks.map((task) => median(samplesOf(task))) : []
  return bench.tasks.map((task) => {
    const samples = samplesOf(task)
    const medianMs = median(samples)
    const { name, family, size } = place
    const ratioToLimit = limit === undefined ? null : medianMs / limit
    return { suite: 'codec', case: name, family, size, contender: task.name, medianMs, ratioToLimit, samples }
  })
}

function samplesOf({ name, result }: Bench['tasks'][number]): readonly number[] {
  if (result.state !== 'completed' || result.latency.samples === undefined)
    throw new Error(`${name} ended ${result.state}`)
  return [...result.latency.samples]
}
