/** Addresses, nexthop objects, rules and neighbours, beside `ip` on the same kernel: made by either, read by either. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AddressRequest } from '../../../lib/rtnl/addresses/address.ts'
import { addressesOver } from '../../../lib/rtnl/addresses/addresses.ts'
import type { Neighbour, NeighbourSpec } from '../../../lib/rtnl/neighbours/neighbour.ts'
import { neighboursOver } from '../../../lib/rtnl/neighbours/neighbours.ts'
import type { NexthopSpec } from '../../../lib/rtnl/nexthops/nexthop.ts'
import { nexthopsOver } from '../../../lib/rtnl/nexthops/nexthops.ts'
import type { RuleSpec } from '../../../lib/rtnl/rules/rule.ts'
import { rulesOver } from '../../../lib/rtnl/rules/rules.ts'
import { kernelTests } from '../../support/netns.ts'
import { type Case, createStage, playCase } from './support.ts'

const EAST = 40

/** What goes on by itself: ages and what is left of a lifetime. */
function settled(value: unknown): unknown {
  const aging = /^(?:created|updated|used|confirmed|references|refcnt|valid|preferred|(?:valid|preferred)_life_time)$/
  return JSON.parse(
    JSON.stringify(value, (key, one: unknown) =>
      aging.test(key) && typeof one === 'number' && one < 2 ** 31 ? 'some' : one,
    ),
  )
}

const address = (name: string, ip: string, spec: object): Case<AddressRequest> => ({
  name,
  ip: `addr add ${ip} dev east`,
  spec: { ifindex: EAST, prefixLength: 24, ...spec } as unknown as AddressRequest,
})

const ADDRESSES: readonly Case<AddressRequest>[] = [
  address('of IPv4', '10.1.0.1/24', { ip: '10.1.0.1', scope: 'universe', valid: 'forever', preferred: 'forever' }),
  address('with a broadcast address and a label', '10.1.0.1/24 brd 10.1.0.255 label east:a', {
    ip: '10.1.0.1',
    broadcast: '10.1.0.255',
    label: 'east:a',
  }),
  address('with a peer', '10.1.0.1 peer 10.2.0.0/24', { ip: '10.1.0.1', peer: '10.2.0.0' }),
  address('with a scope', '10.1.0.1/24 scope link', { ip: '10.1.0.1', scope: 'link' }),
  address('that ends', '10.1.0.1/24 valid_lft 1000 preferred_lft 500', { ip: '10.1.0.1', valid: 1000, preferred: 500 }),
  address('that is deprecated', '10.1.0.1/24 preferred_lft 0', { ip: '10.1.0.1', preferred: 0, valid: 'forever' }),
  address('without a route', '10.1.0.1/24 noprefixroute', { ip: '10.1.0.1', noPrefixRoute: true }),
  address('with a metric', '10.1.0.1/24 metric 4000000000', { ip: '10.1.0.1', metric: 4000000000 }),
  address('of IPv6', 'fd01::1/64 nodad', { ip: 'fd01::1', prefixLength: 64, noDad: true }),
  address('of IPv6 with a peer', 'fd01::1 peer fd02::/64 nodad', {
    ip: 'fd01::1',
    peer: 'fd02::',
    prefixLength: 64,
    noDad: true,
  }),
  address('of IPv6 that ends', 'fd01::1/64 nodad valid_lft 1000 preferred_lft 500 noprefixroute', {
    ip: 'fd01::1',
    prefixLength: 64,
    noDad: true,
    noPrefixRoute: true,
    valid: 1000,
    preferred: 500,
  }),
  address('of IPv6 with a metric', 'fd01::1/64 nodad metric 77', {
    ip: 'fd01::1',
    prefixLength: 64,
    noDad: true,
    metric: 77,
  }),
  address('a home address', 'fd01::1/64 nodad home', { ip: 'fd01::1', prefixLength: 64, noDad: true, home: true }),
  address('a template of temporary ones', 'fd01::1/64 nodad mngtmpaddr', {
    ip: 'fd01::1',
    prefixLength: 64,
    noDad: true,
    manageTempAddr: true,
  }),
]

