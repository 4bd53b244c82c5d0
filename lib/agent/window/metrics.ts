/**
 * The agent's metrics in Prometheus' text format. Loaded at the first scrape. Owns how they become text; what there is says
 * metric-table.ts. Must not: count (telemetry.ts) or find out (metric-readers.ts) anything itself.
 */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { type Facts, READERS, type Sample } from './metric-readers.ts'
import { type Labels, METRICS, type MetricDefinition, type MetricName, type MetricOf } from './metric-table.ts'
import type { Tally, Telemetry } from './telemetry.ts'

export interface Metrics {
  /** The whole text. */
  render(): Promise<string>
  /** Its Content-Type. */
  readonly contentType: string
}

export function createMetrics(parts: { readonly telemetry: Telemetry; readonly facts: () => Facts }): Metrics {
  const { telemetry } = parts
  const registry = new Registry()
  let facts: Facts

  for (const [key, definition] of Object.entries(METRICS) as [MetricName, MetricDefinition][]) {
    if (isHistogram(key)) {
      registerHistogram(registry, key, () => telemetry.tallies(key))
      continue
    }
    const read = READERS[key]
    const samples = (): Iterable<Sample> => (read === undefined ? telemetry.counts(key) : read(facts))
    const { help, labels: labelNames } = definition
    const common = { name: key, help, labelNames: [...labelNames], registers: [registry] }
    if (definition.type === 'gauge')
      new Gauge({
        ...common,
        collect() {
          this.reset()
          for (const { labels, value } of samples()) this.set({ ...labels }, value)
        },
      })
    else
      new Counter({
        ...common,
        collect() {
          this.reset()
          for (const { labels, value } of samples()) this.inc({ ...labels }, value)
        },
      })
  }
  return {
    contentType: registry.contentType,
    async render() {
      facts = parts.facts()
      return await registry.metrics()
    },
  }
}

function isHistogram(name: MetricName): name is MetricOf<'histogram'> {
  return METRICS[name].type === 'histogram'
}

/** prom-client's counts for itself; what it is asked for as text is answered from what was counted before anybody asked. */
function registerHistogram(registry: Registry, name: MetricOf<'histogram'>, tallies: () => Iterable<Tally>): void {
  const { help, labels, buckets } = METRICS[name]
  const histogram = new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [registry] })
  Object.assign(histogram, {
    async getForPromString() {
      return { name, help, type: 'histogram', values: [...tallies()].flatMap((tally) => rowsOf(name, buckets, tally)) }
    },
  })
}

function rowsOf(name: string, buckets: readonly number[], { labels, counts, sum }: Tally) {
  const row = (suffix: string, value: number, more: Labels = {}) => ({
    labels: { ...more, ...labels },
    value,
    metricName: `${name}${suffix}`,
  })
  let count = 0
  const rows = counts.map((times, index) => {
    count += times
    return row('_bucket', count, { le: String(buckets[index] ?? '+Inf') })
  })
  return [...rows, row('_sum', sum), row('_count', count)]
}
