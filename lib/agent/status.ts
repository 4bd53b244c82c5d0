/**
 * How the agent is, in one line for people: what systemd shows as the service's status. Pure. Must not: decide what ready
 * means (agent-core.ts).
 */
import type { LeaseView } from '../cluster/view.ts'

export interface AgentStatus {
  /** What /readyz says. */
  readonly ready: boolean
  /** `ready: 100 peers`, or `waiting: ` and everything that is waited for. */
  readonly text: string
}

export interface StatusFacts {
  readonly ready: boolean
  readonly view: LeaseView
  readonly families: readonly { readonly device: string; readonly unready: string | undefined }[]
}

export function describeStatus({ ready, view, families }: StatusFacts): string {
  const reasons = families.flatMap(({ device, unready }) => (unready === undefined ? [] : [`${device} ${unready}`]))
  if (ready) return [`ready: ${view.peers.size} peers`, ...reasons].join('; ')
  if (!view.synced) reasons.push(view.because)
  return `waiting: ${reasons.length === 0 ? 'subnet.env is to be written' : reasons.join('; ')}`
}
