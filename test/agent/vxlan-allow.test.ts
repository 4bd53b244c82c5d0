import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createVxlanAllow } from '../../lib/agent/vxlan-allow.ts'
import type { FilterResult } from '../../lib/firewall/port.ts'
import type { VxlanGuard, WantedGuard } from '../../lib/firewall/vxlan-allow.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { IPV4, viewOf } from './support/fake-node.ts'
import { createKeptLog } from './support/log-lines.ts'

function setUp(t: TestContext, who: 'all' | 'known' = 'known') {
  const clock = createManualClock()
  const log = createKeptLog()
  const wishes: WantedGuard[] = []
  const fake = { answer: { outcome: 'right', notes: [] } as FilterResult, removed: 0 }
  let onDamage: () => void = () => undefined
  const guard: VxlanGuard = {
    async ensure(wanted) {
      wishes.push(wanted)
      return fake.answer
    },
    extend: async () => undefined,
    compare: async () => ({ commands: [], unknown: null }),
    async remove() {
      fake.removed += 1
      return fake.answer
    },
    watch(listener) {
      onDamage = listener
    },
    close: async () => undefined,
  }
  const allow = createVxlanAllow({ family: 'ipv4', guard, guarded: who === 'known' ? 8472 : undefined, clock, log })
  t.after(() => allow.stop())
  return { allow, clock, log, wishes, fake, damage: () => onDamage() }
}

const peersOf = (count: number, synced: boolean) =>
  viewOf(IPV4, new Map(Array.from({ length: count }, (_, i) => [i + 2, i + 2])), synced)

test('an incomplete view shuts nobody out: before a complete one it is the least that is let in', async (t) => {
  const { allow, clock, wishes } = setUp(t)
  await allow.admit(peersOf(1, false))
  await clock.run(0)
  assert.deepEqual([wishes.at(-1)?.allowed.size, wishes.at(-1)?.atLeast], [1, true])
  await allow.admit(peersOf(3, true))
  await clock.run(0)
  assert.deepEqual([wishes.at(-1)?.allowed.size, wishes.at(-1)?.atLeast], [3, false])
  await allow.admit(peersOf(1, false))
  await clock.run(1000)
  assert.equal(wishes.at(-1)?.allowed.size, 3)
  await allow.admit(peersOf(4, false))
  await clock.run(1000)
  assert.equal(wishes.at(-1)?.allowed.size, 4)
  await allow.admit(peersOf(1, true))
  await clock.run(1000)
  assert.equal(wishes.at(-1)?.allowed.size, 1)
})

test('damage that is heard, and a minute that has passed, are a reason to look', async (t) => {
  const { allow, clock, wishes, damage } = setUp(t)
  await allow.admit(peersOf(1, true))
  await clock.run(5000)
  const before = wishes.length
  damage()
  await clock.run(0)
  assert.equal(wishes.length, before + 1)
  await clock.run(80_000)
  assert.ok(wishes.length >= before + 2)
})

test('what cannot be done stands in the log, and is tried again', async (t) => {
  const { allow, clock, log, fake, wishes } = setUp(t)
  fake.answer = { outcome: 'failed', because: 'Operation not permitted', missing: false }
  await allow.admit(peersOf(1, true))
  await clock.run(59_000)
  assert.equal(log.of('warn filter.vxlan-allow').length, 1)
  assert.ok(wishes.length > 3)
  fake.answer = { outcome: 'written', because: 'it was not as wanted', notes: [] }
  await clock.run(40_000)
  assert.match(log.of('info filter.vxlan-allow').join(), /is as it should be/)
})

test('where everybody may send an earlier run’s table is removed, once, and again where that fails', async (t) => {
  const { allow, clock, fake, wishes } = setUp(t, 'all')
  fake.answer = { outcome: 'failed', because: 'busy', missing: true }
  await clock.run(10_000)
  assert.ok(fake.removed > 1)
  fake.answer = { outcome: 'written', because: 'it was there', notes: [] }
  await clock.run(60_000)
  const { removed } = fake
  await allow.admit(peersOf(1, true))
  await clock.run(600_000)
  assert.deepEqual([fake.removed, wishes.length], [removed, 0])
})
