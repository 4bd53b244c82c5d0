/**
 * One watch, from its request to its end: a WatchList, a resumed watch of whole Nodes, or one of their metadata. Owns
 * what an end means for the next session.
 * Must not: retry or wait, or let the consumer slow the stream down.
 */
import { KubeError } from '../../errors.ts'
import { KubeRefusal, type KubeTarget, openStream } from '../../kube-api/kube-http.ts'
import type { KubeStream } from '../../kube-api/kube-stream.ts'
import { messageOf } from '../../util/message-of.ts'
import type { NodeEvent, NodeFormat } from '../wire/kube-events.ts'
import type { NodeFacts } from '../wire/node-facts.ts'
import { createNodeCompleter } from './node-completer.ts'
import { fetchNode } from './node-fetch.ts'
import { createNodeSpecs } from './node-specs.ts'
import {
  acceptsOf,
  isLost,
  noteSynced,
  pathOf,
  type Resource,
  type SessionParts,
  type StreamMemory,
  understood,
  watchOf,
} from './node-stream-parts.ts'
import { createWatchdog, type Expiry } from './node-stream-watchdog.ts'

/** The server does not want such a version. */
const BAD_REQUEST: ReadonlySet<number> = new Set([400, 422])
/** The server does not let us have Nodes one by one. */
const NO_SINGLE_NODES: ReadonlySet<number> = new Set([403, 405])

/** Why we ended it: the watchdog, or what follows must be another request. */
type End =
  | Expiry
  /** It does not tell of our own Node what etcd says. */
  | 'frozen'
  /** Everything is listed, and metadata is wanted from here. */
  | 'listed'
  /** What metadata lacks could not be had. */
  | { readonly incomplete: KubeError }

/** A list that is due is no trouble. */
const EXPIRED: Readonly<Partial<Record<End & string, string>>> = {
  idle: 'the stream went silent',
  'no-sync': 'the server did not list everything in time',
  frozen: 'our own Node is another than the stream tells: the server shows an old state',
}
/**
 * After a restart. Of 1,000 Nodes some kubelet reports within that time, which confirms what is known; where nothing happens, the
 * server says nothing either (a bookmark of the version from which on one watches is not sent), and a list is cheap. Until
 * then the node is not ready, so it is short.
 */
const FIRST_RESUME_SECONDS = 1

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
  const what = watchOf(parts.resource, metadata)
  try {
    if (signal.aborted) return
    const accept = acceptsOf(memory, clock)[metadata ? 'metadata' : 'nodes']
    const request = { method: 'GET', path: watchPath(parts.resource, memory, parts.random), accept, what } as const
    const stream = await openStream({ target, request, clock, signal: abort.signal })
    if (memory.version !== undefined) parts.onLive()
    await follower.follow(stream, parts.formats.of(stream.contentType))
    follower.end()
  } catch (error) {
    if (over !== undefined) return noteEnd(over, memory, parts.resource)
    follower.fail(error)
    if (metadata && error instanceof KubeError && error.status === 406) memory.watch = 'nodes'
    throw error instanceof KubeError ? error : broken(what, messageOf(error))
  } finally {
    follower.stop()
    signal.removeEventListener('abort', pass)
    abort.abort()
  }
}

function watchPath(resource: Resource, memory: StreamMemory, random: () => number): string {
  const { version, floor, unconfirmed } = memory
  const timeoutSeconds = String(
    unconfirmed && version !== undefined ? FIRST_RESUME_SECONDS : 300 + Math.floor(random() * 301),
  )
  const from: Record<string, string> =
    version !== undefined
      ? { resourceVersion: version }
      : {
          sendInitialEvents: 'true',
          resourceVersionMatch: 'NotOlderThan',
          ...(floor === undefined ? {} : { resourceVersion: floor }),
        }
  return pathOf(resource, { watch: '1', allowWatchBookmarks: 'true', timeoutSeconds, ...from })
}

