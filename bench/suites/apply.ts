/**
 * `apply`: program N peers on an empty device, again on one that is right, and take them away: from the call to the last
 * result, each contender on a device of its own.
 */
import { cLoop, LIMIT, oneByOne } from '../contenders/c-loops.ts'
import type { Programmer, Work } from '../contenders/contender.ts'
import { iproute2 } from '../contenders/iproute2.ts'
import { compileLimit } from '../contenders/programs.ts'
import { findPython, pyroute2, WITHOUT_PYROUTE2 } from '../contenders/pyroute2.ts'
import { vtepd } from '../contenders/vtepd.ts'
import { compete, type Timing } from '../frame/rounds.ts'
import { BENCH_FAMILIES, type BenchFamily, familiesOf } from '../frame/sample.ts'
import { SIZES, type Suite, type SuiteContext } from '../frame/suite.ts'
import { batchesOf } from '../world/batches.ts'
import { clusterOf } from '../world/cluster.ts'
import { createGround, type Ground } from '../world/ground.ts'

const WORKS: readonly Work[] = ['cold', 'replace', 'delete']

/** Neighbour, FDB entry, route. */
const PER_PEER = 3

/** What a contender is first tried at when nothing is known of it. */
const PROBE_SIZE = 1000

export const apply: Suite = {
  name: 'apply',
  about: 'program N peers: neighbour, FDB entry and route each; cold, replace, delete',
  sizes: SIZES,
  families: BENCH_FAMILIES,
  async run(context) {
    const programmers = await programmersOf(context)
    for (const family of context.families) {
      const ground = await createGround(context.scope, familiesOf(family))
      await measureFamily(context, family, ground, programmers)
    }
  },
}

/** In the order in which the table shows them. */
async function programmersOf({ folder, note }: SuiteContext): Promise<readonly Programmer[]> {
  const program = await compileLimit(folder, 'entries')
  const programmers = [cLoop(program, folder), vtepd, oneByOne(program, folder), iproute2(folder)]
  const python = await findPython()
  if (python === undefined) note(WITHOUT_PYROUTE2)
  else programmers.push(pyroute2(folder, python))
  return programmers
}

async function measureFamily(
  context: SuiteContext,
  family: BenchFamily,
  ground: Ground,
  programmers: readonly Programmer[],
): Promise<void> {
  const known = new Map<string, { size: number; ms: number }>()
  for (const size of context.sizes) {
    const leases = clusterOf(ground.families, size)
    const runOn = (programmer: Programmer, peers: typeof leases) => async () => {
      await ground.reset()
      const batches = ground.families.map((each) => batchesOf(peers, each, ground.device(each).ifindex))
      const timings: Record<string, Timing> = {}
      for (const work of WORKS) {
        timings[work] = await programmer.program(ground, work, batches)
        await insist(ground, work === 'delete' ? 0 : peers.size * PER_PEER * ground.families.length, programmer.name)
      }
      const slowest = Math.max(...Object.values(timings).map(({ ms }) => ms))
      known.set(programmer.name, { size: peers.size, ms: slowest })
      return timings
    }
    if (size > PROBE_SIZE) {
      const few = clusterOf(ground.families, PROBE_SIZE)
      for (const programmer of programmers) if (!known.has(programmer.name)) await runOn(programmer, few)()
    }
    context.report(
      await compete({
        suite: 'apply',
        family,
        size,
        limit: LIMIT,
        rounds: context.rounds(size),
        contenders: programmers.map((programmer) => ({ ...programmer, run: runOn(programmer, leases) })),
        known: (name) => known.get(name),
        onProgress: context.progress,
        onSkip: (name, ms) =>
          context.note(
            `apply ${family}: ${name} is left out at ${size} peers, it would need ${Math.round(ms / 1000)} s`,
          ),
      }),
    )
  }
}

/** Every contender must leave the same tables behind. */
async function insist(ground: Ground, entries: number, name: string): Promise<void> {
  const there = await ground.count()
  if (there !== entries) throw new Error(`${name} left ${there} entries, not ${entries}`)
}
