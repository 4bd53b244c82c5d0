/** kernel-facts 2: what the tables do not show, which is what the conformance test compares: packets, order, silence. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../../lib/net/ip.ts'
import { unpackEntries } from '../../../lib/rtnl/entries.ts'
import type { Notification } from '../../../lib/rtnl/port.ts'
import { kernelTests } from '../../support/netns.ts'
import { addUnderlay, createNode, createPair, eventually, joinOverlay, joinPair, listen } from './support.ts'

test(
  'a dying parent takes the pinned device first: FDB, down, addresses, DELLINK of the device, of the parent',
  kernelTests,
  async (t) => {
    const node = await createNode(t, 'order')
    await addUnderlay(node, '192.0.2.1/24')
    const u0 = await node.index('u0')
    const v1 = await node.createVxlan({ local: parseIp('192.0.2.1'), parent: u0 })
    await node.ip('link', 'set', 'v1', 'up')
    await node.ip('address', 'add', '10.42.1.0/32', 'dev', 'v1')
    await node.apply({ fdb: '0e:2a:00:00:00:02', dst: '192.0.2.2', dev: 'v1' })
    const ear = listen(t, node.rtnl)
    await node.ip('link', 'del', 'u0')
    const isGone = (ifindex: number) => (news: Notification) =>
      news.type === 'link' && news.action === 'deleted' && news.link.ifindex === ifindex
    await ear.until(isGone(u0))
    const places = [
      (news: Notification) =>
        news.type === 'entry' && news.action === 'deleted' && unpackEntries(news.entry)[0]?.kind === 'fdb',
      (news: Notification) => news.type === 'link' && news.link.ifindex === v1 && !news.link.up,
      (news: Notification) => news.type === 'address' && news.action === 'deleted' && news.address.ip === '10.42.1.0',
      isGone(v1),
      isGone(u0),
    ].map((fits) => ear.heard.findIndex(fits))
    assert.ok(
      places.every((place) => place >= 0),
      `something was not announced: ${places}`,
    )
    assert.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
    )
  },
)

test(
  'IPv4: each packet from a `local` that no interface has is a TX error and a carrier error',
  kernelTests,
  async (t) => {
    const pair = await createPair(t)
    const { peer } = await joinOverlay(pair, 'ipv4')
    await pair.a.ip('link', 'set', 'v1', 'type', 'vxlan', 'local', '198.51.100.9')
    const before = await pair.a.counters('v1')
    for (let i = 0; i < 3; i += 1) await pair.a.send(peer)
    const after = await pair.a.counters('v1')
    assert.deepEqual([after.sendErrors - before.sendErrors, after.carrierErrors - before.carrierErrors], [3, 3])
  },
)

test(
  'IPv6: packets from a `local` that no interface has are counted as sent, and leave with that source',
  kernelTests,
  async (t) => {
    const pair = await createPair(t)
    const { peer } = await joinOverlay(pair, 'ipv6')
    // The peer's own lladdr must be known: asking for it takes a source that is ours.
    await pair.a.send(peer)
    await eventually(async () => ((await pair.b.counters('v1')).received === 1 ? true : undefined))
    await pair.a.ip('link', 'set', 'v1', 'type', 'vxlan', 'local', '2001:db8:9::9')
    const before = await pair.a.counters('v1')
    await pair.a.send(peer)
    const after = await pair.a.counters('v1')
    assert.deepEqual([after.sent - before.sent, after.sendErrors - before.sendErrors], [1, 0])
    await eventually(async () => ((await pair.b.counters('v1')).received === 2 ? true : undefined))
  },
)

for (const family of ['ipv4', 'ipv6'] as const)
  test(
    `${family}: an unpinned device outlives its parent, and carries packets again once the address is back`,
    kernelTests,
    async (t) => {
      const pair = await createPair(t)
      const { peer } = await joinOverlay(pair, family)
      await pair.a.send(peer)
      await eventually(async () => ((await pair.b.counters('v1')).received === 1 ? true : undefined))
      await pair.a.ip('link', 'del', 'u0')
      await pair.a.send(peer).catch(() => undefined)
      await joinPair(pair)
      await pair.a.send(peer)
      await eventually(async () => ((await pair.b.counters('v1')).received >= 2 ? true : undefined))
      assert.equal((await pair.b.counters('v1')).received, 2)
    },
  )

test(
  'IPv6: while the addresses of a new parent are tentative nothing arrives; then what waited does',
  kernelTests,
  async (t) => {
    const pair = await createPair(t)
    const { peer } = await joinOverlay(pair, 'ipv6')
    await pair.a.ip('link', 'del', 'u0')
    // So many probes that they stay tentative while the test runs.
    await pair.a.exec('sysctl', '-qw', 'net.ipv6.conf.default.dad_transmits=100')
    await joinPair(pair, ['192.0.2.1/24'])
    await pair.a.ip('address', 'add', '2001:db8::1/64', 'dev', 'u0')
    const before = (await pair.b.counters('u0')).received
    await pair.a.send(peer)
    await pair.a.send('192.0.2.2')
    await eventually(async () => ((await pair.b.counters('u0')).received > before ? true : undefined))
    assert.equal((await pair.b.counters('v1')).received, 0)
    await pair.a.ip('address', 'del', '2001:db8::1/64', 'dev', 'u0')
    await pair.a.ip('address', 'add', '2001:db8::1/64', 'dev', 'u0', 'nodad')
    await pair.a.send(peer)
    await eventually(async () => ((await pair.b.counters('v1')).received >= 1 ? true : undefined))
  },
)

test(
  'IPv6: an overlay address without nodad is tentative, and pods are reached from the underlay address',
  kernelTests,
  async (t) => {
    const node = await createNode(t, 'dad', { dad: true })
    await addUnderlay(node, '2001:db8::1/64')
    const v1 = await node.createVxlan({ local: parseIp('2001:db8::1') })
    await node.ip('link', 'set', 'v1', 'up')
    const own = { ifindex: v1, ip: parseIp('fd00:1::'), prefixLength: 128 }
    const sourceTo = async () => (await node.rtnl.resolveRoute(parseIp('fd00:2::7'))).source
    await node.apply({ route: 'fd00:2::/64', via: 'fd00:2::', dev: 'v1', onlink: true, metric: 3 })
    await node.rtnl.addAddress({ ...own, noDad: false })
    const added = (await node.rtnl.dumpAddresses('ipv6')).value.find((address) => address.ip === own.ip)
    assert.deepEqual([added?.flags.tentative, await sourceTo()], [true, '2001:db8::1'])
    await node.rtnl.deleteAddress(own)
    await node.rtnl.addAddress({ ...own, noDad: true })
    assert.equal(await sourceTo(), 'fd00:1::')
  },
)

test('a changed sysctl is announced nowhere', kernelTests, async (t) => {
  const node = await createNode(t, 'sysctl')
  await node.createVxlan({ local: parseIp('192.0.2.1') })
  const ear = listen(t, node.rtnl)
  await node.exec('sysctl', '-qw', 'net.ipv6.conf.v1.accept_ra=2')
  await node.ip('link', 'set', 'v1', 'mtu', '1300')
  await ear.until((news) => news.type === 'link' && news.link.mtu === 1300)
  assert.equal(ear.heard.length, 1)
})