test('an address is read and written as ip does it', kernelTests, async (t) => {
  const stage = await createStage(t)
  const addresses = addressesOver(stage.netlink)
  const part = {
    stage,
    show: ['addr show dev east', '-4 route show table all', '-6 route show table all'],
    list: async () => (await addresses.listAddresses()).value,
    add: (spec: AddressRequest) => addresses.createAddress(spec),
    delete: (value: AddressRequest) => addresses.deleteAddress(value),
    settled,
  }
  for (const one of ADDRESSES) await t.test(one.name, (t) => playCase(t, part, one))
})

test(
  'addAddress creates an address and gives it another lifetime, createAddress refuses the second',
  kernelTests,
  async (t) => {
    const { netlink } = await createStage(t)
    const addresses = addressesOver(netlink)
    const spec = { ifindex: EAST, ip: '10.1.0.1', prefixLength: 24, noDad: true } as unknown as AddressRequest
    await addresses.addAddress(spec)
    await addresses.addAddress({ ...spec, valid: 1000 })
    await assert.rejects(addresses.createAddress(spec), { errnoName: 'EEXIST' })
    const { value } = await addresses.listAddresses({ family: 'ipv4', ifindex: spec.ifindex })
    assert.deepEqual(
      value.map(({ ip, valid }) => [ip, typeof valid]),
      [
        ['10.0.0.1', 'string'],
        ['10.1.0.1', 'number'],
      ],
    )
  },
)

const nexthop = (name: string, ip: string, spec: object): Case<NexthopSpec> => ({
  name,
  ip: `nexthop add id 7 ${ip}`,
  spec: { id: 7, ...spec } as unknown as NexthopSpec,
})

const NEXTHOPS: readonly Case<NexthopSpec>[] = [
  nexthop('with a gateway', 'via 10.0.0.2 dev east', { gateway: '10.0.0.2', oif: EAST, family: 'ipv4' }),
  nexthop('on a link', 'dev east', { oif: EAST, family: 'ipv4' }),
  nexthop('of IPv6', 'via fd00::2 dev east proto 77', { gateway: 'fd00::2', oif: EAST, family: 'ipv6', protocol: 77 }),
  nexthop('on the link by decree', 'via 192.0.2.9 dev east onlink', { gateway: '192.0.2.9', oif: EAST, onlink: true }),
  nexthop('a blackhole', 'blackhole', { blackhole: true }),
  nexthop('of an FDB', 'via 192.0.2.9 fdb', { gateway: '192.0.2.9', fdb: true }),
  nexthop('into a tunnel', 'encap ip id 7 dst 192.0.2.1 dev east', {
    oif: EAST,
    encap: { type: 'ip', id: 7, dst: '192.0.2.1' },
  }),
  nexthop('a group', 'group 1,9/2', {
    group: [
      { id: 1, weight: 9 },
      { id: 2, weight: 1 },
    ],
    groupType: 'mpath',
  }),
  nexthop('a resilient group', 'group 1/2,3 type resilient buckets 16 idle_timer 7 unbalanced_timer 9', {
    group: [
      { id: 1, weight: 1 },
      { id: 2, weight: 3 },
    ],
    groupType: 'resilient',
    resilient: { buckets: 16, idleTimer: 7, unbalancedTimer: 9 },
  }),
]

test('a nexthop object is read and written as ip does it', kernelTests, async (t) => {
  const stage = await createStage(t)
  const nexthops = nexthopsOver(stage.netlink)
  await nexthops.addNexthop({ id: 1, gateway: '10.0.0.2', oif: EAST } as unknown as NexthopSpec)
  await nexthops.addNexthop({ id: 2, gateway: 'fd00::2', oif: EAST } as unknown as NexthopSpec)
  const part = {
    stage,
    show: ['nexthop show', '-6 nexthop show'],
    list: async () => (await nexthops.listNexthops()).value,
    add: async (spec: NexthopSpec) => assert.equal(await nexthops.addNexthop(spec), 7),
    delete: (value: NexthopSpec) => nexthops.deleteNexthop(value.id ?? 0),
    settled,
  }
  for (const one of NEXTHOPS) await t.test(one.name, (t) => playCase(t, part, one))
  const chosen = await nexthops.addNexthop({ blackhole: true })
  assert.equal((await nexthops.getNexthop(chosen))?.blackhole, true, 'the kernel has chosen an id')
  assert.equal(await nexthops.getNexthop(4711), undefined)
})

