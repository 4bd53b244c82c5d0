/**
 * `repair`: another program flushes one of the tables of a device with N peers: from the last deletion until the agent's
 * overlay has written everything again. The limit writes the flushed entries in C. The agent begins while the flush runs,
 * so it can be faster than that.
 */
import { performance } from 'node:perf_hooks'
import { cLoop, LIMIT } from '../contenders/c-loops.ts'
import type { Programmer } from '../contenders/contender.ts'
import { compileLimit } from '../contenders/programs.ts'
import { compete, type Timing } from '../frame/rounds.ts'
import { BENCH_FAMILIES, familiesOf } from '../frame/sample.ts'
import { SIZES, type Suite } from '../frame/suite.ts'
import { type Batches, desiredOf, withOp } from '../world/batches.ts'
import { clusterOf, viewOf } from '../world/cluster.ts'
import { createGround, type Ground } from '../world/ground.ts'
import { startOverlay } from '../world/overlay.ts'

const TABLES = ['neighbours', 'fdb', 'routes'] as const
type Table = (typeof TABLES)[number]

export const repair: Suite = {
  name: 'repair',
  about: 'flush one table of N peers behind the agent’s back: until everything is there again',
  sizes: SIZES,
  families: BENCH_FAMILIES,
  async run(context) {
    const limit = cLoop(await compileLimit(context.folder, 'entries'), context.folder)
    for (const family of context.families) {
      const ground = await createGround(context.scope, familiesOf(family))
      for (const size of context.sizes) {
        const leases = clusterOf(ground.families, size)
        await ground.reset()
        context.report(
          await compete({
            suite: 'repair',
            family,
            size,
            limit: LIMIT,
            rounds: context.rounds(size),
            contenders: [
              { name: 'vtepd', growth: 'linear', run: () => eachTable((table) => repairOne(ground, leases, table)) },
              {
                name: LIMIT,
                growth: 'linear',
                run: () => eachTable((table) => writeOne(ground, leases, table, limit)),
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

async function eachTable(run: (table: Table) => Promise<Timing>): Promise<Record<string, Timing>> {
  const timings: Record<string, Timing> = {}
  for (const table of TABLES) timings[`${table} flushed`] = await run(table)
  return timings
}

/** A new overlay for each flush: one that is damaged again and again would rightly slow down. */
async function repairOne(ground: Ground, leases: ReturnType<typeof clusterOf>, table: Table): Promise<Timing> {
  const overlay = startOverlay(ground, viewOf(ground.families, leases))
  await overlay.until(() => overlay.ready)
  let missing = ground.families.length * leases.size
  const written = (async () => {
    while (missing > 0) missing -= Number((await overlay.untilLogged('peers.applied'))[table] ?? 0)
    return performance.now()
  })()
  const began = performance.now()
  for (const family of ground.families) {
    const desired = desiredOf(leases, family, ground.device(family).ifindex)
    const { failures } = await ground.rtnl.applyEntries(withOp(desired[table], 'delete'))
    const [first] = failures
    if (first !== undefined) throw new Error(`the flush was refused: ${first.errnoName} ${first.extack}`)
  }
  const flushed = performance.now()
  const ms = Math.max(0, (await written) - flushed)
  await overlay.until(() => overlay.ready)
  await overlay.stop()
  return { ms, measures: { flushMs: flushed - began } }
}

async function writeOne(
  ground: Ground,
  leases: ReturnType<typeof clusterOf>,
  table: Table,
  limit: Programmer,
): Promise<Timing> {
  const batches = ground.families.map((family): Batches => {
    const desired = desiredOf(leases, family, ground.device(family).ifindex)
    return {
      cold: [withOp(desired[table], 'replace')],
      replace: [],
      delete: [withOp(desired[table], 'delete')],
    }
  })
  await limit.program(ground, 'delete', batches)
  return await limit.program(ground, 'cold', batches)
}
