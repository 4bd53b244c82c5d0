/**
 * Every metric: name, type, labels, help and buckets, in one place; docs/metrics.md says the same to people. A new one is a row here
 * and either a reader (metric-readers.ts) or a call of telemetry.ts. Data only. Must not: name a label whose values are unbounded, or
 * that tells a node or an address.
 */

export interface MetricDefinition {
  readonly type: 'gauge' | 'counter' | 'histogram'
  readonly help: string
  readonly labels: readonly string[]
  /** Of a histogram: upper bounds, ascending, in seconds. */
  readonly buckets?: readonly number[]
}

/** Of one row: what has no bound has no place in a metric. */
export type Labels = Readonly<Record<string, string>>

export const METRICS = {
  vtepd_build_info: { type: 'gauge', labels: ['version', 'nodejs'], help: 'Always 1; the version in its labels.' },
  vtepd_ready: { type: 'gauge', labels: [], help: 'Whether packets of pods flow, as /readyz says: 1 or 0.' },
  vtepd_check: { type: 'gauge', labels: ['name'], help: 'What readiness is made of: 1 right, 0 not.' },
  vtepd_fault: {
    type: 'gauge',
    labels: ['event', 'family'],
    help: 'A fault that stands, by the name of its event in the log: 1.',
  },

  vtepd_leases_synced: { type: 'gauge', labels: [], help: 'Whether the view of the cluster is complete: 1 or 0.' },
  vtepd_leases_stale: {
    type: 'gauge',
    labels: [],
    help: 'Whether what is known of the cluster may be old: 1 or 0.',
  },
  vtepd_leases_rejected: {
    type: 'gauge',
    labels: ['reason'],
    help: 'Claims of nodes that are not accepted, by reason.',
  },
  vtepd_leases_heard_age_seconds: {
    type: 'gauge',
    labels: ['source'],
    help: 'Since the API server last said anything; it says something at least once a minute.',
  },
  vtepd_leases_complete_age_seconds: {
    type: 'gauge',
    labels: ['source'],
    help: 'Since what is known of the cluster was last kept up to date; 0 while it is.',
  },

  vtepd_peers: { type: 'gauge', labels: ['family'], help: 'Peers that are known.' },
  vtepd_peers_in_place: { type: 'gauge', labels: ['family'], help: 'Peers whose entries stand in the kernel.' },
  vtepd_entries: {
    type: 'gauge',
    labels: ['family', 'table'],
    help: 'Entries that there should be in a table of the kernel.',
  },
  vtepd_entries_in_place: {
    type: 'gauge',
    labels: ['family', 'table'],
    help: 'Of those, the ones that stand, as far as the last look and what was heard since tell.',
  },
  vtepd_device_ready: { type: 'gauge', labels: ['family'], help: 'Whether the device is as it should be: 1 or 0.' },
  vtepd_device_tx_carrier_errors_total: {
    type: 'counter',
    labels: ['family'],
    help: "Packets of the device that had no way to their peer, by the kernel's own counter.",
  },
  vtepd_device_tx_errors_total: {
    type: 'counter',
    labels: ['family'],
    help: "Packets that the device could not send, those without a way included, by the kernel's own counter.",
  },
  vtepd_device_tx_dropped_total: {
    type: 'counter',
    labels: ['family'],
    help: "Packets that the device dropped, by the kernel's own counter.",
  },

  vtepd_repairs_total: { type: 'counter', labels: ['family', 'cause'], help: 'Repairs that are done, by cause.' },
  vtepd_heal_duration_seconds: {
    type: 'histogram',
    labels: ['family', 'what'],
    help: 'Repairs, from the first word of the damage to the last write.',
    buckets: [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
  },
  vtepd_reconcile_duration_seconds: {
    type: 'histogram',
    labels: ['family'],
    help: 'Rounds of looking at the tables, planning and writing that wrote something.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  },
  vtepd_entries_written_total: {
    type: 'counter',
    labels: ['family', 'table'],
    help: 'Entries written to the kernel, or deleted.',
  },
  vtepd_netlink_errors_total: {
    type: 'counter',
    labels: ['family', 'op', 'errno'],
    help: "The kernel's refusals, by operation and errno.",
  },
  vtepd_overruns_total: {
    type: 'counter',
    labels: ['family'],
    help: 'Times that notifications of the kernel were lost, the opening of a socket included.',
  },
  vtepd_device_created_total: { type: 'counter', labels: ['family'], help: 'Times that the device was made.' },
  vtepd_log_events_total: {
    type: 'counter',
    labels: ['event', 'level'],
    help: 'Lines of the log, by the name of the event.',
  },

  vtepd_mesh_peers: {
    type: 'gauge',
    labels: ['family', 'state'],
    help: 'Peers by what the probes of the mesh found last.',
  },
  vtepd_mesh_probes_total: { type: 'counter', labels: ['family', 'result'], help: 'Probes of the mesh, by result.' },
  vtepd_mesh_rtt_seconds: {
    type: 'histogram',
    labels: ['family'],
    help: 'From a probe of the mesh to its answer.',
    buckets: [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  },

  vtepd_event_loop_lag_seconds: {
    type: 'histogram',
    labels: [],
    help: "How late the agent's own timers fired.",
    buckets: [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
  },
  nodejs_eventloop_busy_seconds_total: {
    type: 'counter',
    labels: [],
    help: 'Time that the event loop was busy.',
  },
  nodejs_heap_size_used_bytes: { type: 'gauge', labels: [], help: "Of V8's heap, what is in use." },
  nodejs_heap_size_total_bytes: { type: 'gauge', labels: [], help: "V8's heap." },
  nodejs_external_memory_bytes: { type: 'gauge', labels: [], help: "Buffers and tables outside V8's heap." },
  process_resident_memory_bytes: { type: 'gauge', labels: [], help: 'Resident memory.' },
  process_start_time_seconds: { type: 'gauge', labels: [], help: 'Start, seconds since 1970.' },
  process_cpu_seconds_total: { type: 'counter', labels: [], help: 'User and system time.' },
} as const satisfies Readonly<Record<string, MetricDefinition>>

export type MetricName = keyof typeof METRICS

/** Names of the metrics of one type. */
export type MetricOf<Type extends MetricDefinition['type']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['type'] extends Type ? Name : never
}[MetricName]
