/** What is asked of routes and namespaces: filters, lookups, ids; what a namespace without routes says; what is refused unsent. */
import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Codec } from '../../../lib/netlink/codec.ts'
import { encodeMessage } from '../../../lib/netlink/message.ts'
import type { Netlink, Query } from '../../../lib/netlink/netlink.ts'
import { addressesOver } from '../../../lib/rtnl/addresses/addresses.ts'
import { neighboursOver } from '../../../lib/rtnl/neighbours/neighbours.ts'
import { namespacesOver } from '../../../lib/rtnl/netns/netns.ts'
import { nexthopsOver } from '../../../lib/rtnl/nexthops/nexthops.ts'
import type { RouteSpec } from '../../../lib/rtnl/routes/route.ts'
import { routesOver } from '../../../lib/rtnl/routes/routes.ts'
import { rulesOver } from '../../../lib/rtnl/rules/rules.ts'
import { createNetns, kernelTests } from '../../support/netns.ts'
import { createStage } from './support.ts'

const EAST = 40
const WEST = 41
const specOf = (spec: object) => spec as unknown as RouteSpec

test(
  'routes are listed by table, link, protocol, type and network, and asked for one by one',
  kernelTests,
  async (t) => {
    const { netlink } = await createStage(t)
    const routes = routesOver(netlink)
    for (const spec of [
      { dst: '10.1.0.0/16', gateway: '10.0.0.2', metric: 5, protocol: 77 },
      { dst: '10.1.0.0/16', oif: WEST, metric: 7, protocol: 77 },
      { dst: '10.1.0.0/16', type: 'blackhole', table: 300, protocol: 78 },
      { dst: '2001:db8::/32', oif: WEST, protocol: 78 },
      { dst: '10.2.0.0/16', protocol: 77, multipath: [{ oif: EAST, gateway: '10.0.0.2' }, { oif: WEST }] },
    ])
      await routes.addRoute(specOf(spec))
    const found = async (filter: object) =>
      (await routes.listRoutes(filter)).value
        .filter(({ protocol }) => protocol === 77 || protocol === 78)
        .map(({ dst, table, metric }) => `${dst} ${table} ${metric}`)
        .sort()
    assert.deepEqual(await found({ table: 300 }), ['10.1.0.0/16 300 0'])
    assert.deepEqual(await found({ oif: WEST }), ['10.1.0.0/16 254 7', '10.2.0.0/16 254 0', '2001:db8::/32 254 1024'])
    assert.deepEqual(await found({ protocol: 78 }), ['10.1.0.0/16 300 0', '2001:db8::/32 254 1024'])
    assert.deepEqual(await found({ type: 'blackhole' }), await found({ type: 6 }))
    assert.deepEqual(await found({ type: 'blackhole' }), ['10.1.0.0/16 300 0'])
    assert.deepEqual(await found({ dst: '10.1.0.0/16', table: 254 }), ['10.1.0.0/16 254 5', '10.1.0.0/16 254 7'])
    assert.deepEqual(await found({ scope: 'link', family: 'ipv4' }), ['10.1.0.0/16 254 7'])
    assert.deepEqual(await found({ includeCached: true }), await found({}), 'nothing was learnt')
    const one = async (dst: string, filter?: object) => routes.getRoute(specOf({ dst }).dst, filter)
    assert.equal((await one('10.1.0.0/16'))?.metric, 5)
    assert.equal((await one('10.1.0.0/16', { metric: 7 }))?.oif, WEST)
    assert.equal((await one('10.1.0.0/16', { table: 300 }))?.type, 'blackhole')
    assert.equal(await one('10.1.0.0/17'), undefined)
    await routes.replaceRoute(specOf({ dst: '10.1.0.0/16', gateway: '10.0.0.3', metric: 5 }))
    assert.equal((await one('10.1.0.0/16'))?.gateway, '10.0.0.3')
    await routes.appendRoute(specOf({ dst: '10.1.0.0/16', gateway: '10.0.0.4', metric: 5 }))
    assert.equal((await routes.listRoutes({ dst: specOf({ dst: '10.1.0.0/16' }).dst, table: 254 })).value.length, 3)
  },
)

