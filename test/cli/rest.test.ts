/** An agent rests once it has been ready for a while. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRest, type Rest } from '../../lib/cli/rest.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'

function stage(): { clock: ManualClock; rest: Rest; acts: () => number } {
  const clock = createManualClock()
  let count = 0
  const rest = createRest({
    clock,
    act() {
      count += 1
    },
  })
  return { clock, rest, acts: () => count }
}

test('memory is given back once when the agent has been ready for ten seconds, however often it says so', () => {
  const { clock, rest, acts } = stage()
  rest.judged(true)
  clock.advance(9_999)
  rest.judged(true)
  assert.equal(acts(), 0)
  clock.advance(1)
  assert.equal(acts(), 1)
  rest.judged(true)
  clock.advance(3_600_000)
  assert.equal(acts(), 1)
})

test('an agent that is not ready for long does not rest, and one that was away rests again', () => {
  const { clock, rest, acts } = stage()
  for (let flap = 0; flap < 5; flap += 1) {
    rest.judged(true)
    clock.advance(5_000)
    rest.judged(false)
    clock.advance(5_000)
  }
  assert.equal(acts(), 0)
  for (const times of [1, 2]) {
    rest.judged(true)
    clock.advance(10_000)
    assert.equal(acts(), times)
    rest.judged(false)
  }
})

test('nothing happens after the end', () => {
  const { clock, rest, acts } = stage()
  rest.judged(true)
  rest.stop()
  clock.advance(60_000)
  assert.equal(acts(), 0)
  assert.equal(clock.pending, 0)
})
