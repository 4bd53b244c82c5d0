/**
 * What N peers cost a process that keeps them: run with --expose-gc, FAMILY and N as arguments, in namespaces of its own.
 * Prints one JSON object of bytes. Must not: hold anything that an agent would not.
 */
import { type BenchFamily, familiesOf } from '../frame/sample.ts'
import { clusterOf, viewOf } from './cluster.ts'
import { createGround } from './ground.ts'
import { startOverlay } from './overlay.ts'

interface Footprint {
  readonly heap: number
  readonly buffers: number
}

const [family = 'ipv4', size = '0'] = process.argv.slice(2)
const families = familiesOf(family as BenchFamily)
const ends: (() => unknown)[] = []
const ground = await createGround({ after: (end) => void ends.push(end) }, families)
const overlay = startOverlay(ground, viewOf(families, new Map()))
await overlay.until(() => overlay.ready)
const before = await footprint()
const leases = clusterOf(families, Number(size))
const withLeases = await footprint()
overlay.setView(viewOf(families, leases))
await overlay.untilLogged('peers.applied')
await overlay.until(() => overlay.ready)
const after = await footprint()
process.stdout.write(
  `${JSON.stringify({
    leaseBytes: withLeases.heap + withLeases.buffers - before.heap - before.buffers,
    heapBytes: after.heap - before.heap,
    bufferBytes: after.buffers - before.buffers,
    peakRssBytes: process.resourceUsage().maxRSS * 1024,
    peers: leases.size,
  })}\n`,
)
await overlay.stop()
for (const end of ends.reverse()) await end()

/** After the garbage is gone; buffers are freed some turns later. */
async function footprint(): Promise<Footprint> {
  if (global.gc === undefined) throw new Error('run with --expose-gc')
  for (let i = 0; i < 4; i += 1) {
    global.gc()
    await new Promise((resolve) => setTimeout(resolve, 30))
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return { heap: heapUsed, buffers: arrayBuffers }
}
