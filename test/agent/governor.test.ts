/** Pace: what is repaired the first times is not waited for, what is repaired again and again is, and is told once a minute. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createGovernor, PATIENT_MS } from '../../lib/agent/governor.ts'
import type { Log } from '../../lib/util/log.ts'
import { createManualClock } from '../support/manual-clock.ts'

function setUp(name: string | undefined = undefined) {
  const clock = createManualClock()
  const warned: { message: string; fields: Readonly<Record<string, unknown>> }[] = []
  const log: Log = {
    debug() {},
    info() {},
    warn: (_, message, fields = {}) => void warned.push({ message, fields }),
    error() {},
    with: () => log,
  }
  const governor = createGovernor({ clock, log, nameOwner: async () => name })
  /** Repairs `names` as soon as it may, for `ms`; returns when. */
  const fight = async (names: readonly string[], ms: number): Promise<number[]> => {
    const times: number[] = []
    const end = clock.now() + ms
    for (;;) {
      const waitMs = governor.waitMs(names)
      if (clock.now() + waitMs >= end) break
      await clock.run(waitMs)
      times.push(clock.now())
      governor.repaired(names, () => names.join())
    }
    await clock.run(end - clock.now())
    return times
  }
  return { clock, governor, warned, fight }
}

test('the first repairs are made at once, then they are spaced, and never by more than half a second', async () => {
  const { fight } = setUp()
  const times = await fight(['a'], 10_000)
  const gaps = times.slice(1).map((at, i) => at - (times[i] ?? 0))
  assert.deepEqual(gaps.slice(0, 8), [0, 0, 10, 20, 40, 80, 160, 320])
  assert.ok(gaps.every((gap) => gap <= 500))
  assert.ok(times.length >= 20 && times.length <= 30, `${times.length} repairs`)
})

test('a quarrel over one thing does not delay the repair of another; what is repaired together waits for the slowest', async () => {
  const { governor, fight } = setUp()
  await fight(['a'], 5000)
  assert.ok(governor.waitMs(['a']) >= 0)
  governor.repaired(['a'], () => 'a')
  assert.equal(governor.waitMs(['b']), 0)
  assert.equal(governor.waitMs(['a', 'b']), 500)
})

test('after two seconds of calm a repair is the first again', async () => {
  const { clock, governor } = setUp()
  for (let i = 0; i < 3; i += 1) governor.repaired(['a'], () => 'a')
  assert.equal(governor.waitMs(['a']), 10)
  await clock.run(2010)
  for (let i = 0; i < 3; i += 1) {
    assert.equal(governor.waitMs(['a']), 0)
    governor.repaired(['a'], () => 'a')
  }
})

test('work that takes long is a twentieth of the time at most, as far as half a second reaches', () => {
  const { governor } = setUp()
  for (let i = 0; i < 4; i += 1) governor.repaired(['a'], () => 'a')
  governor.took(['a'], 8)
  assert.equal(governor.waitMs(['a']), 160)
  governor.took(['a'], 80)
  assert.equal(governor.waitMs(['a']), 500)
})

test('what can wait waits up to half a minute, and what hastens it at most half a second', () => {
  const { governor } = setUp()
  for (let i = 0; i < 20; i += 1) governor.failed('flaw')
  assert.equal(governor.waitMs(['flaw'], PATIENT_MS), PATIENT_MS)
  assert.equal(governor.waitMs(['flaw']), 500)
})

test('a quarrel is one line a minute, with how often, naming the other program where it can be told', async () => {
  const { fight, warned, governor } = setUp('NetworkManager (process 812)')
  governor.stranger(812)
  await fight(['a', 'b'], 180_000)
  assert.ok(warned.length >= 3 && warned.length <= 4, `${warned.length} lines`)
  assert.match(warned[0]?.message ?? '', /a,b: undone again and again by NetworkManager \(process 812\)/)
  assert.ok(Number(warned[1]?.fields.times) > 100)
})

test('repairs are told one by one until they are a quarrel, also a slow one, and again when it is over', async () => {
  const { governor, clock } = setUp()
  const told: boolean[] = []
  for (let i = 0; i < 8; i += 1) {
    told.push(governor.isNews(['a']))
    governor.repaired(['a'], () => 'a')
    await clock.run(10_000)
  }
  assert.deepEqual(told, [true, true, true, true, true, false, false, false])
  assert.equal(governor.quarrelling, true)
  await clock.run(60_000)
  assert.equal(governor.quarrelling, false)
  assert.equal(governor.isNews(['a']), true)
})

test('failures of our own accuse nobody', async () => {
  const { governor, warned, clock } = setUp()
  for (let i = 0; i < 50; i += 1) governor.failed('trouble')
  await clock.run(1000)
  assert.deepEqual(warned, [])
  assert.equal(governor.quarrelling, false)
})

test('with another device everything is another story', async () => {
  const { governor, fight } = setUp()
  await fight(['a'], 5000)
  governor.reset()
  assert.equal(governor.waitMs(['a']), 0)
})

test('things without number are forgotten, the oldest first', () => {
  const { governor } = setUp()
  for (let i = 0; i < 100; i += 1) governor.repaired(['kept'], () => '')
  for (let i = 0; i < 1999; i += 1) governor.repaired([`other ${i}`], () => '')
  assert.equal(governor.waitMs(['kept']), 500)
  governor.repaired(['one too many'], () => '')
  assert.equal(governor.waitMs(['kept']), 0)
})
