/** The planner on named situations: which lines it writes, in which phase, and what it leaves alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import type { Family } from '../../lib/net/ip.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { parseVni } from '../../lib/net/vni.ts'
import { desiredTables } from '../../lib/overlay/desired.ts'
import { renderEntry } from '../../lib/overlay/entry-text.ts'
import { isFlannelsLeftover } from '../../lib/overlay/flannel-leftover.ts'
import { isEmptyPlan, type PeerPlan, planPeers, routesAllowed } from '../../lib/overlay/plan.ts'
import {
  type EntryTable,
  type FdbEntry,
  type NeighbourEntry,
  type RouteEntry,
  unpackEntries,
} from '../../lib/rtnl/entries.ts'
import { DEVICE, desiredOf, NETWORKS, OTHER_LINK } from './support/cluster.ts'
import { dump, type KernelTables } from './support/kernel-tables.ts'

const VERBS = ['', 'replace', 'delete', 'create']

/** One line an entry of a batch: `replace 10.42.1.0/24 via …`. */
function lines(batch: EntryTable): string[] {
  return unpackEntries(batch).map((entry, i) => `${VERBS[batch.bytes[i * 48] ?? 0]} ${renderEntry(entry, nameOf)}`)
}

function nameOf(ifindex: number): string {
  return ifindex === DEVICE ? 'flannel.1' : 'eth0'
}

function text(plan: PeerPlan): Record<string, string[]> {
  const { entries, routes, deletes, leftovers } = plan
  return { entries: lines(entries), routes: lines(routes), deletes: lines(deletes), leftovers: lines(leftovers) }
}

const NOTHING = { entries: [], routes: [], deletes: [], leftovers: [] }

/** The tables that the kernel has when everything desired stands. */
function standing(family: Family, ...indexes: readonly number[]): KernelTables {
  const desired = desiredOf(family, ...indexes)
  return {
    neighbours: unpackEntries(desired.neighbours) as NeighbourEntry[],
    fdb: unpackEntries(desired.fdb) as FdbEntry[],
    routes: unpackEntries(desired.routes) as RouteEntry[],
  }
}

function planFor(family: Family, indexes: readonly number[], actual: KernelTables, complete = true): PeerPlan {
  const desired = desiredOf(family, ...indexes)
  return planPeers({ network: NETWORKS[family], ifindex: DEVICE, desired, actual: dump(actual), complete })
}

const LOOPBACK = parseIfindex(1)
const EMPTY: KernelTables = { neighbours: [], fdb: [], routes: [] }

/** flannel's route for peer 1, IPv4: no metric, protocol boot. */
const FLANNEL_ROUTE: RouteEntry = {
  kind: 'route',
  dst: parseCidr('10.42.1.0/24'),
  metric: 0,
  gateway: parseIp('10.42.1.0'),
  oif: DEVICE,
  onlink: true,
  protocol: 3,
  type: 1,
  scope: 0,
  extras: false,
  dead: false,
  multipath: false,
}
const DIRECT_IPV6: RouteEntry = {
  ...FLANNEL_ROUTE,
  dst: parseCidr('fd42:0:0:4201::/64'),
  metric: 1024,
  gateway: parseIp('fd00::1'),
  oif: OTHER_LINK,
  onlink: false,
  protocol: 118,
}

test('an empty kernel gets neighbours, then FDB entries, then routes of a metric of their own', () => {
  assert.deepEqual(text(planFor('ipv4', [1, 2], EMPTY)), {
    ...NOTHING,
    entries: [
      'replace 10.42.1.0 dev flannel.1 lladdr 0e:2a:00:00:00:01 permanent proto vtepd',
      'replace 10.42.2.0 dev flannel.1 lladdr 0e:2a:00:00:00:02 permanent proto vtepd',
      'replace 0e:2a:00:00:00:01 dev flannel.1 dst 192.168.0.1 self permanent',
      'replace 0e:2a:00:00:00:02 dev flannel.1 dst 192.168.0.2 self permanent',
    ],
    routes: [
      'replace 10.42.1.0/24 via 10.42.1.0 dev flannel.1 proto vtepd metric 2 onlink',
      'replace 10.42.2.0/24 via 10.42.2.0 dev flannel.1 proto vtepd metric 3 onlink',
    ],
  })
})

