/** What the log hears of entries that could not be written. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Tally } from '../../lib/agent/apply-plan.ts'
import { createPeerReports } from '../../lib/agent/peer-reports.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { createStandingLog } from '../../lib/util/standing-log.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createKeptLog } from './support/log-lines.ts'

const TALLY: Tally = {
  neighbours: 0,
  fdb: 0,
  routes: 0,
  deleted: 0,
  written: 0,
  failed: 0,
  retry: 0,
  unreached: new Set(),
  lacking: { neighbours: 0, fdb: 0, routes: 0 },
  first: undefined,
  errors: new Map(),
  passing: true,
}
const DIED: Tally = { ...TALLY, retry: 10, first: 'neighbour.replace 10.42.2.0: ENODEV' }
const REFUSED: Tally = { ...TALLY, failed: 1, first: 'route.replace 10.42.2.0/24: EINVAL', passing: false }

function reports() {
  const log = createKeptLog()
  const clock = createManualClock()
  const { applied, offLink } = createPeerReports({ log, standing: createStandingLog(log, clock), clock })
  return { log, clock, offLink, applied: (tally: Tally) => applied(tally, 1, { whole: true, level: 'info' }) }
}

test('what fails because a link is gone or down is told if it fails once more', () => {
  const { log, applied } = reports()
  applied(DIED)
  applied(TALLY)
  applied(DIED)
  assert.deepEqual(log.lines, [])
  applied(DIED)
  assert.deepEqual(log.lines, ['warn peers.entry-failed: neighbour.replace 10.42.2.0: ENODEV; and 9 more'])
})

test('what the kernel refuses is told at once, and once', () => {
  const { log, applied } = reports()
  applied(REFUSED)
  applied(REFUSED)
  assert.deepEqual(log.lines, ['warn peers.entry-failed: route.replace 10.42.2.0/24: EINVAL'])
  applied(TALLY)
  applied(REFUSED)
  assert.equal(log.lines.length, 2)
})

test('who is behind a gateway is told when that lasts, and when it is over', async () => {
  const { log, clock, offLink } = reports()
  const far = { node: 'far', underlay: parseIp('192.0.2.1') }
  offLink([far])
  await clock.run(900)
  offLink([])
  await clock.run(5000)
  assert.deepEqual(log.lines, [])
  offLink([far])
  await clock.run(1100)
  offLink([])
  assert.equal(log.lines.length, 2)
  assert.match(log.lines[0] ?? '', /^warn peers\.off-link: no route for far \(192\.0\.2\.1\): /)
  assert.match(log.lines[1] ?? '', /^info peers\.off-link: every peer is on a link of this host/)
})
