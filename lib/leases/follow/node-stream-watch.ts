/**
 * One watch, from its request to its end: a WatchList, a resumed watch of whole Nodes, or one of their metadata. Owns
 * what an end means for the next session.
 * Must not: retry or wait, or let the consumer slow the stream down.
 */
import { KubeError } from '../../errors.ts'
import { messageOf } from '../../util/message-of.ts'
import { KubeRefusal, type KubeTarget, openStream } from '../http/kube-http.ts'
import type { KubeStream } from '../http/kube-stream.ts'
import type { NodeEvent, NodeFormat } from '../wire/kube-events.ts'
import type { NodeFacts } from '../wire/node-facts.ts'
import { createNodeCompleter } from './node-completer.ts'
import { fetchNode } from './node-fetch.ts'
import { createNodeSpecs } from './node-specs.ts'
import {
  acceptsOf,
  noteSynced,
  type SessionParts,
  type StreamMemory,
  understood,
  WATCH,
  WATCH_METADATA,
} from './node-stream-parts.ts'
import { createWatchdog, type Expiry } from './node-stream-watchdog.ts'

/** Nobody knows whether such a version still means anything to the server: its history is gone, or it was restored. */
const VERSION_LOST: ReadonlySet<number> = new Set([400, 410, 422, 504])
/** The server does not let us have Nodes one by one. */
const NO_SINGLE_NODES: ReadonlySet<number> = new Set([403, 405])

/** Why we ended it: the watchdog, or what follows must be another request. */
type End =
  | Expiry
  /** Everything is listed, and metadata is wanted from here. */
  | 'listed'
  /** What metadata lacks could not be had. */
  | { readonly incomplete: KubeError }

const EXPIRED: Readonly<Record<Expiry, string>> = {
  idle: 'the stream went silent',
  'no-sync': 'the server did not list everything in time',
  'own-unseen': 'our own Node sent no heartbeat: the server may be showing an old state',
  relist: 'a fresh list is due',
}

/** Resolves when it ended as it should; rejects with KubeError. Updates `memory` either way. */
export async function watch<T>(target: KubeTarget, memory: StreamMemory, parts: SessionParts<T>): Promise<void> {
  const { clock, signal } = parts
  const abort = new AbortController()
  const pass = (): void => abort.abort(signal.reason)
  signal.addEventListener('abort', pass)
  let over: End | undefined
  const follower = createFollower(target, memory, parts, (why) => {
    over ??= why
    abort.abort(new Error('ended by us'))
  })
  const metadata = memory.version !== undefined && memory.watch === 'metadata'
  const what = metadata ? WATCH_METADATA : WATCH
  try {
    if (signal.aborted) return
    const accept = acceptsOf(memory)[metadata ? 'metadata' : 'nodes']
    const request = { method: 'GET', path: watchPath(memory, parts.random), accept, what } as const
    const stream = await openStream({ target, request, clock, signal: abort.signal })
    if (memory.version !== undefined) parts.onLive()
    await follower.follow(stream, parts.formats.of(stream.contentType))
    follower.end()
  } catch (error) {
    if (over !== undefined) return noteEnd(over, memory)
    follower.fail(error)
    if (metadata && error instanceof KubeError && error.status === 406) memory.watch = 'nodes'
    throw error instanceof KubeError ? error : broken(what, messageOf(error))
  } finally {
    follower.stop()
    signal.removeEventListener('abort', pass)
    abort.abort()
  }
}

function watchPath(memory: StreamMemory, random: () => number): string {
  const timeoutSeconds = String(300 + Math.floor(random() * 301))
  const from: Record<string, string> =
    memory.version === undefined
      ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' }
      : { resourceVersion: memory.version }
  return `/api/v1/nodes?${new URLSearchParams({ watch: '1', allowWatchBookmarks: 'true', timeoutSeconds, ...from })}`
}

/** A list that is due, or done, is no trouble; the rest is, and the stream is not believed any more. */
function noteEnd(end: End, memory: StreamMemory): void {
  if (end === 'listed') return
  memory.version = undefined
  if (typeof end === 'object') {
    if (NO_SINGLE_NODES.has(end.incomplete.status)) memory.watch = 'nodes'
    throw end.incomplete
  }
  if (end === 'no-sync') memory.syncBy = 'pages'
  if (end === 'idle' || end === 'no-sync') throw broken(WATCH, EXPIRED[end])
}

