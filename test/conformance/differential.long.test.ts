/** Random histories: whatever happens in whatever order, the fake kernel and the real one never differ. */
import { test } from 'node:test'
import fc from 'fast-check'
import { kernelTests } from '../support/netns.ts'
import { histories, makeMove, PRELUDE } from './moves.ts'
import { playOnFake, playOnReal } from './play.ts'
import type { Stage } from './stage.ts'
import { traitsOfKernel } from './traits.ts'

/** VTEPD_TEST_SEED and VTEPD_TEST_RUNS search further than the fixed 40 histories of `npm test`; VTEPD_TEST_SHRINK=1 shrinks. */
const seed = Number(process.env.VTEPD_TEST_SEED ?? 2433)
const numRuns = Number(process.env.VTEPD_TEST_RUNS ?? 40)

test('40 random histories end alike on the fake kernel and on the real one, step by step', kernelTests, async (t) => {
  const traits = await traitsOfKernel()
  await fc.assert(
    fc.asyncProperty(histories, async (history) => {
      const scenario = async (stage: Stage): Promise<void> => {
        for (const move of [...PRELUDE, ...history]) await makeMove(stage, move)
      }
      await playOnReal(t, scenario, await playOnFake(scenario, traits))
    }),
    { seed, numRuns, endOnFailure: process.env.VTEPD_TEST_SHRINK !== '1' },
  )
})