/** A list that is due, or done, is no trouble; after the rest the stream is not believed any more. */
function noteEnd(end: End, memory: StreamMemory, resource: Resource): void {
  if (end === 'listed') return
  memory.version = undefined
  if (typeof end === 'object') {
    if (NO_SINGLE_NODES.has(end.incomplete.status)) memory.watch = 'nodes'
    throw end.incomplete
  }
  if (end === 'no-sync') memory.syncBy = 'list'
  const trouble = EXPIRED[end]
  if (trouble !== undefined) throw broken(watchOf(resource), trouble)
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
  const what = watchOf(parts.resource)
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
    ownSeenAt: ownName === '' ? undefined : memory.ownSeenAt,
    onExpiry(why) {
      // Silent from the beginning: the version may be one that the server, restored, has yet to come to.
      if (why === 'idle' && !progressed) memory.floorLost = true
      onEnd(why)
    },
    onOwnUnseen: () => void compareOwn(),
  })
  const stopped = new AbortController()
  let differed = false
  /** A kubelet may be silent, and the event of what etcd says already on its way. */
  const compareOwn = async (): Promise<void> => {
    const before = memory.ownVersion
    const asked = { target, memory, parts, name: ownName, version: undefined, signal: stopped.signal }
    const answer = await fetchNode(asked).then(
      (own) => ({ own }),
      () => undefined,
    )
    // Who does not answer will be noticed by the stream's silence.
    if (answer === undefined || stopped.signal.aborted || memory.ownVersion !== before) return
    if (answer.own?.resourceVersion !== before) {
      if (differed) onEnd('frozen')
      differed = true
      return
    }
    memory.ownSeenAt = clock.now()
    watchdog.sawOwn()
  }
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

  memory.complete = () => completer?.waiting !== true

  const put = (node: NodeFacts, version: string | undefined): void => {
    if (node.name === ownName) {
      memory.ownVersion = version
      memory.ownSeenAt = clock.now()
      differed = false
      watchdog.sawOwn()
    }
    if (staged !== undefined && !staged.has(node.name)) watchdog.progress()
    if (metadata && completer === undefined) specs.remember(node)
    if (completer !== undefined) completer.put(node, version)
    else if (staged === undefined) tell(node)
    else staged.set(node.name, parts.read(node))
  }
  const remove = (name: string): void => {
    if (name === ownName) memory.ownVersion = undefined
    if (metadata) specs.forget(name)
    completer?.drop(name)
    if (staged === undefined) parts.onChange({ kind: 'delete', name })
    else staged.delete(name)
  }
  const synced = (nodes: Map<string, T>, version: string): void => {
    staged = undefined
    const rewound = noteSynced(memory, { version, specs, count: nodes.size }, parts)
    watchdog.synced(memory.relistAt)
    parts.onLive()
    parts.onChange({ kind: 'replace', nodes, rewound })
    if (metadata) onEnd('listed')
  }
  const handle = (event: NodeEvent): void => {
    if (event.kind === 'error') throw new KubeRefusal({ request: what, ...event, retryAfterMs: undefined })
    progressed = true
    if (staged === undefined && event.resourceVersion !== undefined) {
      memory.version = event.resourceVersion
      memory.newest = event.resourceVersion
    }
    if (memory.unconfirmed) {
      memory.unconfirmed = false
      parts.onResumed(true)
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
        memory.heardAt = clock.now()
        understood(memory, clock, format, () => read(bytes))
        if (staged === undefined) stream.gather()
      })
    },
    end() {
      if (staged !== undefined) throw broken(what, 'the stream ended before everything was listed')
      if (progressed) return
      if (memory.unconfirmed) {
        memory.version = undefined
        return
      }
      // A version beyond the server's (etcd was restored) is answered by silence and a clean end; `fail` forgets it.
      memory.floorLost = true
      throw broken(what, 'the resumed stream ended without a word: listing everything again')
    },
    fail(error) {
      const status = error instanceof KubeError ? error.status : 0
      const bad = BAD_REQUEST.has(status)
      memory.expired = status === 410 && staged === undefined
      // A watch that is too old is followed by a list from the cache; after what is to come, or a list in vain, etcd is asked.
      if (status === 504 && staged === undefined) memory.floorLost = true
      else if (staged !== undefined && isLost(status) && memory.floor !== undefined) memory.floorLost = true
      else if (staged !== undefined && (begun || bad)) memory.syncBy = 'list'
      if (bad || isLost(status) || (error instanceof KubeError && begun)) memory.version = undefined
    },
    stop() {
      stopped.abort(new Error('closed'))
      watchdog.stop()
      if (completer?.stop() === 'incomplete') memory.version = undefined
    },
  }
}
