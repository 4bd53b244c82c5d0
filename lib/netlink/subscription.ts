/**
 * What a netlink family tells of itself: multicast groups, heard as messages, by a callback or with `for await`.
 * Must not: understand the messages.
 */

import * as abi from '../addon/abi.ts'
import type { AddonSocket } from '../addon/addon.ts'
import { errnoName } from '../addon/errno.ts'
import { getUint32, viewOf, wordsOf } from '../addon/host-order.ts'
import { NetlinkSocketError } from '../errors.ts'
import { createEventQueue } from '../util/event-queue.ts'
import { asFunction, asInteger, asList, asSignal, fieldsOf, optional } from './check.ts'
import { eachMessage, type NetlinkMessage } from './message.ts'
import { errorOf } from './outcome-error.ts'

/** `overrun`: messages were lost, told as MonitorOptions' overrun is: only a dump made after the last one has seen it all. */
export type NetlinkEvent = { readonly type: 'message'; readonly message: NetlinkMessage } | { readonly type: 'overrun' }

export interface SubscriptionOptions {
  /** Numbers of the family's multicast groups (RTNLGRP_*; of generic netlink those that the family was given); 1 to 64. */
  readonly groups: readonly number[]
  /**
   * SO_RCVBUF, bytes; default 4 MiB, at most 64 MiB. The kernel takes at most that much for what is not read yet, and tells an
   * overrun beyond it.
   */
  readonly receiveBufferBytes?: number
  /** Events that wait for a reader of `for await`; default 10,000. Beyond it they are dropped and an overrun is told. */
  readonly queueEvents?: number
  /** Ends the subscription: `for await` throws its reason. */
  readonly signal?: AbortSignal
  /** Called with everything heard since the last call, oldest first, instead of `for await`. */
  readonly onEvents?: (events: readonly NetlinkEvent[]) => void
  /** With `onEvents`: the socket failed, nothing more will come. With `for await` the loop throws it. */
  readonly onError?: (error: NetlinkSocketError) => void
}

export interface Subscription extends AsyncIterable<NetlinkEvent>, Disposable {
  /** Nothing is told after this returns, and a `for await` ends. May be called twice. */
  close(): void
  /**
   * Resolves when everything that the kernel had sent before the call, an overrun too, has been told: to `onEvents`, or into the
   * queue of `for await`. Also when the subscription ends.
   */
  caughtUp(): Promise<void>
  /** It does not keep the process alive; `ref` takes that back. */
  unref(): void
  ref(): void
}

const DEFAULT_RECEIVE_BUFFER = 4 << 20
const LARGEST_RECEIVE_BUFFER = 64 << 20
const DEFAULT_QUEUE = 10_000
const LARGEST_QUEUE = 1_000_000
const MOST_GROUPS = 64
const USER_BUFFER = 32_768

/** Hears everything from the moment it returns. Throws NetlinkSocketError, TypeError, RangeError. */
export function subscribe(socket: AddonSocket, options: SubscriptionOptions, onClose: () => void): Subscription {
  const { groups, receiveBufferBytes, queueEvents, signal, onEvents, onError } = checkOptions(options)
  let closed = false
  /** Who waits for a mark, in the order in which they were asked for. */
  const marks: (() => void)[] = []
  const close = (): void => {
    if (closed) return
    closed = true
    opened.monitor?.close()
    signal?.removeEventListener('abort', close)
    queue.end()
    for (const resolve of marks.splice(0)) resolve()
    onClose()
  }
  const queue = createEventQueue<NetlinkEvent>({
    limit: queueEvents,
    overflow: () => ({ type: 'overrun' }),
    onLeave: () => close(),
    signal: onEvents === undefined ? signal : undefined,
  })
  const hear = (buffer: ArrayBuffer): void => {
    if (closed) return
    const { events, errno, marked } = decodeRawEvents(new Uint8Array(buffer))
    const failure = errno === undefined ? undefined : failureOf(errno)
    if (onEvents === undefined) for (const event of events) queue.push(event)
    if (failure !== undefined) {
      queue.end(failure)
      close()
    }
    // As in native-monitor.ts: what is thrown into a native caller would be a mere warning.
    if (onEvents !== undefined)
      queueOnThrow(() => {
        if (events.length > 0) onEvents(events)
        if (failure !== undefined) onError?.(failure)
      })
    for (const resolve of marks.splice(0, marked)) resolve()
  }
  const opened = socket.subscribe(wordsOf(groups), receiveBufferBytes, USER_BUFFER, hear)
  const { monitor } = opened
  if (monitor === undefined) throw errorOf(opened, 'subscribe', `groups ${groups.join(', ')}`)
  if (signal?.aborted === true) close()
  else signal?.addEventListener('abort', close, { once: true })
  return {
    close,
    caughtUp: () =>
      new Promise((resolve) => {
        if (closed) return resolve()
        marks.push(resolve)
        monitor.mark()
      }),
    unref: () => monitor.setRef(false),
    ref: () => monitor.setRef(true),
    [Symbol.dispose]: close,
    [Symbol.asyncIterator]() {
      if (onEvents !== undefined) throw new TypeError('onEvents: what it is told is not told by `for await` too')
      return queue.iterator
    },
  }
}

