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
/** WatchList tells 10,000 Nodes in a second; silence, or no end in sight, means that this server cannot do it. */
const SYNC_IDLE_MS = 30_000
const SYNC_MS = 120_000
/** Two heartbeats of a kubelet: a frozen watch cache looks like a quiet cluster. */
const OWN_UNSEEN_MS = 660_000
export type Expiry = 'idle' | 'no-sync' | 'own-unseen' | 'relist'

export interface Watchdog {
  /** Bytes arrived. */
  touch(): void
  /** Our own Node was told of. */
  sawOwn(): void
  /** Everything has been listed: the limits of the initial phase end, and a new list is due at `relistAt`. */
  synced(relistAt: number): void
  stop(): void
}

/** Calls `onExpiry` once. `syncing`: the stream starts with everything that exists. Instants are those of `clock`. */
export function createWatchdog(options: {
  readonly clock: Clock
  readonly syncing: boolean
  readonly relistAt: number
  readonly ownSeenAt: number
  readonly onExpiry: (expiry: Expiry) => void
}): Watchdog {
  const { clock } = options
  const startedAt = clock.now()
  let syncing = options.syncing
  let touchedAt = startedAt
  let ownSeenAt = options.ownSeenAt
  let relistAt = options.relistAt
  let timer: Timer | undefined

  const limits = (): readonly (readonly [at: number, expiry: Expiry])[] =>
    syncing
      ? [
          [touchedAt + SYNC_IDLE_MS, 'no-sync'],
          [startedAt + SYNC_MS, 'no-sync'],
        ]
      : [
          [touchedAt + IDLE_MS, 'idle'],
          [ownSeenAt + OWN_UNSEEN_MS, 'own-unseen'],
          [relistAt, 'relist'],
        ]
  const check = (): void => {
    const now = clock.now()
    const expired = limits().find(([at]) => at <= now)
    if (expired === undefined) arm()
    else options.onExpiry(expired[1])
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
    sawOwn() {
      ownSeenAt = clock.now()
    },
    synced(at) {
      syncing = false
      relistAt = at
      ownSeenAt = clock.now()
      arm()
    },
    stop: () => timer?.cancel(),
  }
}
