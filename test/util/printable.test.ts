import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { describeStatus } from '../../lib/agent/status.ts'
import { failureLine } from '../../lib/cli/failure.ts'
import { printable, printableAll } from '../../lib/util/printable.ts'

const UNFIT = /[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069]/u

test('whatever the text, what comes out is printable, well formed, and stays as it is the next time', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
      const out = printable(text)
      assert.doesNotMatch(out, UNFIT)
      assert.doesNotMatch(out, /\p{Surrogate}/u, 'no half of a character')
      assert.equal(printable(out), out)
    }),
    { numRuns: 1000 },
  )
})

test('a half of a character where the text is cut is named, not printed', () => {
  assert.equal(printable('ab😀', 3), 'ab\\u{d83d}… (1 more characters)')
})

test('a report that becomes JSON has no text that a terminal acts upon, in its keys neither', () => {
  const report = printableAll({ 'a\u001b': ['\u009b1m', { b: '\u202e', n: 1, none: null, yes: true }] })
  assert.deepEqual(report, { 'a\\u{1b}': ['\\u{9b}1m', { b: '\\u{202e}', n: 1, none: null, yes: true }] })
})

test('a failure and the status are one printable line', () => {
  assert.equal(failureLine(new Error('a\nb\u001b[2J')), 'a b\\u{1b}[2J')
  const view = { synced: false, because: 'x\nREADY=1\u001b', peers: new Map(), own: undefined } as const
  const known = { rejected: [], contested: [], aliases: [] }
  assert.equal(
    describeStatus({ checks: [{ name: 'watch', fault: 'x' }], view: { ...view, ...known }, families: [] }),
    'waiting: x\\u{a}READY=1\\u{1b}',
  )
})