/** All but the groups, which generic netlink has by name. */
export const SUBSCRIPTION_KEYS = ['receiveBufferBytes', 'queueEvents', 'signal', 'onEvents', 'onError'] as const

function checkOptions(options: SubscriptionOptions) {
  const of = fieldsOf('options', options, ['groups', ...SUBSCRIPTION_KEYS])
  const groups = asList('groups', of.groups, (field, group) => asInteger(field, group, 1, 0x7fffffff))
  if (groups.length === 0 || groups.length > MOST_GROUPS)
    throw new RangeError(`groups: ${groups.length} are not from 1 to ${MOST_GROUPS}`)
  const limited = (field: 'receiveBufferBytes' | 'queueEvents', most: number) =>
    optional(field, of[field], (name, value) => asInteger(name, value, 1, most))
  const signal = optional('signal', of.signal, asSignal)
  signal?.throwIfAborted()
  return {
    groups,
    receiveBufferBytes: limited('receiveBufferBytes', LARGEST_RECEIVE_BUFFER) ?? DEFAULT_RECEIVE_BUFFER,
    queueEvents: limited('queueEvents', LARGEST_QUEUE) ?? DEFAULT_QUEUE,
    signal,
    onEvents: optional('onEvents', of.onEvents, asFunction) as SubscriptionOptions['onEvents'],
    onError: optional('onError', of.onError, asFunction) as SubscriptionOptions['onError'],
  }
}

/** `errno`: the socket failed; `marked`: marks that are answered. Messages are views into `bytes`. */
function decodeRawEvents(bytes: Uint8Array): { events: NetlinkEvent[]; errno: number | undefined; marked: number } {
  const view = viewOf(bytes)
  const events: NetlinkEvent[] = []
  let errno: number | undefined
  let marked = 0
  for (let at = 0; at + abi.EVENT_HEADER_BYTES <= bytes.length; ) {
    const type = bytes[at + abi.EVENT_TYPE]
    const value = getUint32(view, at + abi.EVENT_VALUE)
    at += abi.EVENT_HEADER_BYTES
    if (type === abi.EVENT_CLOSED) errno = value
    else if (type === abi.EVENT_MARK) marked += value
    else if (type !== abi.EVENT_RAW) events.push({ type: 'overrun' })
    else {
      const isWhole = eachMessage(bytes.subarray(at, at + value), (message) =>
        events.push({ type: 'message', message }),
      )
      if (!isWhole) events.push({ type: 'overrun' })
      at += (value + 3) & ~3
    }
  }
  return { events, errno, marked }
}

function failureOf(errno: number): NetlinkSocketError {
  return new NetlinkSocketError({
    op: 'subscribe',
    errno,
    errnoName: errnoName(errno),
    detail: 'nothing more is heard',
  })
}

function queueOnThrow(run: () => void): void {
  try {
    run()
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
