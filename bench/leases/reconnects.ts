/** A case of `leases`: the memory of an agent's source whose every connection is reset, a thousand times. */
import { setTimeout as wait } from 'node:timers/promises'
import { startFaultProxy } from '../../test/support/fault-proxy.ts'
import { type LeaseWorld, reportTo } from './cases.ts'
import { startChild } from './child.ts'
import { beat } from './server.ts'

const RECONNECTS = 1000
const LOOK_EVERY = 100
/** Buffers and compiled code settle before that. */
const WARM_UP = 500
const KIB = 1024
/** Less than an event of either kind, more than what keeps a connection alive; bytes. */
const AN_EVENT = 1500
/** The handshake and the request are over when nothing moved for so long. */
const STILL_MS = 20
const PATIENCE_MS = 60_000

export async function measureReconnects(world: LeaseWorld, mode: 'nodes' | 'metadata'): Promise<void> {
  const { context, scope, server, size } = world
  const proxy = await startFaultProxy(scope, server)
  const child = startChild(scope, 'reconnect-child', [server.kubeconfigFile(proxy.port), mode])
  if ((await child.line()) !== 'synced') throw new Error('the source did not sync')
  const looks: { readonly at: number; readonly rssKiB: number }[] = []
  for (let count = 1; count <= RECONNECTS; count += 1) {
    const { accepted } = proxy
    await proxy.set({ kind: 'reset' })
    await proxy.set({ kind: 'none' })
    await until(() => proxy.accepted > accepted, 'the next connection')
    // A connection that brings nothing before it is reset has not been one.
    const activity = await still(() => proxy.activity)
    await beat(server, 2 + (count % (size - 1)))
    await until(() => proxy.activity > activity + AN_EVENT, 'the event')
    if (count % LOOK_EVERY !== 0) continue
    context.progress(`leases ${size}: reconnects, ${mode}, ${count} of ${RECONNECTS}`)
    const answer = await child.ask()
    const [rss = 0, peers = 0] = answer.split(' ').map(Number)
    if (peers !== size - 1) throw new Error(`after ${count} reconnects: ${answer}`)
    looks.push({ at: count, rssKiB: rss / KIB })
  }
  await child.stop()
  const warm = looks.filter(({ at }) => at > WARM_UP)
  reportTo(world, {
    case: 'reconnects',
    contender: `--watch=${mode}`,
    samples: [],
    measures: {
      reconnects: RECONNECTS,
      rssMiB: (looks.at(-1)?.rssKiB ?? 0) / KIB,
      kibPerReconnect: slope(warm.map(({ at, rssKiB }) => [at, rssKiB] as const)),
    },
  })
}

async function still(read: () => number): Promise<number> {
  for (let last = Number.NaN; ; ) {
    const now = read()
    if (now === last) return now
    last = now
    await wait(STILL_MS)
  }
}

async function until(check: () => boolean, what: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  while (!check()) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`)
    await wait(2)
  }
}

/** Of the straight line that fits best. */
function slope(points: readonly (readonly [x: number, y: number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [x, y] = [mean(([at]) => at), mean(([, value]) => value)]
  const over = points.reduce((sum, [at, value]) => sum + (at - x) * (value - y), 0)
  return over / points.reduce((sum, [at]) => sum + (at - x) ** 2, 0)
}
