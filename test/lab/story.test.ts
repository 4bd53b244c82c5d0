import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planLab } from '../../lib/lab/address-plan.ts'
import { parseAgentLine, renderAgentEvent, timelineText } from '../../lib/lab/agent-log.ts'
import { agentRows, deviceStates } from '../../lib/lab/agent-rows.ts'
import { createKernelEvents } from '../../lib/lab/kernel-events.ts'
import { renderLookAround } from '../../lib/lab/look-around.ts'
import { scenarioPairs } from '../../lib/lab/probe-pairs.ts'
import { parseProcessUsage } from '../../lib/lab/process-usage.ts'
import { mergeRows, pairSilences, renderTimeline, silenceRows } from '../../lib/lab/timeline.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { type NeighbourEntry, packEntries } from '../../lib/rtnl/entries.ts'
import type { Link } from '../../lib/rtnl/port.ts'

const LINE =
  '{"level":"info","time":"2026-01-01T00:00:00.000Z","monotonicMs":12.5,"event":"device.state","family":"ipv4","from":"absent","to":"ready","because":"created","msg":"the device is ready"}'

function link(number: number, ifname: string, up = true, lladdr = '0a:00:00:00:00:01'): Link {
  return {
    ifindex: parseIfindex(number),
    ifname,
    kind: '',
    mtu: 1500,
    lladdr: parseLladdr(lladdr),
    up,
    carrier: up,
    loopback: false,
    noArp: false,
    altnames: [],
    master: undefined,
    parent: undefined,
    txQueueLength: 0,
    vxlan: undefined,
  }
}

function planNode1() {
  const [victim] = planLab({ nodes: 2, pods: 1, families: ['ipv4'] }).nodes
  assert.ok(victim !== undefined)
  return victim
}

test('a log line becomes an event with its fields', () => {
  const event = parseAgentLine('node1', LINE)
  assert.deepEqual(event, {
    node: 'node1',
    event: 'device.state',
    atMs: 12.5,
    level: 'info',
    message: 'the device is ready',
    fields: { family: 'ipv4', from: 'absent', to: 'ready', because: 'created' },
  })
  assert.equal(timelineText(event), 'flannel.1: absent → ready (created)')
  assert.match(renderAgentEvent(event), /^info device\.state: the device is ready family=ipv4 /)
})

for (const line of [
  '',
  'Error: boom',
  '{"level":"info"',
  '{"msg":"no event"}',
  '{"event":"x","monotonicMs":"soon"}',
  'null',
  '[1]',
]) {
  test(`'${line}' is no event`, () => assert.equal(parseAgentLine('node1', line), undefined))
}

test('only events that tell something enter the timeline', () => {
  const text = (event: string, fields: Record<string, unknown>, level = 'info') =>
    timelineText({ node: 'node1', event, atMs: 0, level, message: 'words', fields })
  assert.equal(
    text('peers.applied', { family: 'ipv6', neighbours: 2, fdb: 0, routes: 1, deleted: 0, failed: 0, ms: 1.26 }),
    'flannel-v6.1: wrote 2 neighbours, 1 routes in 1.3 ms',
  )
  assert.equal(text('device.effect', { family: 'ipv4', effect: 'create', ms: 3 }), 'flannel.1: create, 3 ms')
  assert.equal(text('underlay.waiting', { because: 'mgmt0 is missing' }), 'underlay: waiting (mgmt0 is missing)')
  assert.equal(text('leases.changed', { peers: 2 }), undefined)
  assert.equal(text('kube.failed', {}, 'warn'), 'warn: words')
})

test('rows come in order of time; equal ones of one witness merge until another witness speaks', () => {
  const rows = mergeRows([
    { atMs: 3, who: 'kernel', text: 'a' },
    { atMs: 1, who: 'kernel', text: 'a' },
    { atMs: 2, who: 'kernel', text: 'b' },
    { atMs: 4, who: 'agent', text: 'x' },
    { atMs: 5, who: 'kernel', text: 'a' },
  ])
  assert.deepEqual(
    rows.map((row) => [row.atMs, row.lastMs, row.who, row.text, row.count]),
    [
      [1, 3, 'kernel', 'a', 2],
      [2, 2, 'kernel', 'b', 1],
      [4, 4, 'agent', 'x', 1],
      [5, 5, 'kernel', 'a', 1],
    ],
  )
  assert.deepEqual(renderTimeline(rows.slice(0, 2)), ['+     1.0 ms  kernel  a (×2)', '+     2.0 ms  kernel  b'])
})

test('silence is told once a layer and family: first loss, last arrival', () => {
  const pairs = scenarioPairs(planLab({ nodes: 2, pods: 1, families: ['ipv4'] }), planNode1())
  const lost = (fromMs: number, toMs: number, ended = true) => ({
    sent: 9,
    arrived: 1,
    medianUs: 1,
    runs: [{ fromMs, toMs, lost: 1, ended }],
  })
  const none = { sent: 9, arrived: 9, medianUs: 1, runs: [] }
  assert.deepEqual(silenceRows(pairs, [lost(5, 20), lost(4, 30, false), none, none]), [
    { atMs: 4, who: 'probes', text: 'pods over IPv4: silent' },
    { atMs: 30, who: 'probes', text: 'pods over IPv4: some still silent' },
  ])
})

