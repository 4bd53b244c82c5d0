/** Ours: applyEntries phase by phase, a socket a family, as the agent does it. Must not: plan; that is a suite of its own. */
import { performance } from 'node:perf_hooks'
import { openRtnl } from '../../lib/rtnl/native.ts'
import type { Batches } from '../world/batches.ts'
import type { Programmer, Work } from './contender.ts'
import { cpuMsSince } from './programs.ts'

export const vtepd: Programmer = {
  name: 'vtepd',
  growth: 'linear',
  async program({ netns }, work: Work, batches: readonly Batches[]) {
    const doors = batches.map(() => openRtnl({ netns: netns.path }))
    const used = process.cpuUsage()
    const started = performance.now()
    const results = await Promise.all(
      batches.map(async (batch, index) => {
        const failures = []
        for (const phase of batch[work]) failures.push(...((await doors[index]?.applyEntries(phase))?.failures ?? []))
        return failures
      }),
    )
    const ms = performance.now() - started
    const cpuMs = cpuMsSince(used)
    await Promise.all(doors.map((door) => door.close()))
    const [first] = results.flat()
    if (first !== undefined)
      throw new Error(`vtepd: entry ${first.index} was refused: ${first.errnoName} ${first.extack}`)
    return { ms, measures: { cpuMs } }
  },
}
