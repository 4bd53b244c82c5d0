/**
 * What is waited for is told at first, then once a minute (design decision 12), however often it is tried.
 * Must not: decide what is waited for.
 */
import type { Clock } from '../../util/clock.ts'
import type { Log, LogFields } from '../../util/log.ts'

const AGAIN_MS = 60_000
/** Messages that are remembered; more different ones than these are told each time. */
const REMEMBERED = 50

export interface Reminder {
  /** A warning, unless the same message was told less than a minute ago. */
  tell(message: string, fields?: LogFields): void
  /** It came right: `message` is told if anything was told before, and the next trouble is news again. */
  done(message: string): void
}

export function createReminder(event: string, log: Log, clock: Clock): Reminder {
  const told = new Map<string, number>()
  return {
    tell(message, fields) {
      const last = told.get(message)
      if (last !== undefined && clock.now() - last < AGAIN_MS) return
      if (told.size >= REMEMBERED) told.clear()
      told.set(message, clock.now())
      log.warn(event, message, fields)
    },
    done(message) {
      if (told.size === 0) return
      told.clear()
      log.info(event, message)
    },
  }
}
