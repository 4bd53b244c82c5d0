import assert from 'node:assert/strict'
import { test } from 'node:test'
import { peerByPeer } from '../../bench/contenders/c-loops.ts'
import { runsOf } from '../../bench/contenders/iproute2.ts'
import { callOf } from '../../bench/contenders/pyroute2.ts'
import { batchesOf, joined, withOp } from '../../bench/world/batches.ts'
import { clusterOf, LARGEST_CLUSTER, leaseOf, networkOf, OURS, ownNode, VNI } from '../../bench/world/cluster.ts'
import { countTraffic, noTraffic } from '../../bench/world/counting-rtnl.ts'
import { leasesFileOf } from '../../bench/world/leases-file.ts'
import { KEYS, nodeObjectOf } from '../../bench/world/node-objects.ts'
import { allKeys } from '../../lib/leases/annotations.ts'
import { readClaim } from '../../lib/leases/kube/node-claim.ts'
import { parseLeasesFile } from '../../lib/leases/leases-file.ts'
import { projectNode } from '../../lib/leases/wire/node-facts.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { peersOf } from '../../lib/overlay/peers.ts'
import { unpackEntries } from '../../lib/rtnl/entries.ts'
import { acceptAll } from '../leases/support.ts'
import { createFakeKernel } from '../support/fake-kernel/index.ts'

const FAMILIES = ['ipv4', 'ipv6'] as const
const IFINDEX = parseIfindex(7)

test('every lease of a made-up cluster is believed, the largest included, and so is ours', () => {
  const leases = [
    leaseOf(FAMILIES, 1),
    leaseOf(FAMILIES, 2),
    leaseOf(FAMILIES, LARGEST_CLUSTER),
    leaseOf(FAMILIES, 65_536),
  ]
  const { subnets, lladdrs } = ownNode(FAMILIES)
  const underlays = { ipv4: OURS.ipv4.underlay, ipv6: OURS.ipv6.underlay }
  const { peers, rejected } = acceptAll(networkOf(FAMILIES), leases, { node: 'ours', subnets, lladdrs, underlays })
  assert.deepEqual(rejected, [])
  assert.equal(peers.size, leases.length)
})

test('no two peers of a cluster claim the same', () => {
  const cluster = clusterOf(FAMILIES, 70_000)
  for (const family of FAMILIES) {
    const { peers, conflicts } = peersOf(cluster, family, OURS[family].lladdr)
    assert.equal(peers.length, 70_000)
    assert.deepEqual(conflicts, [])
  }
})

test('another machine behind a subnet changes its lladdr and underlay address alone', () => {
  const before = leaseOf(['ipv4'], 5)
  const after = leaseOf(['ipv4'], 5, 9)
  assert.equal(after.ipv4?.subnet, before.ipv4?.subnet)
  assert.equal(after.ipv4?.lladdr, leaseOf(['ipv4'], 9).ipv4?.lladdr)
  assert.notEqual(after.ipv4?.underlay, before.ipv4?.underlay)
})

test('cold work is neighbours, FDB entries, then routes; deletion the other way round', () => {
  const kinds = (phases: Parameters<typeof joined>[0]) => unpackEntries(joined(phases)).map(({ kind }) => kind)
  const { cold, delete: erase } = batchesOf(clusterOf(['ipv4'], 2), 'ipv4', IFINDEX)
  assert.deepEqual(kinds(cold), ['neighbour', 'neighbour', 'fdb', 'fdb', 'route', 'route'])
  assert.deepEqual(kinds(erase), ['route', 'route', 'fdb', 'fdb', 'neighbour', 'neighbour'])
})

test('the one-by-one pattern goes peer by peer, and its routes have no metric', () => {
  const { cold } = batchesOf(clusterOf(['ipv4'], 2), 'ipv4', IFINDEX)
  const entries = unpackEntries(peerByPeer(joined(cold)))
  assert.deepEqual(
    entries.map(({ kind }) => kind),
    ['neighbour', 'fdb', 'route', 'neighbour', 'fdb', 'route'],
  )
  assert.deepEqual(
    entries.flatMap((entry) => (entry.kind === 'route' ? [entry.metric] : [])),
    [0, 0],
  )
  const [first] = unpackEntries(joined(cold)).filter((entry) => entry.kind === 'route')
  assert.notEqual(first?.metric, 0, 'ours have one')
})

