/**
 * The last synced view on disk, so that a node that boots while the API server is away has its overlay all the same
 * (design decision 11). Owns when it is written, and what is said when that fails.
 * Must not: know what the view means (kube-table.ts), nor its text (view-file.ts).
 */
import path from 'node:path'
import { readBytesIfExists, replaceFile } from '../../host/files.ts'
import type { Clock, Timer } from '../../util/clock.ts'
import type { Log } from '../../util/log.ts'
import { messageOf } from '../../util/message-of.ts'
import type { StandingLog } from '../../util/standing-log.ts'
import { parseViewFile, type RememberedView, renderViewFile } from './view-file.ts'

/** A start has other things to do first. Milliseconds, as below. */
const FIRST_WRITE_MS = 2000
const WRITE_EVERY_MS = 60_000
/** Ten times what 100,000 dual-stack peers need; a larger file is none of ours. */
const MAX_BYTES = 300 << 20

export interface ViewCache {
  /** undefined: there is none that can be used; why, if it is there, is told in the log. */
  load(): Promise<ReturnType<typeof parseViewFile> | undefined>
  /** The view changed: it is written soon, at most once a minute. */
  mark(): void
  /** Writes that failed since the start. */
  readonly failures: number
  /** Writes what is not written yet; resolves also when that fails. */
  close(): Promise<void>
}

/** `view`: the synced one of this moment; undefined while there is none, and then nothing is written. */
export function createViewCache(parts: {
  readonly stateDir: string
  /** Of the file: `flannel.1`, `host-gw`. */
  readonly name: string
  /** Of which network and annotations a view is; another's is not read. */
  readonly binding: string
  readonly view: () => RememberedView | undefined
  readonly log: Log
  readonly standing: StandingLog
  readonly clock: Clock
}): ViewCache {
  const { log, standing, clock, binding } = parts
  // `vtepd cleanup` knows what is ours by the device's name.
  const file = path.join(parts.stateDir, `${parts.name}.leases`)
  let dirty = false
  let timer: Timer | undefined
  let writing: Promise<void> | undefined
  let nextWriteAt = clock.now() + FIRST_WRITE_MS
  let failures = 0
  let closed = false

  const write = async (): Promise<void> => {
    dirty = false
    const view = parts.view()
    if (view === undefined) return
    nextWriteAt = clock.now() + WRITE_EVERY_MS
    try {
      await replaceFile(file, renderViewFile(view, binding))
      standing.over('state.not-saved', `${file} is written again`)
    } catch (error) {
      dirty = true
      failures += 1
      const sentence = `cannot write ${file}, a start without the API server would know less: ${error}`
      standing.stands('state.not-saved', sentence, { error })
    }
  }
  const schedule = (): void => {
    if (closed || !dirty || timer !== undefined || writing !== undefined) return
    timer = clock.after(Math.max(0, nextWriteAt - clock.now()), () => {
      timer = undefined
      writing = write().finally(() => {
        writing = undefined
        schedule()
      })
    })
  }

  return {
    async load() {
      try {
        const bytes = await readBytesIfExists(file, MAX_BYTES)
        return bytes === undefined ? undefined : parseViewFile(bytes, binding)
      } catch (error) {
        const because = messageOf(error)
        log.warn('state.unreadable', `${file} is not used: ${because}`, { error })
        return undefined
      }
    },
    mark() {
      dirty = true
      schedule()
    },
    get failures() {
      return failures
    },
    async close() {
      closed = true
      timer?.cancel()
      await writing
      if (dirty) await write()
    },
  }
}