test(
  'a lookup tells the whole route for a mark, a source, a port, or the entry of the table',
  kernelTests,
  async (t) => {
    const { netlink } = await createStage(t)
    const routes = routesOver(netlink)
    const rules = rulesOver(netlink)
    await routes.addRoute(specOf({ dst: '10.1.0.0/16', gateway: '10.0.0.2', metrics: { mtu: 1300 } }))
    await routes.addRoute(specOf({ dst: '10.1.0.0/16', gateway: '10.0.0.3', table: 77 }))
    await routes.addRoute(specOf({ dst: '2001:db8::/32', gateway: 'fd00::2', metrics: { mtu: 1400 } }))
    await rules.addRule({ family: 'ipv4', fwmark: { value: 5 }, table: 77 })
    await rules.addRule({ family: 'ipv4', ipProtocol: 'udp', dport: { start: 53, end: 53 }, table: 77 })
    const to = (dst: string, lookup?: object) => routes.resolve(dst as never, lookup)
    const { gateway, source, mtu, oif, table, status } = await to('10.1.2.3')
    assert.deepEqual(
      { gateway, source, mtu, oif, table, cloned: status.cloned },
      { gateway: '10.0.0.2', source: '10.0.0.1', mtu: 1300, oif: EAST, table: 254, cloned: true },
    )
    assert.deepEqual((await to('10.1.2.3', { mark: 5 })).table, 77)
    assert.equal((await to('10.1.2.3', { ipProtocol: 'udp', dport: 53 })).gateway, '10.0.0.3')
    assert.equal((await to('10.1.2.3', { ipProtocol: 'udp', dport: 54 })).gateway, '10.0.0.2')
    assert.equal((await to('10.1.2.3', { source: '10.0.0.1', uid: 1, tos: 0, oif: EAST })).gateway, '10.0.0.2')
    assert.equal((await to('10.1.2.3', { fibMatch: true })).dst, '10.1.0.0/16')
    const long = await to('2001:db8::7', { fibMatch: true })
    assert.deepEqual([long.dst, long.gateway, long.mtu], ['2001:db8::/32', 'fd00::2', 1400])
    assert.equal((await to('2001:db8::7')).source, 'fd00::1')
    await assert.rejects(to('172.16.0.1'), { errnoName: 'ENETUNREACH', op: 'route.resolve' })
  },
)

test('a namespace without addresses has no IPv4 routes, and one without IPv6 none of IPv6', kernelTests, async (t) => {
  const { netlink, netns } = await createStage(t)
  const routes = routesOver(netlink)
  await netns.exec('ip', 'addr', 'flush', 'dev', 'east')
  await netns.exec('ip', 'link', 'set', 'lo', 'down')
  await netns.exec('sysctl', '-q', 'net.ipv6.conf.all.disable_ipv6=1')
  for (const family of ['ipv4', 'ipv6'] as const)
    for (const { table } of (await routes.listRoutes({ family })).value) assert.notEqual(table, 254)
  const { value } = await addressesOver(netlink).listAddresses({ family: 'ipv6' })
  assert.deepEqual(value, [])
})

test('namespaces are listed, and have ids for each other', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  const other = await createNetns(t, 'other')
  const namespaces = namespacesOver(netlink)
  assert.ok((await namespaces.listNamespaces()).includes(other.name))
  assert.equal(await namespaces.getNetnsId(other.name), undefined)
  assert.equal(await namespaces.setNetnsId(other.path, 7), 7)
  const fd = openSync(other.path, 'r')
  t.after(() => closeSync(fd))
  for (const reference of [other.name, other.path, { fd }]) assert.equal(await namespaces.getNetnsId(reference), 7)
  assert.deepEqual((await namespaces.listNetnsIds()).value, [7])
  const chosen = await namespaces.setNetnsId({ pid: process.pid })
  assert.deepEqual(new Set((await namespaces.listNetnsIds()).value), new Set([chosen, 7]))
  await assert.rejects(namespaces.getNetnsId('nobody'), { errnoName: 'ENOENT' })
})

