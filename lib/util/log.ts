/**
 * How the floors above report what happens: structured events, one sentence each. The real one is lib/host/log.ts.
 * Must not: format, filter or know where a line goes.
 */

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Values are JSON-safe; an Error is rendered with its code and cause by the real log. */
export type LogFields = Readonly<Record<string, unknown>>

/**
 * `event` is a stable, dotted name that programs match (`device.state`, `peers.applied`); `message` is for people and
 * may change. Every line carries `monotonicMs` (CLOCK_MONOTONIC, comparable between processes of one machine).
 */
export interface Log {
  debug(event: string, message: string, fields?: LogFields): void
  info(event: string, message: string, fields?: LogFields): void
  warn(event: string, message: string, fields?: LogFields): void
  error(event: string, message: string, fields?: LogFields): void
  /** The same log with `fields` on every line. */
  with(fields: LogFields): Log
  /** Told of each change of what lasts, whether a line of it is due or not; undefined: nobody keeps a list. */
  readonly stands?: (what: Stands) => void
}

export interface Stands {
  readonly event: string
  /** undefined: it is over. */
  readonly sentence: string | undefined
}

/** Says so in a level that is written before as well as after, unless only errors are. Returns what it was. */
export function setLevel(log: Log, leveled: { level: LogLevel }, level: LogLevel): LogLevel {
  const before = leveled.level
  log.warn('log.level', `the log tells ${level} from now on, before it was ${before}`)
  leveled.level = level
  return before
}
