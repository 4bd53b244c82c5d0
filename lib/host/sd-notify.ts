/**
 * Tells systemd how the service is (sd_notify). Node has no Unix datagram sockets, so the program systemd-notify sends
 * the message; the unit therefore needs NotifyAccess=all. Must not: fail or delay the agent.
 */
import type { Log } from '../util/log.ts'
import { type RunProgram, runProgram } from './exec.ts'

export interface SdNotify {
  /** The service does its work: READY=1 with a status line for `systemctl status`. */
  ready(status: string): Promise<void>
  /** The service is about to end: STOPPING=1. */
  stopping(): Promise<void>
}

export interface SdNotifyOptions {
  readonly log: Log
  readonly env?: NodeJS.ProcessEnv
  readonly run?: RunProgram
}

/** Without NOTIFY_SOCKET in the environment nobody listens, and nothing is sent. */
export function createSdNotify(options: SdNotifyOptions): SdNotify {
  const env = options.env ?? process.env
  const run = options.run ?? runProgram
  const send = async (...assignments: string[]): Promise<void> => {
    if (!env.NOTIFY_SOCKET)
      return options.log.debug('notify.skipped', 'No NOTIFY_SOCKET: nobody waits for a notification')
    const result = await run('systemd-notify', assignments, { timeoutMs: 5_000 })
    if (result.outcome === 'exited' && result.status === 0) return
    const because =
      result.outcome === 'missing'
        ? 'the program systemd-notify is not installed; install it, or use Type=simple in the unit'
        : result.outcome === 'exited'
          ? `systemd-notify exited with ${result.status}: ${result.stderr.trim()}`
          : `systemd-notify ${result.outcome}`
    options.log.warn('notify.failed', `The service manager was not told ${assignments[0]}: ${because}`)
  }
  return {
    ready: (status) => send('READY=1', `STATUS=${status}`),
    stopping: () => send('STOPPING=1'),
  }
}
