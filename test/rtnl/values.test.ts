/** What dumps tell of links, addresses and next hops beyond the everyday, from a real kernel. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { parseCidr, parseIp, type RouteEntry, type Rtnl, unpackEntries } from '../../lib/rtnl/index.ts'
import { kernelTests, type Netns } from '../support/netns.ts'
import { batchOf, createStage, linkNamed, listen, routeEntry } from './support.ts'

async function uplinks(netns: Netns, rtnl: Rtnl) {
  for (const i of [0, 1]) {
    await netns.exec('ip', 'link', 'add', `u${i}`, 'type', 'veth', 'peer', 'name', `p${i}`)
    for (const name of [`p${i}`, `u${i}`]) await netns.exec('ip', 'link', 'set', name, 'up')
    await netns.exec('ip', 'addr', 'add', `192.0.${i}.1/24`, 'dev', `u${i}`)
    await netns.exec('ip', 'addr', 'add', `2001:db8:${i}::1/64`, 'dev', `u${i}`, 'nodad')
  }
  return { u0: (await linkNamed(rtnl, 'u0')).ifindex, u1: (await linkNamed(rtnl, 'u1')).ifindex }
}

async function routesTo(rtnl: Rtnl, dst: string): Promise<RouteEntry[]> {
  const family = dst.includes(':') ? 'ipv6' : 'ipv4'
  return unpackEntries((await rtnl.dumpRoutes(family)).value).flatMap((entry) =>
    entry.kind === 'route' && entry.dst === dst ? [entry] : [],
  )
}

test('alternative names of any length come with the link, in dumps', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  await netns.exec('ip', 'link', 'add', 'b0', 'type', 'bridge')
  await netns.exec('ip', 'link', 'add', 'b1', 'type', 'bridge')
  await netns.exec('ip', 'link', 'set', 'b0', 'up')
  const ears = listen(t, rtnl, ['link'])
  const names = ['enp3s0', 'x'.repeat(127), 'é', ...Array.from({ length: 20 }, (_, i) => `slot${i}`)]
  for (const name of names) await netns.exec('ip', 'link', 'property', 'add', 'dev', 'b0', 'altname', name)
  assert.deepEqual((await linkNamed(rtnl, 'b0')).altnames, names)
  assert.deepEqual((await linkNamed(rtnl, 'b1')).altnames, [])
  const heard = await ears.until((n) => n.type === 'link' && n.link.ifname === 'b0')
  assert.deepEqual(heard.type === 'link' && heard.link.altnames, [])
})

test('a link without ARP says so', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  await rtnl.createBridge({ ifname: 'b0' })
  assert.equal((await linkNamed(rtnl, 'b0')).noArp, false)
  await netns.exec('ip', 'link', 'set', 'b0', 'arp', 'off')
  assert.equal((await linkNamed(rtnl, 'b0')).noArp, true)
})

test('an address says who added it, and that it is used before its detection ends', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const { u0 } = await uplinks(netns, rtnl)
  await netns.exec('sysctl', '-qw', 'net.ipv6.conf.u0.optimistic_dad=1', 'net.ipv6.conf.u0.dad_transmits=20')
  await netns.exec('ip', 'addr', 'add', '2001:db8:0::9/64', 'dev', 'u0', 'optimistic')
  const addresses = (await rtnl.dumpAddresses('ipv6')).value.filter(({ ifindex }) => ifindex === u0)
  const told = addresses.map(({ ip, protocol, flags }) => `${ip.slice(0, 8)} ${protocol} ${flags.optimistic}`)
  // IFAPROT_KERNEL_LL; kernels before 5.18 do not tell.
  assert.deepEqual(told.map((line) => line.replace(/^fe80.* 3 /, 'fe80 3 ')).sort(), [
    '2001:db8 0 false',
    '2001:db8 0 true',
    'fe80 3 false',
  ])
})

test(
  'of several next hops the first names the link, and any gateway makes it a way through a router',
  kernelTests,
  async (t) => {
    const { rtnl, netns } = await createStage(t)
    const { u0 } = await uplinks(netns, rtnl)
    const kept = { protocol: 3, extras: true, multipath: true, oif: u0 }
    const first = { via: ['via', '192.0.0.2', 'dev', 'u0'], dev: ['dev', 'u0'] }
    const hop = (...words: string[]): string[] => ['nexthop', ...words]
    await netns.exec('ip', 'route', 'add', '203.0.113.0/24', ...hop(...first.dev), ...hop('dev', 'u1'))
    await netns.exec('ip', 'route', 'add', '203.0.114.0/24', ...hop(...first.via), ...hop('dev', 'u1'))
    await netns.exec(
      'ip',
      'route',
      'add',
      '203.0.115.0/24',
      ...hop(...first.dev),
      ...hop('via', '192.0.1.2', 'dev', 'u1'),
    )
    await netns.exec(
      'ip',
      '-6',
      'route',
      'add',
      'default',
      ...hop('via', '2001:db8:0::2', 'dev', 'u0'),
      ...hop('via', '2001:db8:1::2', 'dev', 'u1'),
    )
    const dst = parseCidr('203.0.113.0/24')
    assert.deepEqual(await routesTo(rtnl, dst), [routeEntry({ ...kept, dst, scope: 0 })])
    const gateway = parseIp('192.0.0.2')
    assert.deepEqual(await routesTo(rtnl, '203.0.114.0/24'), [
      routeEntry({ ...kept, dst: parseCidr('203.0.114.0/24'), gateway }),
    ])
    assert.deepEqual(await routesTo(rtnl, '203.0.115.0/24'), [
      routeEntry({ ...kept, dst: parseCidr('203.0.115.0/24') }),
    ])
    const ipv6 = { dst: parseCidr('::/0'), gateway: parseIp('2001:db8::2'), metric: 1024 }
    assert.deepEqual(await routesTo(rtnl, '::/0'), [routeEntry({ ...kept, ...ipv6 })])
    // ENTRY_GATEWAY, which the second next hop of the third route is behind.
    const { value } = await rtnl.dumpRoutes('ipv4')
    const flags = unpackEntries(value).flatMap((entry, i) =>
      entry.kind === 'route' && entry.multipath ? [(value.bytes[i * 48 + 47] ?? 0) & 0x02] : [],
    )
    assert.deepEqual(flags, [0, 2, 2])
  },
)

test('a route with several next hops is deleted whole, by its key', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  await uplinks(netns, rtnl)
  const hops = (own: number): string[] =>
    [0, 1].flatMap((i) => ['nexthop', 'via', own === 4 ? `192.0.${i}.2` : `2001:db8:${i}::2`, 'dev', `u${i}`])
  await netns.exec('ip', 'route', 'add', '203.0.113.0/24', 'metric', '7', 'proto', '118', ...hops(4))
  await netns.exec('ip', '-6', 'route', 'add', '2001:db8:9::/64', 'metric', '7', 'proto', '118', ...hops(6))
  for (const dst of ['203.0.113.0/24', '2001:db8:9::/64']) {
    const found = await routesTo(rtnl, dst)
    assert.equal(found.length, 1)
    assert.deepEqual((await rtnl.applyEntries(batchOf('delete', found))).failures, [])
    assert.deepEqual(await routesTo(rtnl, dst), [])
  }
})

test('the links of nexthop objects are told where the kernel tells them', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const { u0 } = await uplinks(netns, rtnl)
  await netns.exec('ip', 'nexthop', 'add', 'id', '1', 'via', '192.0.0.2', 'dev', 'u0')
  await netns.exec('ip', 'nexthop', 'add', 'id', '2', 'via', '192.0.1.2', 'dev', 'u1')
  await netns.exec('ip', 'nexthop', 'add', 'id', '3', 'group', '1/2')
  await netns.exec('ip', 'route', 'add', '203.0.113.0/24', 'nhid', '3')
  await netns.exec('ip', 'route', 'add', '203.0.114.0/24', 'nhid', '1')
  const shapes = async () =>
    Promise.all(
      ['203.0.113.0/24', '203.0.114.0/24'].map(async (dst) => {
        const [route] = await routesTo(rtnl, dst)
        return [route?.oif, route?.gateway, route?.multipath, route?.extras]
      }),
    )
  const gateway = '192.0.0.2'
  assert.deepEqual(await shapes(), [
    [u0, gateway, true, true],
    [u0, gateway, false, true],
  ])
  await netns.exec('sysctl', '-qw', 'net.ipv4.nexthop_compat_mode=0')
  const hidden = [undefined, undefined, true, true]
  assert.deepEqual(await shapes(), [hidden, hidden])
})

test('what is behind an IPv6 gateway is not on-link', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const { u0 } = await uplinks(netns, rtnl)
  await netns.exec('ip', '-4', 'route', 'add', '203.0.113.0/24', 'via', 'inet6', 'fe80::9', 'dev', 'u0')
  const [route] = await routesTo(rtnl, '203.0.113.0/24')
  assert.deepEqual([route?.oif, route?.gateway, route?.extras, route?.multipath], [u0, undefined, true, false])
  const { value } = await rtnl.dumpRoutes('ipv4')
  const at = unpackEntries(value).findIndex((entry) => entry.kind === 'route' && entry.dst === '203.0.113.0/24')
  assert.equal((value.bytes[at * 48 + 47] ?? 0) & 0x02, 0x02)
})
