/**
 * Follows all Nodes for as long as it is asked to: session after session, with pauses that grow while nothing works.
 * Owns the retries. Must not: interpret Nodes; while nobody answers it tells no change at all.
 */
import { KubeError } from '../../errors.ts'
import { KubeRefusal, type KubeTarget, LONGEST_RETRY_AFTER_MS } from '../../kube-api/kube-http.ts'
import { createBackoff } from '../../util/backoff.ts'
import type { Clock } from '../../util/clock.ts'
import type { Log } from '../../util/log.ts'
import { messageOf } from '../../util/message-of.ts'
import { pause } from '../../util/pause.ts'
import type { NodeFormats } from '../wire/kube-formats.ts'
import type { NodeFacts } from '../wire/node-facts.ts'
import { createNodeSpecs } from './node-specs.ts'
import {
  type KeptPosition,
  NODES,
  type NodeChange,
  type Resource,
  type StreamMemory,
  type WatchMode,
  watchOf,
} from './node-stream-parts.ts'
import { runSession } from './node-stream-session.ts'

export interface NodeStreamOptions<T> {
  /** Default: all Nodes. */
  readonly resource?: Resource
  /** Fresh credentials for each session; may reject with KubeError, which is waited out. */
  readonly open: (signal: AbortSignal) => Promise<KubeTarget>
  /** Known once `open` has resolved; '': what is followed has no heartbeat of ours. */
  readonly ownName: () => string
  readonly formats: NodeFormats
  /** Keys of the annotations that are kept. */
  readonly wanted: ReadonlySet<string>
  readonly watch: WatchMode
  /** Asked for once, when the API server has answered; undefined: nothing is known from an earlier run. */
  readonly kept?: () => Promise<KeptPosition | undefined>
  /** As SessionParts.onResumed; only where there is `kept`. */
  readonly onResumed?: (confirmed: boolean) => void
  readonly clock: Clock
  readonly log: Log
  readonly random: () => number
  /** Of the pauses while nothing works, milliseconds; default 30 s, for a cluster's agents. */
  readonly longestPauseMs?: number
  /** What is kept of a Node. Called from within the reading of the stream, as onChange is: both must be quick. */
  readonly read: (node: NodeFacts) => T
  readonly onChange: (change: NodeChange<T>) => void
  /** undefined: what we know is kept up to date; else why it may be old, told again with each try. */
  readonly onTrouble: (because: string | undefined, error?: unknown) => void
}

export interface NodeStream {
  /** When the server last said anything, by the clock; at first when the stream was started. */
  readonly heardAt: number
  /**
   * Up to where everything was told, and the version of our own Node there; undefined: not everything was. Of the moment, as
   * what was told is.
   */
  position(): { readonly version: string; readonly ownVersion: string } | undefined
  /** Resolves when nothing runs any more; no callback after the call. */
  close(): Promise<void>
}

const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 30_000
/** Credentials, a connection, a list of everything: whatever takes longer is told as trouble. */
const UNHEARD_MS = 20_000
/** A session that ends well but sooner than this is followed by a pause too. */
const SHORT_SESSION_MS = 1000
/** One that was at the present for so long proves that all is well: pauses start over. */
const PROVEN_MS = 120_000
/** As many agents as Nodes are told that their version is gone at one time, and each list costs what there are Nodes. */
const SPREAD_MS_A_NODE = 20
const LONGEST_SPREAD_MS = 120_000

