import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRepairLimiter, type RepairLimiter } from '../../lib/agent/repair-limiter.ts'
import { createManualClock } from '../support/manual-clock.ts'

/** What a repairer does: repairs when it may. */
function attempt(limiter: RepairLimiter, key: string): { waitMs: number; fought: boolean } {
  const waitMs = limiter.waitMs(key)
  return { waitMs, fought: waitMs === 0 && limiter.repaired(key) }
}

test('single repairs are never delayed', () => {
  const clock = createManualClock()
  const limiter = createRepairLimiter(clock)
  for (let i = 0; i < 100; i += 1) {
    assert.deepEqual(attempt(limiter, 'a'), { waitMs: 0, fought: false })
    clock.advance(2000)
  }
})

test('a quarrel is slowed down to one repair in 500 ms, and reported once', () => {
  const clock = createManualClock()
  const limiter = createRepairLimiter(clock)
  const times: number[] = []
  let reports = 0
  for (let ms = 0; ms < 10_000; ms += 1) {
    const { waitMs, fought } = attempt(limiter, 'a')
    if (waitMs === 0) times.push(ms)
    if (fought) reports += 1
    assert.ok(waitMs <= 500)
    clock.advance(1)
  }
  const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0))
  assert.equal(reports, 1)
  assert.deepEqual(gaps.slice(0, 2), [1, 1])
  assert.deepEqual(gaps.slice(-3), [500, 500, 500])
})

test('a quarrel over one thing does not delay another', () => {
  const limiter = createRepairLimiter(createManualClock())
  for (let i = 0; i < 10; i += 1) attempt(limiter, 'a')
  assert.equal(attempt(limiter, 'b').waitMs, 0)
})

test('after a reset everything is new', () => {
  const limiter = createRepairLimiter(createManualClock())
  for (let i = 0; i < 10; i += 1) attempt(limiter, 'a')
  limiter.reset()
  assert.equal(attempt(limiter, 'a').waitMs, 0)
})

test('asking changes nothing', () => {
  const limiter = createRepairLimiter(createManualClock())
  for (let i = 0; i < 10; i += 1) assert.equal(limiter.waitMs('a'), 0)
})
