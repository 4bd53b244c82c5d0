/**
 * An agent inside another program: not started, started, stopped, and what it tells meanwhile. Must not: touch what belongs to the
 * process (signals, standard output, exit status), nor do any of the agent's work.
 */
import { type Agent as RunningAgent, startAgent } from '../agent/agent.ts'
import { createJournal } from '../agent/window/journal.ts'
import type { AgentReport } from '../agent/window/report.ts'
import { agentReport } from '../agent/window/window.ts'
import { prepareHost } from '../cli/prepare-host.ts'
import { configReport } from '../cli/print-config.ts'
import { packageVersion } from '../cli/version.ts'
import { systemClock } from '../host/clock.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import { containedLog } from './contained-log.ts'
import { type AgentEvent, type AgentEvents, type AgentListener, createTeller, type Teller } from './events.ts'
import { type AgentOptions, type AgentSettings, asKey, readSettings } from './settings.ts'

/** Runs once: start, then stop. */
export interface Agent extends AsyncDisposable {
  /**
   * Resolves when it is alone and its servers listen; ready it is later. Rejects with HostError, LockedError or ConfigError, and with
   * the signal's reason, or an AbortError, when it was stopped before. Nothing runs then.
   */
  start(): Promise<void>
  /** Resolves when nothing of it runs any more. Everything stays in the kernel. As often as one likes, and at any time. */
  stop(): Promise<void>
  /** Resolves after `stop`; rejects when it cannot start, or go on. Nobody needs to look at it. */
  readonly ended: Promise<void>
  /** Pods have a network; what /readyz says. */
  readonly ready: boolean
  /** The document of `vtepd status --json`. */
  status(): AgentReport
  /**
   * What a listener throws, or rejects with, disturbs nobody: it is told as `agent.listener` in the log. `this` is undefined in it.
   */
  on<Name extends keyof AgentEvents>(type: Name, listener: AgentListener<Name>): this
  once<Name extends keyof AgentEvents>(type: Name, listener: AgentListener<Name>): this
  off<Name extends keyof AgentEvents>(type: Name, listener: AgentListener<Name>): this
  /**
   * All events from now on, until the agent has ended; an abort of `signal` is thrown into the loop. At most 1,000 wait for a slow
   * reader, who is told `lost` then.
   */
  events(options?: { readonly signal?: AbortSignal }): AsyncIterableIterator<AgentEvent>
}

/** Checks everything, touches nothing: throws ConfigError that names the key. The agent works in this process' network namespace. */
export function createAgent(config: AgentSettings, options: AgentOptions = {}): Agent {
  const { agent: agentConfig, warnings, settings, log: logSettings } = readSettings(config, options)
  const log = containedLog(options.log)
  const { signal } = options
  let inner: RunningAgent | undefined
  let starting: Promise<void> | undefined
  let stopping: Promise<void> | undefined
  let finish: () => void = () => undefined
  let fail: (error: unknown) => void = () => undefined
  const ended = new Promise<void>((resolve, reject) => {
    finish = resolve
    fail = reject
  })
  ended.catch(() => undefined)
  const teller = createTeller((type, error) =>
    log.error('agent.listener', `a listener of '${type}' threw: ${messageOf(error)}`, { error }),
  )
  const refuseStopped = (): void => {
    if (stopping === undefined) return
    throw signal?.aborted ? signal.reason : new DOMException('the agent was stopped', 'AbortError')
  }
  const begin = async (): Promise<void> => {
    refuseStopped()
    await prepareHost(agentConfig).catch((error: unknown) => {
      throw asKey(error)
    })
    refuseStopped()
    for (const warning of warnings) log.warn('config.warning', warning)
    inner = startAgent(agentConfig, {
      log,
      clock: systemClock,
      version: packageVersion(),
      configuration: async () => configReport(settings, { agent: agentConfig, log: logSettings, warnings }),
    })
    follow(inner, teller)
    inner.ended.catch(() => undefined)
    await inner.started
    refuseStopped()
    inner.ended.catch(giveUp)
  }
  const clear = async (): Promise<void> => {
    signal?.removeEventListener('abort', onAbort)
    await inner?.stop()
    teller.end()
  }
  /** It ends by itself. */
  const giveUp = (error: unknown): void => {
    stopping ??= clear()
    void stopping.finally(() => fail(error)).catch(() => undefined)
  }
  const stop = (): Promise<void> => {
    stopping ??= clear().then(finish, (error: unknown) => {
      fail(error)
      throw error
    })
    return stopping
  }
  const onAbort = (): void => void stop().catch(() => undefined)
  if (signal?.aborted) onAbort()
  else signal?.addEventListener('abort', onAbort, { once: true })

  const agent: Agent = {
    start() {
      starting ??= begin().catch(async (error: unknown) => {
        giveUp(error)
        await stopping?.catch(() => undefined)
        throw error
      })
      return starting
    },
    stop,
    ended,
    get ready() {
      return stopping === undefined && (inner?.ready ?? false)
    },
    status: () => inner?.report() ?? notStarted(),
    on(type, listener) {
      teller.emitter.on(type, listener)
      return agent
    },
    once(type, listener) {
      teller.emitter.once(type, listener)
      return agent
    },
    off(type, listener) {
      teller.emitter.off(type, listener)
      return agent
    },
    events: ({ signal: until } = {}) => teller.events(until),
    [Symbol.asyncDispose]: stop,
  }
  return agent
}

function follow(inner: RunningAgent, { emit }: Teller): void {
  let ready = false
  inner.onStatus((status) => {
    emit('status', status)
    if (status.ready === ready) return
    ready = status.ready
    const checks = status.checks.flatMap(({ name, fault }) => (fault === undefined ? [] : [{ name, fault }]))
    emit('ready', { ready, checks })
  })
  inner.journal.followFaults(({ event, family, sentence }) => {
    if (sentence === undefined) emit('cleared', { event, family })
    else emit('fault', { event, family, sentence })
  })
  inner.journal.follow((entry, fields) => {
    emit('log', entry)
    switch (entry.event) {
      case 'overlay.healed': {
        const { cause, ms, written } = fields
        return emit('healed', { family: entry.family, cause: String(cause), ms: Number(ms), written: Number(written) })
      }
      case 'leases.changed': {
        const { peers, synced, rejected } = fields
        return emit('leases', { peers: Number(peers), synced: synced === true, rejected: Number(rejected) })
      }
      default:
    }
  })
}

function notStarted(): AgentReport {
  const silent: Log = containedLog(undefined)
  const parts = { succession: { core: undefined, source: undefined }, journal: createJournal(silent) }
  const report = agentReport({ ...parts, status: () => undefined, version: packageVersion() }, new Date().toISOString())
  return { ...report, text: 'not started' }
}