test('IPv6 routes all have the metric that the kernel gives by itself', () => {
  assert.deepEqual(text(planFor('ipv6', [1], EMPTY)), {
    ...NOTHING,
    entries: [
      'replace fd42:0:0:4201:: dev flannel.1 lladdr 0e:2a:00:00:00:01 permanent proto vtepd',
      'replace 0e:2a:00:00:00:01 dev flannel.1 dst fd00::1 self permanent',
    ],
    routes: ['replace fd42:0:0:4201::/64 via fd42:0:0:4201:: dev flannel.1 proto vtepd metric 1024 onlink'],
  })
})

test('a kernel that has everything gets nothing', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    assert.ok(isEmptyPlan(planFor(family, [1, 2, 3], standing(family, 1, 2, 3))))
  }
})

test('a peer that is gone loses its route first, then its FDB entry, then its neighbour', () => {
  assert.deepEqual(text(planFor('ipv4', [], standing('ipv4', 1))), {
    ...NOTHING,
    deletes: [
      'delete 10.42.1.0/24 via 10.42.1.0 dev flannel.1 proto vtepd metric 2 onlink',
      'delete 0e:2a:00:00:00:01 dev flannel.1 dst 192.168.0.1 self permanent',
      'delete 10.42.1.0 dev flannel.1 lladdr 0e:2a:00:00:00:01 permanent proto vtepd',
    ],
  })
})

test("a new MAC of a peer replaces its neighbour, and its old MAC's FDB entry goes with the remote that the dump shows", () => {
  const actual = standing('ipv4', 1)
  const lladdr = parseLladdr('0e:2a:00:00:00:99')
  const before = {
    ...actual,
    neighbours: actual.neighbours.map((entry) => ({ ...entry, lladdr })),
    fdb: actual.fdb.map((entry) => ({ ...entry, lladdr, remote: parseIp('192.168.0.77') })),
  }
  assert.deepEqual(text(planFor('ipv4', [1], before)), {
    ...NOTHING,
    entries: [
      'replace 10.42.1.0 dev flannel.1 lladdr 0e:2a:00:00:00:01 permanent proto vtepd',
      'replace 0e:2a:00:00:00:01 dev flannel.1 dst 192.168.0.1 self permanent',
    ],
    deletes: ['delete 0e:2a:00:00:00:99 dev flannel.1 dst 192.168.0.77 self permanent'],
  })
})

test("flannel's entries are right as they are, its metric-0 route goes only after a dump has shown ours", () => {
  const actual = standing('ipv4', 1)
  const flannels = { ...actual, neighbours: actual.neighbours.map((entry) => ({ ...entry, protocol: 0 })) }
  const first = planFor('ipv4', [1], { ...flannels, routes: [FLANNEL_ROUTE] })
  assert.deepEqual(text(first), {
    ...NOTHING,
    routes: ['replace 10.42.1.0/24 via 10.42.1.0 dev flannel.1 proto vtepd metric 2 onlink'],
  })
  assert.equal(first.deferred, 1)
  const second = planFor('ipv4', [1], { ...flannels, routes: [FLANNEL_ROUTE, ...actual.routes] })
  assert.deepEqual(text(second), {
    ...NOTHING,
    leftovers: ['delete 10.42.1.0/24 via 10.42.1.0 dev flannel.1 proto boot metric 0 onlink'],
  })
  assert.equal(second.deferred, 0)
})

test("flannel's IPv6 route has the metric of ours and is replaced in place", () => {
  const actual = standing('ipv6', 1)
  const routes = actual.routes.map((route) => ({ ...route, protocol: 3 }))
  assert.deepEqual(text(planFor('ipv6', [1], { ...actual, routes })), {
    ...NOTHING,
    routes: ['replace fd42:0:0:4201::/64 via fd42:0:0:4201:: dev flannel.1 proto vtepd metric 1024 onlink'],
  })
})

test('an IPv6 route over another link is deleted first, in the same batch, because it covers the gateway', () => {
  const actual = { ...standing('ipv6', 1), routes: [DIRECT_IPV6] }
  assert.deepEqual(text(planFor('ipv6', [1], actual)).routes, [
    'delete fd42:0:0:4201::/64 via fd00::1 dev eth0 proto vtepd metric 1024',
    'replace fd42:0:0:4201::/64 via fd42:0:0:4201:: dev flannel.1 proto vtepd metric 1024 onlink',
  ])
})

