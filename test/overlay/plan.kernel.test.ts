/**
 * The planner against the real kernel: what it writes comes back from a dump as what it wanted, so that the next plan is
 * empty; flannel's tables are taken over; what `ip` made for somebody else stays.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type Ifindex, parseIfindex } from '../../lib/net/ifindex.ts'
import type { Family } from '../../lib/net/ip.ts'
import { desiredTables } from '../../lib/overlay/desired.ts'
import { isEmptyPlan, type PeerPlan, planPeers, routesAllowed } from '../../lib/overlay/plan.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import type { Rtnl } from '../../lib/rtnl/port.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'
import { NETWORKS, peersNamed } from './support/cluster.ts'

interface Node {
  readonly netns: Netns
  readonly rtnl: Rtnl
  readonly family: Family
  readonly ifindex: Ifindex
  readonly ip: (...args: string[]) => Promise<string>
}

/** An unpinned device with its overlay address, and a second link for somebody else's routes. */
async function createNode(t: TestContext, family: Family): Promise<Node> {
  const netns = await createNetns(t, 'plan')
  const ip = (...args: string[]): Promise<string> => netns.exec('ip', ...(family === 'ipv6' ? ['-6'] : []), ...args)
  const [underlay, underlayLength, overlay] =
    family === 'ipv4' ? ['192.168.0.9', '24', '10.42.9.0/32'] : ['fd00::9', '64', 'fd42:0:0:4209::/128']
  await netns.exec('ip', 'link', 'add', 'mgmt0', 'type', 'bridge')
  await ip('address', 'add', `${underlay}/${underlayLength}`, 'dev', 'mgmt0', ...(family === 'ipv6' ? ['nodad'] : []))
  await netns.exec('ip', 'link', 'set', 'mgmt0', 'up')
  const vxlan = ['type', 'vxlan', 'id', '1', 'local', underlay, 'dstport', '8472', 'nolearning']
  await netns.exec('ip', 'link', 'add', 'flannel.1', ...vxlan)
  await netns.exec('ip', 'link', 'set', 'flannel.1', 'up')
  await ip('address', 'add', overlay, 'dev', 'flannel.1', ...(family === 'ipv6' ? ['nodad'] : []))
  const rtnl = openRtnl({ netns: netns.path })
  t.after(() => rtnl.close())
  const link = (await rtnl.dumpLinks()).value.find(({ ifname }) => ifname === 'flannel.1')
  return { netns, rtnl, family, ifindex: parseIfindex(link?.ifindex ?? 0), ip }
}

async function plan({ rtnl, family, ifindex }: Node, peers: readonly number[], complete = true): Promise<PeerPlan> {
  const network = NETWORKS[family]
  const desired = desiredTables({ family, network, ifindex, peers: peersNamed(family, ...peers) })
  const [neighbours, fdb, routes] = await Promise.all([
    rtnl.dumpNeighbours(family, ifindex),
    rtnl.dumpFdb(ifindex),
    rtnl.dumpRoutes(family),
  ])
  const actual = { neighbours: neighbours.value, fdb: fdb.value, routes: routes.value }
  return planPeers({ network, ifindex, desired, actual, complete })
}

/** Plans and applies until nothing is left to do; no entry may fail. Returns how many rounds wrote something. */
async function settle(node: Node, peers: readonly number[]): Promise<number> {
  for (let round = 0; round < 4; round += 1) {
    const planned = await plan(node, peers)
    if (isEmptyPlan(planned)) return round
    const entries = await node.rtnl.applyEntries(planned.entries)
    const routes = await node.rtnl.applyEntries(routesAllowed(planned, entries))
    const deletes = await node.rtnl.applyEntries(planned.deletes)
    const leftovers = await node.rtnl.applyEntries(planned.leftovers)
    const failures = [entries, routes, deletes, leftovers].flatMap((result) => result.failures)
    assert.deepEqual(failures, [])
  }
  return assert.fail('four rounds did not settle it')
}

const SUBNETS: Readonly<Record<Family, (i: number) => string>> = {
  ipv4: (i) => `10.42.${i}.0/24`,
  ipv6: (i) => `fd42:0:0:420${i}::/64`,
}

