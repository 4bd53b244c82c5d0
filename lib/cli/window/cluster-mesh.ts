/**
 * What the agents of a whole cluster say of their probes, from the Events on their Nodes. Must not: need an agent, or change anything.
 */
import { systemClock } from '../../host/clock.ts'

export interface ClusterFault {
  /** Who says it. */
  readonly node: string
  /** `MeshUnreachable`, `MeshPathMtu`, … */
  readonly reason: string
  /** null: the Event names none. */
  readonly family: 'ipv4' | 'ipv6' | null
  /** With the names of the peers. */
  readonly sentence: string
  /** ISO 8601, UTC; said again before an hour is over. */
  readonly lastSaid: string
}

/** Of an Event of the core API, what is read. */
export interface EventObject {
  readonly reason?: string
  readonly message?: string
  readonly involvedObject?: { readonly name?: string }
  readonly lastTimestamp?: string | null
  readonly eventTime?: string | null
  readonly series?: { readonly lastObservedTime?: string } | null
}

interface EventList {
  readonly metadata?: { readonly continue?: string }
  readonly items?: readonly EventObject[]
}

const SELECTOR = 'reportingComponent=vtepd,involvedObject.kind=Node'
const PAGE = 500

/** Rejects with KubeError: the server is not reached, or the account may not list Events. */
export async function askCluster(options: {
  /** undefined: in-cluster. */
  readonly kubeconfigFile: string | undefined
  readonly apiUrl: string | undefined
}): Promise<readonly ClusterFault[]> {
  const { openKubeTarget } = await import('../../kube-api/kube-config.ts')
  const { fetchAnswer } = await import('../../kube-api/kube-http.ts')
  const target = await openKubeTarget({ ...options, env: process.env })
  try {
    const events: EventObject[] = []
    let more = ''
    do {
      const query = new URLSearchParams({
        fieldSelector: SELECTOR,
        limit: String(PAGE),
        ...(more && { continue: more }),
      })
      const path = `/api/v1/namespaces/default/events?${query}`
      const request = { method: 'GET', path, accept: 'application/json', what: 'list events' } as const
      const answer = await fetchAnswer({ target, request, clock: systemClock, signal: new AbortController().signal })
      const list = JSON.parse(answer.body.toString('utf8')) as EventList
      events.push(...(list.items ?? []))
      more = list.metadata?.continue ?? ''
    } while (more !== '')
    return standingFaults(events)
  } finally {
    target.close()
  }
}

/** By node and reason the last word, unless that is its end. */
export function standingFaults(events: readonly EventObject[]): readonly ClusterFault[] {
  const last = new Map<string, ClusterFault & { readonly isOver: boolean }>()
  for (const event of events) {
    const { reason = '', message = '', involvedObject: { name: node } = {} } = event
    if (!reason.startsWith('Mesh') || node === undefined) continue
    const [, family = null, sentence = message] = /^(ipv4|ipv6): (.*)$/s.exec(message) ?? []
    const lastSaid = event.series?.lastObservedTime ?? event.lastTimestamp ?? event.eventTime ?? ''
    const base = reason.replace(/Ended$/, '')
    const key = `${node} ${base} ${family}`
    if ((last.get(key)?.lastSaid ?? '') > lastSaid) continue
    last.set(key, {
      node,
      reason: base,
      family: family as ClusterFault['family'],
      sentence,
      lastSaid,
      isOver: base !== reason,
    })
  }
  return [...last.values()]
    .filter(({ isOver }) => !isOver)
    .map(({ isOver: _, ...fault }) => fault)
    .sort((a, b) => (a.node < b.node ? -1 : a.node > b.node ? 1 : a.reason < b.reason ? -1 : 1))
}
