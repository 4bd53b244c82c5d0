/**
 * What is counted of a running agent, from the events of its log: a Log in front of the real one, which hears every level. Owns the
 * counts. Must not: know how they are shown (metrics.ts), nor cost more than an addition.
 */
import type { Log, LogFields, LogLevel } from '../../util/log.ts'

/** A series of one metric: its labels, and how often. */
export interface Count {
  readonly labels: Readonly<Record<string, string>>
  value: number
}

export interface Telemetry {
  readonly log: Log
  /** By metric, without prefix: `heals`. */
  counts(metric: CountedMetric): Iterable<Count>
  /** Durations in seconds since they were last taken, for a histogram; at most MOST_SAMPLES wait. */
  takeDurations(metric: TimedMetric): readonly { readonly labels: Record<string, string>; readonly seconds: number }[]
}

export type CountedMetric = 'log_events' | 'entries_written' | 'netlink_errors' | 'overruns' | 'device_created'
export type TimedMetric = 'heal' | 'reconcile'

/** Where nobody ever takes them. */
const MOST_SAMPLES = 1000
const TABLES = ['neighbours', 'fdb', 'routes', 'deleted'] as const

export function createTelemetry(real: Log): Telemetry {
  const counts = new Map<CountedMetric, Map<string, Count>>()
  const durations = new Map<TimedMetric, { labels: Record<string, string>; seconds: number }[]>()

  const count = (metric: CountedMetric, labels: Record<string, string>, by = 1): void => {
    const series = counts.get(metric) ?? new Map<string, Count>()
    counts.set(metric, series)
    const key = JSON.stringify(labels)
    const one = series.get(key)
    if (one === undefined) series.set(key, { labels, value: by })
    else one.value += by
  }
  const time = (metric: TimedMetric, labels: Record<string, string>, ms: unknown): void => {
    if (typeof ms !== 'number') return
    const samples = durations.get(metric) ?? []
    durations.set(metric, samples)
    samples.push({ labels, seconds: ms / 1000 })
    if (samples.length > MOST_SAMPLES) samples.shift()
  }
  const hear = (level: LogLevel, event: string, fields: LogFields): void => {
    const family = String(fields.family ?? '')
    if (level !== 'debug') count('log_events', { event, level })
    switch (event) {
      case 'overlay.healed':
        time('heal', { family, what: String(fields.what) }, fields.ms)
        return
      case 'peers.applied':
        time('reconcile', { family }, fields.ms)
        for (const table of TABLES) {
          const written = fields[table]
          if (typeof written === 'number' && written > 0) count('entries_written', { family, table }, written)
        }
        return
      case 'peers.errors':
        for (const [key, times] of Object.entries((fields.errors ?? {}) as Record<string, number>)) {
          const [op = '', errno = ''] = key.split(' ')
          count('netlink_errors', { family, op, errno }, times)
        }
        return
      case 'monitor.overrun':
        count('overruns', { family })
        return
      case 'device.effect':
        if (fields.effect === 'create') count('device_created', { family })
        return
      default:
    }
  }
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
    counts: (metric) => counts.get(metric)?.values() ?? [],
    takeDurations(metric) {
      const samples = durations.get(metric) ?? []
      durations.delete(metric)
      return samples
    },
  }
}