test('an IPv4 route over another link is replaced in place', () => {
  const direct = { ...FLANNEL_ROUTE, metric: 2, gateway: parseIp('192.168.0.1'), oif: OTHER_LINK, onlink: false }
  const plan = planFor('ipv4', [1], { ...standing('ipv4', 1), routes: [direct] })
  assert.deepEqual(text(plan).routes, ['replace 10.42.1.0/24 via 10.42.1.0 dev flannel.1 proto vtepd metric 2 onlink'])
})

test('a dead route is deleted and added again', () => {
  const actual = standing('ipv4', 1)
  const plan = planFor('ipv4', [1], { ...actual, routes: actual.routes.map((route) => ({ ...route, dead: true })) })
  assert.deepEqual(text(plan).routes, [
    'delete 10.42.1.0/24 via 10.42.1.0 dev flannel.1 proto vtepd metric 2 onlink dead',
    'replace 10.42.1.0/24 via 10.42.1.0 dev flannel.1 proto vtepd metric 2 onlink',
  ])
})

test("somebody else's route of a lower metric is reported and left alone", () => {
  const actual = standing('ipv4', 1)
  const blackhole = { ...FLANNEL_ROUTE, type: 6, gateway: undefined, oif: undefined, onlink: false }
  const connected = { ...blackhole, type: 1, oif: OTHER_LINK, protocol: 2, scope: 253, metric: 1 }
  const plan = planFor('ipv4', [1], { ...actual, routes: [blackhole, connected, ...actual.routes] })
  assert.ok(isEmptyPlan(plan))
  assert.deepEqual(
    plan.shadowed.map(({ node, prefix, by }) => [node, prefix, renderEntry(by, nameOf)]),
    [
      ['node1', '10.42.1.0/24', 'blackhole 10.42.1.0/24 proto boot metric 0'],
      ['node1', '10.42.1.0/24', '10.42.1.0/24 dev eth0 proto kernel metric 1'],
    ],
  )
})

test('a route of a higher metric neither shadows nor matters', () => {
  const actual = standing('ipv4', 1)
  const backup = { ...FLANNEL_ROUTE, metric: 9000, gateway: parseIp('192.168.0.254'), oif: OTHER_LINK, onlink: false }
  const plan = planFor('ipv4', [1], { ...actual, routes: [...actual.routes, backup] })
  assert.ok(isEmptyPlan(plan))
  assert.deepEqual(plan.shadowed, [])
})

test('a connected route in the very slot of ours is reported, not overwritten, and nothing waits for it', () => {
  const connected = { ...FLANNEL_ROUTE, metric: 2, gateway: undefined, oif: OTHER_LINK, onlink: false, protocol: 2 }
  const plan = planFor('ipv4', [1], { ...standing('ipv4', 1), routes: [FLANNEL_ROUTE, connected] })
  assert.ok(isEmptyPlan(plan))
  assert.deepEqual([plan.shadowed.length, plan.deferred], [1, 0])
})

test('the route of ours that stands behind another one of its metric is not written again and again', () => {
  const actual = standing('ipv4', 1)
  const other = { ...FLANNEL_ROUTE, metric: 2, protocol: 4, extras: true }
  const plan = planFor('ipv4', [1], { ...actual, routes: [other, ...actual.routes] })
  assert.ok(isEmptyPlan(plan))
  assert.equal(plan.shadowed.length, 1)
})

test('an IPv6 route of several next hops covers the gateway whichever of them is the first', () => {
  const several = { ...DIRECT_IPV6, gateway: parseIp('fd42:0:0:4201::'), oif: DEVICE, extras: true, multipath: true }
  const plan = planFor('ipv6', [1], { ...standing('ipv6', 1), routes: [several] })
  assert.deepEqual(
    text(plan).routes?.map((line) => line.split(' ')[0]),
    ['delete', 'replace'],
  )
})

test("a neighbour of the kernel's own making gives way, whatever the view", () => {
  const actual = standing('ipv4', 1)
  const failed = actual.neighbours.map((entry) => ({ ...entry, lladdr: undefined, state: 0x20, protocol: 0 }))
  for (const complete of [true, false]) {
    assert.deepEqual(text(planFor('ipv4', [1], { ...actual, neighbours: failed }, complete)).entries, [
      'replace 10.42.1.0 dev flannel.1 lladdr 0e:2a:00:00:00:01 permanent proto vtepd',
    ])
  }
})