test('wrong input is refused by the name of its field, and nothing is sent', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  const sent: unknown[] = []
  const send = (query: unknown) => Promise.reject(sent.push(query))
  // The codecs refuse too, as the message is made.
  const asking = {
    ...netlink,
    dump: send,
    request: async (query: Query<unknown>) => {
      encodeMessage(query.type, 0, query.body, query.value)
      return send(query)
    },
  } as unknown as typeof netlink
  const all = {
    ...routesOver(asking),
    ...addressesOver(asking),
    ...neighboursOver(asking),
    ...rulesOver(asking),
    ...nexthopsOver(asking),
    ...namespacesOver(asking),
  } as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>
  const dst = '10.1.0.0/16'
  const wrong: [string, unknown[], string][] = [
    ['addRoute', [{}], 'route.dst'],
    ['addRoute', [undefined], 'route'],
    ['addRoute', [{ dst: 'banana' }], 'route.dst'],
    ['addRoute', [{ dst: '10.1.0.0/33' }], 'route.dst'],
    ['addRoute', [{ dst, gateway: 5 }], 'route.gateway'],
    ['addRoute', [{ dst, gatewy: '10.0.0.1' }], 'route.gatewy'],
    ['addRoute', [{ dst, metric: 2 ** 32 }], 'route.metric'],
    ['addRoute', [{ dst, metric: -1 }], 'route.metric'],
    ['addRoute', [{ dst, protocol: 300 }], 'route.protocol'],
    ['addRoute', [{ dst, table: 0 }], 'route.table'],
    ['addRoute', [{ dst, type: 'banana' }], 'route.type'],
    ['addRoute', [{ dst, oif: 0 }], 'route.oif'],
    ['addRoute', [{ dst, oif: EAST, expires: 5 }], 'route.expires'],
    ['addRoute', [{ dst, oif: EAST, prefsrc: 'fd00::1' }], 'route.prefsrc'],
    ['addRoute', [{ dst, nhid: 5, gateway: '10.0.0.2' }], 'route.gateway'],
    ['addRoute', [{ dst, oif: EAST, multipath: [{ oif: EAST }] }], 'route.oif'],
    ['addRoute', [{ dst, multipath: [{ oif: EAST, weight: 257 }] }], 'route.multipath[0].weight'],
    ['addRoute', [{ dst, multipath: [{ oif: EAST, gateway: 'x' }] }], 'route.multipath[0].gateway'],
    ['addRoute', [{ dst, oif: EAST, metrics: { mtu: 'x' } }], 'route.metrics.mtu'],
    ['addRoute', [{ dst, oif: EAST, metrics: { lock: ['x'] } }], 'route.metrics.lock[0]'],
    ['addRoute', [{ dst, oif: EAST, encap: { type: 'mpls', labels: [2 ** 20] } }], 'route.encap.labels[0]'],
    ['addRoute', [{ dst, oif: EAST, encap: { type: 'bpf' } }], 'route.encap.raw'],
    ['addRoute', [{ dst: '::/0', oif: EAST, scope: 'link' }], 'route.scope'],
    ['listRoutes', [{ family: 'IPv4' }], 'filter.family'],
    ['listRoutes', [{ tabel: 1 }], 'filter.tabel'],
    ['listRoutes', [{ dst: '::/0', family: 'ipv4' }], 'filter.dst'],
    ['resolve', ['banana'], 'dst'],
    ['resolve', ['10.0.0.1', { mark: -1 }], 'lookup.mark'],
    ['resolve', ['10.0.0.1', { source: '::1' }], 'lookup.source'],
    ['addAddress', [{ ip: '10.1.0.1', prefixLength: 24 }], 'address.ifindex'],
    ['addAddress', [{ ifindex: EAST, ip: '10.1.0.1' }], 'address.prefixLength'],
    ['addAddress', [{ ifindex: EAST, ip: '10.1.0.1', prefixLength: 33 }], 'address.prefixLength'],
    ['addAddress', [{ ifindex: EAST, ip: 'fd01::1', prefixLength: 64, label: 'x' }], 'address.label'],
    ['addAddress', [{ ifindex: EAST, ip: '10.1.0.1', prefixLength: 24, home: true }], 'address.home'],
    ['addAddress', [{ ifindex: EAST, ip: '10.1.0.1', prefixLength: 24, noDad: 1 }], 'address.noDad'],
    ['addAddress', [{ ifindex: EAST, ip: '10.1.0.1', prefixLength: 24, valid: 5, preferred: 9 }], 'address.preferred'],
    ['addNeighbour', [{ ifindex: EAST, ip: 'banana', lladdr: '02:00:00:00:00:01' }], 'neighbour.ip'],
    ['addNeighbour', [{ ifindex: EAST, ip: '10.0.0.9' }], 'neighbour.lladdr'],
    ['addNeighbour', [{ ifindex: EAST, ip: '10.0.0.9', lladdr: 'x' }], 'neighbour.lladdr'],
    ['addNeighbour', [{ ifindex: EAST, ip: '10.0.0.9', state: 'x' }], 'neighbour.state'],
    ['listNeighbours', [{ state: 'x' }], 'filter.state'],
    ['addRule', [{ table: 5 }], 'rule.family'],
    ['addRule', [{ family: 'ipv4' }], 'rule.table'],
    ['addRule', [{ family: 'ipv4', action: 'goto' }], 'rule.goto'],
    ['addRule', [{ family: 'ipv4', table: 5, iif: 'a/b' }], 'rule.iif'],
    ['addRule', [{ family: 'ipv4', table: 5, dport: { start: 5, end: 4 } }], 'rule.dport.end'],
    ['deleteRule', [{ family: 'ipv4' }], 'rule'],
    ['addNexthop', [{ gateway: '10.0.0.2', blackhole: true }], 'nexthop.gateway'],
    ['addNexthop', [{ group: [] }], 'nexthop.group'],
    ['addNexthop', [{ group: [{ id: 1, weight: 0 }] }], 'nexthop.group[0].weight'],
    ['getNexthop', [0], 'id'],
    ['getNetnsId', [''], 'netns'],
    ['getNetnsId', [{ pid: -1 }], 'netns.pid'],
    ['getNetnsId', [Buffer.from('x')], 'netns'],
  ]
  for (const [method, given, field] of wrong) {
    const call = all[method]
    assert.ok(call !== undefined, method)
    await assert.rejects(call(...given), (error: Error) => {
      assert.ok(
        error instanceof TypeError || error instanceof RangeError,
        `${method} ${JSON.stringify(given)}: ${error}`,
      )
      assert.ok(error.message.startsWith(`${field}: `), `${method} ${JSON.stringify(given)}: ${error.message}`)
      return true
    })
  }
  assert.deepEqual(sent, [])
})

