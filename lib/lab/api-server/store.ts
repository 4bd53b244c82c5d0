/**
 * The objects of one resource and their recent history: current entries, and a bounded log of changes that watches read
 * by position and paged lists roll back by. Must not: know HTTP, or what a client may change (node-rules.ts).
 */
import { type Body, type NodeObject, renderBody } from './objects.ts'
import type { Encoded } from './proto-encode.ts'

/** One version of one object; immutable, shared by every reader. */
export interface Entry extends Body {
  readonly name: string
  readonly revision: number
  /** The same as Protocol Buffers, once somebody asked for it (protobuf-representation.ts). */
  protobuf: Encoded | undefined
}

export interface Change {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'
  readonly revision: number
  /** The new version; for DELETED the last one, with the revision of the deletion. */
  readonly entry: Entry
  readonly before: Entry | undefined
}

/** What a backup of etcd holds: objects and counter, no history. Opaque to callers. */
export interface Backup {
  readonly revision: number
  readonly entries: ReadonlyMap<string, Entry>
}

export interface Store {
  readonly revision: number
  /** A watch may start after this revision or any later one. */
  readonly watchableFrom: number
  get(name: string): Entry | undefined
  /** All current entries by name (byte order, as etcd's keys). */
  sorted(): readonly Entry[]
  /** The same as of an earlier revision, or undefined when that is compacted. */
  sortedAt(revision: number): readonly Entry[] | undefined
  put(node: NodeObject): Entry
  remove(name: string, node: NodeObject): Entry
  /** Something else of the cluster was written: the counter moves, no change is logged. */
  touch(): number
  /** Positions of the log: `logStart` ≤ position < `logEnd`; both only grow. */
  readonly logStart: number
  readonly logEnd: number
  change(position: number): Change | undefined
  /** Position of the first change after `revision`. */
  positionAfter(revision: number): number
  /** etcd forgets what was before: lists of older revisions are refused as soon as the server's own memory has gone, too. */
  compact(): void
  /** The server's own memory of what changed is gone, as after its restart; etcd still tells lists of older revisions. */
  forgetChanges(): void
  backup(): Backup
  /** Objects and counter as they were; the history is gone. */
  restore(backup: Backup): void
}

/** etcd's: one for all resources. */
export interface RevisionCounter {
  revision: number
}

/**
 * `keep` changes stay known; `onChange` is called after each, and must not write to the store. `counter`: of the stores beside
 * it.
 */
export function createStore(keep: number, onChange: () => void, counter: RevisionCounter = { revision: 1 }): Store {
  let compacted = 0
  let watchableFrom = 0
  let entries = new Map<string, Entry>()
  let log: Change[] = []
  let logStart = 0
  let sorted: readonly Entry[] | undefined = []

  const append = (change: Change): Entry => {
    sorted = undefined
    log.push(change)
    if (log.length > keep) {
      const oldest = log.shift()?.revision ?? 0
      compacted = Math.max(compacted, oldest)
      watchableFrom = Math.max(watchableFrom, oldest)
      logStart += 1
    }
    onChange()
    return change.entry
  }
  /** Changes that neither a watch nor a list can ask for any more. */
  const dropUnused = (): void => {
    const floor = Math.min(compacted, watchableFrom)
    const kept = log.filter((change) => change.revision > floor)
    logStart += log.length - kept.length
    log = kept
  }
  const nextEntry = (node: NodeObject): Entry => {
    counter.revision += 1
    const metadata = { ...node.metadata, resourceVersion: String(counter.revision) }
    return {
      name: metadata.name,
      revision: counter.revision,
      ...renderBody({ ...node, metadata }),
      protobuf: undefined,
    }
  }

  return {
    get revision() {
      return counter.revision
    },
    get watchableFrom() {
      return watchableFrom
    },
    get: (name) => entries.get(name),
    sorted() {
      sorted ??= byName(entries)
      return sorted
    },
    sortedAt(at) {
      if (at < Math.min(compacted, watchableFrom)) return undefined
      const then = new Map(entries)
      for (let i = log.length - 1; i >= 0; i -= 1) {
        const change = log[i]
        if (change === undefined || change.revision <= at) break
        if (change.before === undefined) then.delete(change.entry.name)
        else then.set(change.entry.name, change.before)
      }
      return byName(then)
    },
    put(node) {
      const entry = nextEntry(node)
      const before = entries.get(entry.name)
      entries.set(entry.name, entry)
      return append({ type: before === undefined ? 'ADDED' : 'MODIFIED', revision: counter.revision, entry, before })
    },
    remove(name, node) {
      const before = entries.get(name)
      const entry = nextEntry(node)
      entries.delete(name)
      return append({ type: 'DELETED', revision: counter.revision, entry, before })
    },
    touch() {
      counter.revision += 1
      return counter.revision
    },
    get logStart() {
      return logStart
    },
    get logEnd() {
      return logStart + log.length
    },
    change: (position) => log[position - logStart],
    positionAfter(after) {
      let low = 0
      let high = log.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((log[middle]?.revision ?? 0) <= after) low = middle + 1
        else high = middle
      }
      return logStart + low
    },
    compact() {
      compacted = counter.revision
      dropUnused()
    },
    forgetChanges() {
      watchableFrom = counter.revision
      dropUnused()
    },
    backup: () => ({ revision: counter.revision, entries: new Map(entries) }),
    restore(backup) {
      counter.revision = backup.revision
      compacted = counter.revision
      watchableFrom = counter.revision
      entries = new Map(backup.entries)
      logStart += log.length
      log = []
      sorted = undefined
    },
  }
}

function byName(entries: ReadonlyMap<string, Entry>): Entry[] {
  return [...entries.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}
