/**
 * `rebuild`: another program deletes the device with its N peers: from the begin of the deletion, which takes the kernel a
 * while, until the agent's overlay says that it is ready again, on a new device. The limit deletes it, makes another at once
 * and writes the same entries in C.
 */
import { performance } from 'node:perf_hooks'
import type { Lease } from '../../lib/cluster/lease.ts'
import type { Timing } from '../frame/rounds.ts'
import { BENCH_FAMILIES } from '../frame/sample.ts'
import { SIZES, type Suite } from '../frame/suite.ts'
import { viewOf } from '../world/cluster.ts'
import type { Ground } from '../world/ground.ts'
import { startOverlay } from '../world/overlay.ts'
import { againstC } from './against-c.ts'

export const rebuild: Suite = {
  name: 'rebuild',
  about: 'the device is deleted with N peers on it: until they are all back',
  sizes: SIZES,
  families: BENCH_FAMILIES,
  run: (context) =>
    againstC(context, {
      suite: 'rebuild',
      case: 'device deleted',
      async limit(ground, writeAll) {
        await ground.reset()
        await writeAll()
        const began = performance.now()
        await ground.reset()
        const deleteMs = performance.now() - began
        const { ms } = await writeAll()
        return { ms: ms + deleteMs, measures: { deleteMs } }
      },
      ours: deleteAndWait,
    }),
}

/** On the device as it stands, whose entries are right already or become so first. */
async function deleteAndWait(ground: Ground, leases: ReadonlyMap<string, Lease>): Promise<Timing> {
  const overlay = startOverlay(ground, viewOf(ground.families, leases))
  await overlay.until(() => overlay.ready)
  let missing = ground.families.length * leases.size
  const written = (async () => {
    while (missing > 0) missing -= Number((await overlay.untilLogged('peers.applied')).routes ?? 0)
  })()
  const began = performance.now()
  await ground.clear()
  const deleted = performance.now()
  await written
  await overlay.until(() => overlay.ready)
  const ms = performance.now() - began
  await overlay.stop()
  return { ms, measures: { deleteMs: deleted - began } }
}
