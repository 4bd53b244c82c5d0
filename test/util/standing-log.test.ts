import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createStandingLog } from '../../lib/util/standing-log.ts'
import { createMemoryLog } from '../leases/support.ts'
import { createManualClock } from '../support/manual-clock.ts'

function setUp() {
  const clock = createManualClock(5000)
  const log = createMemoryLog()
  const standing = createStandingLog(log, clock)
  /** Level and message of the lines since the last call. */
  let seen = 0
  const lines = (): string[] => {
    const now = log.lines.slice(seen).map(({ level, event, message }) => `${level} ${event}: ${message}`)
    seen = log.lines.length
    return now
  }
  return { clock, standing, lines }
}

test('what stands is told at once, then once a minute with since when, however often it is said', () => {
  const { clock, standing, lines } = setUp()
  standing.stands('a.wait', 'waiting for a')
  assert.deepEqual(lines(), ['warn a.wait: waiting for a'])
  for (let second = 0; second < 59; second += 1) {
    clock.advance(1000)
    standing.stands('a.wait', 'waiting for a')
  }
  assert.deepEqual(lines(), [])
  clock.advance(1000)
  assert.deepEqual(lines(), ['warn a.wait: waiting for a (for 1 min)'])
  clock.advance(2 * 60_000)
  assert.deepEqual(lines(), ['warn a.wait: waiting for a (for 2 min)', 'warn a.wait: waiting for a (for 3 min)'])
  clock.advance(117 * 60_000)
  assert.equal(lines().at(-1), 'warn a.wait: waiting for a (for 2 h)')
  assert.equal(clock.pending, 1)
})

test('another reason is told at the next minute, the one of that moment', () => {
  const { clock, standing, lines } = setUp()
  standing.stands('a.wait', 'first')
  standing.stands('a.wait', 'second')
  clock.advance(30_000)
  standing.stands('a.wait', 'third')
  assert.deepEqual(lines(), ['warn a.wait: first'])
  clock.advance(30_000)
  assert.deepEqual(lines(), ['warn a.wait: third (for 1 min)'])
})

test('the end is told with how long it stood, and only of what stood', () => {
  const { clock, standing, lines } = setUp()
  standing.over('a.wait', 'a is there')
  standing.stands('a.wait', 'waiting for a')
  standing.stands('b.wait', 'waiting for b')
  clock.advance(12_000)
  standing.over('a.wait', 'a is there')
  standing.over('a.wait', 'a is there')
  standing.over('b.wait')
  assert.deepEqual(lines(), [
    'warn a.wait: waiting for a',
    'warn b.wait: waiting for b',
    'info a.wait: a is there (after 12 s)',
    'info b.wait: over: waiting for b (after 12 s)',
  ])
  assert.equal(clock.pending, 0)
})

test('what comes and goes is told three times a minute; its end only if it was told', () => {
  const { clock, standing, lines } = setUp()
  const flap = (): void => {
    standing.stands('a.wait', 'one')
    clock.advance(500)
    standing.over('a.wait', 'well')
    clock.advance(500)
  }
  for (let second = 0; second < 3; second += 1) flap()
  const [told, end] = ['warn a.wait: one', 'info a.wait: well (after 1 s)']
  assert.deepEqual(lines(), [told, end, told, end, told, end])
  for (let second = 3; second < 50; second += 1) flap()
  assert.deepEqual(lines(), [])
  assert.equal(clock.pending, 0)
  standing.stands('a.wait', 'two')
  clock.advance(9999)
  assert.deepEqual(lines(), [])
  clock.advance(1)
  assert.deepEqual(lines(), ['warn a.wait: two (for 10 s)'], 'a minute after the first')
  clock.advance(60_000)
  standing.over('a.wait', 'well')
  assert.deepEqual(lines(), ['warn a.wait: two (for 1 min)', 'info a.wait: well (after 1 min)'])
  clock.advance(60_000)
  standing.stands('a.wait', 'three')
  assert.deepEqual(lines(), ['warn a.wait: three'])
})

test('several stand beside each other, each with its own minute, on one timer', () => {
  const { clock, standing, lines } = setUp()
  standing.stands('a.wait', 'a')
  clock.advance(20_000)
  standing.stands('b.wait', 'b')
  assert.equal(clock.pending, 1)
  lines()
  clock.advance(40_000)
  assert.deepEqual(lines(), ['warn a.wait: a (for 1 min)'])
  clock.advance(20_000)
  assert.deepEqual(lines(), ['warn b.wait: b (for 1 min)'])
  assert.equal(clock.pending, 1)
})

test('after stop nothing is told and no timer runs', () => {
  const { clock, standing, lines } = setUp()
  standing.stands('a.wait', 'a')
  standing.stop()
  lines()
  standing.stands('a.wait', 'a')
  standing.over('a.wait', 'well')
  assert.deepEqual(lines(), [])
  assert.equal(clock.pending, 0)
})
