/** The suites on a real kernel, small: that they measure what they say, not how fast it is. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { BenchFamily, Sample } from '../../bench/frame/sample.ts'
import type { Suite } from '../../bench/frame/suite.ts'
import { adopt } from '../../bench/suites/adopt.ts'
import { apply } from '../../bench/suites/apply.ts'
import { change } from '../../bench/suites/change.ts'
import { codec } from '../../bench/suites/codec.ts'
import { direct } from '../../bench/suites/direct.ts'
import { plan } from '../../bench/suites/plan.ts'
import { quarrel } from '../../bench/suites/quarrel.ts'
import { rebuild } from '../../bench/suites/rebuild.ts'
import { repair } from '../../bench/suites/repair.ts'
import { rtnl } from '../../bench/suites/rtnl.ts'
import { start } from '../../bench/suites/start.ts'
import { kernelTests } from '../support/netns.ts'

const PEERS = 20

async function run(t: TestContext, suite: Suite, families: readonly BenchFamily[]): Promise<readonly Sample[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-bench-test-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const samples: Sample[] = []
  await suite.run({
    sizes: [PEERS],
    families,
    nodes: [],
    archive: undefined,
    rounds: () => 1,
    folder,
    scope: t,
    report: (found) => void samples.push(...found),
    progress: () => undefined,
    note: () => undefined,
  })
  return samples
}

const places = (samples: readonly Sample[]) => samples.map((sample) => `${sample.case}: ${sample.contender}`)

test('apply: every contender leaves the same tables behind, in each family and in both', kernelTests, async (t) => {
  const samples = await run(t, apply, ['ipv4', 'ipv6', 'dual'])
  for (const family of ['ipv4', 'ipv6', 'dual'])
    for (const work of ['cold', 'replace', 'delete']) {
      const some = samples.filter((sample) => sample.family === family && sample.case === work)
      const names = some.map(({ contender }) => contender).filter((name) => name !== 'pyroute2')
      assert.deepEqual(names, ['c-loop', 'vtepd', 'one-by-one', 'iproute2'])
      assert.equal(some[0]?.ratioToLimit, 1)
    }
})

test('start: the agent writes each entry once', kernelTests, async (t) => {
  const samples = await run(t, start, ['ipv4', 'dual'])
  const writes = samples.flatMap(({ contender, measures }) => (contender === 'vtepd' ? [measures?.writes] : []))
  assert.deepEqual(writes, [3 * PEERS, 6 * PEERS])
})

test('adopt: a device that is right is not written to', kernelTests, async (t) => {
  const samples = await run(t, adopt, ['ipv4', 'ipv6', 'dual'])
  const ours = samples.filter(({ contender }) => contender === 'vtepd')
  assert.deepEqual(
    ours.map(({ measures }) => measures?.writes),
    [0, 0, 0],
  )
  for (const { measures } of ours) assert.ok((measures?.dumped ?? 0) >= 3 * PEERS, 'it has looked')
})

test('change: one lease is a few entries, however it changes', kernelTests, async (t) => {
  const samples = await run(t, change, ['ipv4'])
  const writes = Object.fromEntries(
    samples.flatMap((sample) => (sample.contender === 'vtepd' ? [[sample.case, sample.measures?.writes]] : [])),
  )
  // Renewed: neighbour and FDB entry, and the old FDB entry goes.
  assert.deepEqual(writes, { renewed: 3, gone: 3, back: 3 })
})

test('repair and rebuild: what was taken is there again at the end of each case', kernelTests, async (t) => {
  assert.deepEqual(
    new Set(places(await run(t, repair, ['dual']))),
    new Set([
      'neighbours flushed: vtepd',
      'neighbours flushed: c-loop',
      'fdb flushed: vtepd',
      'fdb flushed: c-loop',
      'routes flushed: vtepd',
      'routes flushed: c-loop',
    ]),
  )
  assert.deepEqual(places(await run(t, rebuild, ['ipv4'])), ['device deleted: c-loop', 'device deleted: vtepd'])
})

test('quarrel: something is undone in each case, and everything is right at its end', kernelTests, async (t) => {
  const samples = await run(t, quarrel, ['dual'])
  assert.equal(samples.length, 11)
  for (const { case: name, measures } of samples) {
    assert.ok((measures?.undone ?? 0) > 0, name)
    assert.equal(measures?.notReady, 0, name)
  }
})

test('direct: every peer has a direct route, and each case has its events', kernelTests, async (t) => {
  const samples = await run(t, direct, ['ipv4', 'ipv6'])
  const places = samples.map(({ family, case: name, measures }) => `${family} ${name}: ${(measures?.events ?? 0) > 0}`)
  const cases = ['nothing: false', 'neighbours: true', 'routes: true', 'links: true']
  assert.deepEqual(
    places,
    ['ipv4', 'ipv6'].flatMap((family) => cases.map((each) => `${family} ${each}`)),
  )
})

test('rtnl: each contender does the same work, and says what memory it took', kernelTests, async (t) => {
  const samples = (await run(t, rtnl, ['ipv4'])).filter(({ contender }) => contender !== 'pyroute2')
  const tables = ['routes', 'neighbours', 'fdb']
  const writers = ['c-loop', 'vtepd, packed', 'vtepd, values', 'iproute2']
  const readers = ['c-loop', 'vtepd, packed', 'vtepd, values', 'vtepd, all fields', 'iproute2 + JSON.parse']
  assert.deepEqual(places(samples), [
    ...tables.flatMap((table) => [
      ...writers.map((name) => `write ${table}: ${name}`),
      ...readers.map((name) => `read ${table}: ${name}`),
    ]),
    ...readers.filter((name) => name !== 'vtepd, packed').map((name) => `read links: ${name}`),
  ])
  for (const { measures, size } of samples) assert.ok((measures?.peakMB ?? 0) > 0 && size >= 2)
})

test('codec and plan: each case has its limit, where there is one', async (t) => {
  const samples = [...(await run(t, codec, ['dual'])), ...(await run(t, plan, ['dual']))]
  for (const { contender, ratioToLimit, medianMs, suite } of samples) {
    assert.ok(medianMs !== null && medianMs >= 0)
    if (suite === 'plan' || contender !== 'vtepd') assert.notEqual(ratioToLimit, null)
  }
  assert.deepEqual(
    new Set(samples.flatMap(({ suite, family }) => (suite === 'plan' ? [family] : []))),
    new Set(['ipv4', 'ipv6']),
  )
})