function broken(request: string, reason: string): KubeRefusal {
  return new KubeRefusal({ request, status: 0, reason, retryAfterMs: undefined })
}

interface Follower {
  follow(stream: KubeStream, format: NodeFormat): Promise<void>
  /** The body ended by itself; throws when that is no good sign. */
  end(): void
  /** It ended with this error: decides what the next session can still use. */
  fail(error: unknown): void
  /** Nodes that were told and not completed yet make a list necessary. */
  stop(): void
}

function createFollower<T>(
  target: KubeTarget,
  memory: StreamMemory,
  parts: SessionParts<T>,
  onEnd: (end: End) => void,
): Follower {
  const { clock, ownName, wanted } = parts
  const staging = memory.version === undefined
  const metadata = memory.watch === 'metadata'
  let staged: Map<string, T> | undefined = staging ? new Map() : undefined
  const specs = staging ? createNodeSpecs() : memory.specs
  let begun = false
  let progressed = false
  const watchdog = createWatchdog({
    clock,
    syncing: staging,
    relistAt: memory.relistAt,
    ownSeenAt: memory.ownSeenAt,
    onExpiry: onEnd,
  })
  const tell = (node: NodeFacts): void => parts.onChange({ kind: 'put', name: node.name, node: parts.read(node) })
  const completer =
    metadata && !staging
      ? createNodeCompleter({
          specs,
          ownName,
          clock,
          random: parts.random,
          fetch: (name, version, signal) => fetchNode({ target, memory, parts, name, version, signal }),
          onNode: tell,
          onGiveUp: (why) => onEnd(why === 'too many' ? 'relist' : { incomplete: why }),
        })
      : undefined

  const put = (node: NodeFacts, version: string | undefined): void => {
    if (node.name === ownName) {
      memory.ownSeenAt = clock.now()
      watchdog.sawOwn()
    }
    if (metadata && completer === undefined) specs.remember(node)
    if (completer !== undefined) completer.put(node, version)
    else if (staged === undefined) tell(node)
    else staged.set(node.name, parts.read(node))
  }
  const remove = (name: string): void => {
    if (metadata) specs.forget(name)
    completer?.drop(name)
    if (staged === undefined) parts.onChange({ kind: 'delete', name })
    else staged.delete(name)
  }
  const synced = (nodes: Map<string, T>, version: string): void => {
    staged = undefined
    const rewound = noteSynced(memory, version, specs, parts)
    watchdog.synced(memory.relistAt)
    parts.onLive()
    parts.onChange({ kind: 'replace', nodes, rewound })
    if (metadata) onEnd('listed')
  }
  const handle = (event: NodeEvent): void => {
    if (event.kind === 'error') throw new KubeRefusal({ request: WATCH, ...event, retryAfterMs: undefined })
    progressed = true
    if (staged === undefined && event.resourceVersion !== undefined) {
      memory.version = event.resourceVersion
      memory.newest = event.resourceVersion
    }
    if (event.kind === 'put') put(event.node, event.resourceVersion)
    else if (event.kind === 'delete') remove(event.name)
    else if (event.kind === 'bookmark' && event.initialEventsEnd && staged !== undefined)
      synced(staged, event.resourceVersion)
  }

  return {
    follow(stream, format) {
      begun = true
      const decoder = format.createDecoder(wanted, ownName)
      const read = (chunk: Uint8Array): void => {
        for (const event of decoder.push(chunk)) handle(event)
      }
      return stream.read((bytes) => {
        watchdog.touch()
        understood(memory, format, () => read(bytes))
        if (staged === undefined) stream.gather()
      })
    },
    end() {
      if (staged !== undefined) throw broken(WATCH, 'the stream ended before everything was listed')
      if (progressed) return
      // A version beyond the server's (etcd was restored) is answered by silence and a clean end; `fail` forgets it.
      throw broken(WATCH, 'the resumed stream ended without a word: listing everything again')
    },
    fail(error) {
      const refused = error instanceof KubeError && error.status !== 0
      const decoded = error instanceof KubeError && begun
      if (staged !== undefined && (begun || (refused && (error.status === 400 || error.status === 422))))
        memory.syncBy = 'pages'
      if (decoded || (refused && VERSION_LOST.has(error.status))) memory.version = undefined
    },
    stop() {
      watchdog.stop()
      if (completer?.stop() === 'incomplete') memory.version = undefined
    },
  }
}
