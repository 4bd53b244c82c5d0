/** What `vtepd cleanup` takes for ours, decided on packed tables. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENTRY_BYTES, OP_DELETE } from '../../../lib/addon/abi.ts'
import { deviceNamed, deviceNames, deviceOfFile } from '../../../lib/cli/cleanup/devices.ts'
import { deletionBatch, type KernelPlan, planCleanup } from '../../../lib/cli/cleanup/plan.ts'
import type { Evidence } from '../../../lib/cli/cleanup/scope.ts'
import { parseIfindex } from '../../../lib/net/ifindex.ts'
import { type RouteEntry, unpackEntries } from '../../../lib/rtnl/entries.ts'
import type { Link } from '../../../lib/rtnl/port.ts'
import { direct, factsOf, link, lladdr, NIC, netConf, route, scopeOf, stateOf } from './fixture.ts'

const DEVICE = link(5, 'flannel.1', 1)

function plan(parts: Partial<Evidence>, links: readonly Link[], ...tables: RouteEntry[][]): KernelPlan {
  const facts = factsOf(links, ...tables)
  return planCleanup(facts, scopeOf({ ...parts, facts }))
}
const subjects = (links: readonly Link[], ...tables: RouteEntry[][]): string[] =>
  plan({}, links, ...tables).routes.map(({ subject }) => subject)
const names = ({ devices }: KernelPlan): string[] => devices.map(({ ifname }) => ifname)

test("routes of protocol 118 are ours, in both families and through any interface; flannel's and the kernel's are not", () => {
  const ipv4 = [
    route('10.42.1.0/24'),
    route('10.42.2.0/24', { protocol: 3, metric: 0 }),
    { ...direct('10.42.3.0/24'), metric: 4 },
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

test('routes through the device of another VNI stay, also inside the network that is cleaned up, and so do its direct ones', () => {
  const other = link(7, 'flannel.4096', 4096)
  const state = stateOf({ 'flannel.1': '10.42.0.0/16', 'flannel.4096': '10.43.0.0/16' })
  const routes = [route('10.42.1.0/24', { oif: other.ifindex }), direct('10.43.1.0/24'), direct('10.42.2.0/24')]
  const { routes: ours, stays } = plan({ asked: 1, state }, [NIC, DEVICE, other], routes)
  assert.deepEqual(
    ours.map(({ subject }) => subject),
    ['10.42.2.0/24 via 192.0.2.9 dev eth0 metric 2 proto 118'],
  )
  assert.deepEqual(stays, [])
})

test('a direct route whose VNI cannot be told stays and is named with what to do', () => {
  const { routes, stays } = plan({}, [NIC, link(7, 'flannel.4096', 4096)], [direct('10.42.1.0/24')])
  assert.deepEqual(routes, [])
  assert.deepEqual(stays, [
    {
      kind: 'route',
      subject: '10.42.1.0/24 via 192.0.2.9 dev eth0 metric 2 proto 118',
      because:
        'VNI 4096 is here too, and whose network it is in is not known: name its VNI with --vni, and the network with --net-config-path',
    },
  ])
})

test('a route whose interface is gone meanwhile is still ours', () => {
  assert.deepEqual(subjects([NIC], [route('10.42.1.0/24')]), ['10.42.1.0/24 via 10.42.1.0 dev #5 metric 2 proto 118'])
})

test('a device is ours by name, kind and VNI together, of every VNI that it is about', () => {
  const links = [
    NIC,
    DEVICE,
    link(6, 'flannel-v6.1', 1, 'ipv6'),
    link(8, 'vxlan.calico', 4097),
    link(9, 'flannel.2', 2),
    link(10, 'flannel.4096', 4096),
  ]
  const found = plan({ netConf: netConf(1, '10.42.0.0/16'), state: stateOf({ 'flannel-v6.4096': {} }) }, links)
  assert.deepEqual(names(found), ['flannel.1', 'flannel-v6.1', 'flannel.4096'])
  assert.deepEqual([found.stays, found.notes], [[], []])
})

test('a device under another name is ours by the MAC address that was kept for its VNI and family, or by routes of ours', () => {
  const state = stateOf({ 'flannel.1': { lladdr: lladdr(7) }, 'flannel-v6.1': { lladdr: lladdr(8) } })
  const links = [link(7, 'renamed0', 1), link(8, 'renamed1', 1, 'ipv6'), link(9, 'renamed2', 1)]
  assert.deepEqual(names(plan({ state }, links)), ['renamed0', 'renamed1'])
  assert.deepEqual(plan({ state }, links).notes, [
    'renamed2 has VNI 1 under another name, and the MAC address 0e:00:00:00:00:09, not ours (0e:00:00:00:00:07): left alone',
  ])
  assert.deepEqual(names(plan({}, links, [route('10.42.1.0/24', { oif: parseIfindex(9) })])), ['renamed2'])
})

test('what has our name but not our VNI, or our VNI but neither name nor MAC address, is left alone and named', () => {
  const found = plan({}, [link(5, 'flannel.1'), link(6, 'flannel-v6.1', 7), link(7, 'renamed0', 1)])
  assert.deepEqual(found.devices, [])
  assert.deepEqual(found.notes, [
    "flannel.1 is a link of kind 'veth', not VNI 1: left alone",
    'flannel-v6.1 is a VXLAN device with VNI 7, not VNI 1: left alone',
    'renamed0 has VNI 1 under another name: left alone',
  ])
})

test('a device of a VNI that only the state folder knows, with another MAC address and no route of ours, is in doubt until it is named', () => {
  const state = stateOf({ 'flannel.4096': { lladdr: lladdr(1) } })
  const device = link(5, 'flannel.4096', 4096)
  const { devices, stays } = plan({ state }, [device])
  assert.deepEqual(devices, [])
  assert.match(stays[0]?.because ?? '', /not ours \(0e:00:00:00:00:01\).* --vni 4096 removes it$/)
  assert.deepEqual(names(plan({ state, asked: 4096 }, [device])), ['flannel.4096'])
  assert.deepEqual(names(plan({ state, netConf: netConf(4096, '10.42.0.0/16') }, [device])), ['flannel.4096'])
  assert.deepEqual(names(plan({ state }, [device], [route('10.42.1.0/24')])), ['flannel.4096'])
  assert.deepEqual(names(plan({ state }, [{ ...device, lladdr: lladdr(1) }])), ['flannel.4096'])
})

test('a device that the state folder tells of and that is not here is named: it may be in another namespace', () => {
  const state = stateOf({ 'flannel.1': { lladdr: lladdr(5) }, 'flannel-v6.1': { lladdr: lladdr(6) } })
  const { notes } = plan({ state }, [NIC, DEVICE])
  assert.equal(notes.length, 1)
  assert.match(notes[0] ?? '', /^flannel-v6\.1 is not here, though \/state tells of it .* another network namespace/)
})

test('--routes leaves the devices for flannel to adopt', () => {
  const facts = factsOf([DEVICE], [route('10.42.1.0/24')])
  const { routes, devices, notes } = planCleanup(facts, scopeOf({ facts }, { routesOnly: true }))
  assert.deepEqual([routes.length, devices, notes], [1, [], []])
})

test('what could not be read whole stays, as far as anybody knows', () => {
  const missed = [{ kind: 'route', subject: '(any)', because: 'interrupted' }] as const
  const facts = { ...factsOf([DEVICE]), missed }
  assert.deepEqual(planCleanup(facts, scopeOf({ facts })).stays, missed)
})

test('the batch deletes each route exactly as it was dumped', () => {
  const ours = [route('10.42.1.0/24'), route('10.42.3.0/24', { metric: 9 })]
  const facts = factsOf([DEVICE], [route('10.42.2.0/24', { protocol: 3 }), ...ours])
  const batch = deletionBatch(planCleanup(facts, scopeOf({ facts })).routes)
  assert.deepEqual(unpackEntries(batch), ours)
  assert.deepEqual([batch.bytes[0], batch.bytes[ENTRY_BYTES]], [OP_DELETE, OP_DELETE])
  assert.equal(facts.routes[0]?.bytes[0], 0)
})

test("the devices have flannel's names, and files theirs", () => {
  assert.deepEqual(deviceNames(4096), ['flannel.4096', 'flannel-v6.4096'])
  assert.deepEqual(deviceNamed('flannel-v6.4096'), { family: 'ipv6', vni: 4096 })
  for (const name of ['flannel.01', 'flannel.16777216', 'flannel.', 'flannel.1.1', 'flannel-wg', 'xflannel.1'])
    assert.equal(deviceNamed(name), undefined, name)
  assert.equal(deviceOfFile('flannel.1.lladdr.json'), 'flannel.1')
  assert.equal(deviceOfFile('.flannel-v6.1.network.json.42.1.tmp'), 'flannel-v6.1')
  for (const name of ['flannel.1', 'flannel.1x.json', 'flannel.16777216.x', '..flannel.1.x', 'passwd'])
    assert.equal(deviceOfFile(name), undefined, name)
})
