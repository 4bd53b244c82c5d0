/**
 * One connection's worth of following all Nodes: list what exists if need be (WatchList, else pages), then watch from
 * there until something ends it. Owns which step comes when. Must not: retry or wait (node-stream.ts), interpret Nodes,
 * or let the consumer slow the stream down.
 */
import type { KubeTarget } from '../http/kube-http.ts'
import { listByPages } from './node-stream-pages.ts'
import type { SessionParts, StreamMemory } from './node-stream-parts.ts'
import { watch } from './node-stream-watch.ts'

export type { NodeChange } from './node-stream-parts.ts'

/** Resolves when the stream ended as streams do; rejects with KubeError when it should not have. Updates `memory` either way. */
export async function runSession<T>(target: KubeTarget, memory: StreamMemory, parts: SessionParts<T>): Promise<void> {
  if (memory.version === undefined && memory.syncBy === 'pages') await listByPages(target, memory, parts)
  // A stream that lists whole Nodes cannot go on with metadata: its end is the beginning of another.
  else if (memory.version === undefined && memory.watch === 'metadata') await watch(target, memory, parts)
  if (parts.signal.aborted) return
  await watch(target, memory, parts)
}
