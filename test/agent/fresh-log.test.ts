import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFreshLog } from '../../lib/agent/fresh-log.ts'
import { createManualClock } from '../support/manual-clock.ts'

function setUp() {
  const said: string[] = []
  const clock = createManualClock()
  return { said, clock, fresh: createFreshLog(clock, (text) => void said.push(text)) }
}

const bad = (node: string): string => `node ${node}: podCIDR: is outside the network`

test('ten thousand broken claims are one line', () => {
  const { said, fresh } = setUp()
  fresh.report(Array.from({ length: 10_000 }, (_, i) => bad(`node${i}`)))
  assert.equal(said.length, 1)
  assert.match(said[0] ?? '', /node0.*and 9995 more$/)
})

test('what is said once is not repeated while it lasts', async () => {
  const { said, fresh, clock } = setUp()
  for (let minute = 0; minute < 5; minute += 1) {
    fresh.report([bad('a')])
    await clock.run(61_000)
  }
  assert.equal(said.length, 1)
})

test('what comes within the minute is said at its end, and what went away and came back is said again', async () => {
  const { said, fresh, clock } = setUp()
  fresh.report([bad('a')])
  fresh.report([bad('a'), bad('b')])
  assert.equal(said.length, 1)
  await clock.run(60_000)
  assert.match(said[1] ?? '', /node b/)
  fresh.report([])
  await clock.run(60_000)
  fresh.report([bad('a')])
  assert.match(said[2] ?? '', /node a/)
})

test('a stopped log leaves no timer', () => {
  const { fresh, clock } = setUp()
  fresh.report([bad('a')])
  fresh.stop()
  assert.equal(clock.pending, 0)
})

test('a sentence of whatever length leaves the others to be read', () => {
  const { said, fresh } = setUp()
  fresh.report([bad('x'.repeat(250_000)), bad('b')])
  assert.ok((said[0]?.length ?? 0) < 600)
  assert.match(said[0] ?? '', /more characters\); node b: podCIDR/)
})
