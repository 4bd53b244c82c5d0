/** When our own claim is written, and what is said where it cannot be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KubeError } from '../../../lib/errors.ts'
import { annotationKeys } from '../../../lib/leases/annotations.ts'
import { createClaimWriter } from '../../../lib/leases/claims/claim-writer.ts'
import type { ClaimFacts } from '../../../lib/leases/wire/claim.ts'
import { createStandingLog } from '../../../lib/util/standing-log.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { createMemoryLog, PREFIX } from '../support.ts'

const OURS = { ipv4: { underlay: '192.168.0.1', lladdr: '02:00:00:00:04:01', vni: 1 } }
const MOVED = { ipv4: { ...OURS.ipv4, underlay: '192.168.0.2' } }

const told = (spec: ClaimFacts['spec'], owner = 'uid'): ClaimFacts => ({
  uid: 'c',
  version: '1',
  owner,
  spec,
  status: undefined,
})

/** `status`: of the refusal of every write; 0: all are accepted. */
function createWorld({ insist = false }: { insist?: boolean } = {}) {
  const clock = createManualClock()
  const log = createMemoryLog()
  const world = { clock, log, writes: 0, status: 0, exists: true }
  const writer = createClaimWriter({
    async call<R>() {
      world.writes += 1
      if (world.status > 0) throw new KubeError({ request: 'apply', status: world.status, reason: 'refused' })
      return undefined as R
    },
    exists: async () => world.exists,
    keys: annotationKeys(PREFIX),
    clock,
    log,
    standing: createStandingLog(log, clock),
    insist,
  })
  return Object.assign(world, { writer })
}

test('a claim is written once for what is wanted, and again when that changes', async () => {
  const world = createWorld()
  world.writer.want('me', 'uid', OURS)
  world.writer.want('me', 'uid', OURS)
  await world.clock.run(60_000)
  assert.equal(world.writes, 1)
  world.writer.want('me', 'uid', MOVED)
  await world.clock.run(0)
  assert.equal(world.writes, 2)
  world.writer.want('me', 'another uid', MOVED)
  await world.clock.run(5000)
  assert.equal(world.writes, 3)
})

test('what the claim says already is not written; what somebody else writes is undone at most every five seconds', async () => {
  const world = createWorld()
  world.writer.told(told({ writer: 'Node', ...OURS }))
  world.writer.want('me', 'uid', OURS)
  await world.clock.run(10_000)
  assert.equal(world.writes, 0)
  for (let second = 0; second < 20; second += 1) {
    world.writer.told(told({ writer: 'Mirror', ...OURS }))
    await world.clock.run(1000)
  }
  assert.ok(world.writes >= 4 && world.writes <= 5, String(world.writes))
  world.writer.told(told({ writer: 'Node', ...OURS }))
  const { writes } = world
  world.writer.told(undefined)
  await world.clock.run(6000)
  assert.equal(world.writes, writes + 1)
})

test('a server without claims is asked again with growing pauses, and only where claims are insisted on that is said', async () => {
  for (const insist of [false, true]) {
    const world = createWorld({ insist })
    world.status = 404
    world.writer.want('me', 'uid', OURS)
    await world.clock.run(3_600_000)
    assert.ok(world.writes > 5 && world.writes < 25, String(world.writes))
    assert.equal(
      world.log.lines.some(({ event }) => event === 'leases.claim'),
      insist,
    )
    world.status = 0
    await world.clock.run(300_000)
    const { writes } = world
    await world.clock.run(3_600_000)
    assert.equal(world.writes, writes)
  }
})

test('where writing is forbidden, that is said only if the server has claims at all', async () => {
  for (const exists of [false, true]) {
    const world = createWorld()
    Object.assign(world, { status: 403, exists })
    world.writer.want('me', 'uid', OURS)
    await world.clock.run(60_000)
    assert.equal(
      world.log.lines.some(({ event }) => event === 'leases.claim'),
      exists,
    )
  }
})

test('nothing is written after the end', async () => {
  const world = createWorld()
  world.writer.want('me', 'uid', OURS)
  world.writer.close()
  await world.clock.run(60_000)
  assert.equal(world.writes, 0)
})
