/** Routes, beside `ip route` on the same kernel: made by either, read by either, deleted as they were read. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RouteSpec } from '../../../lib/rtnl/routes/route.ts'
import { type Routes, routesOver } from '../../../lib/rtnl/routes/routes.ts'
import { kernelTests } from '../../support/netns.ts'
import { type Case, createStage, type Part, playCase } from './support.ts'

type Loose = { readonly [K in keyof RouteSpec]?: unknown }
const route = (name: string, ip: string, spec: Loose): Case<RouteSpec> => ({
  name,
  ip: `route add ${ip}`,
  spec: spec as unknown as RouteSpec,
})

const EAST = 40
const WEST = 41

const CASES: readonly Case<RouteSpec>[] = [
  route('with a gateway', '10.1.0.0/16 via 10.0.0.2', { dst: '10.1.0.0/16', gateway: '10.0.0.2' }),
  route('on a link', '10.1.0.0/16 dev east', { dst: '10.1.0.0/16', oif: EAST, scope: 'link' }),
  route('to everywhere', 'default via 10.0.0.2', { dst: '0.0.0.0/0', gateway: '10.0.0.2' }),
  route('of a table with a large number', '10.1.0.0/16 dev east table 4000000000', {
    dst: '10.1.0.0/16',
    oif: EAST,
    table: 4000000000,
  }),
  route('of table 77', '10.1.0.0/16 dev west table 77', { dst: '10.1.0.0/16', oif: WEST, table: 77 }),
  route('with a metric and a protocol', '10.1.0.0/16 dev east metric 4000000000 proto 77', {
    dst: '10.1.0.0/16',
    oif: EAST,
    metric: 4000000000,
    protocol: 77,
  }),
  route('with a source address', '10.1.0.0/16 via 10.0.0.2 src 10.0.0.1', {
    dst: '10.1.0.0/16',
    gateway: '10.0.0.2',
    prefsrc: '10.0.0.1',
  }),
  route('for a TOS', '10.1.0.0/16 tos 0x10 via 10.0.0.2', { dst: '10.1.0.0/16', gateway: '10.0.0.2', tos: 0x10 }),
  route('whose gateway is on the link by decree', '10.1.0.0/16 via 192.0.2.9 dev east onlink', {
    dst: '10.1.0.0/16',
    gateway: '192.0.2.9',
    oif: EAST,
    onlink: true,
  }),
  ...['blackhole', 'unreachable', 'prohibit', 'throw'].map((type) =>
    route(`of type ${type}`, `${type} 10.1.0.0/16 metric 5`, { dst: '10.1.0.0/16', type, metric: 5 }),
  ),
  route('of type local', 'local 10.1.0.0/16 dev east table local', {
    dst: '10.1.0.0/16',
    type: 'local',
    oif: EAST,
    table: 255,
    scope: 'host',
  }),
  route('of type broadcast', 'broadcast 10.1.255.255/32 dev east table local', {
    dst: '10.1.255.255/32',
    type: 'broadcast',
    oif: EAST,
    table: 255,
    scope: 'link',
  }),
  route('of type multicast', 'multicast 239.1.0.0/16 dev east', { dst: '239.1.0.0/16', type: 'multicast', oif: EAST }),
  route('with a scope of its own', '10.1.0.0/16 dev east scope 100', { dst: '10.1.0.0/16', oif: EAST, scope: 100 }),
  route('with a realm', '10.1.0.0/16 via 10.0.0.2 realm 3/4', {
    dst: '10.1.0.0/16',
    gateway: '10.0.0.2',
    realm: 0x30004,
  }),
  route(
    'with every metric',
    '10.1.0.0/16 dev east mtu lock 1400 window 9000 rtt 20ms rttvar 11ms ssthresh 5 cwnd lock 6 advmss 1300 reordering 7 hoplimit 9 initcwnd 11 initrwnd 12 features ecn rto_min 30ms quickack 1 congctl reno fastopen_no_cookie 1',
    {
      dst: '10.1.0.0/16',
      oif: EAST,
      metrics: {
        mtu: 1400,
        window: 9000,
        rtt: 20,
        rttvar: 11,
        ssthresh: 5,
        cwnd: 6,
        advmss: 1300,
        reordering: 7,
        hoplimit: 9,
        initcwnd: 11,
        initrwnd: 12,
        features: ['ecn'],
        rtoMin: 30,
        quickack: 1,
        congestion: 'reno',
        fastopenNoCookie: 1,
        lock: ['mtu', 'cwnd', 'rtoMin'],
      },
    },
  ),
  route('whose gateway is of IPv6', '10.1.0.0/16 via inet6 fd00::2 dev east', {
    dst: '10.1.0.0/16',
    gateway: 'fd00::2',
    oif: EAST,
  }),
  route(
    'with several ways',
    '10.1.0.0/16 metric 9 nexthop via 10.0.0.2 weight 256 nexthop via inet6 fd00::2 dev east nexthop via 192.0.2.9 dev west weight 7 onlink',
    {
      dst: '10.1.0.0/16',
      metric: 9,
      multipath: [
        { oif: EAST, gateway: '10.0.0.2', weight: 256 },
        { oif: EAST, gateway: 'fd00::2', weight: 1 },
        { oif: WEST, gateway: '192.0.2.9', weight: 7, onlink: true },
      ],
    },
  ),
  route('into an IP tunnel', '10.1.0.0/16 encap ip id 77 dst 192.0.2.1 src 192.0.2.2 ttl 9 tos 4 dev east', {
    dst: '10.1.0.0/16',
    oif: EAST,
    encap: { type: 'ip', id: 77, dst: '192.0.2.1', src: '192.0.2.2', ttl: 9, tos: 4 },
  }),
  route('into an IPv6 tunnel', '10.1.0.0/16 encap ip6 id 77 dst 2001:db8::1 hoplimit 9 dev east', {
    dst: '10.1.0.0/16',
    oif: EAST,
    encap: { type: 'ip6', id: 77, dst: '2001:db8::1', ttl: 9 },
  }),
  route('under labels of MPLS', '10.1.0.0/16 encap mpls 100/200/1048575 ttl 9 via 10.0.0.2', {
    dst: '10.1.0.0/16',
    gateway: '10.0.0.2',
    encap: { type: 'mpls', labels: [100, 200, 1048575], ttl: 9 },
  }),
  route('with ways into tunnels', '10.1.0.0/16 nexthop encap ip id 7 dst 192.0.2.1 dev east nexthop via 10.0.0.2', {
    dst: '10.1.0.0/16',
    scope: 'universe',
    multipath: [
      { oif: EAST, encap: { type: 'ip', id: 7, dst: '192.0.2.1' } },
      { oif: EAST, gateway: '10.0.0.2' },
    ],
  }),
  route('of IPv6 with a gateway', '2001:db8::/32 via fd00::2', {
    dst: '2001:db8::/32',
    gateway: 'fd00::2',
    metric: 1024,
  }),
  route('of IPv6 to everywhere', 'default via fd00::2', { dst: '::/0', gateway: 'fd00::2' }),
  route('that ends', '2001:db8::/32 via fd00::2 expires 1000', {
    dst: '2001:db8::/32',
    gateway: 'fd00::2',
    expires: 1000,
  }),
  route('that is preferred', '2001:db8::/32 via fd00::2 pref high metric 4', {
    dst: '2001:db8::/32',
    gateway: 'fd00::2',
    pref: 'high',
    metric: 4,
  }),
  route('for sources', '2001:db8::/32 from 2001:db8:1::/48 via fd00::2 table 77', {
    dst: '2001:db8::/32',
    src: '2001:db8:1::/48',
    gateway: 'fd00::2',
    table: 77,
  }),
  route('of IPv6 with a source address', '2001:db8::/32 via fd00::2 src fd00::1', {
    dst: '2001:db8::/32',
    gateway: 'fd00::2',
    prefsrc: 'fd00::1',
  }),
  route('to mapped addresses', 'unreachable ::ffff:0:0/96', { dst: '::ffff:0:0/96', type: 'unreachable' }),
  ...['blackhole', 'prohibit', 'throw'].map((type) =>
    route(`of IPv6, type ${type}`, `${type} 2001:db8::/32`, { dst: '2001:db8::/32', type }),
  ),
  route('of IPv6 with metrics', '2001:db8::/32 via fd00::2 mtu lock 1400 hoplimit 7 initcwnd 5', {
    dst: '2001:db8::/32',
    gateway: 'fd00::2',
    metrics: { mtu: 1400, hoplimit: 7, initcwnd: 5, lock: ['mtu'] },
  }),
  route('of IPv6 with several ways', '2001:db8::/32 nexthop via fd00::2 weight 3 nexthop via fd00::3 dev east', {
    dst: '2001:db8::/32',
    multipath: [
      { oif: EAST, gateway: 'fd00::2', weight: 3 },
      { oif: EAST, gateway: 'fd00::3', weight: 1 },
    ],
  }),
  route('by segments', '2001:db8::/32 encap seg6 mode encap segs fd00::7,fd00::8,fd00::9 dev east', {
    dst: '2001:db8::/32',
    oif: EAST,
    encap: { type: 'seg6', mode: 'encap', segments: ['fd00::7', 'fd00::8', 'fd00::9'] },
  }),
  route('by segments within the packet', '2001:db8::/32 encap seg6 mode inline segs fd00::7,fd00::8 dev east', {
    dst: '2001:db8::/32',
    oif: EAST,
    encap: { type: 'seg6', mode: 'inline', segments: ['fd00::7', 'fd00::8', '::'] },
  }),
]

/** The time that is left goes on. */
function settled(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, one: unknown) => (key === 'expires' ? 'some' : one)))
}

function partOver(stage: Awaited<ReturnType<typeof createStage>>, routes: Routes): Part<RouteSpec, never> {
  return {
    stage,
    show: ['-4 route show table all', '-6 route show table all'],
    list: async () => (await routes.listRoutes()).value as never,
    add: (spec) => routes.addRoute(spec),
    delete: (value) => routes.deleteRoute(value),
    settled,
  }
}

test('a route is read and written as ip does it', kernelTests, async (t) => {
  const stage = await createStage(t)
  const part = partOver(stage, routesOver(stage.netlink))
  for (const one of CASES) await t.test(one.name, (t) => playCase(t, part, one))
})

test('a table that was never used, and a link that is not there, have no routes', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  const routes = routesOver(netlink)
  for (const filter of [{ table: 4711 }, { oif: 4711 as never }, { table: 4711, family: 'ipv6' as const }])
    assert.deepEqual(await routes.listRoutes(filter), { value: [], interrupted: false, unreadable: undefined })
})
