/** Which charts a suite's samples make: one a case and family with more than one size. Must not: draw. */
import type { Sample } from '../frame/sample.ts'
import type { Chart, Curve } from './svg.ts'

export interface NamedChart {
  /** Of the file, without its ending. */
  readonly name: string
  readonly chart: Chart
}

export function chartsOf(suite: string, samples: readonly Sample[]): readonly NamedChart[] {
  const groups = new Map<string, Sample[]>()
  for (const sample of samples) {
    if (sample.suite !== suite || sample.medianMs === null || !(sample.medianMs > 0)) continue
    const key = `${sample.case}|${sample.family}`
    groups.set(key, [...(groups.get(key) ?? []), sample])
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    if (first === undefined || new Set(group.map(({ size }) => size)).size < 2) return []
    const title = `${suite}: ${first.case}, ${first.family}`
    const chart = { title, x: 'peers', y: 'milliseconds (median)', curves: curvesOf(group) }
    return [{ name: [suite, first.case, first.family].join('-').replaceAll(/[^a-z0-9]+/gi, '-'), chart }]
  })
}

function curvesOf(group: readonly Sample[]): readonly Curve[] {
  return [...new Set(group.map(({ contender }) => contender))].map((name) => ({
    name,
    points: group
      .filter(({ contender }) => contender === name)
      .map(({ size, medianMs }) => ({ x: size, y: medianMs ?? Number.NaN })),
  }))
}
