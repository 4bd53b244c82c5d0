import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Contender, type Contest, compete } from '../../bench/frame/rounds.ts'

/** Takes the given milliseconds, one a run, in a case called `work`. */
function contender(name: string, times: readonly number[], order: string[] = []): Contender {
  let run = 0
  return {
    name,
    growth: 'linear',
    async run() {
      order.push(name)
      run += 1
      return { work: { ms: times[(run - 1) % times.length] ?? 0, measures: { writes: run } } }
    },
  }
}

function contest(contenders: readonly Contender[], more: Partial<Contest> = {}): Contest {
  return {
    suite: 'apply',
    family: 'ipv4',
    size: 1000,
    limit: 'limit',
    rounds: 3,
    contenders,
    known: () => undefined,
    onProgress: () => undefined,
    onSkip: () => undefined,
    ...more,
  }
}

test('a sample holds every round, their median, and the ratio of the medians', async () => {
  const samples = await compete(contest([contender('limit', [10, 30, 20]), contender('ours', [90, 25, 30])]))
  assert.deepEqual(
    samples.map(({ contender: name, medianMs, ratioToLimit, samples: times }) => ({
      name,
      medianMs,
      ratioToLimit,
      times,
    })),
    [
      { name: 'limit', medianMs: 20, ratioToLimit: 1, times: [10, 30, 20] },
      { name: 'ours', medianMs: 30, ratioToLimit: 1.5, times: [90, 25, 30] },
    ],
  )
  assert.deepEqual(samples[0]?.measures, { writes: 2 })
})

test('contenders take turns, and another one begins each round', async () => {
  const order: string[] = []
  await compete(contest([contender('a', [1], order), contender('b', [1], order)]))
  assert.deepEqual(order, ['a', 'b', 'b', 'a', 'a', 'b'])
})

test('without a limit there is no ratio', async () => {
  const [sample] = await compete(contest([contender('ours', [5])], { limit: undefined }))
  assert.equal(sample?.ratioToLimit, null)
})

test('a contender that would need over a minute is left out by name, the others run', async () => {
  const skipped: [string, number][] = []
  const slow: Contender = { ...contender('slow', [1]), growth: 'quadratic' }
  const samples = await compete(
    contest([contender('limit', [1]), slow], {
      known: (name) => (name === 'slow' ? { size: 100, ms: 700 } : undefined),
      onSkip: (name, ms) => skipped.push([name, ms]),
    }),
  )
  assert.deepEqual(skipped, [['slow', 70_000]])
  assert.deepEqual(
    samples.map(({ contender: name }) => name),
    ['limit'],
  )
})

test('a slow contender runs fewer rounds, so that all of them take about a minute', async () => {
  const samples = await compete(
    contest([contender('limit', [1]), contender('slow', [1])], {
      rounds: 5,
      known: (name) => (name === 'slow' ? { size: 1000, ms: 25_000 } : undefined),
    }),
  )
  assert.deepEqual(
    samples.map(({ samples: times }) => times.length),
    [5, 2],
  )
})

test('a contender that takes part in one case only has no line in the others', async () => {
  const both: Contender = {
    name: 'limit',
    growth: 'linear',
    run: async () => ({ work: { ms: 1 }, more: { ms: 2 } }),
  }
  const samples = await compete(contest([both, contender('ours', [4])], { rounds: 1 }))
  assert.deepEqual(
    samples.map((sample) => [sample.case, sample.contender, sample.ratioToLimit]),
    [
      ['work', 'limit', 1],
      ['work', 'ours', 4],
      ['more', 'limit', 1],
    ],
  )
})

test('where both have counted CPU time there is a ratio of it, too', async () => {
  const withCpu = (name: string, cpuMs: number): Contender => ({
    name,
    growth: 'linear',
    run: async () => ({ work: { ms: 1, measures: { cpuMs } } }),
  })
  const samples = await compete(contest([withCpu('limit', 4), withCpu('ours', 6), contender('other', [1])]))
  assert.deepEqual(
    samples.map(({ measures }) => measures?.cpuRatioToLimit),
    [1, 1.5, undefined],
  )
})
