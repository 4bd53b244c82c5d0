import assert from 'node:assert/strict'
import test from 'node:test'
import { openRtnl, parseCidr, parseIp, unpackEntries } from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import { apply, createDevice, createStage, LIMITS, linkNamed, peerEntries, routeEntry } from './support.ts'

test('the main table of a namespace that never had a route is empty, in both families', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  for (const family of ['ipv4', 'ipv6'] as const)
    assert.deepEqual(await rtnl.dumpRoutes(family), {
      value: { bytes: new Uint8Array(0), length: 0 },
      interrupted: false,
      unreadable: undefined,
    })
})

for (const [when, limits] of LIMITS) {
  test(
    `only the main table is dumped, whole, without what the kernel keeps for itself, ${when}`,
    kernelTests,
    async (t) => {
      const { rtnl, netns } = await createStage(t, limits)
      const ifindex = await createDevice(rtnl)
      await netns.exec('ip', 'route', 'add', '198.51.100.0/24', 'dev', 'flannel.1', 'table', '1000')
      await netns.exec('ip', 'route', 'add', 'blackhole', '198.51.100.0/25', 'table', '100')
      await netns.exec('ip', 'route', 'add', 'unreachable', '203.0.113.0/24', 'metric', '7')
      await netns.exec('ip', 'route', 'add', '192.0.2.0/24', 'dev', 'flannel.1', 'src', '10.42.1.0', 'mtu', '1200')
      await netns.exec('ip', 'nexthop', 'add', 'id', '9', 'via', '10.42.2.0', 'dev', 'flannel.1', 'onlink')
      await netns.exec('ip', 'route', 'add', '10.42.2.0/24', 'nhid', '9')
      await netns.exec('ip', 'route', 'add', 'default', 'nexthop', 'dev', 'flannel.1', 'nexthop', 'dev', 'lo')
      const routes = unpackEntries((await rtnl.dumpRoutes('ipv4')).value)
      const kept = { protocol: 3, metric: 0 }
      assert.deepEqual(routes, [
        routeEntry({ ...kept, dst: parseCidr('0.0.0.0/0'), oif: ifindex, extras: true, multipath: true }),
        routeEntry({
          ...kept,
          dst: parseCidr('10.42.2.0/24'),
          gateway: parseIp('10.42.2.0'),
          oif: ifindex,
          onlink: true,
          extras: true,
        }),
        routeEntry({ ...kept, dst: parseCidr('192.0.2.0/24'), oif: ifindex, scope: 253, extras: true }),
        routeEntry({ ...kept, dst: parseCidr('203.0.113.0/24'), metric: 7, type: 7 }),
      ])
    },
  )

  test(`neighbours and FDB entries are those of the one link, ${when}`, kernelTests, async (t) => {
    const { rtnl } = await createStage(t, limits)
    const first = await createDevice(rtnl)
    const second = await createDevice(rtnl, { ifname: 'flannel.2', vni: 2 })
    await apply(rtnl, 'create', [
      ...peerEntries(first, 'ipv4', 1).slice(0, 2),
      ...peerEntries(second, 'ipv4', 2).slice(0, 2),
    ])
    const [neighbour, fdb] = peerEntries(second, 'ipv4', 2)
    assert.deepEqual(unpackEntries((await rtnl.dumpNeighbours('ipv4', second)).value), [neighbour])
    assert.deepEqual(unpackEntries((await rtnl.dumpFdb(second)).value), [fdb])
    assert.deepEqual(unpackEntries((await rtnl.dumpFdb(first)).value), [peerEntries(first, 'ipv4', 1)[1]])
  })
}

test("the FDB of a bridged device is the device's own, without what the bridge has learnt", kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  await rtnl.createBridge({ ifname: 'br0' })
  const bridge = await linkNamed(rtnl, 'br0')
  await rtnl.changeLink(bridge.ifindex, { up: true })
  await rtnl.changeLink(ifindex, { master: bridge.ifindex })
  await apply(rtnl, 'create', peerEntries(ifindex, 'ipv4', 1).slice(1, 2))
  assert.deepEqual(unpackEntries((await rtnl.dumpFdb(ifindex)).value), [peerEntries(ifindex, 'ipv4', 1)[1]])
})

test('an FDB entry with a port of its own is marked as more than can be written', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  await netns.exec(
    'bridge',
    'fdb',
    'add',
    '0e:2a:00:00:00:99',
    'dev',
    'flannel.1',
    'dst',
    '192.0.2.9',
    'port',
    '9999',
    'self',
  )
  const [entry] = unpackEntries((await rtnl.dumpFdb(ifindex)).value)
  assert.ok(entry?.kind === 'fdb' && entry.extras && entry.remote === '192.0.2.9')
})

test('dumps beside a hundred changes of links are whole or say that they are not', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t, { bufferBytes: 256 })
  const other = openRtnl({ netns: netns.path })
  t.after(() => other.close())
  for (let i = 0; i < 60; i += 1) await rtnl.createBridge({ ifname: `b${i}` })
  let churning = true
  const churn = (async () => {
    for (let i = 0; i < 100; i += 1) {
      await other.createBridge({ ifname: 'churn' })
      await other.deleteLink((await linkNamed(other, 'churn')).ifindex)
    }
    churning = false
  })()
  let dumps = 0
  while (churning) {
    const { value, interrupted } = await rtnl.dumpLinks()
    dumps += 1
    const stable = new Set(value.map(({ ifname }) => ifname).filter((ifname) => ifname !== 'churn'))
    if (!interrupted) assert.equal(stable.size, 61)
  }
  await churn
  assert.ok(dumps > 0)
})
