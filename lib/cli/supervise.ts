/**
 * The life of a running agent as its process sees it: told to end, unable to go on, ready. Owns the exit status.
 * Must not: build the agent, nor end the process but for what nobody handled.
 */
import type { Agent } from '../agent/agent.ts'
import { ConfigError } from '../errors.ts'
import type { LeveledLog } from '../host/log.ts'
import { errorInOneLine } from '../host/log-line.ts'
import type { SdNotify } from '../host/sd-notify.ts'
import { type Log, setLevel } from '../util/log.ts'
import type { ExitStatus } from './failure.ts'
import type { Rest } from './rest.ts'

type Supervised = Pick<Agent, 'onStatus' | 'ended' | 'stop'>

export interface SuperviseParts {
  readonly log: Log
  readonly notify: SdNotify
  readonly rest: Rest
  /** Resolves with why the agent shall end: the signal's name. */
  readonly told: Promise<string>
}

/** Resolves when the agent has ended: 0 told to, 1 or 2 (ConfigError) could not go on, with one line in the log. */
export async function superviseAgent(agent: Supervised, parts: SuperviseParts): Promise<ExitStatus> {
  const { log, notify } = parts
  agent.onStatus(({ ready, text, podsCanStart }) => {
    notify.running(text, podsCanStart)
    parts.rest.judged(ready)
  })
  try {
    const why = await Promise.race([parts.told, agent.ended])
    if (why !== undefined) log.info('run.stop', `${why}: ending; everything stays in the kernel`)
    notify.stopping()
    parts.rest.stop()
    await agent.stop()
    log.info('run.end', 'Exiting cleanly...')
    return 0
  } catch (error) {
    log.error('run.failed', `vtepd cannot go on: ${errorInOneLine(error)}`, { error })
    return error instanceof ConfigError ? 2 : 1
  }
}

/** Resolves with the first SIGINT or SIGTERM. A second one finds no handler any more, so it kills at once. */
export function onTermination(): Promise<NodeJS.Signals> {
  const signals = ['SIGINT', 'SIGTERM'] as const
  return new Promise((resolve) => {
    const onSignal = (signal: NodeJS.Signals): void => {
      for (const name of signals) process.off(name, onSignal)
      resolve(signal)
    }
    for (const name of signals) process.on(name, onSignal)
  })
}

/** SIGUSR2 makes the log tell everything, and a second one as much as before. */
export function onMoreSignal(log: LeveledLog): void {
  const configured = log.level
  process.on('SIGUSR2', () => {
    setLevel(log, log, log.level === 'debug' ? configured : 'debug')
  })
}

/**
 * What nobody handled is a bug: said with its code, then the service manager starts us afresh (everything is adopted).
 * Node's own warnings become lines of the log, since Node itself would wait for the reader of standard error.
 */
export function endOnSurprise(log: Log): void {
  const end = (kind: string) => (error: unknown) => {
    log.error('run.surprise', `Unhandled ${kind}: ${errorInOneLine(error)}`, { error })
    process.exit(1)
  }
  process.on('unhandledRejection', end('rejection'))
  process.on('uncaughtException', end('exception'))
  process.removeAllListeners('warning')
  process.on('warning', (warning) => log.warn('run.warning', warning.message, { name: warning.name }))
}
