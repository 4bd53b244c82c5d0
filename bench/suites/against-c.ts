/** What `start` and `rebuild` share: the agent's overlay beside the C loop on one device, size by size. Must not: measure. */
import type { Lease } from '../../lib/cluster/lease.ts'
import { cLoop, LIMIT } from '../contenders/c-loops.ts'
import { compileLimit } from '../contenders/programs.ts'
import { compete, type Timing } from '../frame/rounds.ts'
import { familiesOf } from '../frame/sample.ts'
import type { SuiteContext } from '../frame/suite.ts'
import { batchesOf } from '../world/batches.ts'
import { clusterOf } from '../world/cluster.ts'
import { createGround, type Ground } from '../world/ground.ts'

export interface Contest {
  readonly suite: string
  readonly case: string
  /** `writeAll`: the entries of all peers in C, on the device as it stands. */
  limit(ground: Ground, writeAll: () => Promise<Timing>): Promise<Timing>
  ours(ground: Ground, leases: ReadonlyMap<string, Lease>): Promise<Timing>
}

export async function againstC(context: SuiteContext, contest: Contest): Promise<void> {
  const loop = cLoop(await compileLimit(context.folder, 'entries'), context.folder)
  for (const family of context.families) {
    const ground = await createGround(context.scope, familiesOf(family))
    for (const size of context.sizes) {
      const leases = clusterOf(ground.families, size)
      const writeAll = (): Promise<Timing> => {
        const batches = ground.families.map((each) => batchesOf(leases, each, ground.device(each).ifindex))
        return loop.program(ground, 'cold', batches)
      }
      const one = (run: () => Promise<Timing>) => async () => ({ [contest.case]: await run() })
      context.report(
        await compete({
          suite: contest.suite,
          family,
          size,
          limit: LIMIT,
          rounds: context.rounds(size),
          contenders: [
            { name: LIMIT, growth: 'linear', run: one(() => contest.limit(ground, writeAll)) },
            { name: 'vtepd', growth: 'linear', run: one(() => contest.ours(ground, leases)) },
          ],
          known: () => undefined,
          onProgress: context.progress,
          onSkip: () => undefined,
        }),
      )
    }
  }
}
