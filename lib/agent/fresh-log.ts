/**
 * Tells sentences about many nodes without flooding the log: what is new is named, a few at a time, the rest counted, and
 * never more than one line a minute. Must not: decide what is told.
 */
import type { Clock, Timer } from '../util/clock.ts'
import { printable } from '../util/printable.ts'

const QUIET_MS = 60_000
const NAMED = 5
/** Of one sentence, so that none of others' keeps the next from being read. */
const MOST_CHARACTERS = 400

export interface FreshLog {
  /** All that is so now; what was told before is not said again while it lasts. */
  report(sentences: readonly string[]): void
  stop(): void
}

/** `say` writes one line; `all`: how many sentences stand. */
export function createFreshLog(clock: Clock, say: (text: string, all: number) => void): FreshLog {
  let said: ReadonlySet<string> = new Set()
  let now: readonly string[] = []
  let quiet: Timer | undefined

  const tell = (): void => {
    const fresh = now.filter((sentence) => !said.has(sentence))
    said = new Set(now)
    if (fresh.length === 0) return
    const named = fresh.slice(0, NAMED).map((sentence) => printable(sentence, MOST_CHARACTERS))
    const more = fresh.length > NAMED ? `; and ${fresh.length - NAMED} more` : ''
    say(`${named.join('; ')}${more}`, now.length)
    // What comes meanwhile is said at the end of the minute, in one line.
    quiet = clock.after(QUIET_MS, () => {
      quiet = undefined
      tell()
    })
  }
  return {
    report(sentences) {
      now = sentences
      if (quiet === undefined) tell()
    },
    stop: () => quiet?.cancel(),
  }
}
