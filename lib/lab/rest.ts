/** What agents say, and whether they change their mind, while nobody disturbs them. Must not: disturb them. */
import type { LabAgent } from './agents.ts'
import type { RestReport } from './report.ts'

const READINESS = new Set(['agent.ready', 'agent.not-ready'])

/** Counts from now on, by the agents' own logs; an agent each, in order. `ms`: how long it has been. */
export function beginRest(agents: readonly LabAgent[], nowMs: number): (ms: number) => readonly RestReport[] {
  const before = agents.map(({ lineCount }) => lineCount)
  return (ms) =>
    agents.map(({ lineCount, events }, index) => ({
      ms,
      lines: lineCount - (before[index] ?? 0),
      readinessChanges: events.filter(({ event, atMs }) => atMs >= nowMs && READINESS.has(event)).length,
    }))
}
