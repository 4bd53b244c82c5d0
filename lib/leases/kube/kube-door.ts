/**
 * How this node reaches the API server: opens targets, finds out our own node's name, reads and patches our own Node.
 * Must not: follow Nodes (node-stream.ts) or decide what is written (publish-patch.ts).
 */
import { KubeError } from '../../errors.ts'
import type { Clock } from '../../util/clock.ts'
import { within } from '../follow/pause.ts'
import type { KubeAccessOptions } from '../http/kube-config.ts'
import { fetchAnswer, type KubeAnswer, type KubeRequest, type KubeTarget } from '../http/kube-http.ts'
import { member, type NodeFacts, projectNode } from '../wire/node-facts.ts'
import type { NodePatch } from './publish-patch.ts'

/** A program that gives credentials, or a file system, may never answer. */
const OPEN_MS = 60_000

export interface KubeDoorConfig extends KubeAccessOptions {
  /** The node's name, or the pod whose spec.nodeName says it. */
  readonly node: { readonly name: string } | { readonly pod: string; readonly podNamespace: string }
}

export interface KubeDoor {
  /** undefined until a pod has told it, or it was remembered. */
  readonly nodeName: string | undefined
  /** From an earlier run of the same pod; asked for all the same. */
  rememberNodeName(name: string): void
  /** For the stream: resolves when the node's name is known too. Rejects with KubeError, to be tried again. */
  open(signal: AbortSignal): Promise<KubeTarget>
  readOwnNode(): Promise<NodeFacts>
  /** The Node as it is after the patch. */
  patchOwnStatus(patch: NodePatch): Promise<NodeFacts>
  /** Requests under way reject with `reason`. */
  close(reason: Error): void
}

export function createKubeDoor(parts: {
  readonly config: KubeDoorConfig
  readonly clock: Clock
  readonly wanted: ReadonlySet<string>
  /** Called whenever credentials could be read, before anything is asked with them. */
  readonly onTarget: (target: KubeTarget) => void
}): KubeDoor {
  const { config, clock, wanted } = parts
  const closing = new AbortController()
  let told = 'name' in config.node ? config.node.name : undefined
  let nodeName = told
  /** What was not given in time is waited for by the next who asks: a second try would hang beside it. */
  let late: Promise<KubeTarget> | undefined

  const connect = async (): Promise<KubeTarget> => {
    const { openKubeTarget } = await import('../http/kube-config.ts')
    const opening = late ?? openKubeTarget(config)
    late = undefined
    return within(opening, {
      clock,
      ms: OPEN_MS,
      signal: closing.signal,
      late() {
        late = opening
        return closing.signal.aborted ? closing.signal.reason : notGiven()
      },
      dispose(target) {
        if (late !== opening) return
        late = undefined
        target.close()
      },
    })
  }
  const askForNodeName = async (target: KubeTarget, signal: AbortSignal): Promise<void> => {
    if ('name' in config.node) return
    const { pod, podNamespace } = config.node
    const path = `/api/v1/namespaces/${encodeURIComponent(podNamespace)}/pods/${encodeURIComponent(pod)}`
    const request: KubeRequest = { method: 'GET', path, what: `get pod ${podNamespace}/${pod}` }
    const name = member(
      member(parse(await fetchAnswer({ target, request, clock, signal }), request), 'spec'),
      'nodeName',
    )
    if (typeof name !== 'string' || name === '')
      throw new KubeError({ request: request.what, status: 0, reason: 'it has no spec.nodeName yet' })
    told = name
    nodeName = name
  }
  const askAboutOwnNode = async (method: KubeRequest['method'], suffix: string, body?: KubeRequest['body']) => {
    if (nodeName === undefined)
      throw new KubeError({ request: 'our own Node', status: 0, reason: 'its name is not known yet' })
    const what = `${method === 'GET' ? 'get' : 'patch'} node ${nodeName}${suffix}`
    const path = `/api/v1/nodes/${encodeURIComponent(nodeName)}${suffix}`
    const request: KubeRequest = { method, path, what, ...(body === undefined ? {} : { body }) }
    const target = await connect()
    try {
      const node = projectNode(
        parse(await fetchAnswer({ target, request, clock, signal: closing.signal }), request),
        wanted,
        nodeName,
      )
      if (node === undefined) throw new KubeError({ request: what, status: 0, reason: 'the answer is no Node' })
      return node
    } finally {
      target.close()
    }
  }

  return {
    get nodeName() {
      return nodeName
    },
    rememberNodeName(name) {
      nodeName = told ?? name
    },
    async open(signal) {
      const target = await connect()
      try {
        parts.onTarget(target)
        if (told === undefined) await askForNodeName(target, signal)
        return target
      } catch (error) {
        target.close()
        throw error
      }
    },
    readOwnNode: () => askAboutOwnNode('GET', ''),
    patchOwnStatus: (patch) =>
      askAboutOwnNode('PATCH', '/status', {
        type: 'application/strategic-merge-patch+json',
        text: JSON.stringify(patch),
      }),
    close: (reason) => closing.abort(reason),
  }
}

function notGiven(): KubeError {
  return new KubeError({ request: 'credentials', status: 0, reason: `not given within ${OPEN_MS / 1000} s` })
}

function parse({ body }: KubeAnswer, request: KubeRequest): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new KubeError({ request: request.what, status: 0, reason: 'the answer is not JSON' }, { cause })
  }
}
