import assert from 'node:assert/strict'
import { test } from 'node:test'
import { arrivedInARow, lostRuns, median, outageOf, worstOutage } from '../../lib/lab/gaps.ts'

test('a run of lost probes lasts from the first lost one to the next that arrived', () => {
  assert.deepEqual(lostRuns([0, 2, 4, 6, 8], [1, 0, 0, 1, 1]), [{ fromMs: 2, toMs: 6, lost: 2, ended: true }])
})

test('nothing lost, nothing sent: no run', () => {
  assert.deepEqual(lostRuns([0, 2, 4], [1, 1, 1]), [])
  assert.deepEqual(lostRuns([], []), [])
})

test('a prober that slept shows no gap: only lost probes count, however far apart they were sent', () => {
  assert.deepEqual(lostRuns([0, 2, 500, 502], [1, 1, 1, 1]), [])
})

test('losses at the very start and at the very end are seen; the last run has no end', () => {
  assert.deepEqual(lostRuns([10, 12, 14, 16], [0, 1, 0, 0]), [
    { fromMs: 10, toMs: 12, lost: 1, ended: true },
    { fromMs: 14, toMs: 16, lost: 2, ended: false },
  ])
})

test('an outage sums its runs and knows the longest', () => {
  const outage = outageOf(lostRuns([0, 2, 4, 6, 8, 10, 12], [0, 1, 0, 0, 0, 1, 1]))
  assert.deepEqual(outage, { longestMs: 6, totalMs: 8, lost: 4, ended: true })
  assert.deepEqual(outageOf([]), { longestMs: 0, totalMs: 0, lost: 0, ended: true })
})

test('the worst of several outages is the worst in each respect', () => {
  const worst = worstOutage([
    { longestMs: 6, totalMs: 6, lost: 3, ended: true },
    { longestMs: 2, totalMs: 9, lost: 5, ended: false },
  ])
  assert.deepEqual(worst, { longestMs: 6, totalMs: 9, lost: 5, ended: false })
})

test('probes in a row are counted backwards from the newest, passing over those still under way', () => {
  const sent = [0, 2, 4, 6, 8]
  assert.equal(arrivedInARow(sent, [1, 0, 1, 1, 1], { sinceMs: 0, settledMs: 8 }), 3)
  assert.equal(arrivedInARow(sent, [1, 1, 1, 0, 0], { sinceMs: 0, settledMs: 5 }), 3)
  assert.equal(arrivedInARow(sent, [1, 1, 1, 0, 0], { sinceMs: 0, settledMs: 8 }), 0)
  assert.equal(arrivedInARow(sent, [1, 1, 1, 1, 1], { sinceMs: 3, settledMs: 8 }), 3)
  assert.equal(arrivedInARow([], [], { sinceMs: 0, settledMs: 0 }), 0)
})

test('a median of nothing does not exist', () => {
  assert.equal(median([]), undefined)
  assert.equal(median([5, 1, 3]), 3)
})
