/**
 * Keeps one file that others read as it should be: written when that is known, when it changes, and at once when somebody has
 * lost or altered it. Who undoes it again and again is answered with pauses (governor.ts), never at full speed.
 * Must not: know what the file means, nor remove it.
 */
import { createBackoff } from '../util/backoff.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { createDirtyLoop } from '../util/dirty-loop.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'
import { createGovernor } from './governor.ts'

/** What could not be written is tried again after this long, milliseconds. Once, it is mostly the folder that went just then. */
const AGAIN_MS = { firstMs: 5, maxMs: 1000 }

export interface KeptFile {
  /** Why it does not say the truth, as far as the last look knows; undefined: it does. */
  readonly fault: string | undefined
  /** What is to be in it may be another. */
  mark(): void
  stop(): Promise<void>
}

/** Files as the agent sees them (lib/host/files.ts and watch-file.ts). */
export interface FilePorts {
  /** undefined: there is none, or no plain file, or with other permissions than these, if they are given. */
  readonly read: (path: string, mode?: number) => Promise<string | undefined>
  readonly replace: (path: string, text: string) => Promise<void>
  /** Tells each change of the file, its appearance and its end; told too often does no harm. */
  readonly watch: (path: string, onChange: () => void) => { close(): void }
}

export interface KeptFileParts {
  readonly path: string
  /** undefined: its permissions are others' business, as long as it is right. */
  readonly mode?: number
  /** What is to be there, given what is (undefined: nothing); undefined: not known yet. */
  readonly content: (now: string | undefined) => string | undefined
  readonly files: FilePorts
  /** Called after each write; `debug` where it happens again and again. */
  readonly onWrite: (level: 'info' | 'debug') => void
  /** The event of what stands while it cannot be written. */
  readonly failed: string
  readonly clock: Clock
  readonly log: Log
  readonly standing: StandingLog
  /** `fault` changed. */
  readonly onChange: () => void
}

export function createKeptFile(parts: KeptFileParts): KeptFile {
  const { path, files, failed, clock, log, standing } = parts
  const governor = createGovernor({ clock, log, nameOwner: async () => undefined })
  let fault: string | undefined = `${path} is to be written`
  let written: string | undefined
  let again: Timer | undefined
  const backoff = createBackoff(AGAIN_MS)
  let failures = 0

  const setFault = (next: string | undefined): void => {
    if (fault === next) return
    fault = next
    parts.onChange()
  }
  const later = (ms: number): void => {
    again?.cancel()
    again = clock.after(ms, () => loop.mark())
  }
  const write = async (text: string): Promise<void> => {
    const isNews = written !== text || governor.isNews([path])
    await files.replace(path, text)
    parts.onWrite(isNews ? 'info' : 'debug')
    if (written === text) governor.repaired([path], () => path)
    written = text
  }
  const loop = createDirtyLoop(
    async () => {
      const now = await files.read(path, parts.mode)
      const text = parts.content(now)
      if (text === undefined) return
      if (now !== text) {
        const wait = written === text ? governor.waitMs([path]) : 0
        if (wait > 0) {
          setFault(`${path} was altered by another program`)
          return later(wait)
        }
        await write(text)
      }
      written = text
      again?.cancel()
      backoff.reset()
      failures = 0
      standing.over(failed, `${path} can be written`)
      setFault(undefined)
    },
    (error) => {
      failures += 1
      later(backoff.next())
      if (failures === 1) return
      const sentence = `cannot write ${path}: ${messageOf(error)}`
      setFault(sentence)
      standing.stands(failed, sentence, { error })
    },
  )
  const watch = files.watch(path, () => loop.mark())
  return {
    get fault() {
      return fault
    },
    mark: () => loop.mark(),
    async stop() {
      watch.close()
      await loop.stop()
      again?.cancel()
    },
  }
}
