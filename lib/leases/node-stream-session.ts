/**
 * One connection's worth of following all Nodes: list what exists if need be (WatchList, else pages), then watch from
 * there until something ends it. Owns what an end means for the next session (kubernetes-notes, "the watcher's rules").
 * Must not: retry or wait (node-stream.ts), interpret Nodes, or let the consumer slow the stream down.
 */
import type { IncomingMessage } from 'node:http'
import { KubeError } from '../errors.ts'
import type { Clock } from '../util/clock.ts'
import { KubeGarbage, type NodeEvent, type NodeFormat } from './kube-events.ts'
import { ACCEPT_ANY, ACCEPT_JSON, type NodeFormats } from './kube-formats.ts'
import { eachChunk, fetchAnswer, KubeRefusal, type KubeTarget, openStream } from './kube-http.ts'
import type { NodeFacts } from './node-facts.ts'
import { createWatchdog, type Expiry } from './node-stream-watchdog.ts'

/** `T` is what the consumer makes of a Node while it is read, so that a list of 100,000 never stands here as facts. */
export type NodeChange<T> =
  /** A whole list: what it lacks does not exist. The map is the consumer's from now on. */
  | { readonly kind: 'replace'; readonly nodes: Map<string, T> }
  | { readonly kind: 'put'; readonly name: string; readonly node: T }
  | { readonly kind: 'delete'; readonly name: string }

export interface SessionParts<T> {
  readonly formats: NodeFormats
  readonly wanted: ReadonlySet<string>
  readonly ownName: string
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  /** Called once for each Node that is told, before it is part of a change. */
  read(node: NodeFacts): T
  onChange(change: NodeChange<T>): void
  /** The server answers: what we know is being kept up to date. */
  onLive(): void
  /** It also says something: trouble before is over. */
  onProgress(): void
}

/** What one session leaves to the next. */
export interface StreamMemory {
  /** Where a watch resumes; undefined: everything has to be listed again. */
  version: string | undefined
  /** How the next list is made; pages where a WatchList failed, and once only. */
  syncBy: 'stream' | 'pages'
  /** What was announced as protobuf was not understood: JSON alone is asked for from then on. */
  jsonOnly: boolean
  relistAt: number
  ownSeenAt: number
}

/** How errors name the request of a watch, a WatchList included. */
export const WATCH = 'watch nodes'

const PAGE_SIZE = 500
/** A list anew about every six hours, jittered down by up to a quarter, so that a cluster's agents do not come together. */
const RELIST_MS = 21_600_000
/** Nobody knows whether such a version still means anything to the server: its history is gone, or it was restored. */
const VERSION_LOST: ReadonlySet<number> = new Set([400, 410, 422, 504])

const EXPIRED: Readonly<Record<Expiry, string>> = {
  idle: 'the stream went silent',
  'no-sync': 'the server did not list everything in time',
  'own-unseen': 'our own Node sent no heartbeat: the server may be showing an old state',
  relist: 'a fresh list is due',
}

/** Resolves when the stream ended as streams do; rejects with KubeError when it should not have. Updates `memory` either way. */
export async function runSession<T>(target: KubeTarget, memory: StreamMemory, parts: SessionParts<T>): Promise<void> {
  if (memory.version === undefined && memory.syncBy === 'pages') await listByPages(target, memory, parts)
  await watch(target, memory, parts)
}

async function listByPages<T>(target: KubeTarget, memory: StreamMemory, parts: SessionParts<T>): Promise<void> {
  const { formats, wanted, ownName, clock, signal } = parts
  const nodes = new Map<string, T>()
  let token: string | undefined
  let version: string | undefined
  do {
    const query = new URLSearchParams({ limit: String(PAGE_SIZE), ...(token === undefined ? {} : { continue: token }) })
    const path = `/api/v1/nodes?${query}`
    const request = { method: 'GET', path, accept: acceptOf(memory), what: 'list nodes' } as const
    const { body, contentType } = await fetchAnswer({ target, request, clock, signal })
    const page = understood(memory, formats.of(contentType), (format) => format.decodePage(body, wanted, ownName))
    for (const node of page.nodes) nodes.set(node.name, parts.read(node))
    token = page.continue
    version = page.resourceVersion
  } while (token !== undefined)
  if (version === undefined)
    throw new KubeError({ request: 'list nodes', status: 0, reason: 'the list has no resourceVersion' })
  memory.syncBy = 'stream'
  noteSynced(memory, version, parts)
  parts.onLive()
  parts.onProgress()
  parts.onChange({ kind: 'replace', nodes })
}

function acceptOf(memory: StreamMemory): string {
  return memory.jsonOnly ? ACCEPT_JSON : ACCEPT_ANY
}

/** A format that fails us is not asked for again: better slow than never. */
function understood<R>(memory: StreamMemory, format: NodeFormat, decode: (format: NodeFormat) => R): R {
  try {
    return decode(format)
  } catch (error) {
    if (error instanceof KubeGarbage && format.name === 'protobuf') memory.jsonOnly = true
    throw error
  }
}

