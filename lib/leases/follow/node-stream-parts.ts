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

/** What is followed after a list: whole Nodes, or their metadata, completed from what the list said. */
export type WatchMode = 'nodes' | 'metadata'

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
  /** Everything is listed, or the server goes on from there: what we know is being kept up to date. */
  onLive(): void
}

/** What one session leaves to the next. */
export interface StreamMemory {
  /** Where a watch resumes; undefined: everything has to be listed again. */
  version: string | undefined
  /** The last version that was told at all. */
  newest: string | undefined
  /** How the next list is made; pages where a WatchList failed, and once only. */
  syncBy: 'stream' | 'pages'
  /** As it was asked for; `nodes` from then on where the server does not give metadata, or Nodes one by one. */
  watch: WatchMode
  /** What was announced as protobuf was not understood: JSON alone is asked for from then on. */
  jsonOnly: boolean
  relistAt: number
  ownSeenAt: number
  /** Of the last list and what followed; used where metadata alone is followed. */
  specs: NodeSpecs
}

/** How errors name the request of a watch, a WatchList included. */
export const WATCH = 'watch nodes'
/** The same of a watch that wants metadata alone. */
export const WATCH_METADATA = 'watch the metadata of nodes'

/** A list anew about every six hours, jittered down by up to a quarter, so that a cluster's agents do not come together. */
const RELIST_MS = 21_600_000

export function acceptsOf(memory: StreamMemory): Accepts {
  return memory.jsonOnly ? ACCEPT_JSON : ACCEPT_ANY
}

/** A format that fails us is not asked for again: better slow than never. */
export function understood<R>(memory: StreamMemory, format: NodeFormat, decode: (format: NodeFormat) => R): R {
  try {
    return decode(format)
  } catch (error) {
    if (error instanceof KubeGarbage && format.name === 'protobuf') memory.jsonOnly = true
    throw error
  }
}

/** Everything has been listed: `specs` are those of the list. True when the server's history went back. */
export function noteSynced(
  memory: StreamMemory,
  version: string,
  specs: NodeSpecs,
  { clock, random }: Pick<SessionParts<unknown>, 'clock' | 'random'>,
): boolean {
  const rewound = memory.newest !== undefined && isBehind(version, memory.newest)
  memory.version = version
  memory.newest = version
  memory.relistAt = clock.now() + RELIST_MS * (1 - random() / 4)
  memory.ownSeenAt = clock.now()
  memory.specs = specs
  return rewound
}

/** Versions are etcd's revisions, decimal numbers of any size; what is none cannot be compared. */
function isBehind(version: string, newest: string): boolean {
  if (!/^\d+$/.test(version) || !/^\d+$/.test(newest)) return false
  return version.length === newest.length ? version < newest : version.length < newest.length
}
