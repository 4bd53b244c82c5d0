import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import type { Facts } from '../../lib/agent/window/metric-readers.ts'
import { METRICS } from '../../lib/agent/window/metric-table.ts'
import { createMetrics } from '../../lib/agent/window/metrics.ts'
import type { AgentReport } from '../../lib/agent/window/report.ts'
import { createTelemetry, type Telemetry } from '../../lib/agent/window/telemetry.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createKeptLog } from './support/log-lines.ts'

const REPORT: AgentReport = {
  version: '0.1.0',
  pid: 7,
  node: 'worker-1',
  startedAt: '2026-11-29T12:00:00.000Z',
  ready: true,
  text: 'ready: 3 peers',
  checks: [
    { name: 'device', fault: null },
    { name: 'tables', fault: 'its entries are to be written' },
  ],
  leases: {
    source: 'kube',
    peers: 3,
    incomplete: null,
    stale: 'the watch ended',
    rejected: ['worker-9: …'],
    silent: [],
  },
  families: [
    {
      family: 'ipv4',
      backend: 'vxlan',
      device: 'lo',
      state: 'ready',
      because: null,
      ifindex: 7,
      lladdr: '0e:00:00:00:00:01',
      mtu: 1450,
      pinned: false,
      underlay: { ifname: 'eth0', local: '192.0.2.1', published: '192.0.2.1' },
      network: '10.42.0.0/16',
      subnet: '10.42.1.0/24',
      peers: { known: 3, standing: 2 },
      filter: { tool: 'nftables', fault: null },
      mesh: null,
      heals: { count: 0, last: null },
    },
  ],
  faults: [{ event: 'way.mtu', family: 'ipv4', sentence: 'too narrow', since: '2026-11-29T12:00:00.000Z' }],
  memoryBytes: 1,
}

/** Values by series, as `name{label="value"}`. */
async function scrape(telemetry: Telemetry, report = REPORT): Promise<ReadonlyMap<string, number>> {
  const { text } = await pageOf(telemetry, report)
  return new Map(
    text
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'))
      .map((line) => [line.replace(/ [^ ]*$/, ''), Number(line.split(' ').at(-1))]),
  )
}

const factsOf = (report: AgentReport): Facts => ({
  report,
  tables: [{ family: 'ipv4', table: 'fdb', wanted: 3, inPlace: 2 }],
  rejected: new Map([['subnet_taken', 1]]),
  ages: { heardMs: 1500, completeMs: 0 },
})

async function pageOf(telemetry: Telemetry, report: AgentReport) {
  const { render, contentType } = createMetrics({ telemetry, facts: () => factsOf(report) })
  return { text: await render(), contentType }
}

test('what the log hears is counted, whatever its level, and by family', async () => {
  const telemetry = createTelemetry(createKeptLog(), createManualClock())
  const ipv4 = telemetry.log.with({ family: 'ipv4' })
  ipv4.info('overlay.healed', 'healed', { what: 'device', slug: 'device_deleted', ms: 6, written: 6 })
  ipv4.debug('overlay.healed', 'healed', { what: 'entry', slug: 'entry_deleted', ms: 60, written: 1 })
  ipv4.info('peers.applied', '…', { neighbours: 2, fdb: 2, routes: 2, deleted: 0, ms: 4 })
  ipv4.debug('peers.errors', '…', { errors: { 'route.replace ENETDOWN': 3 } })
  ipv4.debug('rtnl.failed', '…', { op: 'link.create', errno: 'EEXIST' })
  ipv4.debug('monitor.overrun', '…')
  ipv4.info('device.effect', 'create', { effect: 'create' })
  ipv4.info('device.effect', 'change', { effect: 'change' })
  const found = await scrape(telemetry)
  const of = (name: string) => found.get(name)
  assert.equal(of('vtepd_repairs_total{family="ipv4",cause="device_deleted"}'), 1)
  assert.equal(of('vtepd_netlink_errors_total{family="ipv4",op="link.create",errno="EEXIST"}'), 1)
  assert.equal(of('vtepd_heal_duration_seconds_count{family="ipv4",what="device"}'), 1)
  assert.equal(of('vtepd_heal_duration_seconds_bucket{le="+Inf",family="ipv4",what="device"}'), 1)
  assert.equal(of('vtepd_heal_duration_seconds_bucket{le="0.005",family="ipv4",what="device"}'), 0)
  assert.equal(of('vtepd_heal_duration_seconds_bucket{le="0.01",family="ipv4",what="device"}'), 1)
  assert.equal(of('vtepd_heal_duration_seconds_sum{family="ipv4",what="entry"}'), 0.06)
  assert.equal(of('vtepd_entries_written_total{family="ipv4",table="routes"}'), 2)
  assert.equal(of('vtepd_entries_written_total{family="ipv4",table="deleted"}'), undefined)
  assert.equal(of('vtepd_netlink_errors_total{family="ipv4",op="route.replace",errno="ENETDOWN"}'), 3)
  assert.equal(of('vtepd_overruns_total{family="ipv4"}'), 1)
  assert.equal(of('vtepd_device_created_total{family="ipv4"}'), 1)
  assert.equal(of('vtepd_log_events_total{event="device.effect",level="info"}'), 2)
  assert.equal(of('vtepd_log_events_total{event="monitor.overrun",level="debug"}'), undefined)
})

