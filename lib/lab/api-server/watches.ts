/**
 * All open watches. Each is a position in the store's log, not a queue: a slow client costs nothing, and is ended when its position
 * has fallen out of the log. Bytes are made once per piece of the log and representation, and shared. Must not: check parameters or rights.
 */
import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '../../util/clock.ts'
import type { Selector, WatchRequest } from './list-options.ts'
import { PIECE_BYTES, type Representation } from './representation.ts'
import { type StatusError, tooLarge, tooOld } from './status.ts'
import type { Change, Entry, Store } from './store.ts'

export interface Watches {
  readonly count: number
  /** Events since the start by the client's address, bookmarks and what a watch began with not counted. */
  readonly told: ReadonlyMap<string, number>
  /** Answers 200 and streams until the client leaves, its time is over, or it is too slow. */
  open(response: ServerResponse, request: WatchRequest, as: Representation): void
  /** The store has changed: everybody is served in one go, soon. */
  changed(): void
  /** Serves at once what `changed` has left for soon. */
  flush(): void
  /** While silent nothing is sent and nothing ends, as behind a stalled proxy. */
  setSilent(silent: boolean): void
  /** Cleanly, as when the time of every watch is over. */
  endAll(): void
  /** Their connections are being cut: nothing is written any more. */
  forgetAll(): void
}

interface Watch {
  readonly response: ServerResponse
  /** Its address. */
  readonly client: string
  readonly as: Representation
  readonly selector: Selector
  readonly bookmarks: boolean
  /** Changes up to this revision are not wanted. */
  readonly after: number
  /** It asked for the time after a revision that did not exist yet: nothing is sent, not even bookmarks, until it is passed. */
  readonly ahead: boolean
  readonly initial: readonly Entry[]
  initialSent: number
  endMark: boolean
  position: number
  paused: boolean
  ended: boolean
  deadline: number
  timers: Timer[]
}

/** Of the log: so many events, and where the next one begins. */
interface Piece {
  readonly bytes: Buffer
  readonly next: number
  readonly events: number
}

// The real one sends a last bookmark this long before a watch's time is over (seen with timeoutSeconds=10: at 8 s).
const LAST_BOOKMARK_MS = 2000

