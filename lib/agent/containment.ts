/**
 * Keeps an exception of one family's handlers (notifications, timers, answers) from ending the process: told once in full,
 * counted, and answered by a look at everything, since what the handler would have done is not done.
 * Must not: be used where an error is expected; those have an answer of their own.
 */
import { InvariantError, NetlinkError, NetlinkSocketError, VtepdError } from '../errors.ts'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'

export interface Containment {
  /** `work`, but what it throws is contained. */
  guard<Args extends readonly unknown[]>(work: (...args: Args) => void): (...args: Args) => void
  /** What nobody expects was thrown where no handler is to be guarded. */
  contain(error: unknown): void
  /** A loop or a promise failed: contained, unless it is an error of VtepdError's kind, which its owner expects and answers. */
  report(error: unknown): void
  /** The clock whose timers are contained. */
  readonly clock: Clock
  /** Exceptions so far. */
  readonly caught: number
  stop(): void
}

/** After this long without another one, it is over. */
const QUIET_MS = 60_000
/** The first answer comes at once, the next ones never sooner than this after the one before, milliseconds. */
const ANSWER_EVERY_MS = 1000

export function createContainment(parts: {
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
  /** Look at everything; never called from within the handler that threw. */
  readonly onCaught: () => void
}): Containment {
  const { clock, log, standing } = parts
  const told = new Set<string>()
  let caught = 0
  let answered = Number.NEGATIVE_INFINITY
  let answering = false
  let quiet: Timer | undefined

  const contain = (error: unknown): void => {
    caught += 1
    const message = messageOf(error)
    if (!told.has(message) && told.size < 100) {
      told.add(message)
      log.error('agent.exception', `a bug of vtepd's, contained: ${message}`, { error })
    }
    standing.stands('agent.exceptions', `contained an exception ${caught} times, the last one: ${message}`)
    quiet?.cancel()
    quiet = clock.after(QUIET_MS, () => standing.over('agent.exceptions'))
    if (answering) return
    answering = true
    const answer = guard(() => {
      answering = false
      answered = clock.now()
      parts.onCaught()
    })
    clock.after(Math.max(0, answered + ANSWER_EVERY_MS - clock.now()), answer)
  }
  const guard =
    <Args extends readonly unknown[]>(work: (...args: Args) => void) =>
    (...args: Args): void => {
      try {
        work(...args)
      } catch (error) {
        contain(error)
      }
    }
  return {
    contain,
    guard,
    report(error) {
      if (error instanceof NetlinkError || error instanceof NetlinkSocketError)
        log.debug('rtnl.failed', messageOf(error), { op: error.op, errno: error.errnoName })
      if (!(error instanceof VtepdError) || error instanceof InvariantError) contain(error)
    },
    clock: {
      now: () => clock.now(),
      turn: () => clock.turn(),
      after: (delayMs, fn) => clock.after(delayMs, guard(fn)),
    },
    get caught() {
      return caught
    },
    stop: () => quiet?.cancel(),
  }
}
