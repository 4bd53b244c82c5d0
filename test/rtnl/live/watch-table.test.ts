/**
 * Live tables against the kernel: whatever was done, by whom and in whatever order, once settled they say what a dump says. What the
 * kernel does without a word is part of it: link events must bring it in.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { isDeepStrictEqual } from 'node:util'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import {
  type LiveTable,
  NetlinkSocketError,
  openRtnl,
  parseCidr,
  parseIp,
  parseLladdr,
  type Rtnl,
} from '../../../lib/rtnl/index.ts'
import { createNetns, kernelTests, type Netns } from '../../support/netns.ts'
import { patience } from '../../support/patience.ts'
import { storm } from './storm.ts'

const RECEIVE_BUFFER = 1 << 20
/** The kernel writes of itself: up to a second later it lowers and raises links whose carrier has changed. */
const CARRIER_CHANGES = 4

interface Place {
  readonly netns: Netns
  readonly rtnl: Rtnl
  readonly a: Ifindex
  readonly b: Ifindex
  readonly ip: (...words: string[]) => Promise<string>
}

/** Two links that are up, each with an address of both families. */
async function createPlace(t: TestContext): Promise<Place> {
  const netns = await createNetns(t, 'live')
  const rtnl = openRtnl({ netns: netns.path })
  t.after(() => rtnl.close())
  const ip = (...words: string[]): Promise<string> => netns.exec('ip', ...words)
  // Nobody else shall write: duplicate address detection would end some time later.
  for (const conf of ['all', 'default']) await netns.exec('sysctl', '-qw', `net.ipv6.conf.${conf}.accept_dad=0`)
  const links: Ifindex[] = []
  for (const [i, ifname] of ['a0', 'b0'].entries()) {
    const { ifindex } = await rtnl.createVeth({ ifname, peer: { ifname: `${ifname}peer` } })
    for (const name of [ifname, `${ifname}peer`]) await ip('link', 'set', name, 'up')
    await ip('address', 'add', `192.0.${2 + i}.1/24`, 'dev', ifname)
    await ip('address', 'add', `2001:db8:${i + 1}::1/64`, 'dev', ifname, 'nodad')
    links.push(ifindex)
  }
  return { netns, rtnl, a: links[0] as Ifindex, b: links[1] as Ifindex, ip }
}

/** What counts by itself left out. */
function lines(values: Iterable<object>): string[] {
  const plain = (value: object): string =>
    JSON.stringify({ ...value, cache: 0, expires: 0, probes: 0, statistics: 0, valid: 0, preferred: 0, updated: 0 })
  return [...values].map(plain).sort()
}

/** `counts`: what is told of at all. */
async function sameAs<V extends object>(
  table: LiveTable<V, never>,
  list: () => Promise<{ value: readonly V[] }>,
  counts: (value: V) => boolean = () => true,
): Promise<void> {
  await table.settled({ timeoutMs: 20_000 })
  assert.ok(table.synced)
  const changes = table.changes()
  for (let waits = CARRIER_CHANGES; ; waits -= 1) {
    const [ours, theirs] = [lines([...table].filter(counts)), lines((await list()).value.filter(counts))]
    if (waits === 0 || isDeepStrictEqual(ours, theirs)) {
      assert.deepEqual(ours, theirs)
      await changes.return?.()
      return
    }
    await Promise.race([changes.next(), setTimeout(patience(2000), undefined, { ref: false })])
  }
}

for (const family of ['ipv4', 'ipv6'] as const)
  test(
    `${family} routes are what a dump says after each of three storms, with the watcher stopped in between`,
    kernelTests,
    async (t) => {
      const reports = await storm(t, { family, routes: 5000, rounds: 3, seed: 7, receiveBufferBytes: RECEIVE_BUFFER })
      assert.equal(reports.length, 3)
    },
  )