test('iproute2 is told of each entry in the words that give the same entry', () => {
  const { cold, delete: erase } = batchesOf(clusterOf(['ipv4'], 1), 'ipv4', IFINDEX)
  const nameOf = (ifindex: number) => `dev${ifindex}`
  assert.deepEqual(runsOf(joined(cold), 'cold', nameOf), [
    { program: 'ip', lines: ['neigh replace 10.0.0.128 dev dev7 lladdr 0e:2a:00:00:00:01 nud permanent protocol 118'] },
    { program: 'bridge', lines: ['fdb replace 0e:2a:00:00:00:01 dev dev7 dst 172.16.0.1 self permanent'] },
    { program: 'ip', lines: ['route replace 10.0.0.128/25 via 10.0.0.128 dev dev7 onlink metric 2 proto 118'] },
  ])
  assert.deepEqual(runsOf(joined(erase), 'delete', nameOf), [
    { program: 'ip', lines: ['route del 10.0.0.128/25 via 10.0.0.128 dev dev7 onlink metric 2 proto 118'] },
    { program: 'bridge', lines: ['fdb del 0e:2a:00:00:00:01 dev dev7 dst 172.16.0.1 self'] },
    { program: 'ip', lines: ['neigh del 10.0.0.128 dev dev7'] },
  ])
})

test('pyroute2 is called with the same entries', () => {
  const { cold } = batchesOf(clusterOf(['ipv4'], 1), 'ipv4', IFINDEX)
  assert.deepEqual(
    unpackEntries(joined(cold)).map((entry) => callOf(entry, 'replace')),
    [
      ['neigh', 'replace', { dst: '10.0.0.128', lladdr: '0e:2a:00:00:00:01', ifindex: 7, state: 128 }],
      ['fdb', 'replace', { lladdr: '0e:2a:00:00:00:01', dst: '172.16.0.1', ifindex: 7, state: 128, flags: 2 }],
      ['route', 'replace', { dst: '10.0.0.128/25', gateway: '10.0.0.128', oif: 7, priority: 2, proto: 118, flags: 4 }],
    ],
  )
})

test('a Node object of the cluster reads back as its lease', () => {
  const lease = leaseOf(FAMILIES, 300)
  const facts = projectNode(nodeObjectOf(lease), allKeys(KEYS), 'ours')
  assert.ok(facts !== undefined)
  const claim = readClaim(facts, KEYS, networkOf(FAMILIES))
  assert.deepEqual(claim?.faults, [])
  assert.deepEqual([claim?.claim?.ipv4, claim?.claim?.ipv6], [lease.ipv4, lease.ipv6])
})

test('a leases file of the cluster reads back as its leases, ours first', async () => {
  const entries = await parseLeasesFile(leasesFileOf(FAMILIES, clusterOf(FAMILIES, 2)), 'leases.json', 'ours')
  assert.deepEqual(
    entries.map(({ name }) => name),
    ['ours', 'node-1', 'node-2'],
  )
  // A file does not say the VNI.
  assert.deepEqual({ ...entries[1]?.ipv6, vni: VNI }, leaseOf(FAMILIES, 1).ipv6)
})

test('traffic counts entries, acknowledgements, dumped objects and what is under way', async () => {
  const kernel = createFakeKernel({ linkLocals: false })
  kernel.admin.addNic('mgmt0')
  kernel.admin.setUp('mgmt0')
  kernel.admin.addAddress('mgmt0', '172.31.255.1/12')
  kernel.admin.addVxlan('flannel.1', { vni: 1, local: '172.31.255.1', lladdr: OURS.ipv4.lladdr })
  kernel.admin.setUp('flannel.1')
  const ifindex = kernel.link('flannel.1')?.ifindex
  assert.ok(ifindex !== undefined)
  const traffic = noTraffic()
  const rtnl = countTraffic(kernel.open(), traffic)
  const { cold } = batchesOf(clusterOf(['ipv4'], 300), 'ipv4', ifindex)
  const writing = rtnl.applyEntries(cold[0] ?? withOp({ bytes: new Uint8Array(0), length: 0 }, 'replace'))
  assert.equal(traffic.underWay, 1)
  await writing
  assert.deepEqual(traffic, { requests: 600, answers: 3, writes: 600, heard: 0, underWay: 0 })
  await rtnl.dumpNeighbours('ipv4', ifindex)
  assert.deepEqual(traffic, { requests: 601, answers: 304, writes: 600, heard: 0, underWay: 0 })
  await rtnl.close()
})