test('an FDB entry with a port or VNI of its own is not what is desired', () => {
  const actual = standing('ipv4', 1)
  const plan = planFor('ipv4', [1], { ...actual, fdb: actual.fdb.map((entry) => ({ ...entry, extras: true })) })
  assert.deepEqual(text(plan).entries, ['replace 0e:2a:00:00:00:01 dev flannel.1 dst 192.168.0.1 self permanent'])
})

test('an FDB entry without remote, or with one of the other family, is replaced, not added beside', () => {
  const actual = standing('ipv4', 1)
  for (const remote of [undefined, parseIp('fd00::1')]) {
    const before = { ...actual, fdb: actual.fdb.map((entry) => ({ ...entry, remote })) }
    assert.deepEqual(text(planFor('ipv4', [1], before)), {
      ...NOTHING,
      entries: ['replace 0e:2a:00:00:00:01 dev flannel.1 dst 192.168.0.1 self permanent'],
    })
    assert.ok(isEmptyPlan(planFor('ipv4', [1], before, false)))
  }
})

test('an incomplete view adds what is absent and touches nothing else', () => {
  const actual = standing('ipv4', 1, 9)
  const moved = { ...actual, fdb: actual.fdb.map((entry) => ({ ...entry, remote: parseIp('192.168.0.200') })) }
  assert.deepEqual(text(planFor('ipv4', [1, 2], moved, false)), {
    ...NOTHING,
    entries: [
      'create 10.42.2.0 dev flannel.1 lladdr 0e:2a:00:00:00:02 permanent proto vtepd',
      'create 0e:2a:00:00:00:02 dev flannel.1 dst 192.168.0.2 self permanent',
    ],
    routes: ['create 10.42.2.0/24 via 10.42.2.0 dev flannel.1 proto vtepd metric 3 onlink'],
  })
})

test('what is neither ours nor flannel’s stays', () => {
  const [neighbour] = standing('ipv4', 9).neighbours
  const [fdb] = standing('ipv4', 9).fdb
  const [route] = standing('ipv4', 9).routes
  assert.ok(neighbour !== undefined && fdb !== undefined && route !== undefined)
  const actual: KernelTables = {
    neighbours: [
      { ...neighbour, state: 0x40 },
      { ...neighbour, ip: parseIp('10.42.9.1'), state: 0x02 },
      { ...neighbour, ip: parseIp('10.42.9.2'), protocol: 11 },
      { ...neighbour, ip: parseIp('10.42.9.3'), flags: 0x10 },
      { ...neighbour, ip: parseIp('10.99.9.3'), protocol: 0 },
      { ...neighbour, ip: parseIp('10.42.9.4'), ifindex: OTHER_LINK },
    ],
    fdb: [
      { ...fdb, state: 0x02 },
      { ...fdb, lladdr: parseLladdr('0e:00:00:00:00:01'), remote: undefined },
      { ...fdb, lladdr: parseLladdr('0e:00:00:00:00:02'), extras: true },
      { ...fdb, lladdr: parseLladdr('0e:00:00:00:00:03'), flags: 0x12 },
      { ...fdb, lladdr: parseLladdr('00:00:00:00:00:00') },
      { ...fdb, lladdr: parseLladdr('01:00:5e:00:00:01') },
      { ...fdb, lladdr: parseLladdr('0e:00:00:00:00:04'), ifindex: OTHER_LINK },
    ],
    routes: [
      { ...route, oif: OTHER_LINK },
      { ...route, protocol: 4 },
      { ...route, extras: true },
      { ...route, protocol: 3, gateway: parseIp('10.42.9.1') },
      { ...route, protocol: 3, onlink: false },
      { ...route, protocol: 3, dst: parseCidr('10.99.9.0/24'), gateway: parseIp('10.99.9.0') },
      { ...route, protocol: 3, dst: parseCidr('10.42.0.0/15'), gateway: parseIp('10.42.0.0') },
    ],
  }
  assert.deepEqual(text(planFor('ipv4', [], actual)), NOTHING)
})

test('a neighbour of ours goes also where the network has become narrower', () => {
  const [neighbour] = standing('ipv4', 9).neighbours
  assert.ok(neighbour !== undefined)
  const old = { ...neighbour, ip: parseIp('10.99.9.3') }
  assert.deepEqual(unpackEntries(planFor('ipv4', [], { ...EMPTY, neighbours: [old] }).deletes), [old])
})

