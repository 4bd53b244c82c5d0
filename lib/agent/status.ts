/**
 * How the agent is, in one line for people: what systemd shows as the service's status. Pure. Must not: decide what ready
 * means (agent-core.ts).
 */
import type { LeaseView } from '../cluster/view.ts'
import { printable } from '../util/printable.ts'

export interface AgentStatus {
  /** What /readyz says. */
  readonly ready: boolean
  /** `ready: 100 peers`, or `waiting: ` and everything that is waited for. */
  readonly text: string
}

export interface StatusFacts {
  readonly ready: boolean
  readonly view: LeaseView
  /** `cannot`: the family does not exist here at the moment, so nobody waits for it. */
  readonly families: readonly {
    readonly device: string
    readonly unready: string | undefined
    readonly cannot: boolean
  }[]
}

export function describeStatus({ ready, view, families }: StatusFacts): string {
  const told = (which: boolean): readonly string[] =>
    families.flatMap(({ device, unready, cannot }) =>
      unready === undefined || cannot !== which ? [] : [`${device} ${unready}`],
    )
  const reasons = view.synced ? told(false) : [...told(false), view.because]
  const first = ready
    ? [`ready: ${view.peers.size} peers`]
    : [`waiting: ${reasons.length === 0 ? 'subnet.env is to be written' : reasons.join('; ')}`]
  return printable([...first, ...told(true)].join('; '))
}
