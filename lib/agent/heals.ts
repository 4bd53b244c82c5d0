/**
 * What was damaged and is whole again, for one family: from the first word of the damage to the last write, one line and one
 * record each. Owns the repair that is under way. Must not: repair, nor decide what damage is.
 */
import type { Clock } from '../util/clock.ts'
import { duration } from '../util/duration.ts'
import type { Log } from '../util/log.ts'
import type { Tally } from './apply-plan.ts'

/** What was repaired, in one of few words: a label of metrics. */
export type HealSlug =
  | 'device_deleted'
  | 'device_changed'
  | 'device_replaced'
  | 'device_refused'
  | 'underlay_away'
  | 'look_failed'
  | 'entry_deleted'
  | 'entry_altered'
  | 'found_by_look'

/** One repair that is over. */
export interface Heal {
  /** In words: `the device was deleted`. */
  readonly cause: string
  /** From the first word of it to the last write, milliseconds. */
  readonly ms: number
  /** CLOCK_MONOTONIC of its end, milliseconds. */
  readonly at: number
  /** Entries, deleted ones included. */
  readonly written: number
}

/** Repairs of the device within a minute that are told one by one. */
const TOLD = 5
const MINUTE_MS = 60_000

export interface Heals {
  /** Repairs since the start. */
  readonly count: number
  readonly last: Heal | undefined
  /**
   * The device or an entry is not as it should be, from now on. The first cause counts, but a device that goes takes its entries
   * first, and is down before it is gone: it is what happened. `gone`: the device is.
   */
  broke(what: 'entry' | 'device' | 'gone', cause: string, slug: HealSlug): void
  /**
   * A round wrote; `since`: when it began. `repair`: for the peers of before, on the device of before. `news`: the governor does not
   * know it as something that happens again and again.
   */
  wrote(
    tally: Pick<Tally, 'written'>,
    how: { readonly since: number; readonly repair: boolean; readonly news: boolean },
  ): void
  /** Device and tables may be whole again. */
  settle(isWhole: boolean): void
}

export function createHeals(parts: {
  readonly ifname: string
  readonly clock: Pick<Clock, 'now'>
  readonly log: Log
}): Heals {
  const { clock } = parts
  let count = 0
  let last: Heal | undefined
  /** It was whole once: what comes before is the start. */
  let whole = false
  let open: Repair | undefined
  let devices: readonly number[] = []
  const isNewsOfDevice = (at: number): boolean => {
    devices = [...devices.filter((time) => at - time < MINUTE_MS), at]
    return devices.length <= TOLD
  }

  return {
    get count() {
      return count
    },
    get last() {
      return last
    },
    broke(what, cause, slug) {
      if (!whole) return
      const kind = what === 'entry' ? 'entry' : 'device'
      if (open === undefined || (kind === 'device' && open.what === 'entry'))
        open = begin(kind, cause, slug, clock.now())
      else if (what === 'gone') Object.assign(open, { cause, slug })
      open.at = undefined
    },
    wrote({ written }, { since, repair, news }) {
      if (written === 0 || !whole) return
      if (repair) open ??= begin('entry', 'a look found entries missing or altered', 'found_by_look', since)
      if (open === undefined) return
      open.written += written
      open.news ||= news
      open.at = clock.now()
    },
    settle(isWhole) {
      whole ||= isWhole
      if (!isWhole || open === undefined) return
      const { what, cause, slug, since, written, news, at = clock.now() } = open
      open = undefined
      // What was heard was over, or nothing.
      if (what === 'entry' && written === 0) return
      const level = (what === 'device' ? isNewsOfDevice(at) : news) ? 'info' : 'debug'
      last = { cause, ms: at - since, at, written }
      count += 1
      const entries =
        written === 0 ? 'no entry had to be written' : `${written} ${written === 1 ? 'entry' : 'entries'} written`
      parts.log[level]('overlay.healed', `healed ${parts.ifname} in ${duration(last.ms)}: ${cause}; ${entries}`, {
        what,
        cause,
        slug,
        ms: last.ms,
        written,
      })
    },
  }
}

interface Repair {
  cause: string
  slug: HealSlug
  readonly what: 'device' | 'entry'
  readonly since: number
  written: number
  news: boolean
  /** Of the last write; undefined: nothing was written since the last damage. */
  at: number | undefined
}

function begin(what: Repair['what'], cause: string, slug: HealSlug, since: number): Repair {
  return { what, cause, slug, since, written: 0, news: false, at: undefined }
}