const ROUTES: Readonly<Record<string, readonly string[]>> = {
  'of another metric, TOS or protocol beside the first': [
    'route add 10.1.0.0/16 dev a0',
    'route add 10.1.0.0/16 dev a0 metric 5',
    'route add 10.1.0.0/16 dev a0 tos 4',
    'route replace 10.1.0.0/16 dev a0 protocol 99',
    'route delete 10.1.0.0/16 metric 5',
  ],
  'that are replaced beside others of the same key': [
    'route add 10.1.0.0/16 via 192.0.2.2',
    'route append 10.1.0.0/16 via 192.0.2.3',
    'route prepend 10.1.0.0/16 via 192.0.2.4',
    'route replace 10.1.0.0/16 via 192.0.2.5',
    'route delete 10.1.0.0/16 via 192.0.2.2',
  ],
  'of several next hops, which become fewer': [
    'route add 10.1.0.0/16 nexthop via 192.0.2.2 nexthop via 192.0.3.2',
    'route replace 10.1.0.0/16 nexthop via 192.0.2.3 nexthop via 192.0.3.3 weight 2',
    '-6 route add fd01::/64 nexthop via 2001:db8:1::2 nexthop via 2001:db8:2::2',
    '-6 route append fd01::/64 nexthop via 2001:db8:1::3',
    '-6 route delete fd01::/64 via 2001:db8:2::2',
    '-6 route add fd02::/64 via 2001:db8:1::2',
    '-6 route append fd02::/64 via 2001:db8:2::2',
    '-6 route replace fd02::/64 via 2001:db8:1::9',
  ],
  'over a link that goes down without a word for them': [
    'route add 10.1.0.0/16 via 192.0.3.2',
    'route add 10.2.0.0/16 nexthop via 192.0.2.2 nexthop via 192.0.3.2',
    'link set b0 down',
    'link set b0 up',
  ],
  'over a link without carrier': ['route add 10.1.0.0/16 via 192.0.3.2', 'link set b0peer down'],
  'over a link that is deleted': ['route add 10.1.0.0/16 via 192.0.3.2', 'link delete b0'],
  'whose source address is taken away': [
    'address add 192.0.2.9/32 dev a0',
    'route add 10.1.0.0/16 dev b0 src 192.0.2.9',
    '-6 address add 2001:db8:9::9/128 dev a0 nodad',
    '-6 route add fd03::/64 dev b0 src 2001:db8:9::9',
    'address delete 192.0.2.9/32 dev a0',
    '-6 address delete 2001:db8:9::9/128 dev a0',
  ],
  'of a nexthop object that is replaced and deleted': [
    'nexthop add id 7 via 192.0.2.2 dev a0',
    'route add 10.1.0.0/16 nhid 7',
    'nexthop replace id 7 via 192.0.2.3 dev a0',
    'nexthop delete id 7',
  ],
  'of other tables, and of other types': [
    'route add 10.1.0.0/16 dev a0 table 1000',
    'route add blackhole 10.2.0.0/16 table 1000',
    'route add unreachable 10.3.0.0/16',
    'route flush table 1000',
  ],
}

for (const [what, commands] of Object.entries(ROUTES))
  test(`routes ${what} are followed`, kernelTests, async (t) => {
    const { rtnl, ip } = await createPlace(t)
    await using routes = await rtnl.watchTable('routes', { auditMs: 0 })
    for (const command of commands) {
      await ip(...command.split(' '))
      await sameAs(routes, () => rtnl.listRoutes())
    }
  })

test('routes that change while the first dump is made are followed', kernelTests, async (t) => {
  const { rtnl, ip } = await createPlace(t)
  const opening = rtnl.watchTable('routes', { family: 'ipv4', auditMs: 0 })
  await ip('route', 'add', '10.1.0.0/16', 'dev', 'a0')
  await ip('route', 'delete', '10.1.0.0/16')
  await ip('route', 'add', '10.2.0.0/16', 'dev', 'a0')
  await using routes = await opening
  await sameAs(routes, () => rtnl.listRoutes({ family: 'ipv4' }))
})

test('links, addresses, rules, neighbours and FDB entries are followed', kernelTests, async (t) => {
  const { rtnl, ip, netns } = await createPlace(t)
  await using links = await rtnl.watchTable('links', { auditMs: 0 })
  await using addresses = await rtnl.watchTable('addresses', { auditMs: 0 })
  await using rules = await rtnl.watchTable('rules', { family: 'ipv4', auditMs: 0 })
  await using neighbours = await rtnl.watchTable('neighbours', { auditMs: 0 })
  await using fdb = await rtnl.watchTable('fdb', { auditMs: 0 })
  const settled = async (): Promise<void> => {
    await sameAs(links, () => rtnl.listLinks())
    await sameAs(addresses, () => rtnl.listAddresses())
    await sameAs(rules, () => rtnl.listRules({ family: 'ipv4' }))
    // The kernel's own, for groups and for what it asks for, come without a word.
    await sameAs(
      neighbours,
      () => rtnl.listNeighbours(),
      ({ state }) => state === 'permanent',
    )
    await sameAs(
      fdb,
      () => rtnl.listFdb(),
      ({ lladdr }) => !lladdr.startsWith('33:33:') && !lladdr.startsWith('01:'),
    )
  }
  const commands = [
    'link add v0 type vxlan id 7 local 192.0.2.1 dstport 4789',
    'link set v0 up',
    'link property add dev a0 altname another',
    'neighbour add 192.0.2.7 lladdr 0e:00:00:00:00:07 dev a0 nud permanent',
    'neighbour replace 192.0.2.7 lladdr 0e:00:00:00:00:08 dev a0 nud permanent',
    'rule add priority 10 from 10.0.0.0/8 lookup 100',
    'rule add priority 10 from 10.0.0.0/8 lookup 101',
    'rule delete priority 10',
    'link set b0 down',
    'link set b0 name c0',
    'link set c0 up',
    'link delete v0',
    'link add v0 index 900 type vxlan id 7 local 192.0.2.1 dstport 4789',
    'link set a0 address 0e:00:00:00:00:99',
    'address flush dev a0',
  ]
  for (const command of commands) {
    await ip(...command.split(' '))
    if (command.startsWith('link set v0'))
      for (const words of [
        'fdb append 00:00:00:00:00:00 dev v0 dst 198.51.100.1',
        'fdb append 00:00:00:00:00:00 dev v0 dst 198.51.100.2',
        'fdb add 0e:00:00:00:00:01 dev v0 dst 198.51.100.1',
        'fdb replace 0e:00:00:00:00:01 dev v0 dst 198.51.100.2',
        'fdb delete 00:00:00:00:00:00 dev v0 dst 198.51.100.1',
      ])
        await netns.exec('bridge', ...words.split(' '))
    await settled()
  }
})

