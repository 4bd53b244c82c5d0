/**
 * How the agent is: in one line for people, which systemd shows as the service's status, and check by check. Pure.
 * Must not: decide what ready means (agent-core.ts).
 */
import type { LeaseView } from '../cluster/view.ts'
import { printable } from '../util/printable.ts'
import type { Check } from './checks.ts'

export interface AgentStatus {
  /** What /readyz says. */
  readonly ready: boolean
  /** `ready: 100 peers`, or `waiting: ` and everything that is waited for. */
  readonly text: string
  /** subnet.env and the conflist are written. */
  readonly podsCanStart: boolean
  /** Every name once; all are right where `ready`. */
  readonly checks: readonly Check[]
}

export interface StatusFacts {
  readonly checks: readonly Check[]
  readonly view: LeaseView
  /** `cannot`: the family does not exist here at the moment, so nobody waits for it. */
  readonly families: readonly {
    readonly device: string
    readonly unready: string | undefined
    readonly cannot: boolean
  }[]
}

export function describeStatus({ checks, view, families }: StatusFacts): string {
  const faults = checks.flatMap(({ fault }) => fault ?? [])
  const told = (which: boolean): readonly string[] =>
    families.flatMap(({ device, unready, cannot }) =>
      unready === undefined || cannot !== which ? [] : [`${device} ${unready}`],
    )
  const reasons = view.synced ? told(false) : [...told(false), view.because]
  // What carries packets comes first; the rest mostly waits for that.
  const first =
    faults.length === 0
      ? [`ready: ${view.peers.size} peers`]
      : [`waiting: ${(reasons.length === 0 ? faults : reasons).join('; ')}`]
  return printable([...first, ...told(true)].join('; '))
}