test('a peer whose entry failed, or whose answer was lost, gets no route this round; the others do', () => {
  const plan = planFor('ipv4', [1, 2, 3, 4], EMPTY)
  const errnos = new Int32Array(8)
  errnos[0] = 22
  errnos[5] = -1
  const failures = [
    { index: 0, errno: 22, errnoName: 'EINVAL', extack: '' },
    { index: 3, errno: 19, errnoName: 'ENODEV', extack: '' },
  ]
  assert.deepEqual(lines(routesAllowed(plan, { errnos, failures, unknown: 1 })), [
    'replace 10.42.3.0/24 via 10.42.3.0 dev flannel.1 proto vtepd metric 4 onlink',
  ])
})

test('an entry that somebody else had just added is no failure', () => {
  const plan = planFor('ipv4', [1], EMPTY, false)
  const failures = [{ index: 0, errno: 17, errnoName: 'EEXIST', extack: '' }]
  assert.equal(routesAllowed(plan, { errnos: Int32Array.of(17, 0), failures, unknown: 0 }).length, 1)
})

test('tables that start at an odd place of their buffer are read all the same', () => {
  const { neighbours, fdb, routes } = dump(standing('ipv4', 1, 2))
  const shift = ({ bytes, length }: EntryTable): EntryTable => {
    const shifted = new Uint8Array(bytes.length + 1)
    shifted.set(bytes, 1)
    return { bytes: shifted.subarray(1), length }
  }
  const actual = { neighbours: shift(neighbours), fdb: shift(fdb), routes: shift(routes) }
  const desired = desiredOf('ipv4', 1, 2)
  assert.ok(isEmptyPlan(planPeers({ network: NETWORKS.ipv4, ifindex: DEVICE, desired, actual, complete: true })))
})

test('a route of others that takes a part of a peer’s subnet is named, with the peer; one that sends packets on is not', () => {
  const actual = standing('ipv4', 1, 2)
  const part = (dst: string, change: Partial<RouteEntry> = {}): RouteEntry => ({
    ...FLANNEL_ROUTE,
    dst: parseCidr(dst),
    gateway: undefined,
    oif: OTHER_LINK,
    onlink: false,
    protocol: 4,
    ...change,
  })
  const routes = [
    ...actual.routes,
    part('10.42.2.128/25'),
    part('10.42.1.7/32', { type: 6, oif: undefined }),
    part('10.42.1.8/32', { type: 9, oif: undefined }),
    part('10.42.7.0/24'),
    part('10.42.0.0/16'),
    part('192.168.9.0/24'),
  ]
  const plan = planFor('ipv4', [1, 2], { ...actual, routes })
  assert.deepEqual(text(plan), NOTHING)
  assert.deepEqual(
    plan.shadowed.map(({ node, prefix, by, stands }) => [node, prefix, by.dst, stands]),
    [
      ['node2', '10.42.2.0/24', '10.42.2.128/25', true],
      ['node1', '10.42.1.0/24', '10.42.1.7/32', true],
    ],
  )
})

test('an FDB entry that the dump lacks although its peer’s neighbour stands is doubtful; on a new device none is', () => {
  const actual = standing('ipv4', 1, 2, 3)
  const plan = planFor('ipv4', [1, 2, 3], {
    ...actual,
    fdb: actual.fdb.slice(1),
    neighbours: actual.neighbours.slice(0, 2),
  })
  assert.deepEqual(lines(plan.doubtful), [' 0e:2a:00:00:00:01 dev flannel.1 dst 192.168.0.1 self permanent'])
  assert.equal(plan.doubtful.length, 1)
  assert.equal(planFor('ipv4', [1, 2, 3], EMPTY).doubtful.length, 0)
})