const rule = (name: string, ip: string, spec: object): Case<RuleSpec> => ({
  name,
  ip: ip.startsWith('-6') ? `-6 rule add ${ip.slice(3)}` : `rule add ${ip}`,
  spec: { family: ip.startsWith('-6') ? 'ipv6' : 'ipv4', ...spec } as unknown as RuleSpec,
})

const RULES: readonly Case<RuleSpec>[] = [
  rule('for sources and destinations', 'from 10.1.0.0/16 to 10.2.0.0/16 table 77 priority 100', {
    src: '10.1.0.0/16',
    dst: '10.2.0.0/16',
    table: 77,
    priority: 100,
  }),
  rule('for a mark', 'fwmark 0x3/0x7 table 4000000000', { fwmark: { value: 3, mask: 7 }, table: 4000000000 }),
  rule('for unmarked packets', 'fwmark 0/0x7 table 77', { fwmark: { value: 0, mask: 7 }, table: 77 }),
  rule('for links by name', 'iif east oif nowhere table 77', { iif: 'east', oif: 'nowhere', table: 77 }),
  rule('for what does not match', 'not from 10.1.0.0/16 table 77', { inverted: true, src: '10.1.0.0/16', table: 77 }),
  rule('for a TOS', 'tos 0x10 table 77', { tos: 0x10, table: 77 }),
  rule('for users', 'uidrange 1000-2000 table 77', { uidRange: { start: 1000, end: 2000 }, table: 77 }),
  rule('for ports', 'ipproto tcp sport 80 dport 8000-9000 table 77', {
    ipProtocol: 'tcp',
    sport: { start: 80, end: 80 },
    dport: { start: 8000, end: 9000 },
    table: 77,
  }),
  rule('for a tunnel', 'tun_id 77 table 78', { tunnelId: 77, table: 78 }),
  rule('for VRFs', 'l3mdev priority 1000', { l3mdev: true, priority: 1000 }),
  rule('that suppresses', 'table main suppress_prefixlength 0 suppress_ifgroup 9', {
    table: 254,
    suppressPrefixLength: 0,
    suppressInterfaceGroup: 9,
  }),
  rule('that goes on at another', 'priority 100 goto 32766', { priority: 100, action: 'goto', goto: 32766 }),
  rule('that goes on at none', 'priority 100 goto 200', { priority: 100, action: 'goto', goto: 200 }),
  ...['blackhole', 'unreachable', 'prohibit', 'nop'].map((action) =>
    rule(`that says ${action}`, `from 10.1.0.0/16 ${action}`, { src: '10.1.0.0/16', action }),
  ),
  rule('with a realm and a protocol', 'from 10.1.0.0/16 table 77 realms 3/4 protocol 77', {
    src: '10.1.0.0/16',
    table: 77,
    realm: 0x30004,
    protocol: 77,
  }),
  rule('of IPv6', '-6 from fd01::/64 to ::/0 iif lo table 77', { src: 'fd01::/64', iif: 'lo', table: 77 }),
]

test('a rule is read and written as ip does it', kernelTests, async (t) => {
  const stage = await createStage(t)
  const rules = rulesOver(stage.netlink)
  const part = {
    stage,
    show: ['-4 rule show', '-6 rule show'],
    list: async () => (await rules.listRules()).value,
    // `ip rule` says no protocol, the kernel then 0.
    add: (spec: RuleSpec) => rules.addRule({ protocol: 0, ...spec }),
    delete: (value: RuleSpec) => rules.deleteRule(value),
    settled,
  }
  for (const one of RULES) await t.test(one.name, (t) => playCase(t, part, one))
})

const neighbour = (name: string, ip: string, spec: object): Case<NeighbourSpec> => ({
  name,
  ip: `neigh add ${ip} dev east`,
  spec: { ifindex: EAST, ...spec } as unknown as NeighbourSpec,
})

