/** What a scenario comes to, in a few named figures: the worst of its families. Pure. */
import type { ScenarioReport } from '../report.ts'
import { actedText, durationText } from '../tables.ts'

/** Pairs of name and value, in the order in which they matter. */
export function factsOf({ outages, agentActed, matrix }: ScenarioReport): (readonly [name: string, value: string])[] {
  const worst = (values: readonly number[]): string => durationText(Math.max(...values))
  return [
    ['pods silent', worst(outages.map(({ pods }) => pods.totalMs))],
    ['nodes silent', worst(outages.map(({ underlay }) => underlay.totalMs))],
    ['beyond that', worst(outages.map(({ beyondUnderlayMs }) => beyondUnderlayMs))],
    ['agent acted', actedText(agentActed)],
    ['pairs reached', `${matrix.reached} of ${matrix.pairs}`],
  ]
}
