/**
 * `rebuild`: another program deletes the device with its N peers: from the begin of the deletion, which takes the kernel a
 * while, until the agent's overlay says that it is ready again, on a new device. The limit deletes it, makes another at once
 * and writes the same entries in C.
 */
import { performance } from 'node:perf_hooks'
import { cLoop, LIMIT } from '../contenders/c-loops.ts'
import { compileLimit } from '../contenders/programs.ts'
import { compete, type Timing } from '../frame/rounds.ts'
import { BENCH_FAMILIES, familiesOf } from '../frame/sample.ts'
import { SIZES, type Suite } from '../frame/suite.ts'
import { batchesOf } from '../world/batches.ts'
import { clusterOf, viewOf } from '../world/cluster.ts'
import { createGround, type Ground } from '../world/ground.ts'
import { startOverlay } from '../world/overlay.ts'

export const rebuild: Suite = {
  name: 'rebuild',
  about: 'the device is deleted with N peers on it: until they are all back',
  sizes: SIZES,
  families: BENCH_FAMILIES,
  async run(context) {
    const limit = cLoop(await compileLimit(context.folder, 'entries'), context.folder)
    for (const family of context.families) {
      const ground = await createGround(context.scope, familiesOf(family))
      for (const size of context.sizes) {
        const leases = clusterOf(ground.families, size)
        const write = async (): Promise<Timing> => {
          const batches = () => ground.families.map((each) => batchesOf(leases, each, ground.device(each).ifindex))
          await ground.reset()
          await limit.program(ground, 'cold', batches())
          const began = performance.now()
          await ground.reset()
          const resetMs = performance.now() - began
          const { ms } = await limit.program(ground, 'cold', batches())
          return { ms: ms + resetMs, measures: { deleteMs: resetMs } }
        }
        context.report(
          await compete({
            suite: 'rebuild',
            family,
            size,
            limit: LIMIT,
            rounds: context.rounds(size),
            contenders: [
              { name: LIMIT, growth: 'linear', run: async () => ({ 'device deleted': await write() }) },
              {
                name: 'vtepd',
                growth: 'linear',
                run: async () => ({ 'device deleted': await deleteAndWait(ground, leases) }),
              },
            ],
            known: () => undefined,
            onProgress: context.progress,
            onSkip: () => undefined,
          }),
        )
      }
    }
  },
}

/** On the device as it stands, whose entries are right already or become so first. */
async function deleteAndWait(ground: Ground, leases: ReturnType<typeof clusterOf>): Promise<Timing> {
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