/** Starts at once. */
export function startNodeStream<T>(options: NodeStreamOptions<T>): NodeStream {
  const { clock, log, resource = NODES } = options
  const { random, longestPauseMs: maxMs = LONGEST_PAUSE_MS } = options
  const createPauses = () => createBackoff({ firstMs: FIRST_PAUSE_MS, maxMs, random })
  const backoff = createPauses()
  /** Between a version that is gone and the next list: the server is there, whatever the other pauses have grown to. */
  const relists = createPauses()
  let kept = options.kept
  /** In this session, or the last one. */
  let liveSince: number | undefined
  const stop = new AbortController()
  const memory: StreamMemory = {
    version: undefined,
    newest: undefined,
    floor: undefined,
    floorLost: false,
    ownVersion: undefined,
    unconfirmed: false,
    expired: false,
    count: 0,
    complete: () => true,
    syncBy: 'stream',
    watch: options.watch,
    jsonUntil: Number.NEGATIVE_INFINITY,
    relistAt: 0,
    ownSeenAt: clock.now(),
    heardAt: clock.now(),
    specs: createNodeSpecs(),
  }

  const session = async (): Promise<void> => {
    const unheard = clock.after(UNHEARD_MS, () => options.onTrouble(`no answer for ${UNHEARD_MS / 1000} s`))
    let target: KubeTarget | undefined
    liveSince = undefined
    memory.expired = false
    try {
      target = await options.open(stop.signal)
      await runSession(target, memory, {
        resource,
        formats: options.formats,
        wanted: options.wanted,
        ownName: options.ownName(),
        clock,
        random: options.random,
        signal: stop.signal,
        async takeKept() {
          const take = kept
          kept = undefined
          return take?.()
        },
        read: options.read,
        onResumed(confirmed) {
          if (!stop.signal.aborted) options.onResumed?.(confirmed)
        },
        onChange: (change) => {
          if (!stop.signal.aborted) options.onChange(change)
        },
        onLive() {
          unheard.cancel()
          liveSince ??= clock.now()
          options.onTrouble(undefined)
        },
      })
    } finally {
      unheard.cancel()
      if (liveSince !== undefined && clock.now() - liveSince >= PROVEN_MS)
        for (const one of [backoff, relists]) one.reset()
      target?.close()
    }
  }
  /** How long to pause before the next session. */
  const once = async (): Promise<number> => {
    const startedAt = clock.now()
    const { watch } = memory
    try {
      await session()
      return clock.now() - startedAt < SHORT_SESSION_MS ? backoff.next() : 0
    } catch (error) {
      if (stop.signal.aborted) return 0
      if (!(error instanceof KubeError))
        log.error('leases.kube-bug', `following ${resource.what}: ${String(error)}`, { error })
      const because = withoutVersions(messageOf(error))
      if (lacksWatchList(error, memory, resource)) {
        log.debug('leases.kube-pages', `no WatchList here, listing by pages: ${because}`)
        return 0
      }
      if (memory.expired) {
        log.debug('leases.kube-expired', `listing ${resource.what} anew: ${because}`)
        const spread = options.random() * Math.min(memory.count * SPREAD_MS_A_NODE, LONGEST_SPREAD_MS)
        return Math.max(relists.next(), spread)
      }
      if (watch !== memory.watch) {
        log.warn('leases.whole-nodes', `following whole Nodes from now on, not their metadata: ${because}`)
        return 0
      }
      options.onTrouble(because, error)
      const asked = error instanceof KubeRefusal ? (error.retryAfterMs ?? 0) : 0
      return Math.max(backoff.next(), Math.min(asked, LONGEST_RETRY_AFTER_MS))
    }
  }
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const pauseMs = await once()
      if (pauseMs > 0) await pause(clock, pauseMs, stop.signal)
    }
  }
  const running = run()

  return {
    get heardAt() {
      return memory.heardAt
    },
    position() {
      const { version, ownVersion, unconfirmed } = memory
      if (version === undefined || ownVersion === undefined || unconfirmed || !memory.complete()) return undefined
      return { version, ownVersion }
    },
    async close() {
      stop.abort(new Error('closed'))
      await running
    },
  }
}

/** A server without WatchList refuses it with 400 or 422: no trouble, the pages follow at once. */
function lacksWatchList(error: unknown, memory: StreamMemory, resource: Resource): boolean {
  const refused = error instanceof KubeError && (error.status === 400 || error.status === 422)
  return refused && error.request === watchOf(resource) && memory.syncBy === 'list'
}

/** A sentence that differs in nothing but a version says the same. */
function withoutVersions(sentence: string): string {
  return sentence.replace(/(resource version)s?:? \d+(, current: \d+| \(\d+\))?/gi, '$1')
}
