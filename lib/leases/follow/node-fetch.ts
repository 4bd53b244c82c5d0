/**
 * One Node by its name. Must not: retry (node-completer.ts).
 */
import { KubeError } from '../../errors.ts'
import { fetchAnswer, type KubeTarget } from '../../kube-api/kube-http.ts'
import type { FetchedNode } from '../wire/kube-events.ts'
import { acceptsOf, type SessionParts, type StreamMemory, understood } from './node-stream-parts.ts'

/**
 * At least as new as `version`: so the API server answers from its watch cache, without asking etcd; undefined: etcd is asked.
 * Resolves with undefined when it does not exist, rejects with KubeError.
 */
export async function fetchNode(call: {
  readonly target: KubeTarget
  readonly memory: StreamMemory
  readonly parts: Pick<SessionParts<unknown>, 'formats' | 'wanted' | 'ownName' | 'clock'>
  readonly name: string
  readonly version: string | undefined
  readonly signal: AbortSignal
}): Promise<FetchedNode | undefined> {
  const { target, memory, name, version, signal } = call
  const { formats, wanted, ownName, clock } = call.parts
  const query = version === undefined ? '' : `?${new URLSearchParams({ resourceVersion: version })}`
  const path = `/api/v1/nodes/${encodeURIComponent(name)}${query}`
  const request = { method: 'GET', path, accept: acceptsOf(memory, clock).nodes, what: `get node ${name}` } as const
  try {
    const { body, contentType } = await fetchAnswer({ target, request, clock, signal })
    const format = formats.of(contentType)
    return understood(memory, clock, format, () => format.decodeNode(body, wanted, ownName))
  } catch (error) {
    if (error instanceof KubeError && error.status === 404) return undefined
    throw error
  }
}
