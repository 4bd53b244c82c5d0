import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { type Environment, renderEnvironment } from '../../bench/frame/environment.ts'
import { renderAgain, renderResult, replaceBlock, type SuiteResult, saveResult } from '../../bench/frame/results.ts'

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
const BLOCK = '<!-- apply: written by the bench -->\n\nold\n\n<!-- /apply -->'

test('a result is JSON, with one sample a line', () => {
  const text = renderResult(result)
  assert.deepEqual(JSON.parse(text), JSON.parse(JSON.stringify(result)))
  assert.equal(text.split('\n').filter((line) => line.includes('"contender"')).length, 6)
})

test('a block of the document is replaced, and nothing beside it', () => {
  const document = `before\n${BLOCK}\nbetween\n${BLOCK.replaceAll('apply', 'plan')}\nafter`
  const replaced = replaceBlock(document, 'apply', 'new')
  assert.equal(replaced, document.replace('old', 'new'))
  assert.equal(replaceBlock(replaced, 'apply', 'new'), replaced)
})

test('a document without the block is refused', () => {
  assert.throws(() => replaceBlock('nothing here', 'apply', 'new'), /no block/)
})

test('saving writes the result, the plots and the block, and removes plots that are no more', (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-results-'))
  t.after(() => rmSync(root, { recursive: true }))
  mkdirSync(path.join(root, 'docs/benchmarks'), { recursive: true })
  for (const old of ['apply-gone-ipv4.svg', 'plan-equal-ipv4.svg'])
    writeFileSync(path.join(root, 'docs/benchmarks', old), '')
  writeFileSync(path.join(root, 'docs/benchmarks.md'), BLOCK)
  saveResult(root, result)
  assert.deepEqual(JSON.parse(readFileSync(path.join(root, 'bench/results/apply.json'), 'utf8')).suite, 'apply')
  assert.deepEqual(readdirSync(path.join(root, 'docs/benchmarks')).sort(), [
    'apply-cold-ipv4.svg',
    'plan-equal-ipv4.svg',
  ])
  const document = readFileSync(path.join(root, 'docs/benchmarks.md'), 'utf8')
  assert.match(document, /`npm run bench -- apply --sizes 100,1000` on Linux 6\.18\.0, Example 9000/)
  assert.match(document, /\| cold \| ipv4 \| 1,000 \| vtepd \| 10 ms \|/)
  assert.doesNotMatch(document, /\| ipv4 \| 10 \|/, 'the table has the two largest sizes')
  assert.match(document, /\* one-by-one is left out at 100000 peers/)
  assert.match(document, /!\[.*\]\(benchmarks\/apply-cold-ipv4\.svg\)/)
})

test('what was saved can be rendered again, and is the same', (t) => {
  const root = mkdtempSync(path.join(tmpdir(), 'vtepd-results-'))
  t.after(() => rmSync(root, { recursive: true }))
  mkdirSync(path.join(root, 'docs'))
  writeFileSync(path.join(root, 'docs/benchmarks.md'), BLOCK)
  saveResult(root, result)
  const document = readFileSync(path.join(root, 'docs/benchmarks.md'), 'utf8')
  writeFileSync(path.join(root, 'docs/benchmarks.md'), BLOCK)
  renderAgain(root, ['plan', 'apply'])
  assert.equal(readFileSync(path.join(root, 'docs/benchmarks.md'), 'utf8'), document)
})

test('the environment names kernel, processor, Node, commit, load and day', () => {
  assert.equal(
    renderEnvironment(environment),
    'Linux 6.18.0, Example 9000, 2 cores, 24 GiB; Node v20.20.2; commit 1234567; load average 0.3; 2026-11-23',
  )
})
