/**
 * What the agent said lately and what stands now, kept for whoever asks: a Log in front of the real one. Owns the last lines.
 * Must not: filter what the real log is told, nor write anywhere.
 */
import type { Log, LogFields, LogLevel, Stands } from '../../util/log.ts'
import { printable } from '../../util/printable.ts'

/** One line of the log, as it was said. */
export interface JournalEntry {
  /** Counts from 1, without a gap: whoever follows sees what was lost. */
  readonly number: number
  /** ISO 8601, UTC. */
  readonly time: string
  readonly level: Exclude<LogLevel, 'debug'>
  readonly event: string
  /** undefined: it is about no family. */
  readonly family: string | undefined
  readonly message: string
}

/** A fault that stands at this moment. */
export interface StandingFault {
  readonly event: string
  readonly family: string | undefined
  readonly sentence: string
  /** ISO 8601, UTC. */
  readonly since: string
}

export interface FaultChange extends Pick<StandingFault, 'event' | 'family'> {
  readonly sentence: string | undefined
}

export interface Journal {
  /** What the agent logs to. */
  readonly log: Log
  /** The newest of them, oldest first; at most MOST_ENTRIES. */
  entries(): readonly JournalEntry[]
  standing(): readonly StandingFault[]
  /** `listener` is told each line from now on, with the fields of that line. Returns what ends that. */
  follow(listener: (entry: JournalEntry, fields: LogFields) => void): () => void
  /** The same of each change of what stands; without a sentence: it is over. */
  followFaults(listener: (change: FaultChange) => void): () => void
}

/** Some 100 KB. */
const MOST_ENTRIES = 500

export function createJournal(real: Log, now: () => Date = () => new Date()): Journal {
  const kept: JournalEntry[] = []
  const faults = new Map<string, StandingFault>()
  const listeners = new Set<(entry: JournalEntry, fields: LogFields) => void>()
  const faultListeners = new Set<(change: FaultChange) => void>()
  let number = 0

  const keep = (
    level: JournalEntry['level'],
    event: string,
    message: string,
    { family, fields = {} }: { readonly family: string | undefined; readonly fields: LogFields | undefined },
  ): void => {
    number += 1
    const entry = { number, time: now().toISOString(), level, event, family, message: printable(message) }
    kept.push(entry)
    if (kept.length > MOST_ENTRIES) kept.shift()
    for (const listener of [...listeners]) listener(entry, fields)
  }
  const stands = (family: string | undefined, { event, sentence }: Stands): void => {
    const key = `${family ?? ''} ${event}`
    if (sentence === undefined) faults.delete(key)
    else {
      const since = faults.get(key)?.since ?? now().toISOString()
      faults.set(key, { event, family, sentence: printable(sentence), since })
    }
    const told = sentence === undefined ? undefined : printable(sentence)
    for (const listener of [...faultListeners]) listener({ event, family, sentence: told })
  }
  const logTo = (log: Log, base: string | undefined): Log => {
    const at = (level: JournalEntry['level']) => (event: string, message: string, fields?: LogFields) => {
      log[level](event, message, fields)
      keep(level, event, message, { family: familyOf(fields) ?? base, fields })
    }
    return {
      debug: (event, message, fields) => log.debug(event, message, fields),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      with: (fields) => logTo(log.with(fields), familyOf(fields) ?? base),
      stands: (what) => stands(base, what),
    }
  }
  return {
    log: logTo(real, undefined),
    entries: () => [...kept],
    standing: () => [...faults.values()],
    follow(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    followFaults(listener) {
      faultListeners.add(listener)
      return () => faultListeners.delete(listener)
    },
  }
}

function familyOf(fields: LogFields | undefined): string | undefined {
  const family = fields?.family
  return typeof family === 'string' ? family : undefined
}
