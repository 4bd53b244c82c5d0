/**
 * What lasts is told when it begins, then once a minute for as long as it stands, with the reason of that moment and since
 * when; and its end, if its beginning was told. Owns one timer. Must not: decide what stands.
 */
import type { Clock, Timer } from './clock.ts'
import { duration } from './duration.ts'
import type { Log, LogFields } from './log.ts'

const AGAIN_MS = 60_000
/** Warnings a minute about one event that comes and goes. */
const MOST_A_MINUTE = 3

export interface StandingLog {
  /**
   * As often as one likes: `event` is what stands, and its name in the log. A warning at once when it is new; another sentence
   * is told at the next minute. What comes and goes is told three times a minute; after that it has to stand until it may be
   * told again, and of what was not told no end is told either.
   */
  stands(event: string, sentence: string, fields?: LogFields): void
  /** Nothing where it does not stand. `message`: what is told of its end; default: the sentence that is over. */
  over(event: string, message?: string): void
  /** Everything is forgotten, nothing is told any more. */
  stop(): void
}

interface Standing {
  sentence: string
  fields: LogFields | undefined
  readonly since: number
  told: boolean
}

export function createStandingLog(log: Log, clock: Clock): StandingLog {
  const standing = new Map<string, Standing>()
  /** By event: the last times that it was told, whether it stands or not. */
  const toldAt = new Map<string, readonly number[]>()
  let timer: Timer | undefined
  let stopped = false

  const dueOf = (event: string, one: Standing): number => {
    const times = toldAt.get(event) ?? []
    const before = one.told ? times.at(-1) : times.at(-MOST_A_MINUTE)
    return before === undefined ? one.since : before + AGAIN_MS
  }
  const tellDue = (): void => {
    const now = clock.now()
    for (const [event, one] of standing) {
      if (dueOf(event, one) > now) continue
      log.warn(event, `${one.sentence}${inBrackets('for', now - one.since)}`, one.fields)
      one.told = true
      toldAt.set(event, [...(toldAt.get(event) ?? []), now].slice(-MOST_A_MINUTE))
    }
    timer?.cancel()
    const dues = [...standing].map(([event, one]) => dueOf(event, one))
    timer = dues.length === 0 ? undefined : clock.after(Math.min(...dues) - now, tellDue)
  }

  return {
    stands(event, sentence, fields) {
      if (stopped) return
      log.stands?.({ event, sentence })
      const known = standing.get(event)
      if (known === undefined) {
        standing.set(event, { sentence, fields, since: clock.now(), told: false })
        tellDue()
      } else {
        known.sentence = sentence
        known.fields = fields
      }
    },
    over(event, message) {
      const known = standing.get(event)
      if (known === undefined) return
      standing.delete(event)
      log.stands?.({ event, sentence: undefined })
      if (known.told)
        log.info(event, `${message ?? `over: ${known.sentence}`}${inBrackets('after', clock.now() - known.since)}`)
      tellDue()
    },
    stop() {
      stopped = true
      for (const event of standing.keys()) log.stands?.({ event, sentence: undefined })
      standing.clear()
      timer?.cancel()
    },
  }
}

/** ' (for 3 min)'; '' below a second. */
function inBrackets(word: 'for' | 'after', ms: number): string {
  const seconds = Math.round(ms / 1000)
  return seconds === 0 ? '' : ` (${word} ${duration(seconds * 1000)})`
}
