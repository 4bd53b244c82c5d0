import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRejectedLog } from '../../lib/agent/rejected-log.ts'
import { LeaseError } from '../../lib/errors.ts'
import type { Log } from '../../lib/util/log.ts'
import { createManualClock } from '../support/manual-clock.ts'

function setUp() {
  const said: string[] = []
  const log: Log = {
    debug() {},
    info() {},
    warn: (_event, message) => void said.push(message),
    error() {},
    with: () => log,
  }
  const clock = createManualClock()
  return { said, clock, rejected: createRejectedLog(log, clock) }
}

const bad = (node: string): LeaseError => new LeaseError(node, 'podCIDR', 'is outside the network')

test('ten thousand broken claims are one line', () => {
  const { said, rejected } = setUp()
  rejected.report(Array.from({ length: 10_000 }, (_, i) => bad(`node${i}`)))
  assert.equal(said.length, 1)
  assert.match(said[0] ?? '', /node0.*and 9995 more$/)
})

test('what is said once is not repeated while it lasts', async () => {
  const { said, rejected, clock } = setUp()
  for (let minute = 0; minute < 5; minute += 1) {
    rejected.report([bad('a')])
    await clock.run(61_000)
  }
  assert.equal(said.length, 1)
})

test('what comes within the minute is said at its end, and what went away and came back is said again', async () => {
  const { said, rejected, clock } = setUp()
  rejected.report([bad('a')])
  rejected.report([bad('a'), bad('b')])
  assert.equal(said.length, 1)
  await clock.run(60_000)
  assert.match(said[1] ?? '', /node b/)
  rejected.report([])
  await clock.run(60_000)
  rejected.report([bad('a')])
  assert.match(said[2] ?? '', /node a/)
})

test('a stopped log leaves no timer', () => {
  const { rejected, clock } = setUp()
  rejected.report([bad('a')])
  rejected.stop()
  assert.equal(clock.pending, 0)
})