const LLADDR = '02:00:00:00:00:09'
const NEIGHBOURS: readonly Case<NeighbourSpec>[] = [
  neighbour('for ever', `10.0.0.9 lladdr ${LLADDR} protocol 77`, {
    ip: '10.0.0.9',
    lladdr: LLADDR,
    state: 'permanent',
    protocol: 77,
  }),
  neighbour('of IPv6, a router', `fd00::9 lladdr ${LLADDR} router nud permanent`, {
    ip: 'fd00::9',
    lladdr: LLADDR,
    router: true,
  }),
  neighbour('stale', `10.0.0.9 lladdr ${LLADDR} nud stale`, { ip: '10.0.0.9', lladdr: LLADDR, state: 'stale' }),
  neighbour('reachable', `10.0.0.9 lladdr ${LLADDR} nud reachable`, {
    ip: '10.0.0.9',
    lladdr: LLADDR,
    state: 'reachable',
  }),
  neighbour('without ARP', `10.0.0.9 lladdr ${LLADDR} nud noarp`, { ip: '10.0.0.9', lladdr: LLADDR, state: 'noarp' }),
  neighbour('told by a control plane', `10.0.0.9 lladdr ${LLADDR} extern_learn nud reachable`, {
    ip: '10.0.0.9',
    lladdr: LLADDR,
    externLearn: true,
    state: 'reachable',
  }),
  neighbour('that this host answers for', 'proxy 10.0.0.9', { ip: '10.0.0.9', proxy: true }),
]

test('a neighbour is read and written as ip does it', kernelTests, async (t) => {
  const stage = await createStage(t)
  const neighbours = neighboursOver(stage.netlink)
  const part = {
    stage,
    show: ['-s neigh show to 10.0.0.9 nud all', '-s neigh show to fd00::9 nud all', 'neigh show proxy'],
    // Beside those that the kernel makes by itself, for groups that it joins.
    list: async () => (await neighbours.listNeighbours({ proxies: true })).value.filter(({ ip }) => ip.endsWith('9')),
    add: (spec: NeighbourSpec) => neighbours.addNeighbour(spec),
    delete: (value: NeighbourSpec) => neighbours.deleteNeighbour(value),
    settled,
  }
  for (const one of NEIGHBOURS) await t.test(one.name, (t) => playCase(t, part, one))
})

test('neighbours are listed by link, master, family and state, and asked for one by one', kernelTests, async (t) => {
  const { netns, netlink, east, west } = await createStage(t)
  const neighbours = neighboursOver(netlink)
  await netns.exec('ip', 'link', 'add', 'bridge', 'index', '50', 'type', 'bridge')
  await netns.exec('ip', 'link', 'set', 'west', 'master', 'bridge')
  const add = (spec: object) => neighbours.addNeighbour({ lladdr: LLADDR, ...spec } as unknown as NeighbourSpec)
  await add({ ifindex: east, ip: '10.0.0.9' })
  await add({ ifindex: east, ip: 'fd00::9', state: 'stale' })
  await add({ ifindex: west, ip: '10.0.0.9', state: 'noarp' })
  const ips = async (filter: object) =>
    (await neighbours.listNeighbours(filter)).value
      .filter((one) => one.lladdr === LLADDR)
      .map((one: Neighbour) => `${one.ip}@${one.ifindex}`)
      .sort()
  assert.deepEqual(await ips({ ifindex: east }), ['10.0.0.9@40', 'fd00::9@40'])
  assert.deepEqual(await ips({ master: 50 }), ['10.0.0.9@41'])
  assert.deepEqual(await ips({ family: 'ipv6' }), ['fd00::9@40'])
  assert.deepEqual(await ips({ state: ['stale', 'noarp'] }), ['10.0.0.9@41', 'fd00::9@40'])
  assert.deepEqual(await ips({ ifindex: 4711 }), [])
  const get = (key: object) => neighbours.getNeighbour(key as NeighbourSpec)
  assert.equal((await get({ ifindex: west, ip: '10.0.0.9' }))?.state, 'noarp')
  assert.equal(await get({ ifindex: west, ip: '10.0.0.10' }), undefined)
  assert.equal(await get({ ifindex: 4711, ip: '10.0.0.9' }), undefined)
})
