/**
 * The one place that decides about pace, for one address family: what is repaired the first few times is repaired at once;
 * what has to be repaired again and again is spaced, and told as a quarrel once a minute, with the other program's name
 * where that can be told. Owns what was repaired lately and how much of that the log hears.
 * Must not: repair, nor hold back what follows the loss of a device or of its parent (`reset`).
 */
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'

/** Repairs of one thing, each soon after the one before, that are made without delay. */
const FREE = 3
const FIRST_MS = 10
/** The longest that what carries packets waits. */
export const LONGEST_MS = 500
/** The longest that a flaw waits which does not stop packets, or what the kernel refuses. */
export const PATIENT_MS = 30_000
/** After this long without a repair of a thing, the next one is the first again. */
const CALM_MS = 2000
/** The work of the last repair is at most this part of the time until the next. */
const SHARE = 1 / 20
/** Repairs of one thing within a minute of one another that are told one by one. */
const TOLD = 5
const MINUTE_MS = 60_000
/** Things remembered at most; beyond, those that were repaired longest ago are forgotten. */
const CAPACITY = 2000

export interface Governor {
  /** Milliseconds until what has these names may be repaired, 0: now; asking changes nothing. `longestMs`: default LONGEST_MS. */
  waitMs(names: readonly string[], longestMs?: number): number
  /** Whether a repair of these is worth a line in the log: not while it happens again and again. */
  isNews(names: readonly string[]): boolean
  /** They were repaired. `what`, in words, is asked for when it is a quarrel. */
  repaired(names: readonly string[], what: () => string): void
  /** It could not be done: the next try is spaced as a repair is, and nobody is accused. */
  failed(...names: readonly string[]): void
  /** Something was repaired again and again within the last minute. */
  readonly quarrelling: boolean
  /** How long the last repair of these took, milliseconds. */
  took(names: readonly string[], ms: number): void
  /** The port ID of the last other program that touched something of ours; 0: the kernel did not say. */
  stranger(portId: number): void
  /** Another device, another parent, other peers: what was repaired before is another story. */
  reset(): void
}

interface Past {
  /** Repairs, each within CALM_MS of the time when the one before had waited. */
  count: number
  /** Repairs, each within a minute of the one before. */
  often: number
  at: number
  tookMs: number
}

export function createGovernor(parts: {
  readonly clock: Clock
  readonly log: Log
  /** The process behind a netlink port ID, for the log. */
  readonly nameOwner: (portId: number) => Promise<string | undefined>
}): Governor {
  const { clock, log } = parts
  const pasts = new Map<string, Past>()
  let portId = 0
  let toldAt = Number.NEGATIVE_INFINITY
  let untold = 0
  let foughtAt = Number.NEGATIVE_INFINITY

  const waitOf = (past: Past | undefined, longestMs: number): number => {
    if (past === undefined || past.count < FREE) return 0
    const spaced = Math.max(FIRST_MS * 2 ** Math.min(20, past.count - FREE), past.tookMs / SHARE)
    return Math.max(0, past.at + Math.min(longestMs, spaced) - clock.now())
  }
  const isCalm = (past: Past, longestMs: number): boolean =>
    clock.now() - past.at >=
    CALM_MS + (past.count < FREE ? 0 : Math.min(longestMs, FIRST_MS * 2 ** (past.count - FREE)))
  /** What will be known of it once it is repaired now. */
  const next = (name: string): Past => {
    const before = pasts.get(name)
    const now = clock.now()
    return {
      count: before === undefined || isCalm(before, PATIENT_MS) ? 1 : before.count + 1,
      often: before === undefined || now - before.at >= MINUTE_MS ? 1 : before.often + 1,
      at: now,
      tookMs: before?.tookMs ?? 0,
    }
  }
  const isFought = ({ count, often }: Past): boolean => count > FREE || often > TOLD
  const remember = (name: string): Past => {
    const past = next(name)
    // Written last, so that the first of the map is the oldest.
    pasts.delete(name)
    pasts.set(name, past)
    const [oldest] = pasts.keys()
    if (pasts.size > CAPACITY && oldest !== undefined) pasts.delete(oldest)
    return past
  }
  const tell = (what: string): void => {
    untold += 1
    if (clock.now() - toldAt < MINUTE_MS) return
    const times = untold
    toldAt = clock.now()
    untold = 0
    const from = portId
    const say = (who: string): void =>
      log.warn('repair.fight', `${what}: undone again and again by ${who}; repaired at most every ${LONGEST_MS} ms`, {
        what,
        who,
        portId: from,
        times,
      })
    const unnamed = from === 0 ? 'another program' : `a program with netlink port ${from} that cannot be named`
    parts.nameOwner(from).then(
      (name) => say(name ?? unnamed),
      () => say(unnamed),
    )
  }

  return {
    waitMs: (names, longestMs = LONGEST_MS) => Math.max(0, ...names.map((name) => waitOf(pasts.get(name), longestMs))),
    isNews: (names) => names.map(next).every(({ count, often }) => count === 1 && often <= TOLD),
    repaired(names, what) {
      const fought = names.map(remember).some(isFought)
      if (!fought) return
      foughtAt = clock.now()
      tell(what())
    },
    failed: (...names) => names.forEach(remember),
    get quarrelling() {
      return clock.now() - foughtAt < MINUTE_MS
    },
    took(names, ms) {
      for (const name of names) {
        const past = pasts.get(name)
        if (past !== undefined) past.tookMs = ms
      }
    },
    stranger(from) {
      portId = from
    },
    reset: () => pasts.clear(),
  }
}
