/**
 * When what we say of ourselves may be written: each patch is told to every watcher of the cluster. What is ours to change is
 * written at once; patience is for whoever undoes it, for a server that fails, and for an address that flaps. Owns no timer.
 * Must not: know what is written, or by whom it was undone.
 */

/** What we change within a second of a patch is one more patch. Milliseconds, as below. */
const TOGETHER_MS = 1000
/** Between two patches that say the same, since somebody undoes them. */
const UNDONE_MS = 5000
const MINUTE_MS = 60_000
/** Changes of our own a minute; when they are used up, the next ones are spaced evenly until a minute was quiet. */
const MOST_A_MINUTE = 6

export interface PublishPace {
  /** Whether exactly this was agreed on, so that somebody else must have undone it. */
  isUndone(wish: string): boolean
  /** The instant from which on it may be written; in the past: at once. */
  allowedAt(wish: string, now: number): number
  /** It was written, or not: the server refused, or did not answer. */
  tried(wish: string, now: number, accepted: boolean): void
  /** It need not be written: the Node says it. */
  agreed(wish: string): void
}

/** Instants are those of one monotonic clock. */
export function createPublishPace(): PublishPace {
  let last = { wish: '', at: Number.NEGATIVE_INFINITY, accepted: false }
  /** Instants of the last changes of our own that were accepted. */
  let changes: readonly number[] = []
  let spaced = false

  return {
    isUndone: (wish) => last.accepted && last.wish === wish,
    allowedAt(wish, now) {
      if (last.wish === wish) return last.at + (last.accepted ? UNDONE_MS : TOGETHER_MS)
      const newest = changes.at(-1) ?? Number.NEGATIVE_INFINITY
      const sixth = changes.length < MOST_A_MINUTE ? Number.NEGATIVE_INFINITY : (changes[0] ?? 0)
      if (now - newest >= MINUTE_MS) spaced = false
      else if (now - sixth < MINUTE_MS) spaced = true
      return Math.max(last.at + TOGETHER_MS, sixth + MINUTE_MS, newest + (spaced ? MINUTE_MS / MOST_A_MINUTE : 0))
    },
    tried(wish, now, accepted) {
      if (accepted && !(last.accepted && last.wish === wish)) changes = [...changes, now].slice(-MOST_A_MINUTE)
      last = { wish, at: now, accepted }
    },
    agreed(wish) {
      last = { wish, at: last.at, accepted: true }
    },
  }
}