const ipv4 = fc.ipV4()
const word = fc.integer({ min: 1, max: 0xffffffff })
const gateway = fc.constantFrom('10.0.0.2', '10.0.0.3', 'fd00::2', undefined)
const long = fc.tuple(fc.integer({ min: 0, max: 0xffff }), fc.integer({ min: 16, max: 128 }))

/** A route that the kernel takes, as it is read back. */
const anyRoute = fc
  .record({
    dst: fc.oneof(
      fc.tuple(ipv4, fc.integer({ min: 1, max: 32 })).map(([ip, length]) => `${ip}/${length}`),
      long.map(([group, length]) => `2001:${group.toString(16)}:3:4:5:6:7:8/${length}`),
    ),
    table: fc.oneof(
      fc.constantFrom(254, 300),
      word.filter((table) => table !== 255),
    ),
    metric: word,
    protocol: fc.integer({ min: 4, max: 255 }),
    type: fc.constantFrom('unicast', 'blackhole', 'unreachable', 'prohibit', 'throw'),
    gateway,
    several: fc.array(fc.record({ gateway, weight: fc.integer({ min: 1, max: 256 }) }), { maxLength: 4 }),
    mtu: fc.option(fc.integer({ min: 1280, max: 65000 }), { nil: undefined }),
    lock: fc.boolean(),
    hoplimit: fc.option(fc.integer({ min: 1, max: 255 }), { nil: undefined }),
  })
  .map(({ several, gateway, mtu, lock, hoplimit, type, ...rest }) => {
    const fits = (one: string | undefined) => one === undefined || one.includes(':') || !rest.dst.includes(':')
    const paths = several.filter((path) => fits(path.gateway))
    const metrics = { ...(mtu === undefined ? {} : { mtu, ...(lock ? { lock: ['mtu'] } : {}) }) }
    const all = { ...metrics, ...(hoplimit === undefined ? {} : { hoplimit }) }
    const way =
      paths.length > 1 && !rest.dst.includes(':')
        ? { multipath: paths.map((path) => ({ ...path, oif: EAST })) }
        : { oif: EAST, ...(fits(gateway) && gateway !== undefined ? { gateway } : {}) }
    const refusing = type === 'unicast' ? way : {}
    return specOf({
      ...rest,
      type,
      ...refusing,
      ...(Object.keys(all).length === 0 || type !== 'unicast' ? {} : { metrics: all }),
    })
  })