test(
  'changes are told with what was before, to a callback and to each reader, and a reader that is late is told so',
  kernelTests,
  async (t) => {
    const { rtnl, ip, a } = await createPlace(t)
    const told: string[] = []
    const say = (change: { type: string; value?: { metric: number }; old?: { metric: number } | undefined }): string =>
      `${change.type} ${change.old === undefined ? '-' : 'old'}`
    const routes = await rtnl.watchTable('routes', { family: 'ipv4', onChange: (list) => told.push(...list.map(say)) })
    const reader = routes.changes()
    const late = routes.changes({ queueChanges: 1 })
    const dst = parseCidr('10.1.0.0/16')
    await ip('route', 'add', '10.1.0.0/16', 'dev', 'a0')
    await ip('route', 'replace', '10.1.0.0/16', 'dev', 'b0')
    await routes.settled()
    assert.equal(routes.get({ dst })?.oif === a, false)
    await ip('route', 'delete', '10.1.0.0/16')
    await routes.settled()
    assert.equal(routes.get({ dst }), undefined)
    assert.deepEqual(told, ['set -', 'set old', 'deleted old'])
    const read = [await reader.next(), await reader.next(), await reader.next()]
    assert.deepEqual(
      read.map(({ value }) => say(value)),
      told,
    )
    assert.equal((await late.next()).value.type, 'lost')
    await routes.close()
    assert.deepEqual(await reader.next(), { done: true, value: undefined })
  },
)

test('a signal ends a table and whoever waits for it; a limit ends the wait alone', kernelTests, async (t) => {
  const { rtnl } = await createPlace(t)
  const stop = new AbortController()
  const links = await rtnl.watchTable('links', { signal: stop.signal })
  const reason = new Error('enough')
  const reading = links.changes().next()
  stop.abort(reason)
  await assert.rejects(reading, reason)
  await assert.rejects(links.settled(), reason)
  await links.close()
  const rules = await rtnl.watchTable('rules')
  await assert.rejects(rules.settled({ signal: AbortSignal.abort(reason) }), reason)
  await rules.settled({ timeoutMs: 10_000 })
  await rules.close()
  await assert.rejects(rules.settled(), NetlinkSocketError)
  await assert.rejects(rtnl.watchTable('links', { signal: AbortSignal.abort(reason) }), reason)
})

test('wrong input is refused by its name', kernelTests, async (t) => {
  const { rtnl, a } = await createPlace(t)
  const watch = rtnl.watchTable as (...words: unknown[]) => Promise<unknown>
  await assert.rejects(watch('route'), { name: 'RangeError', message: /^table: 'route' is none of/ })
  await assert.rejects(watch('links', { family: 'ipv4' }), {
    name: 'TypeError',
    message: /^options\.family: there is no such field; there are onChange, signal, auditMs, receiveBufferBytes$/,
  })
  await assert.rejects(watch('routes', { table: 0 }), { name: 'RangeError', message: /^table: 0/ })
  await assert.rejects(watch('routes', { auditMs: -1 }), { name: 'RangeError', message: /^auditMs: -1/ })
  await using routes = await rtnl.watchTable('routes')
  await using neighbours = await rtnl.watchTable('neighbours')
  await using fdb = await rtnl.watchTable('fdb')
  const get = (table: unknown, key: unknown) => () => (table as { get(key: unknown): unknown }).get(key)
  assert.throws(get(routes, { dst: '10.0.0.0' }), { name: 'RangeError', message: /^key\.dst/ })
  assert.throws(get(routes, { dst: '10.0.0.0/8', metric: -1 }), { name: 'RangeError', message: /^key\.metric/ })
  assert.throws(get(neighbours, { ifindex: 0, ip: '10.0.0.1' }), { name: 'RangeError', message: /^key\.ifindex/ })
  assert.throws(get(fdb, { ifindex: 1 }), { name: 'TypeError', message: /^key\.lladdr/ })
  assert.equal(neighbours.get({ ifindex: a, ip: parseIp('192.0.2.200') }), undefined)
  assert.equal(fdb.get({ ifindex: a, lladdr: parseLladdr('0e:00:00:00:00:01') }), undefined)
})

test('what closes the socket closes its tables', kernelTests, async (t) => {
  const { netns } = await createPlace(t)
  const rtnl = openRtnl({ netns: netns.path })
  const links = await rtnl.watchTable('links')
  const reading = links.changes().next()
  await rtnl.close()
  assert.equal((await reading).done, true)
  await assert.rejects(links.settled(), NetlinkSocketError)
})
