/**
 * The lease source behind a proxy that breaks every connection: KUBECONFIG as argument. Pauses and limits pass fifty times
 * faster than on a node, so that a thousand reconnects fit into a minute. Prints a line with its resident memory, in
 * bytes after its garbage is gone, whenever it reads one. Must not: know why its connections break.
 */
import { createInterface } from 'node:readline'
import { systemClock } from '../../lib/host/clock.ts'
import { createLog } from '../../lib/host/log.ts'
import { createKubeSource } from '../../lib/leases/kube.ts'
import type { Clock } from '../../lib/util/clock.ts'
import { networkOf, nodeName } from '../world/cluster.ts'
import { ANNOTATION_PREFIX } from '../world/node-objects.ts'

const HASTE = 50
const [kubeconfigFile = '', watch = 'nodes'] = process.argv.slice(2)
const clock: Clock = {
  ...systemClock,
  now: () => performance.now() * HASTE,
  after(delayMs, fn) {
    const timer = setTimeout(fn, delayMs / HASTE)
    return { cancel: () => clearTimeout(timer) }
  },
}
const source = createKubeSource({
  config: {
    kubeconfigFile,
    apiUrl: undefined,
    node: { name: nodeName(1) },
    annotationPrefix: ANNOTATION_PREFIX,
    setNodeNetworkUnavailable: false,
    watch: watch === 'metadata' ? 'metadata' : 'nodes',
  },
  network: networkOf(['ipv4']),
  log: createLog({ level: 'error', format: 'text' }),
  clock,
})
process.on('unhandledRejection', (error) => {
  process.stdout.write(`unhandled ${String(error)}\n`)
})
let peers = -1
source.start(() => {
  const view = source.view()
  if (peers < 0 && view.synced) process.stdout.write('synced\n')
  if (view.synced) peers = view.peers.size
})
createInterface({ input: process.stdin }).on('line', () => {
  for (let i = 0; i < 3; i += 1) global.gc?.()
  process.stdout.write(`${process.memoryUsage.rss()} ${peers}\n`)
})