test('what is written of any route is read back equal', kernelTests, async (t) => {
  const { netlink } = await createStage(t)
  const routes = routesOver(netlink)
  const runs = Number(process.env.VTEPD_PROPERTY_RUNS ?? 200)
  await fc.assert(
    fc.asyncProperty(anyRoute, async (spec) => {
      await routes.addRoute(spec)
      const { value } = await routes.listRoutes({ table: spec.table, protocol: spec.protocol })
      assert.equal(value.length, 1, 'one is there')
      const [read] = value
      assert.ok(read !== undefined)
      const { dst, ...rest } = spec
      for (const [key, wanted] of Object.entries(rest))
        assert.deepEqual(key === 'multipath' ? plain(read.multipath) : Reflect.get(read, key), plain(wanted), key)
      const [network = '', length] = dst.split('/')
      assert.ok(read.dst.endsWith(`/${length}`) && network !== '')
      await routes.deleteRoute(read)
      await routes.addRoute(read)
      const again = (await routes.listRoutes({ table: spec.table, protocol: spec.protocol })).value
      assert.deepEqual(again, value, 'written back as it was read')
      await routes.deleteRoute(spec)
      assert.deepEqual((await routes.listRoutes({ table: spec.table, protocol: spec.protocol })).value, [])
    }),
    { numRuns: runs, seed: 17 },
  )
})

/** Of paths what was asked for. */
function plain(value: unknown): unknown {
  if (!Array.isArray(value) || typeof value[0] !== 'object') return value
  return value.map(({ oif, gateway, weight }) => ({ oif, gateway, weight }))
}

/** How each part reads what the kernel sends. */
async function readers(): Promise<readonly Codec<unknown>[]> {
  const found: Codec<unknown>[] = []
  const dump = async ({ answer }: { answer: Codec<unknown> }) => {
    found.push(answer)
    return { value: [], interrupted: false, unreadable: undefined }
  }
  const netlink = { dump } as unknown as Netlink
  await routesOver(netlink).listRoutes({ family: 'ipv4' })
  await addressesOver(netlink).listAddresses()
  await neighboursOver(netlink).listNeighbours()
  await rulesOver(netlink).listRules({ family: 'ipv6' })
  await nexthopsOver(netlink).listNexthops()
  await namespacesOver(netlink).listNetnsIds()
  return found
}

test('no bytes of a kernel make a reader throw', async () => {
  const all = await readers()
  assert.equal(all.length, 6)
  const attribute = fc
    .record({ id: fc.integer({ min: 0, max: 40 }), payload: fc.uint8Array({ maxLength: 48 }) })
    .map(({ id, payload }) => {
      const padded = Buffer.alloc((payload.length + 7) & ~3)
      padded.writeUInt16LE(payload.length + 4, 0)
      padded.writeUInt16LE(id, 2)
      padded.set(payload, 4)
      return padded
    })
  const bytes = fc
    .record({
      family: fc.constantFrom(2, 10, 28, 128),
      head: fc.uint8Array({ maxLength: 16 }),
      attributes: fc.array(attribute, { maxLength: 12 }),
      tail: fc.uint8Array({ maxLength: 5 }),
    })
    .map(({ family, head, attributes, tail }) => Buffer.concat([Uint8Array.of(family), head, ...attributes, tail]))
  fc.assert(
    fc.property(bytes, fc.constantFrom(...all), (given, reader) => {
      const whole = Uint8Array.from(given)
      reader.read(new DataView(whole.buffer), 0, whole.length, '', [])
    }),
    { numRuns: 5000, seed: 17 },
  )
})
