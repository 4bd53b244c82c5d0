/**
 * `start`: the agent's overlay starts on nothing and programs N peers: device, dumps, plan, batches, and the look that
 * proves them, until it says that it is ready; and how long its event loop was blocked meanwhile. The limit writes the
 * same entries in C.
 */
import { performance } from 'node:perf_hooks'
import type { Lease } from '../../lib/cluster/lease.ts'
import { cpuMsSince } from '../contenders/programs.ts'
import { startLoopMonitor } from '../frame/loop-monitor.ts'
import type { Timing } from '../frame/rounds.ts'
import { BENCH_FAMILIES } from '../frame/sample.ts'
import { SIZES, type Suite } from '../frame/suite.ts'
import { viewOf } from '../world/cluster.ts'
import type { Ground } from '../world/ground.ts'
import { startOverlay } from '../world/overlay.ts'
import { againstC } from './against-c.ts'

export const start: Suite = {
  name: 'start',
  about: 'the agent programs N peers from nothing: until ready, and the longest block of its event loop',
  sizes: SIZES,
  families: BENCH_FAMILIES,
  run: (context) =>
    againstC(context, {
      suite: 'start',
      case: 'until ready',
      async limit(ground, writeAll) {
        await ground.reset()
        return await writeAll()
      },
      ours: startOnNothing,
    }),
}

async function startOnNothing(ground: Ground, leases: ReadonlyMap<string, Lease>): Promise<Timing> {
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