test('what flannel left for a peer is recognised only when all of its form holds', () => {
  const shadow = {
    node: 'node1',
    prefix: parseCidr('10.42.1.0/24'),
    by: { ...FLANNEL_ROUTE, oif: OTHER_LINK },
    stands: true,
  }
  const peer = {
    subnet: parseCidr('10.42.1.0/24'),
    underlay: parseIp('192.168.0.1'),
    lladdr: parseLladdr('0e:2a:00:00:00:01'),
    vni: parseVni(1),
  }
  for (const ifname of ['flannel.7', 'flannel-v6.7', 'flannel-wg'])
    assert.equal(isFlannelsLeftover(shadow, peer, 1, ifname), true, ifname)
  for (const ifname of ['eth0', 'flannel', 'my-flannel.7', undefined])
    assert.equal(isFlannelsLeftover(shadow, peer, 1, ifname), false, ifname)
  const hostGw = { ...shadow, by: { ...shadow.by, gateway: parseIp('192.168.0.1'), onlink: false } }
  assert.equal(isFlannelsLeftover(hostGw, peer, 1, 'eth0'), true)
  assert.equal(isFlannelsLeftover(hostGw, peer, 1, 'flannel.7'), false)
  const changes: Partial<RouteEntry>[] = [
    { protocol: 4 },
    { onlink: false },
    { protocol: 118 },
    { metric: 7 },
    { type: 6 },
    { extras: true },
    { gateway: undefined },
    { gateway: parseIp('192.168.0.2') },
    { dst: parseCidr('10.42.1.128/25') },
  ]
  for (const change of changes)
    assert.equal(
      isFlannelsLeftover({ ...shadow, by: { ...shadow.by, ...change } }, peer, 1, 'flannel.7'),
      false,
      JSON.stringify(change),
    )
  assert.equal(isFlannelsLeftover({ ...shadow, stands: false }, peer, 1, 'flannel.7'), false)
  assert.equal(isFlannelsLeftover(shadow, undefined, 1, 'flannel.7'), false)
  for (const vni of [undefined, parseVni(2)])
    assert.equal(isFlannelsLeftover(shadow, { ...peer, vni }, 1, 'flannel.7'), false)
  assert.equal(isFlannelsLeftover(shadow, { ...peer, subnet: parseCidr('10.42.0.0/16') }, 1, 'flannel.7'), false)
})

for (const family of ['ipv4', 'ipv6'] as const) {
  const [OWN, OTHER, POD] =
    family === 'ipv4'
      ? [parseCidr('10.42.9.0/24'), parseCidr('10.42.8.0/24'), parseCidr('10.42.9.7/32')]
      : [parseCidr('fd42:0:0:4209::/64'), parseCidr('fd42:0:0:4208::/64'), parseCidr('fd42:0:0:4209::7/128')]
  const route = (dst: typeof OWN, change: Partial<RouteEntry>): RouteEntry => ({
    ...FLANNEL_ROUTE,
    dst,
    gateway: undefined,
    onlink: false,
    oif: OTHER_LINK,
    ...change,
  })
  const metric = family === 'ipv4' ? 10 : 1024
  // As the kernel shows it: IPv6 names the loopback link.
  const ours = (dst: typeof OWN): RouteEntry =>
    route(dst, { protocol: 118, type: 6, metric, oif: family === 'ipv4' ? undefined : LOOPBACK })
  const planWith = (blackhole: typeof OWN | undefined, routes: readonly RouteEntry[], complete = true): PeerPlan => {
    const of = { family, network: NETWORKS[family], ifindex: DEVICE, blackhole }
    const desired = desiredTables({ ...of, peers: [] })
    return planPeers({ ...of, desired, actual: dump({ ...EMPTY, routes: [...routes] }), complete })
  }

  test(`${family}: our own subnet's blackhole stands behind the pods' routes, which are nobody's rivals`, () => {
    const pods = [route(OWN, { protocol: 2, metric: family === 'ipv4' ? 0 : 256 }), route(POD, { metric: 0 })]
    const plan = planWith(OWN, pods)
    assert.deepEqual(text(plan), { ...NOTHING, routes: [`replace blackhole ${OWN} proto vtepd metric ${metric}`] })
    assert.deepEqual(plan.shadowed, [])
    assert.ok(isEmptyPlan(planWith(OWN, [...pods, ours(OWN)])))
  })

  test(`${family}: a blackhole of ours that nobody wants goes with a complete view, another's stays`, () => {
    const others = route(OTHER, { type: 6, oif: undefined, metric: 0 })
    const old = ours(OTHER)
    const { deletes } = planWith(undefined, [old, others])
    assert.equal(deletes.length, 1)
    assert.deepEqual(unpackEntries(deletes)[0], old)
    assert.ok(isEmptyPlan(planWith(undefined, [old, others], false)))
  })
}
