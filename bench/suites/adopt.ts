/**
 * `adopt`: the agent's overlay starts on a device that already holds N right peers: from its creation until it says that
 * it is ready. Nothing may be written. The limit reads the three tables in C.
 */
import { performance } from 'node:perf_hooks'
import { LIMIT } from '../contenders/c-loops.ts'
import { compileLimit, cpuMsSince, runTimed } from '../contenders/programs.ts'
import { vtepd } from '../contenders/vtepd.ts'
import { compete, type Timing } from '../frame/rounds.ts'
import { BENCH_FAMILIES, familiesOf } from '../frame/sample.ts'
import { SIZES, type Suite } from '../frame/suite.ts'
import { batchesOf } from '../world/batches.ts'
import { clusterOf, viewOf } from '../world/cluster.ts'
import { createGround, type Ground } from '../world/ground.ts'
import { startOverlay } from '../world/overlay.ts'

export const adopt: Suite = {
  name: 'adopt',
  about: 'start on N peers that are already right: nothing to write',
  sizes: SIZES,
  families: BENCH_FAMILIES,
  async run(context) {
    const program = await compileLimit(context.folder, 'dump')
    for (const family of context.families) {
      const ground = await createGround(context.scope, familiesOf(family))
      for (const size of context.sizes) {
        const leases = clusterOf(ground.families, size)
        await ground.reset()
        const batches = ground.families.map((each) => batchesOf(leases, each, ground.device(each).ifindex))
        await vtepd.program(ground, 'cold', batches)
        context.report(
          await compete({
            suite: 'adopt',
            family,
            size,
            limit: LIMIT,
            rounds: context.rounds(size),
            contenders: [
              { name: LIMIT, growth: 'linear', run: async () => ({ start: await readTables(program, ground) }) },
              { name: 'vtepd', growth: 'linear', run: async () => ({ start: await start(ground, leases) }) },
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

export async function readTables(program: string, { netns, families, device }: Ground): Promise<Timing> {
  const pairs = families.flatMap((family) => [family, String(device(family).ifindex)])
  return (await runTimed(program, [netns.path, ...pairs])).timing
}

/** Counts every write; the suite's promise is that there is none. */
async function start(ground: Ground, leases: ReturnType<typeof clusterOf>): Promise<Timing> {
  const view = viewOf(ground.families, leases)
  const used = process.cpuUsage()
  const started = performance.now()
  const overlay = startOverlay(ground, view)
  await overlay.until(() => overlay.ready)
  const ms = performance.now() - started
  const measures = { cpuMs: cpuMsSince(used), writes: overlay.traffic.writes, dumped: overlay.traffic.answers }
  await overlay.stop()
  return { ms, measures }
}
