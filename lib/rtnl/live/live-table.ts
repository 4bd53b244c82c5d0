/**
 * The live table as its user has it. Owns nothing but the way from a body, its changes and whoever follows the kernel to one object.
 * Must not: know which table it is.
 */
import type { CallOptions } from '../../netlink/call.ts'
import { asFunction, asInteger, asSignal, fieldsOf, optional } from '../../netlink/check.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { barrier } from './barrier.ts'
import type { Change } from './change.ts'
import { createFeed, type Feed } from './feed.ts'
import { follow, type Owner } from './follow.ts'
import type { TableBody } from './table-body.ts'

export interface WatchOptions<V> {
  /**
   * Called with what has changed since the last call, once for each batch of news and each dump; not with what the first dump
   * found. What it throws is an uncaught exception.
   */
  readonly onChange?: (changes: readonly Change<V>[]) => void
  /** Closes the table: `changes` and `settled` throw its reason. */
  readonly signal?: AbortSignal
  /**
   * Milliseconds after the last dump when another one is made, though nothing says that something is missing; default 300,000, 0:
   * never. For what a kernel changes without a word. 100,000 routes cost some 0.3 s of CPU each time.
   */
  readonly auditMs?: number
  /** SO_RCVBUF of the socket that hears, bytes; default 16 MiB. Beyond it news are lost, which costs a dump. */
  readonly receiveBufferBytes?: number
}

/**
 * A copy of a table of the kernel that follows it. It reads as a Map that others write: what was read a moment ago may be gone.
 * Iterating begins with what is there and meets what is added meanwhile.
 */
export interface LiveTable<V, K> extends Iterable<V>, AsyncDisposable {
  readonly size: number
  /**
   * No news are known to be missing. False from an overrun, a link that changes, or a message that does not fit, until the dump
   * that follows was made and can be believed: meanwhile the table may lack, or still have, what was changed unheard.
   */
  readonly synced: boolean
  /** The one with this key; the first where the kernel has several. Throws TypeError or RangeError by the field's name. */
  get(key: K): V | undefined
  /** In the kernel's order. */
  getAll(key: K): V[]
  values(): IterableIterator<V>
  /**
   * What changes from the call on, for each reader by itself; it ends with `close`. `queueChanges`: how many wait for the reader
   * (default 10,000): beyond it one `lost` stands for them. `signal` ends it by its reason.
   */
  changes(options?: { readonly queueChanges?: number; readonly signal?: AbortSignal }): AsyncIterableIterator<Change<V>>
  /**
   * Resolves when all that the kernel had told before the call is in the table and it is `synced`: what a dump would say, if nobody
   * has written since. Beside somebody who never stops writing, a table whose walk can miss entries (FDB, neighbours, IPv6 routes)
   * may never get there: give a limit.
   */
  settled(options?: CallOptions): Promise<void>
  close(): Promise<void>
  /** It does not keep the process alive; `ref` takes that back. */
  unref(): void
  ref(): void
}

const DEFAULT_AUDIT_MS = 300_000
const DEFAULT_RECEIVE_BUFFER = 16 << 20
const DEFAULT_QUEUE = 10_000
const LARGEST_QUEUE = 1_000_000

export const WATCH_KEYS = ['onChange', 'signal', 'auditMs', 'receiveBufferBytes'] as const

/** `owner`: whoever closes the socket ends its tables. Hears from before its first dump, and resolves after it. Rejects as Netlink's calls do. */
export async function openLiveTable<V, K>(
  { netlink, owner }: { readonly netlink: Netlink; readonly owner: Owner },
  groups: readonly number[],
  options: WatchOptions<V>,
  createBody: (push: Feed<V>['push']) => TableBody<V, K>,
): Promise<LiveTable<V, K>> {
  const { onChange, signal, auditMs, receiveBufferBytes } = asWatchOptions(options)
  signal?.throwIfAborted()
  let isOpen = false
  const feed = createFeed<V>(onChange)
  const body = createBody((make) => {
    if (isOpen) feed.push(make)
  })
  const following = await follow({
    body,
    subscribe: (given) => netlink.subscribe({ ...given, groups, receiveBufferBytes }),
    barrier: (given) => barrier(netlink, given),
    auditMs,
    onTaken: () => feed.flush(),
    onEnd: (error) => feed.end(error),
    signal,
    owner,
  })
  isOpen = true
  return {
    get size() {
      return body.size
    },
    get synced() {
      return following.synced
    },
    get: (key) => body.get(key),
    getAll: (key) => body.getAll(key),
    values: () => body.values(),
    [Symbol.iterator]: () => body.values(),
    changes(given = {}) {
      const of = fieldsOf('options', given, ['queueChanges', 'signal'])
      const queueChanges = optional('queueChanges', of.queueChanges, (name, n) => asInteger(name, n, 1, LARGEST_QUEUE))
      return feed.read({ queueChanges: queueChanges ?? DEFAULT_QUEUE, signal: optional('signal', of.signal, asSignal) })
    },
    settled: (given) => following.settled(given),
    close: () => following.close(),
    unref: () => following.unref(),
    ref: () => following.ref(),
    [Symbol.asyncDispose]: () => following.close(),
  }
}

function asWatchOptions<V>(options: WatchOptions<V>) {
  const of = fieldsOf('options', options, WATCH_KEYS)
  const number = (field: 'auditMs' | 'receiveBufferBytes', least: number, most: number): number | undefined =>
    optional(field, of[field], (name, value) => asInteger(name, value, least, most))
  return {
    onChange: optional('onChange', of.onChange, asFunction) as WatchOptions<V>['onChange'],
    signal: optional('signal', of.signal, asSignal),
    auditMs: number('auditMs', 0, 0x7fffffff) ?? DEFAULT_AUDIT_MS,
    receiveBufferBytes: number('receiveBufferBytes', 1, 64 << 20) ?? DEFAULT_RECEIVE_BUFFER,
  }
}
