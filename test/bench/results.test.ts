import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { type Environment, renderEnvironment } from '../../bench/frame/environment.ts'
import { renderAgain, renderResult, type SuiteResult, saveResult } from '../../bench/frame/results.ts'

const environment: Environment = {
  date: '2026-11-23T15:00:00.000Z',
  kernel: '6.18.0',
  cpu: 'Example 9000',
  cores: 2,
  memoryMiB: 24_105,
  node: 'v20.20.2',
  commit: '1234567',
  load: 0.25,
}
const result: SuiteResult = {
  suite: 'apply',
  command: 'npm run bench -- apply --sizes 100,1000',
  environment,
  notes: ['one-by-one is left out at 100000 peers'],
  samples: [10, 100, 1000].flatMap((size) =>
    ['c-loop', 'vtepd'].map((contender) => ({
      suite: 'apply',
      case: 'cold',
      family: 'ipv4' as const,
      size,
      contender,
      medianMs: size / 100,
      ratioToLimit: null,
      samples: [size / 100],
    })),
  ),
}

test('a result is JSON, with one sample a line', () => {
  const text = renderResult(result)
  assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(result)))
  assert.equal(text.split('\n').filter((line) => line.includes('"contender"')).length, 6)
})

test('saving writes the result, the table and the plots, and removes plots that are no more', (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-results-'))
  t.after(() => rmSync(root, { recursive: true }))
  const results = path.join(root, 'bench/results')
  mkdirSync(path.join(results, 'plots'), { recursive: true })
  for (const old of ['apply-gone-ipv4.svg', 'plan-equal-ipv4.svg']) writeFileSync(path.join(results, 'plots', old), '')
  saveResult(root, result)
  assert.deepEqual(JSON.parse(readFileSync(path.join(results, 'apply.json'), 'utf8')).suite, 'apply')
  assert.deepEqual(readdirSync(path.join(results, 'plots')).sort(), ['apply-cold-ipv4.svg', 'plan-equal-ipv4.svg'])
  const document = readFileSync(path.join(results, `${result.suite}.md`), 'utf8')
  assert.match(document, /`npm run bench -- apply --sizes 100,1000` on Linux 6\.18\.0, Example 9000/)
  assert.match(document, /\| cold \| ipv4 \| 1,000 \| vtepd \| 10 ms \|/)
  assert.doesNotMatch(document, /\| ipv4 \| 10 \|/, 'the table has the two largest sizes')
  assert.match(document, /\* one-by-one is left out at 100000 peers/)
  assert.match(document, /!\[.*\]\(plots\/apply-cold-ipv4\.svg\)/)
})

test('what was saved can be rendered again, and is the same', (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-results-'))
  t.after(() => rmSync(root, { recursive: true }))
  const document = path.join(root, `bench/results/${result.suite}.md`)
  saveResult(root, result)
  const before = readFileSync(document, 'utf8')
  rmSync(document)
  renderAgain(root, ['plan', 'apply'])
  assert.equal(readFileSync(document, 'utf8'), before)
})

test('each kept result has its table beside it, as the bench renders it', (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-results-'))
  t.after(() => rmSync(root, { recursive: true }))
  const kept = path.resolve(import.meta.dirname, '../../bench/results')
  const suites = readdirSync(kept).filter((file) => file.endsWith('.json'))
  assert.ok(suites.length > 0)
  for (const file of suites) {
    const document = file.replace(/json$/, 'md')
    saveResult(root, JSON.parse(readFileSync(path.join(kept, file), 'utf8')) as SuiteResult)
    const rendered = readFileSync(path.join(root, 'bench/results', document), 'utf8')
    assert.equal(readFileSync(path.join(kept, document), 'utf8'), rendered, `${document}: npm run bench -- --render`)
  }
})

test('the environment names kernel, processor, Node, commit, load and day', () => {
  assert.equal(
    renderEnvironment(environment),
    'Linux 6.18.0, Example 9000, 2 cores, 24 GiB; Node v20.20.2; commit 1234567; load average 0.3; 2026-11-23',
  )
})
