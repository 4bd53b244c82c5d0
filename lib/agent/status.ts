/**
 * How the agent is, in one line for people: what systemd shows as the service's status. Pure. Must not: decide what ready
 * means (agent-core.ts).
 */
import type { LeaseView } from '../cluster/view.ts'
import type { DeviceState } from '../overlay/device-machine/types.ts'

export interface AgentStatus {
  /** What /readyz says. */
  readonly ready: boolean
  /** `ready: 100 peers`, or `waiting: ` and everything that is waited for. */
  readonly text: string
}

export interface StatusFacts {
  readonly ready: boolean
  readonly view: LeaseView
  readonly families: readonly { readonly device: string; readonly state: DeviceState; readonly ready: boolean }[]
}

export function describeStatus({ ready, view, families }: StatusFacts): string {
  if (ready) return `ready: ${view.peers.size} peers`
  const reasons = families.filter((family) => !family.ready).map(({ device, state }) => `${device} ${reasonOf(state)}`)
  if (!view.synced) reasons.push(view.because)
  return `waiting: ${reasons.length === 0 ? 'subnet.env is to be written' : reasons.join('; ')}`
}

function reasonOf(state: DeviceState): string {
  if (state.name === 'ready') return 'its entries are to be written'
  return 'because' in state ? `${state.name} (${state.because})` : state.name
}
