/** Whether a mirror lives, from what its Lease says at each look. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { KubeError } from '../../../lib/errors.ts'
import type { MirrorLease } from '../../../lib/leases/claims/mirror-lease.ts'
import { createMirrorWatch } from '../../../lib/leases/claims/mirror-watch.ts'
import { createManualClock } from '../../support/manual-clock.ts'

const TODAY = new Date('2026-05-01T12:00:00Z')

function lease(renewedAgoMs: number, change: Partial<MirrorLease> = {}): MirrorLease {
  const renewTime = new Date(TODAY.getTime() - renewedAgoMs).toISOString()
  return { holder: 'a', renewTime, durationMs: 15_000, transitions: 0, inStep: true, version: '1', ...change }
}

/** `said`: what the next looks find; an error is thrown. */
function createWorld(...said: (MirrorLease | undefined | KubeError)[]) {
  const clock = createManualClock()
  const states: string[] = []
  let looks = 0
  const watch = createMirrorWatch({
    clock,
    today: () => TODAY,
    random: () => 0.5,
    insist: true,
    onState: (state) => states.push(state),
    async call<R>() {
      const found = said[Math.min(looks, said.length - 1)]
      looks += 1
      if (found instanceof KubeError) throw found
      return found as R
    },
  })
  return { clock, states, watch, looks: () => looks }
}

const refused = (status: number): KubeError => new KubeError({ request: 'get lease', status, reason: 'refused' })

test('a Lease that was renewed lately is believed at the first look, an old one and none are not', async () => {
  assert.equal(await createWorld(lease(3000)).watch.start(), 'alive')
  assert.equal(await createWorld(lease(3_600_000)).watch.start(), 'absent')
  assert.equal(await createWorld(undefined).watch.start(), 'absent')
  assert.equal(await createWorld(lease(3000, { holder: '' })).watch.start(), 'absent')
})

test('a mirror that has not written all claims is as good as none', async () => {
  assert.equal(await createWorld(lease(3000, { inStep: false })).watch.start(), 'absent')
})

test('after the first look clocks do not matter: what changes lives, what stands still is silent', async () => {
  const early = lease(3_600_000)
  const world = createWorld(lease(7_200_000), early, lease(3_500_000), lease(3_500_000), lease(3_400_000))
  await world.watch.start()
  for (const state of ['alive', 'alive', 'silent', 'alive']) {
    await world.clock.run(60_000)
    assert.equal(world.watch.state, state)
  }
  assert.deepEqual(world.states, ['absent', 'alive', 'silent', 'alive'])
})

test('a server that is away says nothing of the mirror, and neither does the first look after it', async () => {
  const world = createWorld(lease(3000), refused(0), refused(503), lease(3000), lease(3000))
  await world.watch.start()
  await world.clock.run(180_000)
  assert.deepEqual([world.looks(), world.states], [4, ['alive']])
  await world.clock.run(60_000)
  assert.deepEqual(world.states, ['alive', 'silent'])
})

test('a server that does not show the Lease has none for us; one that is away at the start is told', async () => {
  assert.equal(await createWorld(refused(403)).watch.start(), 'absent')
  await assert.rejects(createWorld(refused(0)).watch.start(), KubeError)
})

test('nothing is looked at after the end', async () => {
  const world = createWorld(lease(3000))
  await world.watch.start()
  world.watch.close()
  assert.equal(world.clock.pending, 0)
})
