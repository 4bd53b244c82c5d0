/**
 * The agent's metrics in Prometheus' text format. Loaded at the first scrape. Owns names, help texts and buckets; docs/metrics.md
 * lists them. Must not: count (telemetry.ts) or find out (report.ts) anything itself; no metric names a node.
 */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { AgentReport, FamilyReport } from './report.ts'
import type { Count, CountedMetric, Telemetry, TimedMetric } from './telemetry.ts'

export interface Metrics {
  /** The whole text. */
  render(): Promise<string>
  /** Its Content-Type. */
  readonly contentType: string
}

const PREFIX = 'vtepd_'
/** Seconds. */
const HEAL_BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60]
const RECONCILE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5]

export function createMetrics(parts: { readonly telemetry: Telemetry; readonly report: () => AgentReport }): Metrics {
  const { telemetry } = parts
  const registry = new Registry()
  const registers = [registry]
  let report = parts.report()

  const gauge = (name: string, help: string, read: () => Iterable<Omit<Count, 'value'> & { readonly value: number }>) =>
    new Gauge({
      name: `${PREFIX}${name}`,
      help,
      labelNames: LABELS[name] ?? [],
      registers,
      collect() {
        this.reset()
        for (const { labels, value } of read()) this.set({ ...labels }, value)
      },
    })
  const single = (name: string, help: string, read: () => number) =>
    gauge(name, help, () => [{ labels: {}, value: read() }])
  const ofFamilies = (name: string, help: string, read: (family: FamilyReport) => number) =>
    gauge(name, help, () => report.families.map((one) => ({ labels: { family: one.family }, value: read(one) })))
  const counter = (metric: CountedMetric, help: string) =>
    new Counter({
      name: `${PREFIX}${metric}_total`,
      help,
      labelNames: LABELS[metric] ?? [],
      registers,
      collect() {
        this.reset()
        for (const { labels, value } of telemetry.counts(metric)) this.inc({ ...labels }, value)
      },
    })
  const histogram = (metric: TimedMetric, help: string, buckets: number[]) =>
    new Histogram({
      name: `${PREFIX}${metric}_duration_seconds`,
      help,
      buckets,
      labelNames: LABELS[metric] ?? [],
      registers,
      collect() {
        for (const { labels, seconds } of telemetry.takeDurations(metric)) this.observe(labels, seconds)
      },
    })

  gauge('build_info', 'Always 1; the version in its labels.', () => [
    { labels: { version: report.version, node: process.versions.node }, value: 1 },
  ])
  single('ready', 'Whether packets of pods flow, as /readyz says: 1 or 0.', () => Number(report.ready))
  gauge('check', 'What readiness is made of: 1 right, 0 not.', () =>
    report.checks.map(({ name, fault }) => ({ labels: { name }, value: Number(fault === null) })),
  )
  gauge('fault', 'A fault that stands, by the name of its event in the log: 1.', () =>
    report.faults.map(({ event, family = '' }) => ({ labels: { event, family }, value: 1 })),
  )
  single('leases_synced', 'Whether the view of the cluster is complete: 1 or 0.', () =>
    Number(report.leases.incomplete === null),
  )
  single('leases_stale', 'Whether what is known of the cluster may be old: 1 or 0.', () =>
    Number(report.leases.stale !== null),
  )
  single('leases_rejected', 'Claims of other nodes that are not accepted.', () => report.leases.rejected.length)
  ofFamilies('peers', 'Peers that are known.', ({ peers }) => peers.known)
  ofFamilies('peers_in_place', 'Peers whose entries stand in the kernel.', ({ peers }) => peers.standing)
  ofFamilies('device_ready', 'Whether the device is as it should be: 1 or 0.', ({ state }) => Number(state === 'ready'))
  gauge('device_tx_errors', "The device's own counters of packets that it could not send, from sysfs.", () =>
    report.families.flatMap(({ family, device, backend }) =>
      backend === 'vxlan' ? deviceErrors(device).map(([kind, value]) => ({ labels: { family, kind }, value })) : [],
    ),
  )
  histogram('heal', 'Repairs, from the first word of the damage to the last write.', HEAL_BUCKETS)
  histogram('reconcile', 'Rounds of looking at the tables, planning and writing.', RECONCILE_BUCKETS)
  counter('entries_written', 'Entries written to the kernel, or deleted.')
  counter('netlink_errors', "The kernel's refusals, by operation and errno.")
  counter('overruns', 'Times that notifications of the kernel were lost, the opening of a socket included.')
  counter('device_created', 'Times that the device was made.')
  counter('log_events', 'Lines of the log, by the name of the event.')
  const processGauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read())
      },
    })
  processGauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
  processGauge('process_start_time_seconds', 'Start, seconds since 1970.', () => Date.parse(report.startedAt) / 1000)
  const cpu = new Counter({
    name: 'process_cpu_seconds_total',
    help: 'User and system time.',
    registers,
    collect() {
      const { user, system } = process.cpuUsage()
      cpu.reset()
      cpu.inc((user + system) / 1e6)
    },
  })
  processGauge(
    'nodejs_eventloop_utilization',
    'Part of the time since the start that the event loop was busy.',
    () => performance.eventLoopUtilization().utilization,
  )

  return {
    contentType: registry.contentType,
    async render() {
      report = parts.report()
      return await registry.metrics()
    },
  }
}

const LABELS: Readonly<Record<string, readonly string[]>> = {
  build_info: ['version', 'node'],
  check: ['name'],
  fault: ['event', 'family'],
  peers: ['family'],
  peers_in_place: ['family'],
  device_ready: ['family'],
  device_tx_errors: ['family', 'kind'],
  heal: ['family', 'what'],
  reconcile: ['family'],
  entries_written: ['family', 'table'],
  netlink_errors: ['family', 'op', 'errno'],
  overruns: ['family'],
  device_created: ['family'],
  log_events: ['event', 'level'],
}

/** tx_carrier_errors: packets without a way to the peer. None where the device is gone, or in another namespace. */
function deviceErrors(ifname: string): readonly (readonly [kind: string, value: number])[] {
  return ['tx_carrier_errors', 'tx_dropped', 'tx_errors'].flatMap((name) => {
    try {
      return [[name.replace(/^tx_/, ''), Number(readFileSync(`/sys/class/net/${ifname}/statistics/${name}`, 'utf8'))]]
    } catch {
      return []
    }
  }) as readonly (readonly [string, number])[]
}
