/**
 * A list of all Nodes for servers that do not get on with WatchList: in one answer of their cache where a version is known
 * that it must have reached, else by pages. A page, or a version with a limit, may be read from etcd; a continue token of a
 * 410 is never used (it continues an inconsistent list). Must not: watch.
 */
import { KubeError } from '../../errors.ts'
import { fetchAnswer, type KubeTarget } from '../../kube-api/kube-http.ts'
import { createNodeSpecs } from './node-specs.ts'
import {
  acceptsOf,
  isLost,
  noteSynced,
  pathOf,
  type SessionParts,
  type StreamMemory,
  understood,
} from './node-stream-parts.ts'

const PAGE_SIZE = 500

/** Tells a `replace` when all of it was read; rejects with KubeError, and then nothing was told. */
export async function listNodes<T>(target: KubeTarget, memory: StreamMemory, parts: SessionParts<T>): Promise<void> {
  const { resource, formats, wanted, ownName, clock, signal } = parts
  const what = `list ${resource.what}`
  const nodes = new Map<string, T>()
  const specs = createNodeSpecs()
  const { floor } = memory
  let version: string | undefined
  let query: Record<string, string> | undefined =
    floor === undefined
      ? { limit: String(PAGE_SIZE) }
      : { resourceVersion: floor, resourceVersionMatch: 'NotOlderThan' }
  while (query !== undefined) {
    const path = pathOf(resource, query)
    const request = { method: 'GET', path, accept: acceptsOf(memory, clock).nodes, what } as const
    const { body, contentType } = await fetchAnswer({ target, request, clock, signal }).catch((error: unknown) => {
      if (error instanceof KubeError && isLost(error.status)) memory.floorLost = true
      throw error
    })
    memory.heardAt = clock.now()
    const format = formats.of(contentType)
    const page = understood(memory, clock, format, () => format.decodePage(body, wanted, ownName))
    for (const node of page.nodes) {
      if (memory.watch === 'metadata') specs.remember(node)
      nodes.set(node.name, parts.read(node))
    }
    query = page.continue === undefined ? undefined : { limit: String(PAGE_SIZE), continue: page.continue }
    version = page.resourceVersion
  }
  if (version === undefined)
    throw new KubeError({ request: what, status: 0, reason: 'the list has no resourceVersion' })
  memory.syncBy = 'stream'
  const rewound = noteSynced(memory, { version, specs, count: nodes.size }, parts)
  parts.onLive()
  parts.onChange({ kind: 'replace', nodes, rewound })
}
