/**
 * A request socket, and if wanted a monitor beside it, that are opened again whenever one of them fails. Owns their life;
 * whoever uses it sees an error once and finds a fresh socket the next time, and after every (re)opening of the monitor
 * an `overrun`, since what happened in between was heard by nobody.
 * Must not: repeat a request: whether that is right only its owner knows.
 */
import { NetlinkSocketError } from '../errors.ts'
import type { Monitor, MonitorOptions, Notification, Rtnl } from '../rtnl/port.ts'
import { createBackoff } from '../util/backoff.ts'
import type { Clock, Timer } from '../util/clock.ts'
import { messageOf } from '../util/message-of.ts'
import type { StandingLog } from '../util/standing-log.ts'

export interface RtnlSession {
  /** Runs `work` with an open socket; rejects with NetlinkSocketError when none can be opened, and with what `work` throws. */
  use<T>(work: (rtnl: Rtnl) => Promise<T>): Promise<T>
  /** Monitor.hearEntries; a monitor that is opened later hears them. */
  hearEntries(heard: boolean): void
  close(): Promise<void>
}

export interface RtnlSessionParts {
  readonly open: () => Rtnl
  /** undefined: a session without monitor. */
  readonly monitor:
    | (Pick<MonitorOptions, 'groups' | 'families' | 'addressFamilies'> & {
        onNotifications(list: readonly Notification[]): void
      })
    | undefined
  readonly standing: StandingLog
  readonly clock: Clock
}

export function createRtnlSession(parts: RtnlSessionParts): RtnlSession {
  const { clock } = parts
  const backoff = createBackoff({ firstMs: 10, maxMs: 1000 })
  let rtnl: Rtnl | undefined
  let monitor: Monitor | undefined
  let timer: Timer | undefined
  let closed = false

  const drop = (broken: Rtnl, error: unknown): void => {
    if (rtnl !== broken || closed) return
    parts.standing.stands('rtnl.lost', `a netlink socket was lost, another is opened: ${messageOf(error)}`)
    monitor?.close()
    monitor = undefined
    rtnl = undefined
    broken.close().catch(() => undefined)
    if (parts.monitor !== undefined) reopenSoon()
  }
  const reopenSoon = (): void => {
    timer?.cancel()
    timer = clock.after(backoff.next(), () => {
      try {
        current()
      } catch (error) {
        parts.standing.stands('rtnl.closed', `no netlink socket can be opened: ${messageOf(error)}`)
        reopenSoon()
      }
    })
  }
  const current = (): Rtnl => {
    if (closed)
      throw new NetlinkSocketError({ op: 'open', errno: 125, errnoName: 'ECANCELED', detail: 'session closed' })
    if (rtnl !== undefined) return rtnl
    const opened = parts.open()
    rtnl = opened
    try {
      if (parts.monitor !== undefined) monitor = listen(opened, parts.monitor, drop)
    } catch (error) {
      rtnl = undefined
      opened.close().catch(() => undefined)
      throw error
    }
    parts.standing.over('rtnl.closed', 'a netlink socket is open again')
    timer?.cancel()
    // In a task of its own: whoever opened the socket by asking is not called back in the middle of that.
    if (parts.monitor !== undefined) timer = clock.after(0, () => parts.monitor?.onNotifications([{ type: 'overrun' }]))
    return opened
  }

  /** A socket that cannot be opened is tried again without being asked where a monitor hangs on it. */
  const currentOrSoon = (): Rtnl => {
    try {
      return current()
    } catch (error) {
      if (parts.monitor !== undefined && !closed) reopenSoon()
      throw error
    }
  }

  return {
    async use(work) {
      const used = currentOrSoon()
      try {
        const value = await work(used)
        backoff.reset()
        parts.standing.over('rtnl.lost', 'the netlink socket works')
        return value
      } catch (error) {
        if (error instanceof NetlinkSocketError) drop(used, error)
        throw error
      }
    },
    hearEntries: (heard) => monitor?.hearEntries(heard),
    async close() {
      closed = true
      timer?.cancel()
      monitor?.close()
      await rtnl?.close()
    },
  }
}

function listen(
  rtnl: Rtnl,
  options: NonNullable<RtnlSessionParts['monitor']>,
  drop: (rtnl: Rtnl, error: unknown) => void,
): Monitor {
  return rtnl.monitor({
    groups: options.groups,
    families: options.families,
    ...(options.addressFamilies === undefined ? {} : { addressFamilies: options.addressFamilies }),
    onNotifications(list) {
      options.onNotifications(list)
      const end = list.find((notification) => notification.type === 'closed')
      if (end !== undefined) drop(rtnl, new NetlinkSocketError({ op: 'monitor', ...end }))
    },
  })
}
