/** Peers and their desired tables: who is programmed, with which metric, and that the fast packing says the same as the slow. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cidrOf, networkAddress, parseCidr } from '../../lib/net/cidr.ts'
import { FAMILIES, ipFromBytes, ipToBytes, parseIp } from '../../lib/net/ip.ts'
import { lladdrFromBytes, lladdrToBytes, parseLladdr } from '../../lib/net/lladdr.ts'
import { desiredTables } from '../../lib/overlay/desired.ts'
import { writeLladdr } from '../../lib/overlay/packed/packing.ts'
import { peersOf } from '../../lib/overlay/peers.ts'
import { ipv4Base, ipv4Metric, routeMetric } from '../../lib/overlay/route-metric.ts'
import { type Entry, packEntries } from '../../lib/rtnl/entries.ts'
import { DEVICE, leaseOf, NETWORKS, peersNamed, viewOf } from './support/cluster.ts'

const MISSING = parseLladdr('00:00:00:00:00:00')

const bytesOf = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length })

test('a lladdr is packed as lib/net reads it', () => {
  fc.assert(
    fc.property(bytesOf(6), (bytes) => {
      const packed = new Uint8Array(6)
      writeLladdr(packed, 0, lladdrFromBytes(bytes))
      assert.deepEqual(packed, lladdrToBytes(lladdrFromBytes(bytes)))
    }),
  )
})

test('desired tables are what packing the same entries as values gives', () => {
  for (const family of FAMILIES) {
    const network = NETWORKS[family]
    const peers = peersNamed(family, 1, 2, 17, 255)
    const desired = desiredTables({ family, network, ifindex: DEVICE, peers })
    const table = (entryOf: (peer: (typeof peers)[number]) => Entry): Uint8Array =>
      packEntries(peers.map(entryOf)).bytes
    assert.deepEqual(
      desired.neighbours.bytes,
      table(({ subnet, lladdr }) => ({
        kind: 'neighbour',
        ifindex: DEVICE,
        ip: networkAddress(subnet),
        lladdr,
        state: 0x80,
        flags: 0,
        protocol: 118,
      })),
    )
    assert.deepEqual(
      desired.fdb.bytes,
      table(({ lladdr = MISSING, underlay }) => ({
        kind: 'fdb',
        ifindex: DEVICE,
        lladdr,
        remote: underlay,
        state: 0x80,
        flags: 2,
        extras: false,
      })),
    )
    assert.deepEqual(
      desired.routes.bytes,
      table(({ subnet }) => ({
        kind: 'route',
        dst: subnet,
        metric: routeMetric(family, network, subnet),
        gateway: networkAddress(subnet),
        oif: DEVICE,
        onlink: true,
        protocol: 118,
        type: 1,
        scope: 0,
        extras: false,
        dead: false,
        multipath: false,
      })),
    )
    assert.deepEqual(desired.nodes, ['node1', 'node2', 'node17', 'node255'])
  }
})

test('a metric is the index of the subnet plus one, never 0 and never the greatest number', () => {
  const network = parseCidr('10.42.0.0/16')
  assert.equal(routeMetric('ipv4', network, parseCidr('10.42.0.0/24')), 1)
  assert.equal(routeMetric('ipv4', network, parseCidr('10.42.255.0/24')), 256)
  assert.equal(routeMetric('ipv4', parseCidr('0.0.0.0/0'), parseCidr('255.255.255.255/32')), 3)
  assert.equal(routeMetric('ipv4', parseCidr('0.0.0.0/0'), parseCidr('255.255.255.252/32')), 0xfffffffd)
  assert.equal(routeMetric('ipv6', parseCidr('fd42::/48'), parseCidr('fd42::/64')), 1024)
})

test('the fast metric is the metric', () => {
  fc.assert(
    fc.property(bytesOf(4), fc.nat(32), fc.nat(32), (bytes, a, b) => {
      const network = cidrOf(ipFromBytes(bytes), Math.min(a, b))
      const subnet = cidrOf(ipFromBytes(bytes), Math.max(a, b))
      const address = new DataView(ipToBytes(networkAddress(subnet)).buffer).getUint32(0)
      assert.equal(ipv4Metric(ipv4Base(network), address, Math.max(a, b)), routeMetric('ipv4', network, subnet))
    }),
  )
})

test('a peer without a lease of the family is no peer of that family', () => {
  const view = viewOf(leaseOf(1, { ipv6: undefined }), leaseOf(2, { ipv4: undefined }), leaseOf(3))
  assert.deepEqual(
    FAMILIES.map((family) => peersOf(view, family).peers.map((peer) => peer.node)),
    [
      ['node1', 'node3'],
      ['node2', 'node3'],
    ],
  )
})

test('of two nodes with one MAC the senior is kept whole, the other named and left out', () => {
  const clone = {
    ...leaseOf(3),
    seniority: '0000',
    ipv4: {
      subnet: parseCidr('10.42.3.0/24'),
      underlay: parseIp('192.168.0.3'),
      lladdr: parseLladdr('0e:2a:00:00:00:02'),
      vni: undefined,
    },
  }
  for (const view of [viewOf(leaseOf(1), leaseOf(2), clone), viewOf(clone, leaseOf(2), leaseOf(1))]) {
    const { peers, conflicts } = peersOf(view, 'ipv4')
    assert.deepEqual(peers.map((peer) => peer.node).sort(), ['node1', 'node3'])
    assert.deepEqual(conflicts, [{ node: 'node2', keptBy: 'node3', field: 'lladdr', value: '0e:2a:00:00:00:02' }])
  }
})

test('two nodes with one MAC at one underlay address are one machine, and one senior claim elsewhere beats both', () => {
  const part = (subnet: string, underlay: string) => ({
    subnet: parseCidr(subnet),
    underlay: parseIp(underlay),
    lladdr: parseLladdr('0e:2a:00:00:00:02'),
    vni: undefined,
  })
  const renamed = leaseOf(3, { ipv4: part('10.42.3.0/24', '192.168.0.2') })
  const old = leaseOf(2, { ipv4: part('10.42.2.0/24', '192.168.0.2') })
  assert.deepEqual(peersOf(viewOf(old, renamed), 'ipv4').conflicts, [])
  const clone = { ...leaseOf(4, { ipv4: part('10.42.4.0/24', '192.168.0.9') }), seniority: '0000' }
  for (const view of [viewOf(old, renamed, clone), viewOf(clone, renamed, old)])
    assert.deepEqual(
      peersOf(view, 'ipv4').peers.map((peer) => peer.node),
      ['node4'],
    )
})

test('two subnets that begin at one address cannot both have its neighbour entry', () => {
  const wider = leaseOf(2, {
    ipv4: {
      subnet: parseCidr('10.42.1.0/25'),
      underlay: parseIp('192.168.0.2'),
      lladdr: parseLladdr('0e:2a:00:00:00:02'),
      vni: undefined,
    },
  })
  const { peers, conflicts } = peersOf(viewOf(wider, leaseOf(1)), 'ipv4')
  assert.deepEqual(
    peers.map((peer) => peer.node),
    ['node1'],
  )
  assert.deepEqual(conflicts, [{ node: 'node2', keptBy: 'node1', field: 'subnet', value: '10.42.1.0/25' }])
})

test('a claim that has lost costs no third one its place', () => {
  const second = leaseOf(2, {
    ipv4: {
      subnet: parseCidr('10.42.3.0/25'),
      underlay: parseIp('192.168.0.2'),
      lladdr: parseLladdr('0e:2a:00:00:00:01'),
      vni: undefined,
    },
  })
  const { peers } = peersOf(viewOf(leaseOf(3), second, leaseOf(1)), 'ipv4')
  assert.deepEqual(
    peers.map((peer) => peer.node),
    ['node3', 'node1'],
  )
})

test('our own MAC is ours', () => {
  const own = parseLladdr('0e:2a:00:00:00:02')
  const { peers, conflicts } = peersOf(viewOf(leaseOf(1), leaseOf(2)), 'ipv4', own)
  assert.deepEqual(
    peers.map((peer) => peer.node),
    ['node1'],
  )
  assert.deepEqual(conflicts, [{ node: 'node2', keptBy: undefined, field: 'lladdr', value: own }])
})
