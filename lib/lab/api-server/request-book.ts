/** What clients asked for, for tests that say how often a client may ask. Must not: grow without bound. */
import type { Verb } from './access.ts'

/** One request as it came; `status` is undefined until the answer has begun (a watch's: until it is open). */
export interface RequestRecord {
  readonly verb: Verb
  readonly method: string
  /** Path with query. */
  readonly path: string
  status: number | undefined
}

export interface RequestBook {
  readonly counters: Readonly<Record<Verb, number>>
  /** Oldest first, the newest 1,000. */
  readonly log: readonly RequestRecord[]
  /** The record is the caller's to complete with the status. */
  note(verb: Verb, method: string, path: string): RequestRecord
}

const LOG_LENGTH = 1000

export function createRequestBook(): RequestBook {
  const counters = { get: 0, list: 0, watch: 0, create: 0, update: 0, patch: 0, delete: 0, other: 0 }
  const log: RequestRecord[] = []
  return {
    counters,
    log,
    note(verb, method, path) {
      counters[verb] += 1
      const record: RequestRecord = { verb, method, path, status: undefined }
      log.push(record)
      if (log.length > LOG_LENGTH) log.shift()
      return record
    },
  }
}
