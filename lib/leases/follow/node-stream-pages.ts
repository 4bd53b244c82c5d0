/**
 * A list of all Nodes by pages, for servers that do not get on with WatchList. Owns the paging; a continue token of a 410
 * is never used (it continues an inconsistent list). Must not: watch.
 */
import { KubeError } from '../../errors.ts'
import { fetchAnswer, type KubeTarget } from '../http/kube-http.ts'
import { createNodeSpecs } from './node-specs.ts'
import { acceptsOf, noteSynced, type SessionParts, type StreamMemory, understood } from './node-stream-parts.ts'

const PAGE_SIZE = 500

/** Tells a `replace` when the last page was read; rejects with KubeError, and then nothing was told. */
export async function listByPages<T>(target: KubeTarget, memory: StreamMemory, parts: SessionParts<T>): Promise<void> {
  const { formats, wanted, ownName, clock, signal } = parts
  const nodes = new Map<string, T>()
  const specs = createNodeSpecs()
  let token: string | undefined
  let version: string | undefined
  do {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(token === undefined ? {} : { continue: token }) })
    const path = `/api/v1/nodes?${query}`
    const request = { method: 'GET', path, accept: acceptsOf(memory).nodes, what: 'list nodes' } as const
    const { body, contentType } = await fetchAnswer({ target, request, clock, signal })
    const page = understood(memory, formats.of(contentType), (format) => format.decodePage(body, wanted, ownName))
    for (const node of page.nodes) {
      if (memory.watch === 'metadata') specs.remember(node)
      nodes.set(node.name, parts.read(node))
    }
    token = page.continue
    version = page.resourceVersion
  } while (token !== undefined)
  if (version === undefined)
    throw new KubeError({ request: 'list nodes', status: 0, reason: 'the list has no resourceVersion' })
  memory.syncBy = 'stream'
  const rewound = noteSynced(memory, version, specs, parts)
  parts.onLive()
  parts.onChange({ kind: 'replace', nodes, rewound })
}
