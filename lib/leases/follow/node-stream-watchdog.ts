/**
 * Ends a stream that cannot be trusted any more. Owns the limits and one timer.
 * Must not: read the stream; the session tells what arrived.
 */
import type { Clock, Timer } from '../../util/clock.ts'

/**
 * Bookmarks come every 60 s, the first after a restart of the API server within 120 s. With the pause and the connection
 * that follow, all is right again within 150 s. Milliseconds, as all here.
 */
const IDLE_MS = 145_000
/** WatchList tells 10,000 Nodes in a second; silence, or nothing new for long, means that this server cannot do it. */
const SYNC_IDLE_MS = 30_000
const SYNC_MS = 120_000
/** Two heartbeats of a kubelet: a frozen watch cache looks like a quiet cluster. */
const OWN_UNSEEN_MS = 660_000
const ASK_AGAIN_MS = 60_000
export type Expiry = 'idle' | 'no-sync' | 'relist'

export interface Watchdog {
  /** Bytes arrived. */
  touch(): void
  /** Another Node of the list has come. */
  progress(): void
  /** Our own Node was told of, or is as it was told. */
  sawOwn(): void
  /** Everything has been listed: the limits of the initial phase end, and a new list is due at `relistAt`. */
  synced(relistAt: number): void
  stop(): void
}

/**
 * Calls `onExpiry` once, `onOwnUnseen` every minute while our own Node is unseen. `syncing`: the stream starts with everything
 * that exists. Instants are those of `clock`.
 */
export function createWatchdog(options: {
  readonly clock: Clock
  readonly syncing: boolean
  readonly relistAt: number
  /** undefined: there is none whose heartbeats tell anything. */
  readonly ownSeenAt: number | undefined
  readonly onExpiry: (expiry: Expiry) => void
  readonly onOwnUnseen: () => void
}): Watchdog {
  const { clock } = options
  let syncing = options.syncing
  let touchedAt = clock.now()
  let progressAt = touchedAt
  let ownSeenAt = options.ownSeenAt
  let relistAt = options.relistAt
  let timer: Timer | undefined

  const limits = (): readonly (readonly [at: number, expiry: Expiry | 'own-unseen'])[] =>
    syncing
      ? [
          [touchedAt + SYNC_IDLE_MS, 'no-sync'],
          [progressAt + SYNC_MS, 'no-sync'],
        ]
      : [
          [touchedAt + IDLE_MS, 'idle'],
          [(ownSeenAt ?? Number.POSITIVE_INFINITY) + OWN_UNSEEN_MS, 'own-unseen'],
          [relistAt, 'relist'],
        ]
  const check = (): void => {
    const now = clock.now()
    const expired = limits().find(([at]) => at <= now)
    if (expired !== undefined && expired[1] !== 'own-unseen') {
      options.onExpiry(expired[1])
      return
    }
    if (expired !== undefined) {
      ownSeenAt = now + ASK_AGAIN_MS - OWN_UNSEEN_MS
      options.onOwnUnseen()
    }
    arm()
  }
  const arm = (): void => {
    timer?.cancel()
    timer = clock.after(Math.max(0, Math.min(...limits().map(([at]) => at)) - clock.now()), check)
  }
  arm()

  return {
    touch() {
      touchedAt = clock.now()
    },
    progress() {
      progressAt = clock.now()
    },
    sawOwn() {
      ownSeenAt = clock.now()
    },
    synced(at) {
      syncing = false
      relistAt = at
      if (ownSeenAt !== undefined) ownSeenAt = clock.now()
      arm()
    },
    stop: () => timer?.cancel(),
  }
}
