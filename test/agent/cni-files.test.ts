import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCniFiles } from '../../lib/agent/cni-files.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseMtu } from '../../lib/net/mtu.ts'
import type { Log } from '../../lib/util/log.ts'
import { createStandingLog } from '../../lib/util/standing-log.ts'
import { createManualClock } from '../support/manual-clock.ts'

const env = (mtu: number) => ({
  ipv4: { network: parseCidr('10.42.0.0/16'), subnet: parseCidr('10.42.1.0/24'), mtu: parseMtu(mtu) },
  ipv6: undefined,
  ipMasq: true,
})
const TEXT = 'FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n'

function setUp() {
  const clock = createManualClock()
  const disk = new Map<string, string>()
  const warnings: string[] = []
  const log: Log = { debug() {}, info() {}, warn: (event) => void warnings.push(event), error() {}, with: () => log }
  let mtu: number | undefined
  let full = false
  let changes = 0
  const files = createCniFiles({
    path: '/run/flannel/subnet.env',
    content: () => (mtu === undefined ? undefined : env(mtu)),
    read: async (path) => disk.get(path),
    async replace(path, text) {
      if (full) throw new Error('ENOSPC')
      disk.set(path, text)
    },
    clock,
    log,
    standing: createStandingLog(log, clock),
    onChange: () => {
      changes += 1
    },
  })
  return {
    clock,
    disk,
    warnings,
    files,
    changes: () => changes,
    setMtu: (value: number) => {
      mtu = value
    },
    setFull: (value: boolean) => {
      full = value
    },
  }
}

test('nothing is written before the truth is known', async () => {
  const { files, disk, clock } = setUp()
  files.mark()
  await clock.run(5000)
  assert.equal(disk.size, 0)
  assert.equal(files.written, false)
  await files.stop()
})

test('it is written once, and again when it changes, is lost or altered', async () => {
  const { files, disk, clock, setMtu } = setUp()
  setMtu(1450)
  files.mark()
  await clock.run(1)
  assert.equal(disk.get('/run/flannel/subnet.env'), TEXT)
  assert.equal(files.written, true)
  for (const damage of [() => disk.clear(), () => disk.set('/run/flannel/subnet.env', 'x')]) {
    damage()
    await clock.run(1100)
    assert.equal(disk.get('/run/flannel/subnet.env'), TEXT)
  }
  setMtu(1400)
  files.mark()
  await clock.run(1)
  assert.match(disk.get('/run/flannel/subnet.env') ?? '', /FLANNEL_MTU=1400/)
  await files.stop()
})

test('a disk that is full is one warning a minute, and the file comes when it can', async () => {
  const { files, disk, clock, setMtu, setFull, warnings } = setUp()
  setFull(true)
  setMtu(1450)
  files.mark()
  await clock.run(59_000)
  assert.equal(warnings.length, 1)
  assert.equal(files.written, false)
  setFull(false)
  await clock.run(1100)
  assert.equal(files.written, true)
  assert.equal(disk.get('/run/flannel/subnet.env'), TEXT)
  await files.stop()
})