export function createWatches(store: Store, clock: Clock, options: { readonly bookmarkIntervalMs: number }): Watches {
  const watches = new Set<Watch>()
  let silent = false
  const told = new Map<string, number>()
  let scheduled = false
  // Pieces of the log by representation and position, shared by all watches of one round.
  const shared = new Map<Representation, Map<number, Piece>>()

  const forget = (watch: Watch): void => {
    watch.ended = true
    watches.delete(watch)
    for (const timer of watch.timers) timer.cancel()
  }
  const end = (watch: Watch): void => {
    if (watch.ended) return
    forget(watch)
    watch.response.end()
  }

  const pump = (watch: Watch): void => {
    if (watch.position < store.logStart && !silent) end(watch)
    while (!watch.paused && !watch.ended && !silent) {
      const bytes = nextInitial(watch) ?? nextChanges(watch)
      if (bytes === undefined) return
      if (bytes.length > 0) watch.paused = !watch.response.write(bytes)
    }
  }

  const nextChanges = (watch: Watch): Buffer | undefined => {
    if (watch.position >= store.logEnd) return undefined
    const plain = watch.selector === undefined && !watch.ahead
    const known = shared.get(watch.as)
    const chunk = (plain ? known?.get(watch.position) : undefined) ?? renderChanges(store, watch)
    if (plain && known === undefined) shared.set(watch.as, new Map([[watch.position, chunk]]))
    else if (plain) known?.set(watch.position, chunk)
    watch.position = chunk.next
    told.set(watch.client, (told.get(watch.client) ?? 0) + chunk.events)
    return chunk.bytes
  }

  const pumpOne = (watch: Watch): void => {
    pump(watch)
    shared.clear()
  }
  const pumpAll = (): void => {
    scheduled = false
    for (const watch of watches) pump(watch)
    shared.clear()
  }

  const scheduleBookmark = (watch: Watch): void => {
    const untilLast = watch.deadline - LAST_BOOKMARK_MS - clock.now()
    if (untilLast <= 0) return
    const timer = clock.after(Math.min(options.bookmarkIntervalMs, untilLast), () => {
      const current = !watch.paused && watch.initialSent === watch.initial.length && watch.position === store.logEnd
      if (current && !silent && watch.after <= store.revision) {
        watch.paused = !watch.response.write(watch.as.bookmark(store.revision, false))
      }
      // A timer may fire a little early; the last bookmark is sent once all the same.
      if (untilLast > options.bookmarkIntervalMs) scheduleBookmark(watch)
    })
    watch.timers[1] = timer
  }

  const start = (response: ServerResponse, request: WatchRequest, as: Representation): void => {
    const { from } = request
    const watch: Watch = {
      response,
      client: response.socket?.remoteAddress ?? '',
      as,
      selector: request.selector,
      bookmarks: request.bookmarks,
      after: from.kind === 'after' ? from.revision : store.revision,
      ahead: from.kind === 'after' && from.revision > store.revision,
      initial: from.kind === 'state' ? selected(store.sorted(), request.selector) : [],
      initialSent: 0,
      endMark: from.kind === 'state' && from.endMark,
      position: from.kind === 'after' ? store.positionAfter(from.revision) : store.logEnd,
      paused: false,
      ended: false,
      // The real one chooses 30 to 60 minutes at random.
      deadline: clock.now() + (request.timeoutMs ?? (30 + 30 * Math.random()) * 60_000),
      timers: [],
    }
    watches.add(watch)
    watch.timers[0] = clock.after(watch.deadline - clock.now(), () => {
      if (!silent) end(watch)
    })
    if (watch.bookmarks) scheduleBookmark(watch)
    response.on('drain', () => {
      watch.paused = false
      pumpOne(watch)
    })
    response.on('close', () => forget(watch))
    pumpOne(watch)
  }

  return {
    get count() {
      return watches.size
    },
    told,
    open(response, request, as) {
      response.writeHead(200, { 'content-type': as.watchType, 'cache-control': 'no-cache, private' })
      response.flushHeaders()
      const refused = refusal(store, request)
      if (refused === undefined) start(response, request, as)
      else response.end(as.error(refused.status))
    },
    changed() {
      if (scheduled) return
      scheduled = true
      setImmediate(pumpAll)
    },
    flush: pumpAll,
    setSilent(value) {
      silent = value
      if (!silent) pumpAll()
    },
    endAll() {
      for (const watch of watches) end(watch)
    },
    forgetAll() {
      for (const watch of watches) forget(watch)
    },
  }
}

/** Why the watch cannot start where it wants to: 410 or 504. A resume from the future is no reason: it starts, and stays silent. */
export function refusal(store: Store, { from }: WatchRequest): StatusError | undefined {
  if (from.kind === 'after' && from.revision < store.watchableFrom) return tooOld(from.revision, store.watchableFrom)
  if (from.kind === 'state' && from.notOlderThan > store.revision) return tooLarge(from.notOlderThan, store.revision)
  return undefined
}

function selected(entries: readonly Entry[], selector: Selector): readonly Entry[] {
  return selector === undefined ? entries : entries.filter((entry) => selector(entry.name))
}

/** The next piece of what existed at the start, then the bookmark that ends it; undefined when all of that is sent. */
function nextInitial(watch: Watch): Buffer | undefined {
  const parts: Buffer[] = []
  let size = 0
  while (size < PIECE_BYTES) {
    const entry = watch.initial[watch.initialSent]
    if (entry === undefined) break
    size += push(parts, watch.as.event('ADDED', entry))
    watch.initialSent += 1
  }
  if (parts.length > 0) return Buffer.concat(parts)
  if (!watch.endMark) return undefined
  watch.endMark = false
  return watch.as.bookmark(watch.after, true)
}

/** Wanted changes from the watch's position on, about a quarter of a megabyte; possibly no bytes, when none of them is wanted. */
function renderChanges(store: Store, watch: Watch): Piece {
  let events = 0
  const parts: Buffer[] = []
  let size = 0
  let next = watch.position
  while (size < PIECE_BYTES) {
    const change = store.change(next)
    if (change === undefined) break
    next += 1
    if (!isWanted(watch, change)) continue
    events += 1
    size += push(parts, watch.as.event(change.type, change.entry))
  }
  return { bytes: Buffer.concat(parts), next, events }
}

function isWanted(watch: Watch, change: Change): boolean {
  return change.revision > watch.after && (watch.selector === undefined || watch.selector(change.entry.name))
}

/** How many bytes that were. */
function push(parts: Buffer[], event: readonly Buffer[]): number {
  let size = 0
  for (const part of event) {
    parts.push(part)
    size += part.length
  }
  return size
}
