/**
 * Events on our own Node, as `kubectl describe node` shows them: made, and counted on when the same happens again. By whoever writes our
 * Node, through the core API, which is all that a kubelet may use (events.k8s.io shows the same objects). Must not: decide what is worth
 * one, or how often.
 */
import type { NodeFacts } from '../wire/node-facts.ts'
import type { KubeDoor } from './kube-door.ts'

export interface NodeEvent {
  readonly type: 'Normal' | 'Warning'
  /** In CamelCase. */
  readonly reason: string
  /** One sentence. */
  readonly note: string
  readonly at: Date
}

export interface NodeEvents {
  /** Its name; undefined: our own Node is not known yet. Rejects with KubeError. */
  create(event: NodeEvent): Promise<string | undefined>
  /** It has happened `count` times by now, last at `at`. Rejects with KubeError, 404 where the server has forgotten it. */
  repeat(name: string, again: { readonly count: number; readonly note: string; readonly at: Date }): Promise<void>
}

/** What is about a Node, which has no namespace, belongs here. */
const EVENTS_PATH = '/api/v1/namespaces/default/events'
const CONTROLLER = 'vtepd'
/** Bytes; what the API takes. */
const MOST_BYTES = 1024

export function createNodeEvents(parts: {
  readonly door: Pick<KubeDoor, 'write'>
  readonly own: () => Pick<NodeFacts, 'name' | 'uid'> | undefined
}): NodeEvents {
  return {
    async create({ type, reason, note, at }) {
      const own = parts.own()
      if (own === undefined) return undefined
      const name = `${own.name}.${at.getTime().toString(16)}${Math.floor(Math.random() * 2 ** 20).toString(16)}`
      const time = microTime(at)
      const event = {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name, namespace: 'default' },
        involvedObject: { apiVersion: 'v1', kind: 'Node', name: own.name, uid: own.uid },
        type,
        reason,
        message: shortened(note),
        action: 'KeepOverlay',
        reportingComponent: CONTROLLER,
        reportingInstance: own.name,
        source: { component: CONTROLLER, host: own.name },
        eventTime: time,
        firstTimestamp: seconds(at),
        lastTimestamp: seconds(at),
        count: 1,
      }
      const body = { type: 'application/json', text: JSON.stringify(event) }
      await parts.door.write({ method: 'POST', path: EVENTS_PATH, what: `create event ${reason}`, body })
      return name
    },
    async repeat(name, { count, note, at }) {
      const patch = {
        message: shortened(note),
        count,
        lastTimestamp: seconds(at),
        series: { count, lastObservedTime: microTime(at) },
      }
      const body = { type: 'application/strategic-merge-patch+json', text: JSON.stringify(patch) }
      const path = `${EVENTS_PATH}/${encodeURIComponent(name)}`
      await parts.door.write({ method: 'PATCH', path, what: `patch event ${name}`, body })
    },
  }
}

/** As Kubernetes' MicroTime. */
function microTime(at: Date): string {
  return at.toISOString().replace('Z', '000Z')
}

function seconds(at: Date): string {
  return at.toISOString().replace(/\.\d+Z$/, 'Z')
}

function shortened(note: string): string {
  if (Buffer.byteLength(note) <= MOST_BYTES) return note
  // A character that was cut in the middle is left out.
  return `${Buffer.from(note)
    .subarray(0, MOST_BYTES - 6)
    .toString('utf8')
    .replace(/\uFFFD$/, '')}…`
}
