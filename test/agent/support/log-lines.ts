/** A log that keeps its lines, as `warn device.flaw: sentence`. */
import type { Log } from '../../../lib/util/log.ts'

export interface KeptLog extends Log {
  readonly lines: string[]
  /** Lines of that beginning. */
  of(beginning: string): string[]
}

/** What is below `info` is not kept, as by default. */
export function createKeptLog(): KeptLog {
  const lines: string[] = []
  const log: KeptLog = {
    lines,
    of: (beginning) => lines.filter((line) => line.startsWith(beginning)),
    debug() {},
    info: (event, message) => void lines.push(`info ${event}: ${message}`),
    warn: (event, message) => void lines.push(`warn ${event}: ${message}`),
    error: (event, message) => void lines.push(`error ${event}: ${message}`),
    with: () => log,
  }
  return log
}
