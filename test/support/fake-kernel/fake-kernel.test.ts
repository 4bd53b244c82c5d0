/** What the fake kernel offers besides behaving like the real one (test/conformance): faults, hooks, delivery, the log. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { NetlinkError, NetlinkSocketError } from '../../../lib/errors.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import { parseLladdr } from '../../../lib/net/lladdr.ts'
import { type Entry, packEntries, unpackEntries } from '../../../lib/rtnl/entries.ts'
import type { Notification, Rtnl, VxlanSpec } from '../../../lib/rtnl/port.ts'
import { createFakeKernel, type FakeKernel } from './index.ts'

const { EBUSY, ENOBUFS, EIO, EPERM } = constants.errno

const SPEC: VxlanSpec = {
  ifname: 'flannel.1',
  vni: 1,
  local: parseIp('192.0.2.1'),
  parent: undefined,
  lladdr: parseLladdr('0e:2a:00:00:00:01'),
  mtu: 1450,
  port: undefined,
  learning: false,
  gbp: false,
}

function neighbour(ifindex: Ifindex, last: number): Entry {
  const lladdr = parseLladdr(`0e:2a:00:00:00:0${last}`)
  return { kind: 'neighbour', ifindex, ip: parseIp(`10.42.${last}.0`), lladdr, state: 0x80, flags: 0, protocol: 118 }
}

function batch(entries: readonly Entry[]) {
  const table = packEntries(entries)
  for (let i = 0; i < table.length; i += 1) table.bytes[i * 48] = 1
  return table
}

async function withDevice(kernel: FakeKernel): Promise<{ rtnl: Rtnl; ifindex: Ifindex }> {
  const rtnl = kernel.open()
  await rtnl.createVxlan(SPEC)
  return { rtnl, ifindex: kernel.link('flannel.1')?.ifindex ?? (0 as Ifindex) }
}

function hear(rtnl: Rtnl, ignoreOwn = true): Notification[] {
  const heard: Notification[] = []
  rtnl.monitor({
    groups: ['link', 'address', 'neighbour', 'route'],
    families: ['ipv4', 'ipv6'],
    ignoreOwn,
    onNotifications: (notifications) => void heard.push(...notifications),
  })
  return heard
}

test('a fault refuses the request that it is meant for, once, and leaves no trace of it', async () => {
  const kernel = createFakeKernel()
  const rtnl = kernel.open()
  const fault = kernel.faults.inject({ on: 'createVxlan', nth: 2, fault: { kind: 'errno', errno: EBUSY } })
  await rtnl.createVxlan(SPEC)
  await assert.rejects(rtnl.createVxlan({ ...SPEC, ifname: 'other', vni: 2 }), (error: NetlinkError) => {
    assert.ok(error instanceof NetlinkError)
    assert.equal(error.errnoName, 'EBUSY')
    return true
  })
  assert.equal(kernel.link('other'), undefined)
  await rtnl.createVxlan({ ...SPEC, ifname: 'other', vni: 2 })
  assert.equal(fault.hits, 1)
})

test('a socket fault hides whether the request was done', async () => {
  for (const done of [true, false]) {
    const kernel = createFakeKernel()
    kernel.faults.inject({ on: 'createVxlan', fault: { kind: 'socket', errno: ENOBUFS, done } })
    await assert.rejects(kernel.open().createVxlan(SPEC), NetlinkSocketError)
    assert.equal(kernel.link('flannel.1') !== undefined, done)
  }
})

test('single entries of a batch fail, and lost acknowledgements say nothing about the others', async () => {
  const kernel = createFakeKernel()
  const { rtnl, ifindex } = await withDevice(kernel)
  const entries = [neighbour(ifindex, 2), neighbour(ifindex, 3), neighbour(ifindex, 4)]
  kernel.faults.inject({
    on: 'applyEntries',
    fault: { kind: 'errno', errno: EBUSY, entries: (entry) => entry.kind === 'neighbour' && entry.ip === '10.42.3.0' },
  })
  assert.deepEqual([...(await rtnl.applyEntries(batch(entries))).errnos], [0, EBUSY, 0])
  kernel.faults.inject({ on: 'applyEntries', fault: { kind: 'lost-acks', from: 1 } })
  const lost = await rtnl.applyEntries(batch(entries))
  assert.deepEqual([...lost.errnos], [0, -1, -1])
  assert.equal(lost.unknown, 2)
  assert.equal((await rtnl.dumpNeighbours('ipv4', ifindex)).value.length, 3)
})

test('an interrupted dump says so and may lack what it is told to omit', async () => {
  const kernel = createFakeKernel()
  const { rtnl } = await withDevice(kernel)
  kernel.faults.inject({ on: 'dumpLinks', fault: { kind: 'interrupted', omit: (index) => index === 1 } })
  const cut = await rtnl.dumpLinks()
  assert.deepEqual([cut.interrupted, cut.value.map((link) => link.ifname)], [true, ['lo']])
  assert.equal((await rtnl.dumpLinks()).interrupted, false)
})

test('a torn dump lacks and repeats entries without a word, and a look-up finds what it lacks', async () => {
  const kernel = createFakeKernel()
  const { rtnl, ifindex } = await withDevice(kernel)
  const lladdrs = ['0e:2a:00:00:00:02', '0e:2a:00:00:00:03', '0e:2a:00:00:00:04'] as const
  for (const lladdr of lladdrs) kernel.admin.replaceFdb('flannel.1', lladdr, '192.0.2.9')
  const whole = (await rtnl.dumpFdb(ifindex)).value
  kernel.faults.inject({
    on: 'dumpFdb',
    fault: { kind: 'torn', omit: (index) => index === 0, repeat: (index) => index === 2 },
  })
  const torn = await rtnl.dumpFdb(ifindex)
  const seen = unpackEntries(torn.value).map((entry) => (entry.kind === 'fdb' ? entry.lladdr : ''))
  assert.deepEqual(seen, [lladdrs[1], lladdrs[2], lladdrs[2]])
  assert.deepEqual([torn.interrupted, torn.unreadable], [false, undefined])
  assert.deepEqual(await rtnl.getFdb(whole), whole)
  kernel.admin.deleteFdb('flannel.1', lladdrs[1])
  assert.equal((await rtnl.getFdb(whole)).length, 2)
})

test('what does not decode is missing from a dump and counted, and an overrun for a monitor', async () => {
  const kernel = createFakeKernel()
  const { rtnl } = await withDevice(kernel)
  const heard = hear(rtnl)
  kernel.faults.inject({ on: 'dumpLinks', fault: { kind: 'unreadable', omit: (index) => index === 1 } })
  const { value, unreadable, interrupted } = await rtnl.dumpLinks()
  assert.deepEqual(
    value.map(({ ifname }) => ifname),
    ['lo'],
  )
  assert.deepEqual([unreadable, interrupted], [{ count: 1, first: 'a hostile message' }, false])
  kernel.tell({ type: 'overrun', unreadable: 'a hostile message' })
  await Promise.resolve()
  assert.deepEqual(heard, [{ type: 'overrun', unreadable: 'a hostile message' }])
})

test('what a link was told is kept, what was refused is not', async () => {
  const kernel = createFakeKernel()
  const { rtnl, ifindex } = await withDevice(kernel)
  const announcement = {
    ifindex,
    ip: parseIp('192.0.2.1'),
    lladdr: parseLladdr('02:00:00:00:00:10'),
    router: false,
    override: true,
  }
  await assert.rejects(rtnl.announceAddress(announcement), { errnoName: 'ENETDOWN' })
  kernel.admin.setUp('flannel.1')
  await rtnl.announceAddress(announcement)
  kernel.faults.inject({ on: 'announceAddress', fault: { kind: 'socket', errno: EPERM, done: false } })
  await assert.rejects(rtnl.announceAddress(announcement), { errnoName: 'EPERM' })
  assert.deepEqual(kernel.announcements, [announcement])
})

test('a disturbance strikes just before, just after and in the middle of a request', async () => {
  const kernel = createFakeKernel()
  const { rtnl, ifindex } = await withDevice(kernel)
  kernel.at(1, 'before', () => kernel.admin.rename('flannel.1', 'before'))
  kernel.at(1, 'after', () => kernel.admin.rename('before', 'after'))
  assert.equal((await rtnl.dumpLinks()).value[1]?.ifname, 'before')
  assert.equal(kernel.link('after')?.ifindex, ifindex)
  kernel.at(1, { entry: 1 }, () => kernel.admin.deleteLink('after'))
  const { failures } = await rtnl.applyEntries(batch([neighbour(ifindex, 2), neighbour(ifindex, 3)]))
  assert.deepEqual(
    failures.map(({ index, errnoName }) => [index, errnoName]),
    [[1, 'ENODEV']],
  )
})

test('held requests wait, go one by one, and are cancelled by close', async () => {
  const kernel = createFakeKernel()
  const rtnl = kernel.open()
  kernel.hold()
  const created = rtnl.createVxlan(SPEC)
  const dumped = rtnl.dumpLinks()
  await Promise.resolve()
  assert.equal(kernel.waiting, 2)
  assert.equal(kernel.step(), true)
  await created
  await Promise.all([assert.rejects(dumped, NetlinkSocketError), rtnl.close()])
  await assert.rejects(rtnl.dumpLinks(), NetlinkSocketError)
  assert.equal(kernel.step(), false)
})

test('notifications wait for deliver() when delivery is manual', async () => {
  const kernel = createFakeKernel({ delivery: 'manual' })
  const heard = hear(kernel.open())
  kernel.admin.addNic('mgmt0')
  await Promise.resolve()
  assert.equal(heard.length, 0)
  assert.equal(kernel.deliver(), 1)
  assert.equal(heard.length, 1)
})

test('an overrun replaces what was queued; a failed monitor says its last word', async () => {
  const kernel = createFakeKernel({ delivery: 'manual' })
  const heard = hear(kernel.open())
  kernel.admin.addNic('mgmt0')
  kernel.overrun()
  kernel.admin.setUp('mgmt0')
  kernel.deliver()
  assert.equal(heard[0]?.type, 'overrun')
  assert.equal(heard[1]?.type, 'link')
  heard.length = 0
  kernel.failMonitors()
  kernel.admin.setDown('mgmt0')
  kernel.deliver()
  assert.deepEqual(heard, [{ type: 'closed', errno: EIO, errnoName: 'EIO' }])
})

test('own entries are filtered out by port ID, those of other doors are not, nor are links', async () => {
  const kernel = createFakeKernel()
  const { rtnl, ifindex } = await withDevice(kernel)
  const filtered = hear(rtnl)
  const whole = hear(rtnl, false)
  await rtnl.applyEntries(batch([neighbour(ifindex, 2)]))
  assert.deepEqual([filtered.length, whole.length], [0, 1])
  await kernel.open().applyEntries(batch([neighbour(ifindex, 3)]))
  await rtnl.changeLink(ifindex, { mtu: 1400 })
  await Promise.resolve()
  assert.deepEqual(
    filtered.map((news) => news.type),
    ['entry', 'link'],
  )
})

test('a monitor that does not want entries hears links alone, until it wants them again', async () => {
  const kernel = createFakeKernel()
  const { rtnl, ifindex } = await withDevice(kernel)
  const heard: Notification[] = []
  const monitor = rtnl.monitor({
    groups: ['link', 'neighbour'],
    families: ['ipv4'],
    onNotifications: (notifications) => void heard.push(...notifications),
  })
  const other = kernel.open()
  monitor.hearEntries(false)
  assert.equal(kernel.entriesAreHeard, false)
  await other.applyEntries(batch([neighbour(ifindex, 2)]))
  await other.changeLink(ifindex, { mtu: 1400 })
  monitor.hearEntries(true)
  assert.equal(kernel.entriesAreHeard, true)
  await other.applyEntries(batch([neighbour(ifindex, 3)]))
  await Promise.resolve()
  assert.deepEqual(
    heard.map(({ type }) => type),
    ['link', 'entry'],
  )
})

test('the log tells stale ifindexes, and writes are counted', async () => {
  const kernel = createFakeKernel()
  const { rtnl, ifindex } = await withDevice(kernel)
  await rtnl.applyEntries(batch([neighbour(ifindex, 2), neighbour(ifindex, 3)]))
  kernel.admin.deleteLink('flannel.1')
  await rtnl.applyEntries(batch([neighbour(ifindex, 2)]))
  assert.deepEqual(
    kernel.log.map((operation) => operation.stale),
    [[], [], [ifindex]],
  )
  assert.deepEqual(kernel.writes, { links: 1, addresses: 0, entries: 3 })
  kernel.clearLog()
  assert.deepEqual(kernel.writes, { links: 0, addresses: 0, entries: 0 })
  await rtnl.createVxlan(SPEC)
  assert.notEqual(kernel.link('flannel.1')?.ifindex, ifindex)
})

test('an address is tentative until DAD ends, unless it was added without DAD', async () => {
  const kernel = createFakeKernel({ linkLocals: false })
  const { rtnl, ifindex } = await withDevice(kernel)
  await rtnl.changeLink(ifindex, { up: true })
  await rtnl.addAddress({ ifindex, ip: parseIp('fd00::1'), prefixLength: 128, noDad: false })
  await rtnl.addAddress({ ifindex, ip: parseIp('fd00::2'), prefixLength: 128, noDad: true })
  const tentative = () =>
    kernel
      .snapshot()
      .addresses.filter((address) => address.flags.tentative)
      .map((address) => address.ip)
  assert.deepEqual(tentative(), ['fd00::1'])
  kernel.finishDad()
  assert.deepEqual(tentative(), [])
})
