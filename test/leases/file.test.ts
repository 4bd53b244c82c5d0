import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import type { Network } from '../../lib/cluster/network.ts'
import type { LeaseView } from '../../lib/cluster/view.ts'
import { systemClock } from '../../lib/host/clock.ts'
import { replaceFile } from '../../lib/host/files.ts'
import { createFileSource } from '../../lib/leases/file.ts'
import { parseVni } from '../../lib/net/vni.ts'
import type { Clock } from '../../lib/util/clock.ts'
import { createManualClock, type ManualClock } from '../support/manual-clock.ts'
import { claim4, createMemoryLog, dualNetwork, until, v4Network } from './support.ts'

interface Entry {
  readonly name: string
  readonly ipv4?: object
  readonly ipv6?: object
}
/** As a file says it: without a VNI. */
function written(...claim: Parameters<typeof claim4>): object {
  const { vni: _, ...rest } = claim4(...claim)
  return rest
}
const peer = (n: number): Entry => ({ name: `node-${n}`, ipv4: written(n) })
const me: Entry = { name: 'me', ipv4: { subnet: '10.42.9.0/24' } }

async function setUp(t: TestContext, network: Network = v4Network, clock: Clock | ManualClock = systemClock) {
  const folder = await mkdtemp(path.join(tmpdir(), 'vtepd-leases-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'leases.json')
  const log = createMemoryLog()
  const source = createFileSource({ path: file, nodeName: 'me', network, log, clock })
  t.after(() => source.close())
  let changes = 0
  return {
    file,
    log,
    source,
    changes: () => changes,
    start: () =>
      source.start(() => {
        changes += 1
      }),
    write: (...entries: Entry[]) => replaceFile(file, JSON.stringify(entries)),
    /** On a manual clock: what was done to the file is read, or found missing. */
    async settled(): Promise<void> {
      if (!('advance' in clock)) throw new TypeError('that is for a manual clock')
      await until(() => clock.nextIn === 50, 'the file to be noticed')
      clock.advance(50)
      // The source reads the file now; what is asked for later is answered later.
      for (let i = 0; i < 5; i += 1) await readdir(folder)
    },
    /** Resolves with the view that has exactly these peers. */
    async peers(...names: string[]): Promise<LeaseView> {
      await until(() => [...source.view().peers.keys()].join() === names.join(), `peers ${names.join()}`)
      return source.view()
    },
  }
}

test('a file is a synced view with our own entry apart', async (t) => {
  const { write, start, peers } = await setUp(t)
  await write(peer(1), { name: 'me', ipv4: written(9) }, peer(2))
  start()
  const view = await peers('node-1', 'node-2')
  assert.equal(view.synced, true)
  assert.deepEqual(view.peers.get('node-2')?.ipv4, { ...claim4(2), vni: undefined })
  assert.deepEqual(view.own, {
    node: 'me',
    uid: undefined,
    seniority: '0000000001',
    subnets: { ipv4: '10.42.9.0/24', ipv6: undefined },
    lladdrs: { ipv4: claim4(9).lladdr, ipv6: undefined },
    publishInstead: { ipv4: undefined, ipv6: undefined },
    underlayHint: { ipv4: '192.168.0.9', ipv6: undefined },
    internalIps: { ipv4: undefined, ipv6: undefined },
    published: { ipv4: undefined, ipv6: undefined },
  })
})

test('a file that is not there yet is waited for; its end is told', async (t) => {
  const { write, start, peers, source, log } = await setUp(t)
  start()
  await until(() => log.of('leases.file-missing').length === 1, 'the warning')
  const view = source.view()
  assert.equal(view.synced, false)
  assert.match(view.synced ? '' : view.because, /leases\.json does not exist/)
  await write(me, peer(1))
  assert.equal((await peers('node-1')).synced, true)
  assert.match(log.of('leases.file-missing').at(-1)?.message ?? '', /leases\.json is read$/)
  assert.equal(log.of('leases.file-missing').length, 2)
})

test('changes are followed, and what did not change keeps its object', async (t) => {
  const { write, start, peers } = await setUp(t)
  await write(me, peer(1), peer(2))
  start()
  const before = await peers('node-1', 'node-2')
  await write(me, peer(1), peer(2), peer(3))
  const after = await peers('node-1', 'node-2', 'node-3')
  assert.equal(after.peers.get('node-1'), before.peers.get('node-1'))
  await write(me, peer(3))
  const last = await peers('node-3')
  assert.equal(last.peers.get('node-3')?.ipv4, after.peers.get('node-3')?.ipv4)
})

test('a file that is written again as it was changes nothing', async (t) => {
  const clock = createManualClock()
  const { write, start, peers, changes, settled } = await setUp(t, v4Network, clock)
  await write(me, peer(1))
  start()
  const view = await peers('node-1')
  const told = changes()
  await write(me, peer(1))
  await settled()
  assert.equal(changes(), told)
  await write(me, peer(1), peer(2))
  await settled()
  assert.equal((await peers('node-1', 'node-2')).peers.get('node-1'), view.peers.get('node-1'))
  assert.equal(changes(), told + 1)
})

test('a file that is missing or broken is told with its place, once a minute with what is wrong then, and the last good view stays', async (t) => {
  const clock = createManualClock()
  const { file, write, start, peers, source, log, settled } = await setUp(t, v4Network, clock)
  await write(me, peer(1))
  start()
  const good = await peers('node-1')
  await replaceFile(file, '[\n{"name":"x"}]')
  await settled()
  await until(() => log.of('leases.file-broken').length === 1, 'the first warning')
  assert.match(log.of('leases.file-broken')[0]?.message ?? '', /leases\.json:2:1: \[0\]: .*: the last good view stays$/)
  await replaceFile(file, '[')
  await settled()
  assert.equal(source.view(), good)
  assert.equal(log.of('leases.file-broken').length, 1)
  for (const minute of [1, 2]) {
    clock.advance(60_000)
    assert.match(
      log.of('leases.file-broken').at(-1)?.message ?? '',
      new RegExp(`leases\\.json:1:2: .*: the last good view stays \\(for ${minute} min\\)$`),
    )
  }
  await rm(file)
  await settled()
  await until(() => log.of('leases.file-missing').length === 1, 'the other warning')
  assert.match(log.of('leases.file-broken').at(-1)?.message ?? '', /^over: /)
  await write(me, peer(2))
  await settled()
  await peers('node-2')
  assert.equal(source.view().synced, true)
  const lines = log.lines.length
  clock.advance(600_000)
  assert.equal(log.lines.length, lines)
})

test('a file that vanishes leaves the last view, and is followed when it comes back', async (t) => {
  const { file, write, start, peers, source, log } = await setUp(t)
  await write(me, peer(1))
  start()
  const good = await peers('node-1')
  await rm(file)
  await until(() => log.of('leases.file-missing').length === 1, 'the warning')
  assert.equal(source.view(), good)
  await write(me, peer(2))
  await peers('node-2')
})

test('a file that is broken at the start is a partial view that says where', async (t) => {
  const { file, start, source } = await setUp(t)
  await writeFile(file, '{}')
  start()
  await until(
    () => !source.view().synced && 'because' in source.view() && /must be a list/.test(JSON.stringify(source.view())),
    'the reason',
  )
})

test('a file without our own entry may add, but not delete', async (t) => {
  const { write, start, peers } = await setUp(t)
  await write(peer(1))
  start()
  const view = await peers('node-1')
  assert.equal(view.synced, false)
  assert.equal(view.own, undefined)
  assert.match(view.synced ? '' : view.because, /has no entry for this node, me$/)
})

test('entries are believed by the same rules as Nodes, the earlier one first', async (t) => {
  const { write, start, peers } = await setUp(t, dualNetwork)
  await write(me, peer(1), { name: 'late', ipv4: written(1, { lladdr: '02:00:00:00:07:07' }) }, peer(2))
  start()
  const view = await peers('node-1', 'node-2')
  assert.deepEqual(
    view.rejected.map((error) => error.message),
    ['node late: ipv4 subnet: 10.42.1.0/24 overlaps 10.42.1.0/24 of node-1, which holds it'],
  )
})

test('our own subnet outside the network is named and counts as absent', async (t) => {
  const { write, start, source } = await setUp(t)
  await write({ name: 'me', ipv4: { subnet: '10.99.0.0/24' } })
  start()
  await until(() => source.view().own !== undefined, 'our own entry')
  assert.equal(source.view().own?.subnets.ipv4, undefined)
  assert.equal(
    source.view().rejected[0]?.message,
    'node me: ipv4.subnet: our own subnet 10.99.0.0/24 is outside the network 10.42.0.0/16 of net-conf',
  )
})

test('publishing writes nothing; an entry that contradicts the device is told once', async (t) => {
  const { write, start, peers, source, log } = await setUp(t)
  await write({ name: 'me', ipv4: written(9) }, peer(1))
  start()
  await peers('node-1')
  const own = { vni: parseVni(1), ipv4: claim4(9), ipv6: undefined }
  await source.publish(own)
  assert.equal(log.of('leases.file-differs').length, 0)
  const other = { ...own, ipv4: claim4(9, { underlay: '192.168.0.77' }) }
  await source.publish(other)
  await source.publish(other)
  assert.equal(log.of('leases.file-differs').length, 1)
  assert.match(
    log.of('leases.file-differs')[0]?.message ?? '',
    /underlay 192\.168\.0\.9, this node uses 192\.168\.0\.77/,
  )
})

test('after close nothing is told any more', async (t) => {
  const { write, start, peers, source, changes } = await setUp(t)
  await write(me, peer(1))
  start()
  await peers('node-1')
  const before = changes()
  await source.close()
  await write(me, peer(2))
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(changes(), before)
})