function noteSynced(
  memory: StreamMemory,
  version: string,
  { clock, random }: Pick<SessionParts<unknown>, 'clock' | 'random'>,
): void {
  memory.version = version
  memory.relistAt = clock.now() + RELIST_MS * (1 - random() / 4)
  memory.ownSeenAt = clock.now()
}

async function watch<T>(target: KubeTarget, memory: StreamMemory, parts: SessionParts<T>): Promise<void> {
  const { clock, signal } = parts
  const abort = new AbortController()
  const pass = (): void => abort.abort(signal.reason)
  signal.addEventListener('abort', pass)
  let expiry: Expiry | undefined
  const follower = createFollower(memory, parts, (why) => {
    expiry = why
    abort.abort(new Error(EXPIRED[why]))
  })
  try {
    if (signal.aborted) return
    const request = {
      method: 'GET',
      path: watchPath(memory, parts.random),
      accept: acceptOf(memory),
      what: WATCH,
    } as const
    const response = await openStream({ target, request, clock, signal: abort.signal })
    parts.onLive()
    await follower.follow(response, parts.formats.of(response.headers['content-type']))
    follower.end()
  } catch (error) {
    if (expiry !== undefined) return noteExpiry(expiry, memory)
    follower.fail(error)
    throw error instanceof KubeError ? error : broken(error instanceof Error ? error.message : String(error))
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

/** A list that is due is no trouble; the rest is, and the stream is not believed any more. */
function noteExpiry(expiry: Expiry, memory: StreamMemory): void {
  memory.version = undefined
  if (expiry === 'no-sync') memory.syncBy = 'pages'
  if (expiry === 'idle' || expiry === 'no-sync') throw broken(EXPIRED[expiry])
}

function broken(reason: string): KubeRefusal {
  return new KubeRefusal({ request: WATCH, status: 0, reason, retryAfterMs: undefined })
}

interface Follower {
  follow(body: IncomingMessage, format: NodeFormat): Promise<void>
  /** The body ended by itself; throws when that is no good sign. */
  end(): void
  /** It ended with this error: decides what the next session can still use. */
  fail(error: unknown): void
  stop(): void
}

function createFollower<T>(memory: StreamMemory, parts: SessionParts<T>, onExpiry: (expiry: Expiry) => void): Follower {
  const { clock, ownName, wanted } = parts
  let staged: Map<string, T> | undefined = memory.version === undefined ? new Map() : undefined
  let begun = false
  let progressed = false
  const watchdog = createWatchdog({
    clock,
    syncing: staged !== undefined,
    relistAt: memory.relistAt,
    ownSeenAt: memory.ownSeenAt,
    onExpiry,
  })

  const put = (node: NodeFacts): void => {
    if (node.name === ownName) {
      memory.ownSeenAt = clock.now()
      watchdog.sawOwn()
    }
    const { name } = node
    if (staged === undefined) parts.onChange({ kind: 'put', name, node: parts.read(node) })
    else staged.set(name, parts.read(node))
  }
  const handle = (event: NodeEvent): void => {
    if (event.kind === 'error') throw new KubeRefusal({ request: WATCH, ...event, retryAfterMs: undefined })
    progressed = true
    parts.onProgress()
    if (staged === undefined && event.resourceVersion !== undefined) memory.version = event.resourceVersion
    if (event.kind === 'put') put(event.node)
    else if (event.kind === 'delete') {
      if (staged === undefined) parts.onChange({ kind: 'delete', name: event.name })
      else staged.delete(event.name)
    } else if (event.initialEventsEnd && staged !== undefined) {
      const nodes = staged
      staged = undefined
      noteSynced(memory, event.resourceVersion, parts)
      watchdog.synced(memory.relistAt)
      parts.onChange({ kind: 'replace', nodes })
    }
  }

  return {
    follow(body, format) {
      begun = true
      const decoder = format.createDecoder(wanted, ownName)
      const read = (chunk: Uint8Array): void => {
        for (const event of decoder.push(chunk)) handle(event)
      }
      return eachChunk(body, (chunk) => {
        watchdog.touch()
        understood(memory, format, () => read(chunk))
      })
    },
    end() {
      if (staged !== undefined) throw broken('the stream ended before everything was listed')
      if (progressed) return
      // A version beyond the server's (etcd was restored) is answered by silence and a clean end; `fail` forgets it.
      throw broken('the resumed stream ended without a word: listing everything again')
    },
    fail(error) {
      const refused = error instanceof KubeError && error.status !== 0
      const decoded = error instanceof KubeError && begun
      if (staged !== undefined && (begun || (refused && (error.status === 400 || error.status === 422))))
        memory.syncBy = 'pages'
      if (decoded || (refused && VERSION_LOST.has(error.status))) memory.version = undefined
    },
    stop: () => watchdog.stop(),
  }
}
