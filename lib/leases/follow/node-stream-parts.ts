/**
 * What the pieces of one session share: what it is given, what it leaves to the next, and the rules for both.
 * Must not: ask the server for anything.
 */
import type { Clock } from '../../util/clock.ts'
import { KubeGarbage, type NodeFormat } from '../wire/kube-events.ts'
import { ACCEPT_ANY, ACCEPT_JSON, type Accepts, type NodeFormats } from '../wire/kube-formats.ts'
import type { NodeFacts } from '../wire/node-facts.ts'
import type { NodeSpecs } from './node-specs.ts'

/** `T` is what the consumer makes of a Node while it is read, so that a list of 100,000 never stands here as facts. */
export type NodeChange<T> =
  /**
   * A whole list: what it lacks does not exist. The map is the consumer's from now on. `rewound`: the server's history ends
   * before what it has told us already, so its data was restored or made anew.
   */
  | { readonly kind: 'replace'; readonly nodes: Map<string, T>; readonly rewound: boolean }
  | { readonly kind: 'put'; readonly name: string; readonly node: T }
  | { readonly kind: 'delete'; readonly name: string }

/** Where the last run stopped, in the words of what it knew there. */
export interface KeptPosition {
  readonly version: string
  readonly ownUid: string
  readonly ownVersion: string
  /** Nodes. */
  readonly count: number
  /** Used where metadata alone is followed. */
  readonly specs: Iterable<Parameters<NodeSpecs['remember']>[0]>
}

/** What is followed after a list: whole Nodes, or their metadata, completed from what the list said. */
export type WatchMode = 'nodes' | 'metadata'

/** What is followed: all Nodes, one of them, or objects that stand for them. */
export interface Resource {
  /** Of the collection, without a query. */
  readonly path: string
  /** How errors name it: `nodes`. */
  readonly what: string
  /** The name of the only one that is wanted; undefined: all. */
  readonly only?: string
}

export const NODES: Resource = { path: '/api/v1/nodes', what: 'nodes' }

export interface SessionParts<T> {
  readonly resource: Resource
  readonly formats: NodeFormats
  readonly wanted: ReadonlySet<string>
  /** '': what is followed has no heartbeat of ours. */
  readonly ownName: string
  readonly clock: Clock
  readonly random: () => number
  readonly signal: AbortSignal
  /** Once; undefined from then on. */
  takeKept(): Promise<KeptPosition | undefined>
  /**
   * What was known in the last run is what is followed; `confirmed`: the server has said something from there on. Until then
   * nothing may be deleted for what is missing.
   */
  onResumed(confirmed: boolean): void
  /** Called once for each Node that is told, before it is part of a change. */
  read(node: NodeFacts): T
  onChange(change: NodeChange<T>): void
  /** Everything is listed, or the server goes on from there: what we know is being kept up to date. */
  onLive(): void
}

/** What one session leaves to the next. */
export interface StreamMemory {
  /** Where a watch resumes; undefined: everything has to be listed again. */
  version: string | undefined
  /** The last version that was told at all. */
  newest: string | undefined
  /** The next list is at least as new; undefined: as new as etcd. */
  floor: string | undefined
  /** The server did not know the last one: its history was lost or restored, or it is frozen. */
  floorLost: boolean
  /** Of our own Node, as last told or asked for; undefined: there is none. */
  ownVersion: string | undefined
  /** The version is that of the last run, and nothing was told since. */
  unconfirmed: boolean
  /** The version was no longer in the server's history: usual after it was away, or we were. Of this session. */
  expired: boolean
  /** Nodes in the last list. */
  count: number
  /** Everything up to `version` was told. */
  complete: () => boolean
  /** How the next list is made: by one request where a WatchList failed, and once only. */
  syncBy: 'stream' | 'list'
  /** As it was asked for; `nodes` from then on where the server does not give metadata, or Nodes one by one. */
  watch: WatchMode
  /** What was announced as protobuf was not understood: JSON alone is asked for until then. */
  jsonUntil: number
  relistAt: number
  ownSeenAt: number
  /** When the server last said anything. */
  heardAt: number
  /** Of the last list and what followed; used where metadata alone is followed. */
  specs: NodeSpecs
}

/** How errors name the request of a watch, a WatchList included; `metadata`: of one that wants metadata alone. */
export function watchOf({ what }: Resource, metadata = false): string {
  return metadata ? `watch the metadata of ${what}` : `watch ${what}`
}

/** Path and query of a request to the collection. */
export function pathOf({ path, only }: Resource, query: Readonly<Record<string, string>>): string {
  const selector = only === undefined ? {} : { fieldSelector: `metadata.name=${only}` }
  return `${path}?${new URLSearchParams({ ...query, ...selector })}`
}

/** A list anew about every six hours, jittered down by up to a quarter, so that a cluster's agents do not come together. */
const RELIST_MS = 21_600_000

/** A fault of one answer shall not cost four times the bytes for good. */
const JSON_MS = 1_800_000

export function acceptsOf(memory: StreamMemory, clock: Clock): Accepts {
  return clock.now() < memory.jsonUntil ? ACCEPT_JSON : ACCEPT_ANY
}

/** A format that fails us is not asked for again soon: better slow than never. */
export function understood<R>(memory: StreamMemory, clock: Clock, format: NodeFormat, decode: () => R): R {
  try {
    return decode()
  } catch (error) {
    if (error instanceof KubeGarbage && format.name === 'protobuf') memory.jsonUntil = clock.now() + JSON_MS
    throw error
  }
}

/** The server does not know such a version: 410 no longer, 504 not yet. */
export function isLost(status: number): boolean {
  return status === 410 || status === 504
}

/** Everything has been listed. True when the server's history went back. */
export function noteSynced(
  memory: StreamMemory,
  { version, specs, count }: Pick<StreamMemory, 'specs' | 'count'> & { readonly version: string },
  { clock, random }: Pick<SessionParts<unknown>, 'clock' | 'random'>,
): boolean {
  const rewound = memory.newest !== undefined && isBehind(version, memory.newest)
  memory.floorLost = false
  memory.unconfirmed = false
  memory.count = count
  memory.version = version
  memory.newest = version
  memory.relistAt = clock.now() + RELIST_MS * (1 - random() / 4)
  memory.ownSeenAt = clock.now()
  memory.specs = specs
  return rewound
}

/** Versions are etcd's revisions, decimal numbers of any size; what is none cannot be compared. */
export function isBehind(version: string, newest: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(newest)) return false
  return version.length === newest.length ? version < newest : version.length < newest.length
}
