/**
 * An agent's probes alone, in a process of its own: `child.ts PEERS SECONDS`. On standard output one JSON object: the CPU of that
 * time, and the heap that N peers take. Must not: have anything else to do.
 */
import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { loadAddon } from '../../lib/addon/addon.ts'
import { createMeshWatch } from '../../lib/agent/mesh-watch.ts'
import type { LeaseView } from '../../lib/cluster/view.ts'
import { systemClock } from '../../lib/host/clock.ts'
import { openUdpDoor } from '../../lib/host/udp.ts'
import { networkAddress } from '../../lib/net/cidr.ts'
import { leaseOf, networkOf, OURS } from '../world/cluster.ts'
import { MESH_PORT, MESH_RATE } from './settings.ts'

const [peers, seconds] = process.argv.slice(2).map(Number) as [number, number]
const quiet = { debug() {}, info() {}, warn() {}, error() {}, with: () => quiet }
const outcomes = { answered: 0, lost: 0 }
const view = {
  synced: true,
  peers: new Map(Array.from({ length: peers }, (_, i) => leaseOf(['ipv4'], i + 1)).map((one) => [one.node, one])),
  own: undefined,
  rejected: [],
  contested: [],
  aliases: [],
} as unknown as LeaseView

const before = heapBytes()
const watch = createMeshWatch({
  config: { rate: MESH_RATE, port: MESH_PORT },
  families: 1,
  network: networkOf(['ipv4']),
  overlay: {
    family: 'ipv4',
    own: {
      device: { overlay: networkAddress(OURS.ipv4.subnet), mtu: 1450 },
      underlay: { local: OURS.ipv4.underlay },
    } as never,
  },
  open: (address, port, onDatagram) => openUdpDoor(loadAddon().openUdp, { address, port, onDatagram }),
  random: Math.random,
  token: () => randomBytes(8).toString('hex'),
  onOutcome(_, rtt) {
    outcomes[rtt === undefined ? 'lost' : 'answered'] += 1
  },
  clock: systemClock,
  log: quiet,
})
watch.update()
watch.setView(view)
await wait(5000)
const heap = heapBytes() - before
const [from, began] = [process.cpuUsage(), performance.now()]
await wait(seconds * 1000)
const { user, system } = process.cpuUsage(from)
const cpuPercent = (user + system) / 10 / (performance.now() - began)
process.stdout.write(`${JSON.stringify({ cpuPercent, heapMB: heap / 1e6, ...outcomes, peers: watch.counts.ok })}\n`)
watch.stop()

function heapBytes(): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
