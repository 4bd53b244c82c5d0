/**
 * `leases`: what following N Nodes costs an agent, and the API server: all of them read once, a start until everybody is
 * programmed, joins and heartbeats in both modes of --watch and with claims, a thousand broken connections. Against a real kube-apiserver
 * where it is built (npm run test:kube), up to 20,000 Nodes; else against the embedded API server, with small Nodes.
 */
import type { Suite, SuiteContext } from '../frame/suite.ts'
import type { LeaseWorld } from '../leases/cases.ts'
import { measureFanOut } from '../leases/fan-out.ts'
import { measureReconnects } from '../leases/reconnects.ts'
import { measureBeats, measureJoins, measureStart, restart } from '../leases/run.ts'
import { missingRealKube, startEmbeddedLeaseServer, startMirror, startRealLeaseServer } from '../leases/server.ts'
import { measureSync } from '../leases/sync.ts'
import { createBenchFabric } from '../world/fabric.ts'

/** More Nodes of 10 KB than that are more than etcd and two cores like. */
const LARGEST_REAL = 20_000
/** Fewer than that say nothing about time: they are about memory. */
const SMALLEST_TIMED = 100

export const leases: Suite = {
  name: 'leases',
  about: 'N Nodes followed through a real kube-apiserver: sync, start, joins, heartbeats, reconnects',
  sizes: [3, 10_000, 100_000],
  families: ['ipv4'],
  async run(context) {
    const missing = missingRealKube()
    if (missing !== undefined) context.note(`${missing} is not built: the embedded API server stands in for it`)
    for (const size of context.sizes) {
      const ends: (() => unknown)[] = []
      try {
        const real = missing === undefined && size <= LARGEST_REAL
        await measure(context, { after: (end) => void ends.push(end) }, size, real)
      } finally {
        for (const end of ends.reverse()) await end()
      }
    }
  },
}

async function measure(
  context: SuiteContext,
  scope: SuiteContext['scope'],
  size: number,
  real: boolean,
): Promise<void> {
  const [node] = await createBenchFabric(scope, ['ipv4'], 1)
  if (node === undefined) throw new Error('the fabric has no node')
  context.progress(`leases ${size}: ${real ? 'a real kube-apiserver' : 'the embedded API server'} with ${size} Nodes`)
  const server = await (real ? startRealLeaseServer : startEmbeddedLeaseServer)(scope, context.folder, size)
  context.note(
    `${size} Nodes: ${real ? 'real kube-apiserver and etcd, Nodes of 10 KB' : 'embedded API server, small Nodes'}`,
  )
  const world: LeaseWorld = { context, scope, server, node, size }
  if (size < SMALLEST_TIMED) {
    const agent = await measureStart(world, context.rounds(size))
    await agent.stop()
    return
  }
  await measureSync(world)
  const agent = await measureStart(world, context.rounds(size))
  await measureJoins(world, agent, 'nodes')
  await measureBeats(world, agent, 'nodes')
  await agent.stop()
  const frugal = await restart(world, 'metadata')
  await measureJoins(world, frugal, 'metadata')
  await measureBeats(world, frugal, 'metadata')
  await frugal.stop()
  context.progress(`leases ${size}: a mirror writes ${size} claims`)
  await startMirror(scope, server)
  const quiet = await restart(world, 'claims')
  await measureJoins(world, quiet, 'claims')
  await measureBeats(world, quiet, 'claims')
  await quiet.stop()
  if (!real) return
  await measureFanOut(world)
  await measureReconnects(world, 'nodes')
  await measureReconnects(world, 'metadata')
}
