/** The files by which pods get their network, on a disk of the test's own making; test/kernel/cni-files.test.ts has real ones. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ConflistConfig, createCniFiles } from '../../lib/agent/cni-files.ts'
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
const SUBNET_ENV = '/run/flannel/subnet.env'
const CONFLIST = '/etc/cni/net.d/10-flannel.conflist'
const TEXT = 'FLANNEL_NETWORK=10.42.0.0/16\nFLANNEL_SUBNET=10.42.1.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n'

function setUp(conflist?: ConflistConfig) {
  const clock = createManualClock()
  const disk = new Map<string, string>()
  const writes: string[] = []
  const events: string[] = []
  const watchers = new Map<string, () => void>()
  const log: Log = {
    debug() {},
    info: (event) => void events.push(event),
    warn: (event) => void events.push(`warn ${event}`),
    error() {},
    with: () => log,
  }
  const state = { mtu: undefined as number | undefined, full: false, names: [] as string[] }
  const files = createCniFiles({
    path: SUBNET_ENV,
    conflist,
    content: () => (state.mtu === undefined ? undefined : env(state.mtu)),
    files: {
      read: async (path) => disk.get(path),
      async replace(path, text) {
        if (state.full) throw new Error('ENOSPC')
        writes.push(path)
        disk.set(path, text)
      },
      watch(path, onChange) {
        watchers.set(path, onChange)
        return { close: () => void watchers.delete(path) }
      },
    },
    list: async () => state.names,
    clock,
    log,
    standing: createStandingLog(log, clock),
    onChange: () => undefined,
  })
  const damage = async (path: string, text: string | undefined): Promise<void> => {
    if (text === undefined) disk.delete(path)
    else disk.set(path, text)
    watchers.get(path)?.()
    await clock.run(0)
  }
  return { clock, disk, writes, events, files, state, damage, watchers }
}

test('nothing is written before the truth is known', async () => {
  const { files, disk, clock } = setUp({ kind: 'bridge', path: CONFLIST })
  files.mark()
  await clock.run(5000)
  assert.equal(disk.size, 0)
  assert.equal(files.written, false)
  assert.deepEqual(
    files.checks.map(({ fault }) => fault),
    [`${SUBNET_ENV} is to be written`, `${CONFLIST} is to be written`],
  )
  await files.stop()
})

test('it is written once, when it changes, and at once when it is lost or altered', async () => {
  const { files, disk, clock, state, damage, events, watchers } = setUp()
  state.mtu = 1450
  files.mark()
  await clock.run(1)
  assert.equal(disk.get(SUBNET_ENV), TEXT)
  assert.equal(files.written, true)
  for (const text of [undefined, 'x']) {
    await damage(SUBNET_ENV, text)
    assert.equal(disk.get(SUBNET_ENV), TEXT)
    await clock.run(5000)
  }
  state.mtu = 1400
  files.mark()
  await clock.run(1)
  assert.match(disk.get(SUBNET_ENV) ?? '', /FLANNEL_MTU=1400/)
  assert.deepEqual(events, Array(4).fill('cni.subnet-env'))
  await files.stop()
  assert.equal(watchers.size, 0)
  assert.equal(clock.pending, 0)
})

test('what somebody alters again and again is put back twice a second at most, and named as a quarrel', async () => {
  const { files, disk, clock, state, damage, writes, events } = setUp()
  state.mtu = 1450
  files.mark()
  await clock.run(1)
  for (let times = 0; times < 1000; times += 1) {
    await damage(SUBNET_ENV, `theirs ${times}`)
    await clock.run(10)
  }
  assert.ok(writes.length < 40, `${writes.length} writes in ten seconds`)
  assert.equal(events.filter((event) => event === 'warn repair.fight').length, 1)
  assert.equal(files.written, false)
  await clock.run(600)
  assert.equal(disk.get(SUBNET_ENV), TEXT)
  assert.equal(files.written, true)
  await files.stop()
})

test('a disk that is full is one warning a minute, and the file comes when it can', async () => {
  const { files, disk, clock, state, events } = setUp()
  state.full = true
  state.mtu = 1450
  files.mark()
  await clock.run(59_000)
  assert.deepEqual(events, ['warn cni.subnet-env-failed'])
  assert.match(files.checks[0]?.fault ?? '', /cannot write .*ENOSPC/)
  state.full = false
  await clock.run(1100)
  assert.equal(files.written, true)
  assert.equal(disk.get(SUBNET_ENV), TEXT)
  await files.stop()
})

test('the conflist comes behind subnet.env, follows it, and is put back', async () => {
  const { files, disk, clock, state, damage, writes } = setUp({ kind: 'bridge', path: CONFLIST })
  state.mtu = 1450
  state.full = true
  files.mark()
  await clock.run(2000)
  assert.equal(disk.size, 0)
  state.full = false
  await clock.run(1100)
  assert.deepEqual(writes, [SUBNET_ENV, CONFLIST])
  assert.equal(files.written, true)
  const first = disk.get(CONFLIST)
  await damage(CONFLIST, undefined)
  assert.equal(disk.get(CONFLIST), first)
  state.mtu = 1400
  files.mark()
  await clock.run(1)
  assert.match(disk.get(CONFLIST) ?? '', /"mtu": 1400/)
  await files.stop()
})

test("another CNI's file that the runtime takes first is named once, until there is another", async () => {
  const { files, clock, state, events } = setUp({ kind: 'flannel', path: CONFLIST })
  state.mtu = 1450
  state.names = ['05-cilium.conflist', '10-flannel.conflist', '20-other.conf', '00-readme.txt']
  for (let times = 0; times < 3; times += 1) {
    files.mark()
    await clock.run(10)
  }
  const told = () => events.filter((event) => event === 'warn cni.not-first').length
  assert.equal(told(), 1)
  state.names = ['05-cilium.conflist', '07-calico.conflist']
  files.mark()
  await clock.run(10)
  assert.equal(told(), 2)
  assert.equal(files.written, true)
  await files.stop()
})
