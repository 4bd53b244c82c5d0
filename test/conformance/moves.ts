/** Random histories as data: what may happen to a node, as moves that a stage carries out. Must not: know either kernel. */
import fc from 'fast-check'
import type { EntrySpec } from './entry-specs.ts'
import { P0, PEER2, PEER3, U0, V1 } from './scenarios/parts.ts'
import type { ChangeStep, QueryStep, Stage, VxlanStep } from './stage.ts'

type AdminCall = Exclude<keyof Stage['admin'], 'addMacvlan'>

export type Move =
  | { readonly admin: AdminCall; readonly args: readonly unknown[] }
  | { readonly create: string; readonly spec: VxlanStep }
  | { readonly change: string; readonly to: ChangeStep }
  | { readonly apply: readonly EntrySpec[] }
  | { readonly address: string; readonly add: boolean; readonly dev: string }
  | { readonly resolve: string; readonly query: QueryStep }
  | { readonly remove: string }

/** Both families on one underlay link, before the random part. */
export const PRELUDE: readonly Move[] = [
  { admin: 'addVeth', args: ['u0', 'p0', { lladdr: U0, peerLladdr: P0 }] },
  { admin: 'setUp', args: ['p0'] },
  { admin: 'setUp', args: ['u0'] },
  { admin: 'addAddress', args: ['u0', '192.0.2.1/24'] },
  { admin: 'addAddress', args: ['u0', '2001:db8::1/64'] },
  { create: 'v1', spec: { local: '192.0.2.1', lladdr: V1 } },
  { create: 'v6', spec: { local: '2001:db8::1', lladdr: '0e:2a:00:00:00:06', mtu: 1430, parent: 'u0' } },
  { change: 'v1', to: { up: true } },
  { change: 'v6', to: { up: true } },
  { address: '10.42.1.0/32', add: true, dev: 'v1' },
  { address: 'fd00:42:1::/128', add: true, dev: 'v6' },
]

export async function makeMove(stage: Stage, move: Move): Promise<void> {
  if ('admin' in move) {
    const call = stage.admin[move.admin] as (...args: readonly unknown[]) => Promise<void>
    return call(...move.args)
  }
  if ('create' in move) return stage.createVxlan(move.create, move.spec)
  if ('change' in move) return stage.change(move.change, move.to)
  if ('apply' in move) return stage.apply(...move.apply)
  if ('address' in move)
    return move.add ? stage.addAddress(move.dev, move.address) : stage.deleteAddress(move.dev, move.address)
  if ('resolve' in move) return stage.resolve(move.resolve, move.query)
  return stage.deleteLink(move.remove)
}

const device = fc.constantFrom('v1', 'v1', 'v6', 'v6', 'x1')
const anyLink = fc.constantFrom('u0', 'p0', 'v1', 'v6', 'br0', 'x1')
const lladdr = fc.constantFrom(PEER2, PEER3, '0e:2a:00:00:00:04')
const remote = fc.constantFrom('192.0.2.2', '192.0.2.3', '2001:db8::2', '2001:db8::3')
const gateway4 = fc.constantFrom('10.42.2.0', '10.42.3.0', '10.42.1.0', '192.0.2.2', '192.0.2.1')
const gateway6 = fc.constantFrom('fd00:42:2::', 'fd00:42:3::', 'fd00:42:1::', '2001:db8::2', '2001:db8::1')
const overlay4 = fc.constantFrom('10.42.2.0/24', '10.42.3.0/24')
const overlay6 = fc.constantFrom('fd00:42:2::/64', 'fd00:42:3::/64')
const address = fc.constantFrom('192.0.2.1/24', '192.0.2.8/24', '198.51.100.1/24', '10.42.1.0/32', '10.42.9.9/32')
const address6 = fc.constantFrom(
  '2001:db8::1/64',
  '2001:db8::8/64',
  '2001:db8:1::1/64',
  'fd00:42:1::/128',
  'fd00:42:9::9/128',
)
const anyAddress = fc.oneof(address, address6)
const op = fc.constantFrom('replace', 'replace', 'delete', 'create') as fc.Arbitrary<'replace' | 'delete' | 'create'>
const protocol = fc.constantFrom(118, 118, 3)
const metric = fc.constantFrom(0, 3, 3, 7)
const oif = fc.constantFrom('v1', 'v6', 'u0')

const neighbourSpec = fc.oneof(
  fc.record({ op, neigh: fc.constantFrom('10.42.2.0', '10.42.3.0', 'fd00:42:2::'), lladdr, dev: device, protocol }),
)
const fdbSpec = fc.record({ op, fdb: lladdr, dst: remote, dev: device })
const routeSpec = fc.oneof(
  fc.record({ op, route: overlay4, via: gateway4, dev: oif, metric, protocol, onlink: fc.boolean() }),
  fc.record({ op, route: overlay6, via: gateway6, dev: oif, metric, protocol, onlink: fc.boolean() }),
  fc.record({ op, route: fc.oneof(overlay4, overlay6), metric, protocol, type: fc.constantFrom(6, 7) }),
)
const entry: fc.Arbitrary<EntrySpec> = fc.oneof(neighbourSpec, fdbSpec, routeSpec, routeSpec)