test('a scrape tells the moment, and counts of two scrapes add up', async () => {
  const telemetry = createTelemetry(createKeptLog(), createManualClock())
  let report = REPORT
  const metrics = createMetrics({ telemetry, facts: () => factsOf(report) })
  const first = await metrics.render()
  for (const line of [
    'vtepd_ready 1',
    'vtepd_check{name="tables"} 0',
    'vtepd_leases_stale 1',
    'vtepd_leases_rejected{reason="subnet_taken"} 1',
    'vtepd_leases_heard_age_seconds{source="kube"} 1.5',
    'vtepd_entries{family="ipv4",table="fdb"} 3',
    'vtepd_entries_in_place{family="ipv4",table="fdb"} 2',
    'vtepd_peers{family="ipv4"} 3',
    'vtepd_peers_in_place{family="ipv4"} 2',
    'vtepd_fault{event="way.mtu",family="ipv4"} 1',
    'vtepd_device_tx_carrier_errors_total{family="ipv4"} 0',
    'process_start_time_seconds 1795953600',
  ])
    assert.ok(first.split('\n').includes(line), `${line} is missing:\n${first}`)
  report = { ...REPORT, ready: false, faults: [], families: [] }
  telemetry.log.info('overlay.healed', '', { what: 'device', ms: 6, family: 'ipv4' })
  const second = await metrics.render()
  assert.match(second, /^vtepd_ready 0$/m)
  assert.doesNotMatch(second, /^vtepd_fault\{|^vtepd_peers\{/m, 'what is over is not told on')
  telemetry.log.info('overlay.healed', '', { what: 'device', ms: 6, family: 'ipv4' })
  assert.match(await metrics.render(), /^vtepd_heal_duration_seconds_count\{family="ipv4",what="device"\} 2$/m)
})

test('what was counted before anybody asked is told to who asks first, and nothing grows meanwhile', async () => {
  const telemetry = createTelemetry(createKeptLog(), createManualClock())
  for (let i = 0; i < 5000; i += 1) telemetry.log.debug('peers.applied', '', { ms: 1, family: 'ipv4' })
  assert.equal([...telemetry.tallies('vtepd_reconcile_duration_seconds')].length, 1)
  const found = await scrape(telemetry)
  assert.equal(found.get('vtepd_reconcile_duration_seconds_count{family="ipv4"}'), 5000)
  assert.equal(found.get('vtepd_reconcile_duration_seconds_bucket{le="0.001",family="ipv4"}'), 5000)
})

test('a timer that fires late is counted by how late it is', async () => {
  const clock = createManualClock()
  let lateMs = 0
  const telemetry = createTelemetry(createKeptLog(), { ...clock, now: () => clock.now() + lateMs })
  telemetry.clock.after(10, () => undefined)
  telemetry.clock.after(10, () => undefined).cancel()
  lateMs = 40
  await clock.advance(10)
  const found = await scrape(telemetry)
  assert.equal(found.get('vtepd_event_loop_lag_seconds_bucket{le="0.025"}'), 0)
  assert.equal(found.get('vtepd_event_loop_lag_seconds_bucket{le="0.05"}'), 1)
  assert.equal(found.get('vtepd_event_loop_lag_seconds_count'), 1)
})

test('no metric names a node or an address', async () => {
  const { text, contentType } = await pageOf(createTelemetry(createKeptLog(), createManualClock()), REPORT)
  assert.doesNotMatch(text, /worker|10\.42|192\.0\.2|0e:00/)
  assert.match(contentType, /^text\/plain; version=0\.0\.4/)
})

test('docs/metrics.md lists each metric with its type and labels, and no other', async () => {
  const docs = readFileSync(path.resolve(import.meta.dirname, '../../docs/metrics.md'), 'utf8')
  const listed = [...docs.matchAll(/^\| `([a-z_]+)` \| (\w+) \|([^|]*)\|/gm)].map(([, name, type, labels = '']) =>
    `${name} ${type} ${labels.replaceAll('`', '').trim()}`.trimEnd(),
  )
  const defined = Object.entries(METRICS).map(([name, { type, labels }]) => `${name} ${type} ${labels.join(', ')}`)
  assert.deepEqual(listed.toSorted(), defined.map((line) => line.trimEnd()).toSorted())
  const { text } = await pageOf(createTelemetry(createKeptLog(), createManualClock()), REPORT)
  const told = [...text.matchAll(/^# TYPE (\S+) (\w+)$/gm)].map(([, name, type]) => `${name} ${type}`)
  assert.deepEqual(
    told.toSorted(),
    Object.entries(METRICS)
      .map(([name, { type }]) => `${name} ${type}`)
      .toSorted(),
  )
})

test('names are as Prometheus wants them: counters end in _total, times in _seconds, sizes in _bytes', () => {
  for (const [name, { type, help }] of Object.entries(METRICS)) {
    assert.equal(name.endsWith('_total'), type === 'counter', name)
    if (type === 'histogram') assert.match(name, /_seconds$/)
    assert.match(name, /^(?:vtepd|process|nodejs)_[a-z_]+$/)
    assert.match(help, /^[A-Z].*\.$/, name)
  }
})
