/**
 * `start`: the agent's overlay starts on nothing and programs N peers: device, dumps, plan, batches, and the look that
 * proves them, until it says that it is ready; and how long its event loop was blocked meanwhile. The limit writes the
 * same entries in C.
 */
import { performance } from 'node:perf_hooks'
import { cLoop, LIMIT } from '../contenders/c-loops.ts'
import { compileLimit, cpuMsSince } from '../contenders/programs.ts'
import { startLoopMonitor } from '../frame/loop-monitor.ts'
import { compete, type Timing } from '../frame/rounds.ts'
import { BENCH_FAMILIES, familiesOf } from '../frame/sample.ts'
import { SIZES, type Suite } from '../frame/suite.ts'
import { batchesOf } from '../world/batches.ts'
import { clusterOf, viewOf } from '../world/cluster.ts'
import { createGround, type Ground } from '../world/ground.ts'
import { startOverlay } from '../world/overlay.ts'

export const start: Suite = {
  name: 'start',
  about: 'the agent programs N peers from nothing: until ready, and the longest block of its event loop',
  sizes: SIZES,
  families: BENCH_FAMILIES,
  async run(context) {
    const limit = cLoop(await compileLimit(context.folder, 'entries'), context.folder)
    for (const family of context.families) {
      const ground = await createGround(context.scope, familiesOf(family))
      for (const size of context.sizes) {
        const leases = clusterOf(ground.families, size)
        const limitRun = async (): Promise<Timing> => {
          await ground.reset()
          const batches = ground.families.map((each) => batchesOf(leases, each, ground.device(each).ifindex))
          return await limit.program(ground, 'cold', batches)
        }
        context.report(
          await compete({
            suite: 'start',
            family,
            size,
            limit: LIMIT,
            rounds: context.rounds(size),
            contenders: [
              { name: LIMIT, growth: 'linear', run: async () => ({ 'until ready': await limitRun() }) },
              {
                name: 'vtepd',
                growth: 'linear',
                run: async () => ({ 'until ready': await startOnNothing(ground, leases) }),
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

async function startOnNothing(ground: Ground, leases: ReturnType<typeof clusterOf>): Promise<Timing> {
  await ground.clear()
  const view = viewOf(ground.families, leases)
  const monitor = startLoopMonitor()
  const used = process.cpuUsage()
  const started = performance.now()
  const overlay = startOverlay(ground, view)
  await overlay.until(() => overlay.ready)
  const ms = performance.now() - started
  const cpuMs = cpuMsSince(used)
  const { longestMs, longestOwnMs } = monitor.stop()
  const { writes } = overlay.traffic
  await overlay.stop()
  return { ms, measures: { loopBlockedMs: longestMs, loopBlockedOwnMs: longestOwnMs, writes, cpuMs } }
}
