/**
 * The management interface deleted and rebuilt N times under one agent: every table is read after each, and the agent's
 * memory and open files must not grow. Must not: measure how fast it heals (bench/heal.ts does).
 */
import type { Family } from '../kernel/healing/support/cluster.ts'
import { createHealthyHost } from '../kernel/healing/support/host.ts'
import { createScope } from './scope.ts'
import { readVitalSigns, type VitalSigns } from './vital-signs.ts'

export interface RebuildsOptions {
  readonly rebuilds: number
  readonly pinned: boolean
  readonly families: readonly Family[]
  readonly say: (line: string) => void
}

export interface RebuildsResult {
  /** Kilobytes of resident memory for each 100 rebuilds, the slope of a line through the samples after warm-up. */
  readonly growthKb: number
  readonly first: VitalSigns
  readonly last: VitalSigns
}

const PEERS = 20
const SAMPLE_EVERY = 20
/** The part of the run in which caches fill and code is compiled. */
const WARM_UP = 0.5

/** Rejects when a table is not right after a rebuild, when the agent has ended, or when open files have grown. */
export async function runRebuilds({ rebuilds, pinned, families, say }: RebuildsOptions): Promise<RebuildsResult> {
  const scope = createScope()
  const samples: { readonly at: number; readonly signs: VitalSigns }[] = []
  try {
    const host = await createHealthyHost(scope, { families, pinned, peers: PEERS, parent: 'bridge' })
    const { pid } = host.agent
    for (let done = 1; done <= rebuilds; done += 1) {
      await host.ip('link del mgmt0')
      await host.buildParent()
      await host.right()
      if (done >= rebuilds * WARM_UP && done % SAMPLE_EVERY === 0)
        samples.push({ at: done, signs: readVitalSigns(pid) })
      if (done % 100 === 0) say(`${done} rebuilds, ${JSON.stringify(readVitalSigns(pid))}`)
    }
    const [first, last] = [samples[0]?.signs, samples.at(-1)?.signs]
    if (first === undefined || last === undefined) throw new Error('too few rebuilds to measure anything: at least 60')
    if (last.openFiles > first.openFiles)
      throw new Error(`open files have grown from ${first.openFiles} to ${last.openFiles}`)
    return { growthKb: slope(samples.map(({ at, signs }) => [at, signs.rssKb])) * 100, first, last }
  } finally {
    await scope.end()
  }
}

/** Least squares. */
function slope(points: readonly (readonly [number, number])[]): number {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [mx, my] = [mean(([x]) => x), mean(([, y]) => y)]
  const spread = mean(([x]) => (x - mx) ** 2)
  return spread === 0 ? 0 : mean(([x, y]) => (x - mx) * (y - my)) / spread
}
