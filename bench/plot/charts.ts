/**
 * Which charts a suite's samples make: one a case with more than one size and more than one contender, of the first family.
 * Must not: draw.
 */
import type { Sample } from '../frame/sample.ts'
import { figure } from '../frame/table.ts'
import type { Chart, Curve } from './svg.ts'

export interface NamedChart {
  /** Of the file, without its ending. */
  readonly name: string
  readonly chart: Chart
}

export function chartsOf(suite: string, samples: readonly Sample[]): readonly NamedChart[] {
  const groups = new Map<string, Sample[]>()
  const family = samples[0]?.family
  for (const sample of samples) {
    if (sample.family !== family || sample.medianMs === null || !(sample.medianMs > 0)) continue
    groups.set(sample.case, [...(groups.get(sample.case) ?? []), sample])
  }
  return [...groups.values()].flatMap((group) => {
    const [first] = group
    const sizes = new Set(group.map(({ size }) => size))
    const contenders = new Set(group.map(({ contender }) => contender))
    if (first === undefined || sizes.size < 2 || contenders.size < 2) return []
    const title = `${suite}: ${first.case}, ${first.family}`
    const chart = { title, x: 'peers', y: 'milliseconds (median)', curves: curvesOf(group) }
    return [{ name: [suite, first.case, first.family].join('-').replaceAll(/[^a-z0-9]+/gi, '-'), chart }]
  })
}

function curvesOf(group: readonly Sample[]): readonly Curve[] {
  return [...new Set(group.map(({ contender }) => contender))].map((name) => {
    const own = group.filter(({ contender }) => contender === name)
    const points = own.map(({ size, medianMs }) => ({ x: size, y: medianMs ?? Number.NaN }))
    const largest = own.reduce((far, sample) => (sample.size > far.size ? sample : far))
    return { name, ...noteOf(largest), points }
  })
}

/** How far it is from the limit where its curve ends. */
function noteOf({ ratioToLimit }: Sample): Pick<Curve, 'note'> {
  if (ratioToLimit === null) return {}
  return { note: ratioToLimit === 1 ? 'the limit' : `${figure(ratioToLimit)} × the limit` }
}