test('what a direction lost is told from the damage on; who lost nothing is left out', () => {
  const pairs = scenarioPairs(planLab({ nodes: 2, pods: 1, families: ['ipv4'] }), planNode1())
  const none = { sent: 9, arrived: 9, medianUs: 1, runs: [] }
  const lost = { ...none, runs: [{ fromMs: 105, toMs: 120, lost: 7, ended: true }] }
  assert.deepEqual(pairSilences(pairs, [none, lost, none, none], 100), [
    {
      layer: 'overlay',
      family: 'ipv4',
      from: 'node2-pod1',
      to: 'node1-pod1',
      runs: [{ fromMs: 5, toMs: 20, lost: 7, ended: true }],
    },
  ])
})

test('a device has the state that it had when the damage came, and each after it; of others only rows are told', () => {
  const state = (atMs: number, to: string, family = 'ipv4') => ({
    node: 'node1',
    event: 'device.state',
    atMs,
    level: 'info',
    message: '',
    fields: { family, from: 'x', to },
  })
  const agents = [
    { node: 'node1', events: [state(1, 'creating'), state(2, 'ready'), state(3, 'ready', 'ipv6'), state(15, 'blind')] },
    { node: 'node2', events: [{ ...state(16, 'ready'), node: 'node2' }] },
  ]
  assert.deepEqual(deviceStates(agents, 'node1', 10), [
    { atMs: -8, device: 'flannel.1', state: 'ready' },
    { atMs: -7, device: 'flannel-v6.1', state: 'ready' },
    { atMs: 5, device: 'flannel.1', state: 'blind' },
  ])
  assert.deepEqual(
    agentRows(agents, 'node1', 10).map(({ atMs, text, own, action }) => [atMs, text, own, action]),
    [
      [15, 'flannel.1: x → blind', true, true],
      [16, 'node2: flannel.1: x → ready', false, true],
    ],
  )
})

test('the kernel’s events are told by name, also of links that are gone by then', () => {
  const events = createKernelEvents([link(2, 'mgmt0'), link(3, 'flannel.1'), link(4, 'cni0')])
  const neighbour: NeighbourEntry = {
    kind: 'neighbour',
    ifindex: parseIfindex(3),
    ip: parseIp('10.42.2.0'),
    lladdr: undefined,
    state: 0x80,
    flags: 0,
    protocol: 118,
  }
  const entries = (entry: NeighbourEntry, action: 'set' | 'deleted' = 'deleted') => ({
    type: 'entry' as const,
    action,
    entry: packEntries([entry]),
    pid: 0,
  })
  assert.deepEqual(events.describe(entries(neighbour)), ['flannel.1: neighbour deleted'])
  const failed = { ...neighbour, state: 0x20 }
  assert.deepEqual(events.describe(entries(failed)), ['flannel.1: neighbour deleted'], 'it failed as it went')
  assert.deepEqual(events.describe(entries(failed, 'set')), [], 'what ARP tries is no story')
  const said = (action: 'set' | 'deleted', about: Link) =>
    events.describe({ type: 'link', action, link: about, pid: 0 })
  assert.deepEqual(said('set', link(3, 'flannel.1', false)), ['flannel.1 down'])
  assert.deepEqual(said('set', link(3, 'flannel.1', false)), [])
  assert.deepEqual(said('deleted', link(3, 'flannel.1', false)), ['flannel.1 deleted (ifindex 3)'])
  assert.deepEqual(said('set', link(9, 'mgmt0')), ['mgmt0 created (ifindex 9)'])
  assert.deepEqual(said('set', link(9, 'mgmt0', true, '0a:00:00:00:00:02')), ['mgmt0 has MAC 0a:00:00:00:00:02'])
  assert.deepEqual(said('deleted', link(4, 'cni0')), [])
})

test('CPU time and memory are read whatever the process calls itself', () => {
  const stat = '42 (a) b (c) S 1 42 42 0 -1 4194560 1 0 0 0 150 50 0 0 20 0 11 0 1 1 1'
  assert.deepEqual(parseProcessUsage(stat, 'Name:\tx\nVmRSS:\t   40000 kB\n'), { cpuMs: 2000, rssBytes: 40_960_000 })
})

test('how to look around names the process, the user namespace where there is one, and a device of the family', () => {
  const plan = planLab({ nodes: 2, pods: 1, families: ['ipv6'] })
  const lines = renderLookAround(plan, { hostPid: 4711, userNamespace: true })
  const wanted = '  nsenter -t 4711 -U --preserve-credentials -n -m -p ip netns exec node1 ip -d link show flannel-v6.1'
  assert.ok(lines.includes(wanted), lines.join('\n'))
  assert.ok(!renderLookAround(plan, { hostPid: 4711, userNamespace: false }).join().includes('-U'))
})
