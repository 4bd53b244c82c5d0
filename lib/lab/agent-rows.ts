/**
 * What the agents' logs add to a scenario's story: rows of its timeline, and the states of the victim's devices. Pure.
 * Must not: know more of a line than lib/lab/agent-log.
 */
import type { Family } from '../net/ip.ts'
import { deviceName } from './address-plan.ts'
import { timelineText } from './agent-log.ts'
import type { LabAgent } from './agents.ts'
import type { DeviceState } from './report.ts'
import type { TimelineRow } from './timeline.ts'

export interface AgentRow extends TimelineRow {
  /** Of the victim's agent. */
  readonly own: boolean
  /** It wrote to the kernel or changed its mind about the device; not merely a remark. */
  readonly action: boolean
}

const ACTIONS = new Set(['device.state', 'device.effect', 'peers.applied'])

/** Of events after `sinceMs`; those of other agents begin with their node. */
export function agentRows(
  agents: readonly Pick<LabAgent, 'node' | 'events'>[],
  victim: string,
  sinceMs: number,
): AgentRow[] {
  return agents.flatMap((agent) =>
    agent.events
      .filter((event) => event.atMs >= sinceMs)
      .flatMap((event): AgentRow[] => {
        const text = timelineText(event)
        if (text === undefined) return []
        const own = agent.node === victim
        const action = ACTIONS.has(event.event)
        return [{ atMs: event.atMs, who: 'agent', text: own ? text : `${agent.node}: ${text}`, own, action }]
      }),
  )
}

/** Each device's state when `sinceMs` came, and every one after it; in order of time a device. */
export function deviceStates(
  agents: readonly Pick<LabAgent, 'node' | 'events'>[],
  victim: string,
  sinceMs: number,
): DeviceState[] {
  const events = agents.find(({ node }) => node === victim)?.events ?? []
  const states = events.flatMap(({ event, atMs, fields }) =>
    event === 'device.state' ? [{ atMs, device: deviceName(fields.family as Family), state: String(fields.to) }] : [],
  )
  const next = (at: number): DeviceState | undefined =>
    states.slice(at + 1).find(({ device }) => device === states[at]?.device)
  return states
    .filter((_, index) => (next(index)?.atMs ?? Number.POSITIVE_INFINITY) > sinceMs)
    .map((state) => ({ ...state, atMs: state.atMs - sinceMs }))
}
