/**
 * The monitor for whoever reads with `for await`, or with a callback as the port's. Must not: hear by itself; it reads what the
 * port's monitor (native-monitor.ts) tells.
 */
import { NetlinkSocketError } from '../errors.ts'
import { FAMILIES, type Family } from '../net/ip.ts'
import { asInteger, asSignal, fieldsOf, optional } from '../netlink/check.ts'
import { createEventQueue } from '../util/event-queue.ts'
import type { Notification, Monitor as PortMonitor, MonitorOptions as PortMonitorOptions } from './port.ts'

export interface MonitorOptions extends Omit<PortMonitorOptions, 'families' | 'onNotifications'> {
  /** Groups of addresses, routes and rules are joined for these; default: both. Links and neighbours have one group for all. */
  readonly families?: readonly Family[]
  /** Called with everything heard since the last call, oldest first, instead of `for await`. Exceptions are not swallowed. */
  readonly onNotifications?: PortMonitorOptions['onNotifications']
  /** Notifications that wait for `for await`, 1 to a million; default 10,000. Beyond it they are dropped and an overrun is told. */
  readonly queueEvents?: number
  /** Ends it: `for await` throws the reason. */
  readonly signal?: AbortSignal
}

export interface Monitor extends PortMonitor, Disposable, AsyncIterable<Exclude<Notification, { type: 'closed' }>> {
  /** For one reader. It ends with `close`, and by NetlinkSocketError where the socket fails. Leaving the loop closes it. */
  [Symbol.asyncIterator](): AsyncIterableIterator<Exclude<Notification, { type: 'closed' }>>
}

const DEFAULT_QUEUE = 10_000
const LARGEST_QUEUE = 1_000_000
const KEYS = [
  ...(['groups', 'families', 'addressFamilies', 'onNotifications', 'ignoreOwn', 'receiveBufferBytes'] as const),
  ...(['queueEvents', 'signal'] as const),
]

/** Opens by `open`, the port's. Throws as that does, and TypeError or RangeError for options of its own. `onClose`: once or more. */
export function createMonitor(
  open: (options: PortMonitorOptions) => PortMonitor,
  options: MonitorOptions,
  onClose: () => void,
): Monitor {
  const { queueEvents, signal: given, families, ...rest } = fieldsOf('options', options, KEYS)
  const limit = optional('queueEvents', queueEvents, (field, n) => asInteger(field, n, 1, LARGEST_QUEUE))
  const signal = optional('signal', given, asSignal)
  signal?.throwIfAborted()
  const isRead = rest.onNotifications === undefined
  const close = (): void => {
    signal?.removeEventListener('abort', close)
    monitor.close()
    queue.end()
    onClose()
  }
  const queue = createEventQueue<Exclude<Notification, { type: 'closed' }>>({
    limit: limit ?? DEFAULT_QUEUE,
    overflow: () => ({ type: 'overrun' }),
    onLeave: () => close(),
    signal: isRead ? signal : undefined,
  })
  const queueAll = (notifications: readonly Notification[]): void => {
    for (const one of notifications)
      if (one.type !== 'closed') queue.push(one)
      else queue.end(new NetlinkSocketError({ op: 'monitor', errno: one.errno, errnoName: one.errnoName }))
  }
  const checked = {
    ...rest,
    families: families === undefined ? FAMILIES : families,
    onNotifications: isRead ? queueAll : rest.onNotifications,
  }
  const monitor = open(checked as PortMonitorOptions)
  signal?.addEventListener('abort', close, { once: true })
  return {
    hearEntries: (heard) => monitor.hearEntries(heard),
    ref: () => monitor.ref(),
    unref: () => monitor.unref(),
    close,
    [Symbol.dispose]: close,
    [Symbol.asyncIterator]() {
      if (!isRead) throw new TypeError('onNotifications: what it is told is not told by `for await` too')
      return queue.iterator
    },
  }
}
