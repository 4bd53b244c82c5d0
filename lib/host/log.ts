/**
 * The real Log: one line per event on stderr, as JSON for machines or klog-like text for people.
 * Must not: hold a line back that can be written (the last one before a crash is the one that matters), nor wait for a
 * reader (stderr.ts).
 */
import type { Log, LogFields, LogLevel } from '../util/log.ts'
import { printable, printableAll } from '../util/printable.ts'
import { monotonicMs } from './clock.ts'
import { describeError, oneLine, renderTextLine } from './log-line.ts'
import { describeGapBy, writeStderr } from './stderr.ts'

export interface LogOptions {
  /** The least level that is written. */
  readonly level: LogLevel
  readonly format: 'text' | 'json'
  /** Where whole lines, line feed included, go; default: stderr, where lines that nobody read are told by one of their own. */
  readonly destination?: { write(line: string): void }
}

export interface LeveledLog extends Log {
  /** The least level that is written. */
  level: LogLevel
}

/** JSON lines carry `level`, `time` (ISO 8601, UTC), `monotonicMs`, `event`, the fields, `msg`. */
export function createLog(options: LogOptions): LeveledLog {
  const { destination } = options
  if (destination !== undefined) return logTo(options, (line) => destination.write(line))
  let line = ''
  const gaps = logTo({ ...options, level: 'warn' }, (text) => {
    line = text
  })
  describeGapBy((lines) => {
    gaps.warn('log.gap', `${lines} lines are lost here: nobody read standard error`, { lines })
    return line
  })
  return logTo(options, writeStderr)
}

const LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

function logTo({ level, format }: LogOptions, write: (line: string) => void): LeveledLog {
  const log = logWith((of, render) => {
    if (LEVELS.indexOf(of) < LEVELS.indexOf(leveled.level)) return
    const at = { time: new Date().toISOString(), monotonicMs: Math.round(monotonicMs() * 1000) / 1000 }
    const line = `${JSON.stringify({ level: of, ...at, ...render() })}\n`
    write(format === 'text' ? renderTextLine(line) : line)
  }, {})
  const leveled = { ...log, level }
  return leveled
}

/** `render` is called for what is written alone. */
function logWith(write: (level: LogLevel, render: () => LogFields) => void, base: LogFields): Log {
  const at =
    (level: LogLevel) =>
    (event: string, message: string, fields: LogFields = {}): void =>
      write(level, () => ({ event, ...jsonSafe(base), ...jsonSafe(fields), msg: printable(oneLine(message)) }))
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    with: (fields) => logWith(write, { ...base, ...fields }),
  }
}

/** Errors (also inside a list) become objects, what JSON would refuse or lose becomes text, and all text printable. */
function jsonSafe(fields: LogFields): LogFields {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, safeValue(value)]))
}

function safeValue(value: unknown): unknown {
  if (value instanceof Error) return describeError(value)
  if (typeof value === 'bigint') return value.toString()
  // Of milliseconds a microsecond is enough.
  if (typeof value === 'number') return Math.round(value * 1000) / 1000
  if (Array.isArray(value)) return value.map(safeValue)
  return printableAll(value)
}
