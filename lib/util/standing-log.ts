/**
 * What lasts is told when it begins, then once a minute for as long as it stands, with the reason of that moment and since
 * when; and its end, if its beginning was told. Owns one timer. Must not: decide what stands.
 */
import type { Clock, Timer } from './clock.ts'
import type { Log, LogFields } from './log.ts'

const AGAIN_MS = 60_000

export interface StandingLog {
  /**
   * As often as one likes: `event` is what stands, and its name in the log. A warning at once when it is new; another sentence
   * is told at the next minute. What comes back within a minute after it was told last waits for the end of that minute, so
   * that what comes and goes is two lines a minute.
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
  /** By event: when it may be told again, whether it stands or not. */
  const nextAt = new Map<string, number>()
  let timer: Timer | undefined
  let stopped = false

  const tellDue = (): void => {
    const now = clock.now()
    for (const [event, one] of standing) {
      if ((nextAt.get(event) ?? now) > now) continue
      log.warn(event, `${one.sentence}${inBrackets('for', now - one.since)}`, one.fields)
      one.told = true
      nextAt.set(event, now + AGAIN_MS)
    }
    timer?.cancel()
    const dues = [...standing.keys()].map((event) => nextAt.get(event) ?? now)
    timer = dues.length === 0 ? undefined : clock.after(Math.max(0, Math.min(...dues) - now), tellDue)
  }

  return {
    stands(event, sentence, fields) {
      if (stopped) return
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
      if (known.told)
        log.info(event, `${message ?? `over: ${known.sentence}`}${inBrackets('after', clock.now() - known.since)}`)
      tellDue()
    },
    stop() {
      stopped = true
      standing.clear()
      timer?.cancel()
    },
  }
}

/** ' (for 3 min)'; '' below a second. */
function inBrackets(word: 'for' | 'after', ms: number): string {
  const seconds = Math.round(ms / 1000)
  if (seconds === 0) return ''
  const minutes = Math.round(seconds / 60)
  const text = seconds < 60 ? `${seconds} s` : minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`
  return ` (${word} ${text})`
}
