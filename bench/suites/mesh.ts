/**
 * `mesh`: what probing N peers costs: CPU at the default rate, while as many questions come in, and heap. The probes of an agent in a
 * process of its own; all the others are one process in another network namespace.
 */
import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { networkAddress } from '../../lib/net/cidr.ts'
import { createNetns } from '../../test/support/netns.ts'
import type { Sample } from '../frame/sample.ts'
import type { Suite, SuiteContext } from '../frame/suite.ts'
import { startOthers } from '../mesh/others.ts'
import { MESH_PORT, MESH_RATE } from '../mesh/settings.ts'
import { leaseOf, OURS } from '../world/cluster.ts'

/** What docs/mesh.md promises of 10,000 peers. */
const MOST_PERCENT = 0.5
const MOST_MB = 5
const MARKED = 10_000

const LOOK_SECONDS = 60
const SHORT_SECONDS = 2
/** From which questions come. */
const ASKERS = 1000

export const mesh: Suite = {
  name: 'mesh',
  about: `CPU and heap of probing N peers at ${MESH_RATE} questions a second, and being asked as often`,
  sizes: [100, MARKED],
  families: ['ipv4'],
  async run(context) {
    for (const size of context.sizes) {
      const measures = await measure(context, size)
      const { cpuPercent = 0, heapMB = 0, lost = 0 } = measures
      context.report([sampleOf(size, measures)])
      if (size > MARKED || size < SMALLEST) continue
      if (cpuPercent > MOST_PERCENT || heapMB > MOST_MB || lost > 0)
        context.note(`${size} peers: more than ${MOST_PERCENT} % of a core, ${MOST_MB} MB, or a lost probe`)
    }
  },
}

/** With fewer it is a look at whether it works. */
const SMALLEST = 100

async function measure({ scope, progress }: SuiteContext, size: number): Promise<Readonly<Record<string, number>>> {
  progress(`mesh ${size}: the namespaces`)
  const [here, there] = [await createNetns(scope, 'probing'), await createNetns(scope, 'probed')]
  await here.exec('ip', 'link', 'add', 'mgmt0', 'type', 'veth', 'peer', 'name', 'mgmt0', 'netns', there.name)
  const overlay = networkAddress(OURS.ipv4.subnet)
  for (const one of [here, there]) {
    await one.exec('ip', 'link', 'set', 'lo', 'up')
    await one.exec('ip', 'link', 'set', 'mgmt0', 'up')
  }
  for (const ip of [OURS.ipv4.underlay, overlay]) {
    await here.exec('ip', 'address', 'add', `${ip}/32`, 'dev', 'mgmt0')
    await there.exec('ip', 'route', 'add', `${ip}/32`, 'dev', 'mgmt0')
  }
  await here.exec('ip', 'route', 'add', 'default', 'dev', 'mgmt0')
  // Every address is there's, but for ours.
  await there.exec('ip', 'route', 'add', 'local', '0.0.0.0/0', 'dev', 'lo')
  const peers = Array.from({ length: Math.min(size, ASKERS) }, (_, i) => leaseOf(['ipv4'], i + 1).ipv4)
  await startOthers(scope, there, {
    port: MESH_PORT,
    rate: MESH_RATE,
    ours: overlay,
    peers: peers.flatMap((claim) => (claim === undefined ? [] : [networkAddress(claim.subnet)])),
  })
  const seconds = size < SMALLEST ? SHORT_SECONDS : LOOK_SECONDS
  progress(`mesh ${size}: ${seconds} s of probes`)
  const child = path.resolve(import.meta.dirname, '../mesh/child.ts')
  const node = [process.execPath, '--expose-gc', '--import', 'tsx', child, String(size), String(seconds)]
  const { stdout } = await promisify(execFile)('ip', ['netns', 'exec', here.name, ...node])
  return JSON.parse(stdout) as Readonly<Record<string, number>>
}

function sampleOf(size: number, measures: Readonly<Record<string, number>>): Sample {
  return {
    suite: 'mesh',
    case: 'probing',
    family: 'ipv4',
    size,
    contender: 'vtepd',
    medianMs: null,
    ratioToLimit: null,
    samples: [],
    measures,
  }
}
