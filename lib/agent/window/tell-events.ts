/**
 * Connects the teller of Events with what knows: the lease source that is followed, and its view. Must not: decide what is told
 * (event-teller.ts).
 */
import type { NodeEvents } from '../../leases/kube/node-events.ts'
import type { LeaseSource } from '../../leases/source.ts'
import type { AgentConfig } from '../config.ts'
import type { Succession } from '../succession.ts'
import { createEventTeller, type EventTeller, type EventTellerParts } from './event-teller.ts'

/** undefined: there is no API server, or nobody wants it. */
export function tellEvents(
  { leases, events = true }: Pick<AgentConfig, 'leases' | 'events'>,
  parts: Pick<EventTellerParts, 'journal' | 'clock' | 'log'> & {
    readonly succession: Pick<Succession<LeaseSource & { readonly events?: NodeEvents }>, 'source'>
  },
): EventTeller | undefined {
  const { succession } = parts
  if (leases.kind !== 'kube' || !events) return undefined
  return createEventTeller({
    ...parts,
    events: () => succession.source?.events,
    peers: () => succession.source?.view().peers.size ?? 0,
    refusedToUs() {
      const { own, rejected = [] } = succession.source?.view() ?? {}
      const concerning = rejected.filter(({ node, fault }) => fault === 'ours' || node === own?.node)
      return concerning.length === 0 ? undefined : concerning.map(({ message }) => message).join('; ')
    },
  })
}
