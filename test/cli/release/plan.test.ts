/** Which routes of flannel's a release makes of ours, and what keeps it from one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planRelease, type ReleasePlan } from '../../../lib/cli/release/plan.ts'
import { parseIfindex } from '../../../lib/net/ifindex.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import type { RouteEntry } from '../../../lib/rtnl/entries.ts'
import { direct, factsOf, link, NIC, netConf, route, scopeOf } from '../cleanup/fixture.ts'

const LINKS = [NIC, link(5, 'flannel.1', 1), link(6, 'flannel-v6.1', 1, 'ipv6')]
const six = (fields: Partial<RouteEntry> = {}): RouteEntry =>
  route('fd42:0:0:1::/64', { oif: parseIfindex(6), metric: 1024, ...fields })

function plan(...routes: readonly RouteEntry[]): ReleasePlan {
  const facts = factsOf(LINKS, [...routes])
  return planRelease(facts, scopeOf({ facts, netConf: netConf(1, '10.42.0.0/16', 'fd42::/48') }))
}
const steps = ({ handovers }: ReleasePlan): readonly string[] =>
  handovers.map(({ step, flannels }) => `${step} ${flannels.dst} metric ${flannels.metric} proto ${flannels.protocol}`)

test("IPv4: flannel's route comes beside ours, IPv6: in its place; gateway, device and onlink stay", () => {
  const { handovers } = plan(route('10.42.1.0/24'), six())
  assert.deepEqual(
    handovers.map(({ step, flannels }) => [step, flannels]),
    [
      ['create', { ...route('10.42.1.0/24'), metric: 0, protocol: 3 }],
      ['replace', { ...six(), protocol: 3 }],
    ],
  )
})

test("a direct route becomes flannel's direct route", () => {
  const { handovers, stays } = plan(direct('10.42.2.0/24'))
  assert.deepEqual(handovers[0]?.flannels, { ...direct('10.42.2.0/24'), metric: 0, protocol: 3 })
  assert.deepEqual(stays, [])
})

test("where flannel's route stands already nothing is added, and ours goes", () => {
  const ours = route('10.42.1.0/24')
  assert.deepEqual(steps(plan(ours, { ...ours, metric: 0, protocol: 3 })), ['stands 10.42.1.0/24 metric 0 proto 3'])
})

test('two routes of ours for one peer are one of flannel’s', () => {
  const ours = route('10.42.1.0/24')
  assert.deepEqual(steps(plan(ours, { ...ours, metric: 9 }, { ...ours, metric: 0, protocol: 3 })), [
    'stands 10.42.1.0/24 metric 0 proto 3',
    'stands 10.42.1.0/24 metric 0 proto 3',
  ])
})

test('a route of others in the place of flannel’s keeps ours, and is named', () => {
  const foreign = route('10.42.1.0/24', { metric: 0, protocol: 4, gateway: parseIp('192.0.2.77'), onlink: false })
  const { handovers, stays } = plan(route('10.42.1.0/24'), foreign)
  assert.deepEqual(handovers, [])
  assert.match(stays[0]?.because ?? '', /another program has a route at 10\.42\.1\.0\/24 and metric 0: remove that one/)
})

test('the blackhole of our own subnet goes, other forms that flannel has not stay and are named', () => {
  const bare = { gateway: undefined, oif: undefined, onlink: false }
  const hole = route('10.42.0.0/24', { ...bare, type: 6 })
  const odd = route('10.42.3.0/24', { ...bare, oif: parseIfindex(5) })
  const { handovers, removals, stays } = plan(hole, odd)
  assert.deepEqual(
    [handovers, removals.map(({ subject }) => subject)],
    [[], ['blackhole 10.42.0.0/24 metric 2 proto 118']],
  )
  assert.deepEqual(
    stays.map(({ because }) => because),
    ['flannel writes no such route'],
  )
})

test("routes of others, and of another VNI's device, are left alone", () => {
  const facts = factsOf(
    [...LINKS, link(7, 'flannel.4096', 4096)],
    [
      route('10.42.1.0/24', { protocol: 3, metric: 0 }),
      route('10.43.1.0/24', { oif: parseIfindex(7) }),
      route('10.42.9.0/24', { protocol: 4 }),
    ],
  )
  const { handovers, removals, stays } = planRelease(facts, scopeOf({ facts, asked: 1 }))
  assert.deepEqual([handovers, removals, stays], [[], [], []])
})
