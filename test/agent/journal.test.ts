import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createJournal } from '../../lib/agent/window/journal.ts'
import { createStandingLog } from '../../lib/util/standing-log.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createKeptLog } from './support/log-lines.ts'

const AT = new Date('2026-11-29T12:00:00Z')

test('what is logged goes to the log as it is, and is kept with its family, but for what is of level debug', () => {
  const log = createKeptLog()
  const journal = createJournal(log, () => AT)
  const heard: string[] = []
  const end = journal.follow(({ message }) => heard.push(message))
  const ipv4 = journal.log.with({ family: 'ipv4' })
  ipv4.info('device.state', 'device: ready', { ifindex: 7 })
  ipv4.debug('device.effect', 'observed')
  journal.log.warn('host.forwarding', 'off', { family: 'ipv6' })
  end()
  journal.log.error('agent.failed', 'a \u001b[31mred\u001b[0m name')
  assert.deepEqual(
    log.lines.map((line) => line.split(':')[0]),
    ['info device.state', 'warn host.forwarding', 'error agent.failed'],
  )
  const kept = journal.entries()
  assert.deepEqual(
    kept.map(({ number, level, event, family }) => [number, level, event, family]),
    [
      [1, 'info', 'device.state', 'ipv4'],
      [2, 'warn', 'host.forwarding', 'ipv6'],
      [3, 'error', 'agent.failed', undefined],
    ],
  )
  assert.deepEqual([kept[0]?.time, heard], ['2026-11-29T12:00:00.000Z', ['device: ready', 'off']])
  assert.ok(!kept[2]?.message.includes('\u001b'), 'what others wrote does not reach a terminal as it is')
})

test('the newest 500 lines are kept, and their numbers tell what is gone', () => {
  const journal = createJournal(createKeptLog())
  for (let i = 1; i <= 777; i += 1) journal.log.info('peers.applied', `${i}`)
  const kept = journal.entries()
  assert.deepEqual([kept.length, kept[0]?.number, kept.at(-1)?.number], [500, 278, 777])
})

test('what stands is listed from its beginning to its end, however often a line of it is due', async () => {
  const clock = createManualClock()
  const journal = createJournal(createKeptLog(), () => AT)
  const standing = createStandingLog(journal.log.with({ family: 'ipv4' }), clock)
  const listed = () => journal.standing().map(({ event, family, sentence }) => [event, family, sentence])
  standing.stands('way.mtu', 'a hop takes 1400 bytes')
  standing.stands('way.mtu', 'a hop takes 1300 bytes')
  assert.deepEqual(listed(), [['way.mtu', 'ipv4', 'a hop takes 1300 bytes']])
  await clock.advance(180_000)
  assert.equal(listed().length, 1)
  standing.over('way.mtu')
  assert.deepEqual(listed(), [])
  standing.stands('way.mtu', 'again')
  standing.stop()
  assert.deepEqual(listed(), [], 'nobody says any more that it stands')
})
