import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNftEars } from '../../lib/firewall/nft-ears.ts'
import type { NftMonitorOptions, NftWatched } from '../../lib/rtnl/nft-monitor.ts'
import { createManualClock } from '../support/manual-clock.ts'

const OURS: NftWatched = { family: 'ipv4', table: 'flannel-ipv4' }

function setUp() {
  const clock = createManualClock()
  const opened: NftMonitorOptions[] = []
  const fake = { refused: '', closed: 0, damages: 0 }
  const ears = createNftEars({
    open(options) {
      if (fake.refused !== '') throw new Error(fake.refused)
      opened.push(options)
      return {
        close() {
          fake.closed += 1
        },
      }
    },
    watched: [OURS],
    clock,
    onDamage: () => {
      fake.damages += 1
    },
  })
  return { clock, opened, fake, ears }
}

test('what is touched, and what was lost, is damage', () => {
  const { opened, fake, ears } = setUp()
  opened[0]?.onNews([{ type: 'touched', watched: OURS }])
  opened[0]?.onNews([{ type: 'overrun' }])
  assert.deepEqual([fake.damages, ears.notes], [2, []])
})

test('a socket that fails is opened again, and what happened meanwhile is looked for', async () => {
  const { clock, opened, fake, ears } = setUp()
  opened[0]?.onNews([{ type: 'closed', errnoName: 'EIO' }])
  assert.equal(fake.damages, 1)
  assert.match(ears.notes[0]?.text ?? '', /not heard \(EIO\)/)
  await clock.run(1000)
  assert.deepEqual([opened.length, fake.damages, ears.notes], [2, 2, []])
})

test('one that cannot be had is tried for with patience, and that stands in the notes', async () => {
  const { clock, opened, fake, ears } = setUp()
  fake.refused = 'EPERM: CAP_NET_ADMIN is missing'
  opened[0]?.onNews([{ type: 'closed', errnoName: 'EIO' }])
  await clock.run(60_000)
  assert.match(ears.notes[0]?.text ?? '', /CAP_NET_ADMIN is missing/)
  assert.ok(fake.damages > 3 && fake.damages < 20, `${fake.damages}`)
  fake.refused = ''
  await clock.run(30_000)
  assert.deepEqual([opened.length, ears.notes], [2, []])
  ears.close()
  assert.deepEqual([fake.closed, clock.pending], [1, 0])
})