const admin = (call: AdminCall, ...args: fc.Arbitrary<unknown>[]): fc.Arbitrary<Move> =>
  fc.tuple(...args).map((values) => ({ admin: call, args: values }))

const rule = fc.oneof(
  fc.record({
    family: fc.constantFrom('ipv4', 'ipv6'),
    priority: fc.constantFrom(50, 60),
    table: fc.constantFrom(52, 70_000),
    fwmark: fc.constantFrom({ value: 0x40, mask: 0xc0 }),
  }),
  fc.record({ family: fc.constant('ipv4'), priority: fc.constant(55), to: overlay4, table: fc.constant(52) }),
  fc.record({
    family: fc.constant('ipv6'),
    priority: fc.constant(55),
    to: overlay6,
    action: fc.constantFrom('prohibit', 'unreachable', 'blackhole'),
  }),
)

const disturbance = fc.oneof(
  admin('setDown', anyLink),
  admin('setUp', anyLink),
  admin('setLladdr', device, fc.constantFrom('0e:2a:00:00:00:99', V1)),
  admin('setMtu', anyLink, fc.constantFrom(1300, 1400, 1450, 1500, 9000)),
  admin('addAddress', anyLink, anyAddress),
  admin('removeAddress', anyLink, anyAddress),
  admin('rename', device, fc.constantFrom('v1', 'v6', 'x1')),
  admin('setMaster', device, fc.constantFrom('br0', null)),
  admin('deleteLink', anyLink),
  admin('sendAway', device),
  admin('deleteAway', device),
  admin('flushNeighbours', device),
  admin('flushRoutes', anyLink),
  admin('flushFdb', device),
  admin('deleteNeighbour', device, fc.constantFrom('10.42.2.0', 'fd00:42:2::')),
  admin('replaceNeighbour', device, fc.constantFrom('10.42.2.0', 'fd00:42:2::'), lladdr),
  admin('replaceFdb', device, lladdr, remote),
  admin('deleteFdb', device, lladdr, remote),
  admin('replaceRoute', fc.record({ dst: overlay4, via: gateway4, dev: oif, onlink: fc.boolean(), metric })),
  admin(
    'replaceRoute',
    fc.record({ dst: overlay4, via: gateway4, dev: oif, onlink: fc.boolean(), table: fc.constantFrom(52, 70_000) }),
  ),
  admin('addRule', rule),
  admin('deleteRule', rule),
  admin('deleteRoute', fc.record({ dst: fc.oneof(overlay4, overlay6), metric })),
  fc.constant<Move>({ admin: 'addVeth', args: ['u0', 'p0', { lladdr: U0, peerLladdr: P0 }] }),
  fc.constant<Move>({ admin: 'addBridge', args: ['br0', { lladdr: '02:00:00:00:00:30' }] }),
)

const request = fc.oneof(
  fc.record({ apply: fc.array(entry, { minLength: 1, maxLength: 4 }) }),
  fc.record({ apply: fc.array(entry, { minLength: 1, maxLength: 4 }) }),
  fc.record({ address: anyAddress, add: fc.boolean(), dev: anyLink }),
  fc.record({
    resolve: fc.constantFrom('10.42.2.7', 'fd00:42:2::7', '192.0.2.2', '2001:db8::2', '203.0.113.1'),
    query: fc.constantFrom({}, {}, { mark: 0x40 }, { oif: 'u0' }, { iif: 'p0' }),
  }),
  fc.record({
    create: fc.constantFrom('v1', 'v6'),
    spec: fc.record({
      local: fc.constantFrom('192.0.2.1', '2001:db8::1', '192.0.2.8'),
      lladdr: fc.constantFrom(V1, '0e:2a:00:00:00:06'),
      mtu: fc.constantFrom(1400, 1450, 1500),
      vni: fc.constantFrom(1, 1, 2),
    }),
  }),
  fc.record({
    create: fc.constantFrom('v1', 'v6'),
    spec: fc.record({ local: fc.constantFrom('192.0.2.1', '2001:db8::1'), parent: fc.constant('u0') }),
  }),
  fc.record({
    change: device,
    to: fc.oneof(
      fc.record({ up: fc.boolean() }),
      fc.record({ mtu: fc.constantFrom(1300, 1400, 1500) }),
      fc.record({ lladdr: fc.constantFrom(V1, '0e:2a:00:00:00:98'), up: fc.boolean() }),
      fc.record({ vxlan: fc.record({ local: fc.constantFrom('192.0.2.8', '2001:db8::8') }) }),
      fc.record({ vxlan: fc.record({ parent: fc.constantFrom('u0', 'p0'), learning: fc.boolean() }) }),
    ),
  }),
  fc.record({ remove: device }),
)

/** Up to 25 moves, requests and disturbances mixed. */
export const histories: fc.Arbitrary<Move[]> = fc.array(fc.oneof(request, disturbance) as fc.Arbitrary<Move>, {
  minLength: 8,
  maxLength: 25,
})
