/** The log of the program around the agent, which may throw, or be absent. Must not: keep a line. */
import type { Log } from '../util/log.ts'

/** What `log` throws is dropped: the agent's work goes on. */
export function containedLog(log: Log | undefined): Log {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error'): Log['info'] =>
    (...line) => {
      try {
        log?.[level](...line)
      } catch {
        // Where else should it be told?
      }
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with(fields) {
      try {
        return containedLog(log?.with(fields))
      } catch {
        return containedLog(undefined)
      }
    },
  }
}
