/**
 * One connection's worth of following all Nodes: go on where the last run stopped, or list what exists (WatchList, else a
 * list), then watch from there until something ends it. Owns which step comes when, and from which version on a list is
 * good. Must not: retry or wait (node-stream.ts), interpret Nodes, or let the consumer slow the stream down.
 */
import type { KubeTarget } from '../../kube-api/kube-http.ts'
import { fetchNode } from './node-fetch.ts'
import { listNodes } from './node-stream-list.ts'
import { isBehind, type SessionParts, type StreamMemory } from './node-stream-parts.ts'
import { watch } from './node-stream-watch.ts'

export type { NodeChange } from './node-stream-parts.ts'

/** Resolves when the stream ended as streams do; rejects with KubeError when it should not have. Updates `memory` either way. */
export async function runSession<T>(target: KubeTarget, memory: StreamMemory, parts: SessionParts<T>): Promise<void> {
  if (memory.version === undefined && !(await resumed(target, memory, parts))) {
    if (memory.syncBy === 'list') await listNodes(target, memory, parts)
    // A stream that lists whole Nodes cannot go on with metadata: its end is the beginning of another.
    else if (memory.watch === 'metadata') await watch(target, memory, parts)
  }
  if (parts.signal.aborted) return
  await watch(target, memory, parts)
}

/**
 * Asks etcd for our own Node (a read without a version is never answered from a cache): the same one as in the last run, and
 * not an older state of it, means the same cluster, whose history goes on. Else what it says is the least that a list
 * must know.
 */
async function resumed<T>(target: KubeTarget, memory: StreamMemory, parts: SessionParts<T>): Promise<boolean> {
  const { clock, random, signal, ownName } = parts
  const asked = { target, memory, parts, name: ownName, version: undefined, signal }
  const own = ownName === '' ? undefined : await fetchNode(asked)
  memory.ownVersion = own?.resourceVersion
  const kept = await parts.takeKept()
  const { newest = own?.resourceVersion, ownVersion } = memory
  const floor = newest !== undefined && ownVersion !== undefined && isBehind(newest, ownVersion) ? ownVersion : newest
  memory.floor = memory.floorLost ? undefined : floor
  if (kept === undefined || own === undefined || ownVersion === undefined) return false
  if (own.node.uid !== kept.ownUid || isBehind(ownVersion, kept.ownVersion)) return false
  for (const spec of kept.specs) memory.specs.remember(spec)
  memory.version = kept.version
  memory.newest = kept.version
  memory.count = kept.count
  memory.unconfirmed = true
  memory.ownSeenAt = clock.now()
  memory.relistAt = clock.now() + RESUMED_RELIST_MS * (1 - random())
  parts.onResumed(false)
  return true
}

/** What happened while nobody looked may have been another history: within this time, spread over all of it. Milliseconds. */
const RESUMED_RELIST_MS = 1_800_000
