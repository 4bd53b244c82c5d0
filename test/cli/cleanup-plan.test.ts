/** What `vtepd cleanup` takes for ours, decided on packed tables. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deletionBatch, deviceNames, planCleanup } from '../../lib/cli/cleanup-plan.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { ENTRY_BYTES, OP_DELETE } from '../../lib/rtnl/abi.ts'
import { packEntries, type RouteEntry, unpackEntries } from '../../lib/rtnl/entries.ts'
import type { Link } from '../../lib/rtnl/port.ts'

const link = (ifindex: number, ifname: string, vni?: number): Link => ({
  ifindex: parseIfindex(ifindex),
  ifname,
  kind: vni === undefined ? 'veth' : 'vxlan',
  mtu: 1450,
  lladdr: undefined,
  up: true,
  carrier: true,
  loopback: false,
  noArp: false,
  altnames: [],
  master: undefined,
  parent: undefined,
  txQueueLength: 0,
  vxlan:
    vni === undefined
      ? undefined
      : {
          vni,
          underlay: 'ipv4',
          local: parseIp('192.0.2.1'),
          parent: undefined,
          port: 8472,
          learning: false,
          gbp: false,
          metadata: false,
          l2miss: false,
          l3miss: false,
          group: undefined,
        },
})
const route = (dst: string, fields: Partial<RouteEntry> = {}): RouteEntry => ({
  kind: 'route',
  dst: parseCidr(dst),
  metric: 2,
  gateway: parseIp(dst.slice(0, dst.indexOf('/'))),
  oif: parseIfindex(5),
  onlink: true,
  protocol: 118,
  type: 1,
  scope: 0,
  extras: false,
  dead: false,
  multipath: false,
  ...fields,
})
const NIC = link(2, 'eth0')
const DEVICE = link(5, 'flannel.1', 1)
const ALL = { vni: 1, routesOnly: false }
const subjects = (links: readonly Link[], ...tables: RouteEntry[][]): string[] =>
  planCleanup({ links, routes: tables.map(packEntries) }, ALL).routes.map(({ subject }) => subject)

test("routes of protocol 118 are ours, in both families and through any interface; flannel's and the kernel's are not", () => {
  const ipv4 = [
    route('10.42.1.0/24'),
    route('10.42.2.0/24', { protocol: 3, metric: 0 }),
    route('10.42.3.0/24', { oif: NIC.ifindex, gateway: parseIp('192.0.2.9'), onlink: false, metric: 4 }),
    route('192.0.2.0/24', { protocol: 2 }),
    route('10.42.9.0/24', { type: 6, gateway: undefined, oif: undefined }),
  ]
  assert.deepEqual(subjects([NIC, DEVICE], ipv4, [route('2001:cafe:42:1::/64', { metric: 1024 })]), [
    '10.42.1.0/24 via 10.42.1.0 dev flannel.1 metric 2 proto 118',
    '10.42.3.0/24 via 192.0.2.9 dev eth0 metric 4 proto 118',
    'blackhole 10.42.9.0/24 metric 2 proto 118',
    '2001:cafe:42:1::/64 via 2001:cafe:42:1:: dev flannel.1 metric 1024 proto 118',
  ])
})

test('routes through the device of another agent stay', () => {
  const other = link(7, 'flannel.4096', 4096)
  assert.deepEqual(subjects([DEVICE, other], [route('10.42.1.0/24', { oif: other.ifindex })]), [])
})

test('a route whose interface is gone meanwhile is still ours', () => {
  assert.deepEqual(subjects([NIC], [route('10.42.1.0/24')]), ['10.42.1.0/24 via 10.42.1.0 dev #5 metric 2 proto 118'])
})

test('a device is ours by name, kind and VNI together', () => {
  const links = [NIC, DEVICE, link(6, 'flannel-v6.1', 1), link(8, 'vxlan.calico', 4096), link(9, 'flannel.2', 2)]
  const plan = planCleanup({ links, routes: [] }, ALL)
  assert.deepEqual(
    plan.devices.map(({ ifname }) => ifname),
    ['flannel.1', 'flannel-v6.1'],
  )
  assert.deepEqual(plan.notes, [])
})

test('what has our name but not our VNI, or our VNI but not our name, is left alone and named', () => {
  const plan = planCleanup(
    { links: [link(5, 'flannel.1'), link(6, 'flannel-v6.1', 7), link(7, 'renamed0', 1)], routes: [] },
    ALL,
  )
  assert.deepEqual(plan.devices, [])
  assert.deepEqual(plan.notes, [
    "flannel.1 is a link of kind 'veth', not VNI 1: left alone",
    'flannel-v6.1 is a VXLAN device with VNI 7, not VNI 1: left alone',
    'renamed0 has VNI 1 under another name: left alone',
  ])
})

test('--routes leaves the devices for flannel to adopt', () => {
  const plan = planCleanup(
    { links: [DEVICE], routes: [packEntries([route('10.42.1.0/24')])] },
    { vni: 1, routesOnly: true },
  )
  assert.equal(plan.routes.length, 1)
  assert.deepEqual(plan.devices, [])
})

test('the batch deletes each route exactly as it was dumped', () => {
  const ours = [route('10.42.1.0/24'), route('10.42.3.0/24', { metric: 9 })]
  const table = packEntries([route('10.42.2.0/24', { protocol: 3 }), ...ours])
  const batch = deletionBatch(planCleanup({ links: [DEVICE], routes: [table] }, ALL).routes)
  assert.deepEqual(unpackEntries(batch), ours)
  assert.deepEqual([batch.bytes[0], batch.bytes[ENTRY_BYTES]], [OP_DELETE, OP_DELETE])
  assert.equal(table.bytes[0], 0)
})

test("the devices have flannel's names", () => {
  assert.deepEqual(deviceNames(4096), ['flannel.4096', 'flannel-v6.4096'])
})
