/**
 * How long the event loop of this process is blocked: a timer every millisecond, and the gaps between its calls. On a
 * machine that others use as well, part of a gap is the wait for a processor; the kernel counts that part for each thread,
 * so both figures are told. Must not: run while the bench itself works.
 */
import { readFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

export interface LoopDelays {
  /** The longest gap, milliseconds. */
  readonly longestMs: number
  /** The longest gap less the wait for a processor in it. */
  readonly longestOwnMs: number
}

export interface LoopMonitor {
  /** Ends it. */
  stop(): LoopDelays
}

const INTERVAL_MS = 1

/** Of the main thread, whose task ID is the process ID. */
const SCHEDSTAT = `/proc/self/task/${process.pid}/schedstat`

export function startLoopMonitor(): LoopMonitor {
  let lastAt = performance.now()
  let lastWaited = waitedMs()
  let longestMs = 0
  let longestOwnMs = 0
  const look = (): void => {
    const now = performance.now()
    const waited = waitedMs()
    const gap = Math.max(0, now - lastAt - INTERVAL_MS)
    longestMs = Math.max(longestMs, gap)
    longestOwnMs = Math.max(longestOwnMs, gap - (waited - lastWaited))
    lastAt = now
    lastWaited = waited
  }
  const timer = setInterval(look, INTERVAL_MS)
  return {
    stop() {
      look()
      clearInterval(timer)
      return { longestMs, longestOwnMs }
    },
  }
}

/** Milliseconds that the main thread was ready to run and did not; 0 where the kernel does not count it. */
function waitedMs(): number {
  try {
    return Number(readFileSync(SCHEDSTAT, 'utf8').split(' ')[1] ?? 0) / 1e6
  } catch {
    return 0
  }
}
