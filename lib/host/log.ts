/**
 * The real Log, on pino: one line per event on stderr, as JSON for machines or klog-like text for people.
 * Must not: buffer (the last line before a crash is the one that matters), nor fail when nobody reads stderr any more.
 */
import { pino } from 'pino'
import type { Log, LogFields, LogLevel } from '../util/log.ts'
import { monotonicMs } from './clock.ts'
import { describeError, renderTextLine } from './log-line.ts'

export interface LogOptions {
  /** The least level that is written. */
  readonly level: LogLevel
  readonly format: 'text' | 'json'
  /** Where whole lines, line feed included, go; default: stderr, written synchronously. */
  readonly destination?: { write(line: string): void }
}

/** JSON lines carry `level`, `time` (ISO 8601, UTC), `monotonicMs`, `event`, the fields, `msg`. */
export function createLog(options: LogOptions): Log {
  const logger = pino(
    {
      base: null,
      level: options.level,
      formatters: { level: (label) => ({ level: label }) },
      timestamp: () => `,"time":"${new Date().toISOString()}","monotonicMs":${monotonicMs().toFixed(3)}`,
      // Values are rendered before they reach pino: its own serialisers would change fields named err, req or res.
      serializers: {},
      ...(options.format === 'text' ? { hooks: { streamWrite: renderTextLine } } : {}),
    },
    options.destination ?? stderrDestination(),
  )
  return logWith((level, fields, message) => logger[level](fields, message), {})
}

function logWith(write: (level: LogLevel, fields: LogFields, message: string) => void, base: LogFields): Log {
  const at =
    (level: LogLevel) =>
    (event: string, message: string, fields: LogFields = {}): void =>
      write(level, { event, ...jsonSafe(base), ...jsonSafe(fields) }, message)
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => logWith(write, { ...base, ...fields }),
  }
}

/** Errors (also inside a list) become objects, and what JSON would refuse or lose becomes text. */
function jsonSafe(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, safeValue(value)]))
}

function safeValue(value: unknown): unknown {
  if (value instanceof Error) return describeError(value)
  if (typeof value === 'bigint') return value.toString()
  if (Array.isArray(value)) return value.map(safeValue)
  return value
}

function stderrDestination(): { write(line: string): void } {
  const destination = pino.destination({ fd: 2, sync: true })
  // A reader that went away (EPIPE) must not end the agent.
  destination.on('error', () => {})
  return destination
}
