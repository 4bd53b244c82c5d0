/**
 * Lines on their way to somebody who may stop reading: written at once while nothing waits, else kept up to a bound; then
 * the oldest are dropped, and one line in their place says how many. Must not: wait, `flush` excepted, nor fail.
 */
import type { Clock, Timer } from '../util/clock.ts'

export interface LineQueueParts {
  /** Writes what can be written without waiting and returns its length in bytes, 0 for none. Throws when nobody reads any more. */
  readonly put: (bytes: Uint8Array) => number
  readonly clock: Clock
  /** Stops the thread: for `flush` only. */
  readonly pause: (ms: number) => void
  /** The line, line feed included, that stands for so many dropped ones. */
  readonly describeGap: (lines: number) => string
  /** Most bytes that wait. */
  readonly capacity: number
}

export interface LineQueue {
  /** `line` ends with a line feed. */
  write(line: string): void
  /** Stops the thread until nothing waits any more, at most so long: for the end of the process. */
  flush(patienceMs: number): void
}

const RETRY_MS = 50
const PAUSE_MS = 5

export function createLineQueue({ put, clock, pause, describeGap, capacity }: LineQueueParts): LineQueue {
  /** What waits begins at `first`: to shift a long array for each dropped line would cost more than the line. */
  const lines: string[] = []
  let first = 0
  let size = 0
  let dropped = 0
  /** What is left of a line whose beginning is written: it is never dropped, or the reader would see half a line. */
  let rest: Uint8Array | undefined
  /** The end of a line never came: the next one must not follow in the same line. */
  let torn = false
  let timer: Timer | undefined

  const take = (): void => {
    size -= Buffer.byteLength(lines[first] ?? '')
    lines[first] = ''
    first += 1
    if (first * 2 < lines.length) return
    lines.splice(0, first)
    first = 0
  }
  const drop = (): void => {
    take()
    dropped += 1
  }
  /** A gap goes with the line behind it: alone it is short, and may fit where no line does. */
  const next = (): string =>
    dropped === 0 ? (lines[first] ?? '') : `${torn ? '\n' : ''}${describeGap(dropped)}${lines[first] ?? ''}`
  /** Writes one line, or the rest of one; false: not now. */
  const putOne = (): boolean => {
    const bytes = rest ?? Buffer.from(next())
    const written = put(bytes)
    if (written === 0) return false
    if (rest === undefined) {
      take()
      dropped = 0
      torn = false
    }
    rest = written < bytes.length ? bytes.subarray(written) : undefined
    return true
  }
  const isEmpty = (): boolean => rest === undefined && lines.length === 0
  /** Writes what it can; true: nothing waits any more. A gap waits for the next line, which may find a reader. */
  const pump = (): boolean => {
    try {
      while (!isEmpty()) if (!putOne()) return false
    } catch {
      torn ||= rest !== undefined
      dropped += rest === undefined ? 0 : 1
      rest = undefined
      while (lines.length > 0) drop()
    }
    return true
  }
  const retry = (): void => {
    timer = pump() ? undefined : clock.after(RETRY_MS, retry)
  }

  return {
    write(line) {
      lines.push(line)
      size += Buffer.byteLength(line)
      if (timer === undefined) retry()
      while (size > capacity) drop()
    },
    flush(patienceMs) {
      const until = clock.now() + patienceMs
      while (!pump() && clock.now() < until) pause(PAUSE_MS)
    },
  }
}
