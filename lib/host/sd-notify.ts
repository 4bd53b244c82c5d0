/**
 * Tells systemd how the service is (sd_notify(3)), by datagrams of our own process: NotifyAccess=main suffices.
 * Must not: wait for systemd or fail. What it did not take is said again, what changes quickly once a second.
 */
import { getSystemErrorName } from 'node:util'
import type { Clock, Timer } from '../util/clock.ts'
import type { Log } from '../util/log.ts'

export interface SdNotify {
  /**
   * The service runs, and how it is, for `systemctl status`. READY=1 with the first call that says `serves` (what is started
   * behind it finds what it needs), at the latest five seconds after the first call: what that waits for may wait for systemd.
   */
  running(status: string, serves: boolean): void
  /** The service is about to end: STOPPING=1. */
  stopping(): void
}

/** Sends one datagram to a Unix socket, whose name begins with @ where it is abstract, without waiting; errno 0: sent. */
export type SendDatagram = (path: string, text: string) => { readonly errno: number }

export interface SdNotifyOptions {
  readonly send: SendDatagram
  readonly clock: Clock
  readonly log: Log
  readonly env?: NodeJS.ProcessEnv
}

const PACE_MS = 1_000
const READY_WITHIN_MS = 5_000
/** A message of systemd's holds 4096 bytes. */
const MOST_STATUS_CHARACTERS = 1_000

/** Without NOTIFY_SOCKET in the environment nobody listens, and nothing is sent. */
export function createSdNotify({ send, clock, log, env = process.env }: SdNotifyOptions): SdNotify {
  const path = env.NOTIFY_SOCKET
  const wanted = new Map<string, string>()
  const told = new Map<string, string>()
  let pace: Timer | undefined
  let patience: Timer | undefined
  let failed = false

  const say = (): void => {
    const news = [...wanted].filter(([name, value]) => told.get(name) !== value)
    if (path === undefined || path === '' || news.length === 0) return
    const { errno } = send(path, news.map(([name, value]) => `${name}=${value}`).join('\n'))
    if (errno === 0) for (const [name, value] of news) told.set(name, value)
    else if (!failed) log.warn('notify.failed', complaint(path, news[0]?.[0], errno))
    failed = errno !== 0
    pace?.cancel()
    pace = clock.after(PACE_MS, () => {
      pace = undefined
      say()
    })
  }
  const ready = (): void => {
    patience?.cancel()
    wanted.set('READY', '1')
  }
  if (path === undefined || path === '')
    log.debug('notify.skipped', 'No NOTIFY_SOCKET: nobody waits for a notification')
  return {
    running(status, serves) {
      // Nobody who waits for readiness waits for the pace of what is only looked at.
      const isNews = serves && !wanted.has('READY')
      if (isNews) ready()
      else if (path && !wanted.has('READY'))
        patience ??= clock.after(READY_WITHIN_MS, () => {
          ready()
          say()
        })
      wanted.set('STATUS', status.replace(/\s+/g, ' ').slice(0, MOST_STATUS_CHARACTERS))
      if (pace === undefined || isNews) say()
    },
    stopping() {
      wanted.set('STOPPING', '1')
      say()
      pace?.cancel()
      patience?.cancel()
    },
  }
}

function complaint(path: string, what: string | undefined, errno: number): string {
  return `systemd was not told ${what}: ${path}: ${getSystemErrorName(-errno)}; it is tried again every second`
}
