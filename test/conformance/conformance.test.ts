/** The fake kernel and the real one agree: after every step of every scenario, on result, news and state. */
import { describe, test } from 'node:test'
import { kernelTests } from '../support/netns.ts'
import { playOnFake, playOnReal } from './play.ts'
import { scenarios } from './scenarios.ts'
import { traitsOfKernel } from './traits.ts'

describe('the fake kernel does what the real one does', { concurrency: 4 }, () => {
  for (const [name, scenario] of scenarios)
    test(name, kernelTests, async (t) => {
      await playOnReal(t, scenario, await playOnFake(scenario, await traitsOfKernel()))
    })
})
