/** What is said of an outage that lasts. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStaleness } from '../../../lib/leases/kube/staleness.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { createMemoryLog } from '../support.ts'

test('what is known may be old from the first failure until the server answers', () => {
  const staleness = createStaleness(createMemoryLog(), createManualClock())
  assert.match(staleness.because ?? '', /not been asked/)
  staleness.note(undefined)
  assert.equal(staleness.because, undefined)
  staleness.note('refused')
  assert.equal(staleness.because, 'refused')
})

test('an outage of five minutes is one warning, and its end one line', () => {
  const clock = createManualClock()
  const log = createMemoryLog()
  const staleness = createStaleness(log, clock)
  staleness.note(undefined)
  const fail = (minutes: number): void => {
    for (let i = 0; i < 2 * minutes; i += 1) {
      staleness.note(`refused ${i}`)
      clock.advance(30_000)
    }
  }
  fail(5)
  assert.deepEqual(log.lines, [])
  fail(600)
  assert.equal(log.lines.length, 1)
  assert.match(log.of('leases.stale')[0]?.message ?? '', /nothing heard of the Nodes for 300 s.*refused/)
  staleness.note(undefined)
  staleness.note(undefined)
  assert.equal(log.lines.length, 2)
  assert.match(log.of('leases.fresh')[0]?.message ?? '', /after 36300 s/)
  fail(4)
  staleness.note(undefined)
  assert.equal(log.lines.length, 2)
})
