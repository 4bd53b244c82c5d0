/**
 * What is counted of a running agent: by the events of its log (a Log in front of the real one, which hears every level), by the
 * lateness of its timers, and by whoever counts here. Owns the counts. Must not: know how they are shown (metrics.ts), nor cost more
 * than an addition.
 */
import type { Clock } from '../../util/clock.ts'
import type { Log, LogFields, LogLevel } from '../../util/log.ts'
import { type Labels, METRICS, type MetricOf } from './metric-table.ts'

/** A series of one counter or gauge. */
export interface Count {
  readonly labels: Labels
  value: number
}

/** A series of one histogram. */
export interface Tally {
  readonly labels: Labels
  /** Values up to the bucket's bound and above the one before it; the last are those above all. */
  readonly counts: number[]
  sum: number
}

export interface Telemetry {
  readonly log: Log
  /** The clock whose timers are watched for their lateness. Nothing wakes up for it. */
  readonly clock: Clock
  count(metric: MetricOf<'counter'>, labels: Labels, by?: number): void
  /** From now on, until it is set again. */
  set(metric: MetricOf<'gauge'>, labels: Labels, value: number): void
  observe(metric: MetricOf<'histogram'>, labels: Labels, seconds: number): void
  counts(metric: MetricOf<'counter' | 'gauge'>): Iterable<Count>
  tallies(metric: MetricOf<'histogram'>): Iterable<Tally>
}

const TABLES = ['neighbours', 'fdb', 'routes', 'deleted'] as const

export function createTelemetry(real: Log, clock: Clock): Telemetry {
  const counts = createSeries<MetricOf<'counter' | 'gauge'>, Count>((_, labels) => ({ labels, value: 0 }))
  const tallies = createSeries<MetricOf<'histogram'>, Tally>((metric, labels) => ({
    labels,
    counts: new Array<number>(METRICS[metric].buckets.length + 1).fill(0),
    sum: 0,
  }))
  const count: Telemetry['count'] = (metric, labels, by = 1) => {
    counts.of(metric, labels).value += by
  }
  const observe: Telemetry['observe'] = (metric, labels, seconds) => {
    const tally = tallies.of(metric, labels)
    const buckets: readonly number[] = METRICS[metric].buckets
    const at = buckets.findIndex((bound) => seconds <= bound)
    const index = at < 0 ? buckets.length : at
    tally.counts[index] = (tally.counts[index] ?? 0) + 1
    tally.sum += seconds
  }
  const hear = createEar({ count, observe })
  const logTo = (log: Log, base: LogFields): Log => {
    const at = (level: LogLevel) => (event: string, message: string, fields?: LogFields) => {
      log[level](event, message, fields)
      hear(level, event, { ...base, ...fields })
    }
    const { stands } = log
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      with: (fields) => logTo(log.with(fields), { ...base, ...fields }),
      ...(stands === undefined ? {} : { stands }),
    }
  }
  return {
    log: logTo(real, {}),
    clock: {
      now: () => clock.now(),
      turn: () => clock.turn(),
      after(delayMs, fn) {
        const due = clock.now() + Math.max(0, delayMs)
        return clock.after(delayMs, () => {
          observe('vtepd_event_loop_lag_seconds', {}, Math.max(0, clock.now() - due) / 1000)
          fn()
        })
      },
    },
    count,
    set(metric, labels, value) {
      counts.of(metric, labels).value = value
    },
    observe,
    counts: (metric) => counts.all(metric),
    tallies: (metric) => tallies.all(metric),
  }
}

/** What an event of the log is counted as. */
function createEar({ count, observe }: Pick<Telemetry, 'count' | 'observe'>) {
  const time = (metric: MetricOf<'histogram'>, labels: Labels, ms: unknown): void => {
    if (typeof ms === 'number') observe(metric, labels, ms / 1000)
  }
  return (level: LogLevel, event: string, fields: LogFields): void => {
    const family = String(fields.family ?? '')
    if (level !== 'debug') count('vtepd_log_events_total', { event, level })
    switch (event) {
      case 'overlay.healed':
        count('vtepd_repairs_total', { family, cause: String(fields.slug) })
        time('vtepd_heal_duration_seconds', { family, what: String(fields.what) }, fields.ms)
        return
      case 'peers.applied':
        time('vtepd_reconcile_duration_seconds', { family }, fields.ms)
        for (const table of TABLES) {
          const written = fields[table]
          if (typeof written === 'number' && written > 0)
            count('vtepd_entries_written_total', { family, table }, written)
        }
        return
      case 'peers.errors':
        for (const [key, times] of Object.entries((fields.errors ?? {}) as Record<string, number>)) {
          const [op = '', errno = ''] = key.split(' ')
          count('vtepd_netlink_errors_total', { family, op, errno }, times)
        }
        return
      case 'rtnl.failed':
        count('vtepd_netlink_errors_total', { family, op: String(fields.op), errno: String(fields.errno) })
        return
      case 'monitor.overrun':
        count('vtepd_overruns_total', { family })
        return
      case 'device.effect':
        if (fields.effect === 'create') count('vtepd_device_created_total', { family })
        return
      default:
    }
  }
}

/** Series by metric and labels, made when they are first asked for. */
function createSeries<Metric, Series>(make: (metric: Metric, labels: Labels) => Series) {
  const known = new Map<Metric, Map<string, Series>>()
  return {
    of(metric: Metric, labels: Labels): Series {
      const series = known.get(metric) ?? new Map<string, Series>()
      known.set(metric, series)
      const key = JSON.stringify(labels)
      const one = series.get(key) ?? make(metric, labels)
      series.set(key, one)
      return one
    },
    all: (metric: Metric): Iterable<Series> => known.get(metric)?.values() ?? [],
  }
}