for (const family of ['ipv4', 'ipv6'] as const) {
  const subnet = SUBNETS[family]
  const gateway = (i: number): string => subnet(i).replace(/\/.*/, '')

  test(
    `${family}: what was planned comes back as planned, peers that go take everything with them`,
    kernelTests,
    async (t) => {
      const node = await createNode(t, family)
      assert.equal(await settle(node, [1, 2, 3]), 1)
      assert.equal(await settle(node, [3]), 1)
      assert.equal((await node.ip('route', 'show', 'proto', '118')).trim().split('\n').length, 1)
      assert.equal((await node.netns.exec('bridge', 'fdb', 'show', 'dev', 'flannel.1')).match(/permanent/g)?.length, 1)
      assert.equal(await settle(node, []), 1)
    },
  )

  test(`${family}: flannel's tables are taken over, and its stale entries go`, kernelTests, async (t) => {
    const node = await createNode(t, family)
    for (const i of [1, 2]) {
      const lladdr = `0e:2a:00:00:00:0${i}`
      const remote = family === 'ipv4' ? `192.168.0.${i}` : `fd00::0${i}`
      await node.ip('neigh', 'add', gateway(i), 'lladdr', lladdr, 'dev', 'flannel.1', 'nud', 'permanent')
      await node.netns.exec('bridge', 'fdb', 'add', lladdr, 'dev', 'flannel.1', 'dst', remote, 'self', 'permanent')
      await node.ip('route', 'add', subnet(i), 'via', gateway(i), 'dev', 'flannel.1', 'onlink')
    }
    const first = await plan(node, [1])
    assert.deepEqual(
      [first.entries.length, first.routes.length, first.deletes.length, first.leftovers.length],
      [0, 1, 3, 0],
    )
    // IPv4 adds ours first and deletes flannel's in the round after; IPv6 has one slot for both.
    assert.equal(await settle(node, [1]), family === 'ipv4' ? 2 : 1)
    const routes = (await node.ip('route', 'show', 'dev', 'flannel.1'))
      .split('\n')
      .filter((line) => line.includes(' via '))
    assert.equal(routes.length, 1)
    assert.match(routes[0] ?? '', /proto 118/)
  })

  test(`${family}: what somebody else made stays, and what shadows ours is reported`, kernelTests, async (t) => {
    const node = await createNode(t, family)
    await node.ip('route', 'add', 'blackhole', subnet(1), 'metric', '1')
    await node.ip('route', 'add', subnet(5), 'dev', 'mgmt0', 'proto', 'static')
    const neighbour = ['neigh', 'add', gateway(5), 'lladdr', '0e:00:00:00:00:05', 'dev', 'flannel.1']
    await node.ip(...neighbour, 'nud', 'permanent', 'protocol', 'static')
    await node.netns.exec(
      'bridge',
      'fdb',
      'add',
      '00:00:00:00:00:00',
      'dev',
      'flannel.1',
      'dst',
      family === 'ipv4' ? '192.168.0.77' : 'fd00::77',
    )
    const before = [
      await node.ip('route', 'show'),
      // The kernel's own cache comes and goes.
      await node.ip('neigh', 'show', 'nud', 'permanent'),
      await node.netns.exec('bridge', 'fdb'),
    ]
    await settle(node, [1])
    assert.deepEqual(
      (await plan(node, [1])).shadowed.map(({ prefix, by }) => [prefix, by.type]),
      [[subnet(1), 6]],
    )
    await settle(node, [])
    const after = [
      await node.ip('route', 'show'),
      // The kernel's own cache comes and goes.
      await node.ip('neigh', 'show', 'nud', 'permanent'),
      await node.netns.exec('bridge', 'fdb'),
    ]
    assert.deepEqual(after, before)
  })

  test(`${family}: a route to the peer over another link gives way without an error`, kernelTests, async (t) => {
    const node = await createNode(t, family)
    const metric = family === 'ipv4' ? '2' : '1024'
    const via = family === 'ipv4' ? '192.168.0.1' : 'fd00::1'
    await node.ip('route', 'add', subnet(1), 'via', via, 'dev', 'mgmt0', 'metric', metric)
    assert.equal(await settle(node, [1]), 1)
  })

  test(
    `${family}: an incomplete view adds beside what differs, and a failed neighbour gives way`,
    kernelTests,
    async (t) => {
      const node = await createNode(t, family)
      await node.ip('neigh', 'add', gateway(1), 'lladdr', '0e:00:00:00:00:99', 'dev', 'flannel.1', 'nud', 'permanent')
      await node.ip('neigh', 'add', gateway(2), 'dev', 'flannel.1', 'nud', 'failed')
      const planned = await plan(node, [1, 2], false)
      const { failures } = await node.rtnl.applyEntries(planned.entries)
      assert.deepEqual(failures, [])
      const neighbours = await node.ip('neigh', 'show', 'dev', 'flannel.1')
      assert.match(neighbours, /0e:00:00:00:00:99 PERMANENT/)
      assert.match(neighbours, /0e:2a:00:00:00:02 PERMANENT/)
    },
  )
}
