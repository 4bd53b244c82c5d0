/**
 * What a metric says at the moment of a scrape, where nobody counts it: from the report, the tables, this process and sysfs. Must not:
 * count (telemetry.ts), or go through all peers.
 */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import type { Family } from '../../net/ip.ts'
import type { MetricName } from './metric-table.ts'
import type { AgentReport, FamilyReport } from './report.ts'
import type { Count } from './telemetry.ts'

export type Sample = Readonly<Count>

/** One table of the kernel, by the book of the reconciler. */
export interface TableCount {
  readonly family: Family
  readonly table: 'neighbours' | 'fdb' | 'routes'
  readonly wanted: number
  readonly inPlace: number
}

/** Of one moment. */
export interface Facts {
  readonly report: AgentReport
  readonly tables: readonly TableCount[]
  /** Claims that are not accepted, by LeaseError's kind. */
  readonly rejected: ReadonlyMap<string, number>
  /** Milliseconds; undefined: a source that nobody has to hear from. */
  readonly ages: { readonly heardMs: number; readonly completeMs: number } | undefined
}

type Reader = (facts: Facts) => readonly Sample[]

/** Every metric that is not here comes from telemetry.ts. */
export const READERS: Readonly<Partial<Record<MetricName, Reader>>> = {
  vtepd_build_info: ({ report }) => [{ labels: { version: report.version, nodejs: process.versions.node }, value: 1 }],
  vtepd_ready: one(({ report }) => Number(report.ready)),
  vtepd_check: ({ report }) =>
    report.checks.map(({ name, fault }) => ({ labels: { name }, value: Number(fault === null) })),
  vtepd_fault: ({ report }) => report.faults.map(({ event, family = '' }) => ({ labels: { event, family }, value: 1 })),
  vtepd_leases_synced: one(({ report }) => Number(report.leases.incomplete === null)),
  vtepd_leases_stale: one(({ report }) => Number(report.leases.stale !== null)),
  vtepd_leases_rejected: ({ rejected }) => [...rejected].map(([reason, value]) => ({ labels: { reason }, value })),
  vtepd_leases_heard_age_seconds: aged('heardMs'),
  vtepd_leases_complete_age_seconds: aged('completeMs'),
  vtepd_peers: each(({ peers }) => peers.known),
  vtepd_peers_in_place: each(({ peers }) => peers.standing),
  vtepd_entries: tables('wanted'),
  vtepd_entries_in_place: tables('inPlace'),
  vtepd_mesh_peers: ({ report }) =>
    report.families.flatMap(({ family, mesh }) =>
      Object.entries(mesh?.peers ?? {}).map(([state, value]) => ({
        labels: { family, state: state.replaceAll('-', '_') },
        value,
      })),
    ),
  vtepd_device_ready: each(({ state }) => Number(state === 'ready')),
  vtepd_device_tx_carrier_errors_total: deviceCounter('tx_carrier_errors'),
  vtepd_device_tx_errors_total: deviceCounter('tx_errors'),
  vtepd_device_tx_dropped_total: deviceCounter('tx_dropped'),
  nodejs_eventloop_busy_seconds_total: one(() => performance.eventLoopUtilization().active / 1000),
  nodejs_heap_size_used_bytes: one(() => process.memoryUsage().heapUsed),
  nodejs_heap_size_total_bytes: one(() => process.memoryUsage().heapTotal),
  nodejs_external_memory_bytes: one(() => process.memoryUsage().external),
  process_resident_memory_bytes: one(() => process.memoryUsage.rss()),
  process_start_time_seconds: one(({ report }) => Date.parse(report.startedAt) / 1000),
  process_cpu_seconds_total: one(() => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  }),
}

function one(read: (facts: Facts) => number): Reader {
  return (facts) => [{ labels: {}, value: read(facts) }]
}

function each(read: (family: FamilyReport) => number): Reader {
  return ({ report }) => report.families.map((of) => ({ labels: { family: of.family }, value: read(of) }))
}

function aged(age: 'heardMs' | 'completeMs'): Reader {
  return ({ ages, report }) =>
    ages === undefined ? [] : [{ labels: { source: report.leases.source }, value: ages[age] / 1000 }]
}

function tables(what: 'wanted' | 'inPlace'): Reader {
  return (facts) => facts.tables.map((of) => ({ labels: { family: of.family, table: of.table }, value: of[what] }))
}

/** None where the device is gone, or in another namespace. A device that is made anew counts from 0, as a counter may. */
function deviceCounter(name: string): Reader {
  return ({ report }) =>
    report.families.flatMap(({ family, device, backend }) => {
      if (backend !== 'vxlan') return []
      try {
        const value = Number(readFileSync(`/sys/class/net/${device}/statistics/${name}`, 'utf8'))
        return [{ labels: { family }, value }]
      } catch {
        return []
      }
    })
}
