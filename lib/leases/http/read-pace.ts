/**
 * When a socket is read whose events come one by one, hundreds a second: each by itself costs a wake-up of the process, so
 * close ones are read together, at ticks. Must not: touch a socket; it only says when.
 */

export interface ReadPace {
  /**
   * So many bytes have come; false: read no more until `resume` is called. What was read from the socket already may still
   * come.
   */
  mayGoOn(bytes: number): boolean
  /** Until then everything is read as it comes. */
  slow(): void
  /** `resume` is not called any more. */
  stop(): void
}

/** Milliseconds, monotonic. */
export interface PaceTime {
  now(): number
  /** Calls `tick` again and again; the result ends that. */
  every(ms: number, tick: () => void): () => void
}

/** The longest that bytes wait. A node that joins shall be programmed within 20 ms, of which the rest takes 2 to 5. */
export const TICK_MS = 12
/** More than this between two ticks is a burst, which is read as fast as it comes. A socket gives 64 KiB at once. */
export const BURST_BYTES = 48 << 10

export function createReadPace(resume: () => void, time: PaceTime): ReadPace {
  let slowed = false
  let endTicks: (() => void) | undefined
  let lastAt = Number.NEGATIVE_INFINITY
  /** Since the last tick. */
  let bytes = 0
  let resting = false

  const goOn = (): void => {
    if (!resting) return
    resting = false
    resume()
  }
  const tick = (): void => {
    if (bytes === 0) {
      endTicks?.()
      endTicks = undefined
    }
    bytes = 0
    goOn()
  }
  return {
    mayGoOn(count) {
      if (!slowed) return true
      bytes += count
      if (endTicks === undefined) {
        const now = time.now()
        const close = now - lastAt < TICK_MS
        lastAt = now
        if (!close) {
          bytes = 0
          return true
        }
        endTicks = time.every(TICK_MS, tick)
      }
      if (bytes >= BURST_BYTES) {
        goOn()
        return true
      }
      resting = true
      return false
    },
    slow() {
      slowed = true
    },
    stop() {
      slowed = false
      resting = false
      endTicks?.()
      endTicks = undefined
    },
  }
}
