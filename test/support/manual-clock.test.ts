/** The clock of the tests. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from './manual-clock.ts'

test('timers fire in the order of their time, at their time, also those that a timer adds', () => {
  const clock = createManualClock(100)
  const fired: string[] = []
  const note = (name: string) => () => void fired.push(`${name}@${clock.now()}`)
  clock.after(30, note('c'))
  clock.after(10, () => {
    note('a')()
    clock.after(5, note('b'))
  })
  clock.after(31, note('late'))
  clock.advance(30)
  assert.deepEqual(fired, ['a@110', 'b@115', 'c@130'])
  assert.deepEqual([clock.now(), clock.pending, clock.nextIn], [130, 1, 1])
})

test('a cancelled timer never fires, and cancelling twice or late does nothing', () => {
  const clock = createManualClock()
  let fired = 0
  const timer = clock.after(10, () => {
    fired += 1
  })
  timer.cancel()
  timer.cancel()
  const other = clock.after(10, () => {
    fired += 1
  })
  clock.advance(10)
  other.cancel()
  assert.deepEqual([fired, clock.pending, clock.nextIn], [1, 0, undefined])
})

test('run lets promises settle between timers', async () => {
  const clock = createManualClock()
  const seen: number[] = []
  clock.after(10, () => {
    void Promise.resolve().then(() => {
      seen.push(clock.now())
      clock.after(10, () => seen.push(clock.now()))
    })
  })
  await clock.run(20)
  assert.deepEqual(seen, [10, 20])
})
