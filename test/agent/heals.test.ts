import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createHeals } from '../../lib/agent/heals.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createKeptLog } from './support/log-lines.ts'

function stage() {
  const clock = createManualClock()
  const log = createKeptLog()
  const heals = createHeals({ ifname: 'flannel.1', clock, log })
  return { clock, heals, told: () => log.lines }
}

test('what comes before it was whole for the first time is the start, and no repair', () => {
  const { heals, told } = stage()
  heals.broke('device', 'there is no device', 'device_changed')
  heals.wrote({ written: 6 }, { since: 0, repair: false, news: true })
  heals.settle(true)
  assert.deepEqual([heals.count, heals.last, told()], [0, undefined, []])
})

test('a repair lasts from the first word of the damage to the last write, not to the look that confirms it', async () => {
  const { clock, heals, told } = stage()
  heals.settle(true)
  heals.broke('entry', 'route 10.42.2.0/24 deleted', 'entry_deleted')
  await clock.advance(4)
  heals.broke('entry', 'neighbour 10.42.2.0 deleted', 'entry_deleted')
  await clock.advance(2)
  heals.wrote({ written: 2 }, { since: 5, repair: true, news: true })
  heals.settle(false)
  await clock.advance(30)
  heals.settle(true)
  assert.deepEqual(heals.last, { cause: 'route 10.42.2.0/24 deleted', ms: 6, at: 6, written: 2 })
  assert.deepEqual(told(), [
    'info overlay.healed: healed flannel.1 in 6 ms: route 10.42.2.0/24 deleted; 2 entries written',
  ])
})

test('a device that goes takes its entries first: it is what happened, and when it began', async () => {
  const { clock, heals } = stage()
  heals.settle(true)
  heals.broke('entry', 'FDB entry 0e:00:00:00:00:02 deleted', 'entry_deleted')
  await clock.advance(17)
  heals.broke('device', 'the device was deleted', 'device_deleted')
  await clock.advance(3)
  heals.wrote({ written: 6 }, { since: 18, repair: false, news: true })
  heals.settle(true)
  assert.deepEqual(heals.last, { cause: 'the device was deleted', ms: 3, at: 20, written: 6 })
})

test('a device that is down is mostly on its way out: that it is gone is what happened, since it was down', async () => {
  const { clock, heals } = stage()
  heals.settle(true)
  heals.broke('device', 'flannel.1 is down', 'device_changed')
  await clock.advance(5)
  heals.broke('gone', 'the device was deleted', 'device_deleted')
  await clock.advance(3)
  heals.settle(true)
  assert.deepEqual(heals.last, { cause: 'the device was deleted', ms: 8, at: 8, written: 0 })
})

test('what nobody heard of and a look finds is a repair from the beginning of the look', async () => {
  const { clock, heals } = stage()
  heals.settle(true)
  await clock.advance(10)
  heals.wrote({ written: 1 }, { since: 8, repair: true, news: true })
  heals.settle(true)
  assert.deepEqual(heals.last, { cause: 'a look found entries missing or altered', ms: 2, at: 10, written: 1 })
  heals.wrote({ written: 3 }, { since: 10, repair: false, news: true })
  heals.settle(true)
  assert.equal(heals.count, 1, 'entries of a peer that has come are no repair')
})

test('what is undone again and again is no news, but counted; of the device five times a minute are told', async () => {
  const { clock, heals, told } = stage()
  heals.settle(true)
  for (let i = 0; i < 10; i += 1) {
    heals.broke('entry', 'route 10.42.2.0/24 deleted', 'entry_deleted')
    heals.wrote({ written: 1 }, { since: clock.now(), repair: true, news: i === 0 })
    heals.settle(true)
  }
  assert.deepEqual([heals.count, told().length], [10, 1])
  for (let i = 0; i < 10; i += 1) {
    heals.broke('device', 'the device was deleted', 'device_deleted')
    heals.settle(true)
  }
  assert.deepEqual([heals.count, told().length], [20, 6])
  await clock.advance(60_000)
  heals.broke('device', 'the device was deleted', 'device_deleted')
  heals.settle(true)
  assert.equal(told().length, 7)
})

test('what was heard, and a look finds as it should be, is no repair', () => {
  const { heals, told } = stage()
  heals.settle(true)
  heals.broke('entry', 'neighbour 10.42.2.0 altered', 'entry_deleted')
  heals.settle(true)
  assert.deepEqual([heals.count, told()], [0, []])
})
