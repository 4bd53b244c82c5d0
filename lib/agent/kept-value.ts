/**
 * One value of one device that outlives restarts and reboots, in the state folder. A folder that cannot be written costs
 * what was to be kept, not the overlay. Must not: decide what is kept (own-device.ts).
 */
import path from 'node:path'
import type { Clock } from '../util/clock.ts'
import { isRecord } from '../util/go-json.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'

const VERSION = 1
const AGAIN_MS = 60_000

export interface Kept<T> {
  /** Read once. undefined: none was kept, or what is there cannot be read (told in the log). */
  load(): Promise<T | undefined>
  /** Resolves when it is on the disk, or could not be written (told in the log). */
  save(value: T): Promise<void>
}

/** The value of `field` in a kept file's text. Throws SyntaxError or RangeError for what is no such file, and as `parse`. */
export function parseKept<T>(text: string, field: string, parse: (text: string) => T): T {
  const kept: unknown = JSON.parse(text)
  if (!isRecord(kept) || kept.version !== VERSION) throw new RangeError(`it is not of version ${VERSION}`)
  return parse(String(kept[field]))
}

/** One file: `STATE_DIR/IFNAME.FIELD.json`. `parse` throws RangeError for what is no such value. */
export function createKept<T extends string>(parts: {
  readonly stateDir: string
  readonly ifname: string
  /** `lladdr`, `underlay`. */
  readonly field: string
  readonly parse: (text: string) => T
  readonly readFile: (path: string) => Promise<string | undefined>
  readonly replaceFile: (path: string, text: string) => Promise<void>
  readonly clock: Clock
  readonly log: Log
}): Kept<T> {
  const { field, log } = parts
  const file = path.join(parts.stateDir, `${parts.ifname}.${field}.json`)
  let saved: T | undefined
  let loaded = false
  /** After a failure: a folder that is read-only mostly stays so. */
  let notBefore = Number.NEGATIVE_INFINITY
  let refused: T | undefined
  return {
    async load() {
      if (loaded) return saved
      loaded = true
      try {
        const text = await parts.readFile(file)
        if (text === undefined) return undefined
        saved = parseKept(text, field, parts.parse)
        return saved
      } catch (error) {
        log.warn('state.unreadable', `${file} cannot be used, as if it were not there: ${messageOf(error)}`, { error })
        return undefined
      }
    },
    async save(value) {
      if (saved === value || (refused === value && parts.clock.now() < notBefore)) return
      try {
        await parts.replaceFile(file, `${JSON.stringify({ version: VERSION, [field]: value })}\n`)
        saved = value
      } catch (error) {
        if (refused !== value)
          log.warn('state.not-saved', `cannot write ${file}, a restart may choose otherwise: ${messageOf(error)}`, {
            error,
          })
        refused = value
        notBefore = parts.clock.now() + AGAIN_MS
      }
    },
  }
}
