/**
 * How this node reaches the API server: opens targets, finds out our own node's name, reads and patches our own Node.
 * Must not: follow Nodes (node-stream.ts) or decide what is written (publish-patch.ts).
 */
import { KubeError } from '../../errors.ts'
import { findKubeletKubeconfigs } from '../../host/kubelet-credential.ts'
import { nameIdentity } from '../../kube-api/identity.ts'
import type { KubeAccessOptions } from '../../kube-api/kube-config.ts'
import { fetchAnswer, type KubeAnswer, type KubeRequest, type KubeTarget } from '../../kube-api/kube-http.ts'
import { createOpener } from '../../kube-api/opener.ts'
import type { Clock } from '../../util/clock.ts'
import { member } from '../../util/go-json.ts'
import type { Log } from '../../util/log.ts'
import { messageOf } from '../../util/message-of.ts'
import { type NodeFacts, projectNode } from '../wire/node-facts.ts'
import { openPublishTarget, type Publisher, type PublishTarget } from './publish-access.ts'
import type { NodePatch } from './publish-patch.ts'
import { createReaderChoice } from './reader-choice.ts'

export interface KubeDoorConfig extends KubeAccessOptions {
  /** The node's name, or the pod whose spec.nodeName says it. */
  readonly node: { readonly name: string } | { readonly pod: string; readonly podNamespace: string }
  /** Further kubeconfigs to read by, where `kubeconfigFile` may not list Nodes. */
  readonly readers?: readonly string[]
  /** Who writes our own Node. Default: whoever reads. */
  readonly publisher?: Publisher
  /** Where the host's files are; only tests give another folder. */
  readonly hostRoot?: string
}

export interface KubeDoor {
  /** undefined until a pod has told it, or it was remembered. */
  readonly nodeName: string | undefined
  /** From an earlier run of the same pod; asked for all the same. */
  rememberNodeName(name: string): void
  /** For the stream: resolves when the node's name is known too. Rejects with KubeError, to be tried again. */
  open(signal: AbortSignal): Promise<KubeTarget>
  readOwnNode(): Promise<NodeFacts>
  /** The Node as it is after the patch. Refused (422) when it is another one than `uid` by now, or one of another cluster. */
  patchOwnStatus(patch: NodePatch, uid: string): Promise<NodeFacts>
  /** A request by whoever writes our own Node; the answer is of no interest. Rejects with KubeError. */
  write(request: KubeRequest): Promise<void>
  /** Requests under way reject with `reason`. */
  close(reason: Error): void
}

export function createKubeDoor(parts: {
  readonly config: KubeDoorConfig
  readonly clock: Clock
  /** The time of day, which certificates end by. */
  readonly today: () => Date
  readonly log: Log
  readonly wanted: ReadonlySet<string>
}): KubeDoor {
  const { config, clock, wanted } = parts
  const closing = new AbortController()
  let told = 'name' in config.node ? config.node.name : undefined
  let nodeName = told
  let identities = ''

  const { publisher = 'reader', kubeconfigFile, readers = [] } = config
  const openAs = async (file: string | undefined): Promise<KubeTarget> => {
    const { openKubeTarget } = await import('../../kube-api/kube-config.ts')
    return openKubeTarget({ ...config, kubeconfigFile: file, signal: closing.signal })
  }
  const read = createOpener<KubeTarget>({
    open:
      kubeconfigFile === undefined || readers.length === 0
        ? () => openAs(kubeconfigFile)
        : createReaderChoice({ files: [kubeconfigFile, ...readers], open: openAs, clock, signal: closing.signal }),
    dispose: (target) => target.close(),
    clock,
    signal: closing.signal,
  })
  const write =
    publisher === 'reader'
      ? undefined
      : createOpener<PublishTarget>({
          open: () =>
            openPublishTarget({
              access: { ...config, signal: closing.signal },
              publisher,
              nodeName: nodeName ?? '',
              today: parts.today(),
              find: () => findKubeletKubeconfigs(config.hostRoot),
            }),
          dispose: ({ target }) => target.close(),
          clock,
          signal: closing.signal,
        })
  /** Told when a session begins, and again only when it is another: what is written may have been written long ago. */
  const tellIdentities = async (reader: string): Promise<void> => {
    const line = `Nodes are read by ${reader}, our own is written by ${await nameOfWriter(reader)}`
    if (closing.signal.aborted || line === identities) return
    identities = line
    parts.log.info('leases.identities', line)
  }
  const nameOfWriter = async (reader: string): Promise<string> => {
    if (write === undefined) return reader
    try {
      const { target, by } = await write()
      target.close()
      return by
    } catch (error) {
      return `nobody yet: ${messageOf(error)}`
    }
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
  const ownNode = (): string => {
    if (nodeName !== undefined) return nodeName
    throw new KubeError({ request: 'our own Node', status: 0, reason: 'its name is not known yet' })
  }
  const askAboutOwnNode = async (target: KubeTarget, request: KubeRequest, name: string): Promise<NodeFacts> => {
    try {
      const node = projectNode(
        parse(await fetchAnswer({ target, request, clock, signal: closing.signal }), request),
        wanted,
        name,
      )
      if (node === undefined) throw new KubeError({ request: request.what, status: 0, reason: 'the answer is no Node' })
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
      const target = await read()
      try {
        if (told === undefined) await askForNodeName(target, signal)
        void tellIdentities(nameIdentity(target.identity))
        return target
      } catch (error) {
        target.close()
        throw error
      }
    },
    async readOwnNode() {
      const name = ownNode()
      const request: KubeRequest = { method: 'GET', path: pathOf(name), what: `get node ${name}` }
      return askAboutOwnNode(await read(), request, name)
    },
    async patchOwnStatus(patch, uid) {
      const name = ownNode()
      const { target, by } = write === undefined ? { target: await read(), by: '' } : await write()
      const what = `patch node ${name}/status${by === '' ? '' : ` by ${by}`}`
      const text = JSON.stringify({ ...patch, metadata: { ...patch.metadata, uid } })
      const body = { type: 'application/strategic-merge-patch+json', text }
      return askAboutOwnNode(target, { method: 'PATCH', path: `${pathOf(name)}/status`, what, body }, name)
    },
    async write(request) {
      const target = write === undefined ? await read() : (await write()).target
      try {
        await fetchAnswer({ target, request, clock, signal: closing.signal })
      } finally {
        target.close()
      }
    },
    close: (reason) => closing.abort(reason),
  }
}

function pathOf(nodeName: string): string {
  return `/api/v1/nodes/${encodeURIComponent(nodeName)}`
}

function parse({ body }: KubeAnswer, request: KubeRequest): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (cause) {
    throw new KubeError({ request: request.what, status: 0, reason: 'the answer is not JSON' }, { cause })
  }
}
