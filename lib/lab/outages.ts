/** How long the pods of a scenario were silent, and how much of it the underlay explains. Pure. */
import type { Family } from '../net/ip.ts'
import { outageOf, worstOutage } from './gaps.ts'
import { type ProbePair, underlayTwin } from './probe-pairs.ts'
import type { PairResult } from './prober-protocol.ts'
import type { FamilyOutage } from './report.ts'

/** `results` begins with those of `pairs`, in order. Each pod pair is compared with its own nodes, direction by direction. */
export function compareOutages(
  families: readonly Family[],
  pairs: readonly ProbePair[],
  results: readonly PairResult[],
): FamilyOutage[] {
  const outages = pairs.map((_, index) => outageOf(results[index]?.runs ?? []))
  const ofLayer = (layer: ProbePair['layer'], family: Family) =>
    worstOutage(outages.filter((_, index) => pairs[index]?.layer === layer && pairs[index]?.family === family))
  const beyond = (family: Family): number[] =>
    pairs.flatMap((pair, index) => {
      if (pair.layer !== 'overlay' || pair.family !== family) return []
      const underlayMs = outages[underlayTwin(pair, pairs)]?.totalMs ?? 0
      return [Math.max(0, (outages[index]?.totalMs ?? 0) - underlayMs)]
    })
  return families.map((family) => ({
    family,
    pods: ofLayer('overlay', family),
    underlay: ofLayer('underlay', family),
    beyondUnderlayMs: Math.max(0, ...beyond(family)),
  }))
}
