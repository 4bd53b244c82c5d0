import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Sample } from '../../bench/frame/sample.ts'
import { figure, renderJsonLine, renderMarkdown, renderTable } from '../../bench/frame/table.ts'

const sample: Sample = {
  suite: 'apply',
  case: 'cold',
  family: 'ipv4',
  size: 10_000,
  contender: 'vtepd',
  medianMs: 123.456,
  ratioToLimit: 1.0512,
  samples: [120, 123.456, 150],
}
const memory: Sample = {
  ...sample,
  suite: 'memory',
  medianMs: null,
  ratioToLimit: null,
  samples: [],
  measures: { rssMiB: 177.64, peers: 3 },
}

test('a JSON line holds the promised fields in their order, and one line only', () => {
  const line = renderJsonLine(sample)
  assert.equal(line.includes('\n'), false)
  assert.deepEqual(Object.keys(JSON.parse(line)), [
    'suite',
    'case',
    'family',
    'size',
    'contender',
    'medianMs',
    'ratioToLimit',
    'samples',
  ])
  assert.deepEqual(JSON.parse(line), sample)
})

test('what has no time is null in JSON, with its measures beside it', () => {
  assert.deepEqual(JSON.parse(renderJsonLine(memory)), memory)
})

test('figures have three digits, whole thousands are set apart', () => {
  assert.deepEqual([0.01234, 1.0512, 99.96, 123.456, 12345.6, 439_123].map(figure), [
    '0.0123',
    '1.05',
    '100',
    '123',
    '12,300',
    '439,000',
  ])
  assert.equal(figure(Number.NaN), '–')
})

test('the columns of a table stand below one another, figures at the right', () => {
  const lines = renderTable([sample, { ...sample, contender: 'one-by-one', medianMs: 7 }]).split('\n')
  assert.equal(lines.length, 3)
  const [head = '', first = '', second = ''] = lines
  assert.equal(first.indexOf('123 ms') + '123 ms'.length, head.indexOf('median') + 'median'.length)
  assert.equal(second.indexOf('7 ms') + '7 ms'.length, first.indexOf('123 ms') + '123 ms'.length)
  assert.match(first, /^cold +ipv4 +10,000 +vtepd +123 ms +1\.05 +12\.3$/)
})

test('a line without time shows its measures', () => {
  assert.match(renderTable([memory]), /vtepd +– +– +– +rssMiB 178, peers 3$/)
})

test('the table of a document has a head, a rule and a row a sample', () => {
  const lines = renderMarkdown([sample]).split('\n')
  assert.equal(lines.length, 3)
  assert.deepEqual(new Set(lines.map((line) => line.split('|').length)), new Set([10]))
  assert.equal(lines[2], '| cold | ipv4 | 10,000 | vtepd | 123 ms | 1.05 | 12.3 |  |')
})
