/**
 * Keeps a table equal to the kernel's: hears what changes, and dumps at the start, after lost messages, after what the kernel tells
 * of by another message or not at all, and once in a while. Owns when a dump is made, and when the table can be believed.
 *
 * A dump is held against what was heard from before its begin until `caughtUp` behind its end, so that nothing that the kernel
 * sent meanwhile is missing when it is judged. Where the judgement is "not whole" (interrupted, or others wrote while the kernel
 * walked the table) another one follows: after 20 ms without news, but at the latest after four times as long as the last one
 * took. Must not: know what is in the table.
 */
import { constants } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import { NetlinkSocketError } from '../../errors.ts'
import { type CallOptions, checkCallOptions, watchLimits } from '../../netlink/call.ts'
import type { Subscription, SubscriptionOptions } from '../../netlink/subscription.ts'
import type { TableBody } from './table-body.ts'

export interface Following {
  /** No news are known to be missing, and the last dump is believed whole. */
  readonly synced: boolean
  /** Resolves when all that the kernel has told until now is in the table, and it is `synced`. */
  settled(options?: CallOptions): Promise<void>
  close(): Promise<void>
  ref(): void
  unref(): void
}

/** What ends every table that somebody has open. */
export type Owner = Set<() => void>

export interface FollowParts {
  // biome-ignore lint/suspicious/noExplicitAny: what a table holds is of no concern here
  readonly body: TableBody<any, any>
  readonly subscribe: (
    options: Pick<SubscriptionOptions, 'onEvents' | 'onError'>,
  ) => Pick<Subscription, 'caughtUp' | 'close' | 'ref' | 'unref'>
  /** Returns when what the kernel had begun before, under its lock, is over. */
  readonly barrier: (options: CallOptions) => Promise<void>
  /** Milliseconds between two dumps that nothing else has caused; 0: there are none. */
  readonly auditMs: number
  /** After each batch of news and each dump. */
  readonly onTaken: () => void
  /** Ends it; whoever waits is told its reason. */
  readonly signal: AbortSignal | undefined
  readonly owner: Owner
  /** The end, by `error` or by close. Called once. */
  readonly onEnd: (error?: Error) => void
}

const QUIET_MS = 20
const LONGEST_PAUSE_MS = 2000
/** Dumps that fail one after the other before the table is given up. */
const MOST_FAILURES = 5

/** Resolves after the first dump; rejects, and is closed, when that fails. */
export async function follow(parts: FollowParts): Promise<Following> {
  const { body } = parts
  const stop = new AbortController()
  const { signal } = stop
  let wanted = true
  let behindBarrier = false
  let synced = false
  let losses = 0
  let isCongested = false
  let heardAt = 0
  let running: Promise<void> | undefined
  let audit: NodeJS.Timeout | undefined
  let isRef = true
  let failure: Error | undefined
  /** Whoever waits for the next time that nothing is wanted. */
  const waiting: (() => void)[] = []

  const end = (error?: Error): void => {
    if (signal.aborted) return
    failure = error
    parts.owner.delete(end)
    parts.signal?.removeEventListener('abort', abort)
    synced = false
    subscription.close()
    stop.abort(error)
    clearTimeout(audit)
    for (const wake of waiting.splice(0)) wake()
    parts.onEnd(error)
  }
  const abort = (): void => end(parts.signal?.reason as Error)
  const want = (): void => {
    wanted = true
    running ??= run().finally(() => {
      running = undefined
    })
  }
  const doubt = (): void => {
    synced = false
    want()
  }
  const subscription = parts.subscribe({
    onEvents(events) {
      heardAt = performance.now()
      for (const event of events) {
        if (event.type === 'overrun') {
          losses += 1
          isCongested = true
          doubt()
          continue
        }
        const hint = body.hear(event.message)
        if (hint === 'nothing') continue
        behindBarrier ||= hint === 'dump-behind-barrier'
        doubt()
      }
      parts.onTaken()
    },
    onError: (error) => end(error),
  })
  parts.owner.add(end)
  parts.signal?.addEventListener('abort', abort, { once: true })

  /** One dump. False: another is needed. */
  const once = async (): Promise<boolean> => {
    wanted = false
    if (behindBarrier) {
      behindBarrier = false
      await parts.barrier({ signal })
    }
    if (isCongested) {
      // The kernel drops on until the queue has been read, and tells so behind it: a dump from before that would be in vain.
      isCongested = false
      await subscription.caughtUp()
    }
    const before = losses
    body.begin()
    try {
      await body.dump({ signal })
      await subscription.caughtUp()
    } catch (error) {
      body.drop()
      throw error
    }
    if (losses !== before || signal.aborted) {
      body.drop()
      return false
    }
    const isWhole = body.take()
    parts.onTaken()
    return isWhole
  }
  const run = async (): Promise<void> => {
    let failures = 0
    for (let pauseMs = 0; wanted && !signal.aborted; ) {
      await pause(pauseMs, () => performance.now() - heardAt, signal)
      if (signal.aborted) return
      const start = performance.now()
      try {
        const isWhole = await once()
        failures = 0
        if (!isWhole) wanted = true
      } catch (error) {
        if (signal.aborted) return
        failures += 1
        wanted = true
        if (failures >= MOST_FAILURES || error instanceof NetlinkSocketError) return end(error as Error)
      }
      pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(5 * QUIET_MS, 4 * (performance.now() - start)))
    }
    synced = !signal.aborted
    for (const wake of waiting.splice(0)) wake()
    planAudit()
  }
  const planAudit = (): void => {
    clearTimeout(audit)
    if (parts.auditMs === 0 || signal.aborted) return
    audit = globalThis.setTimeout(want, parts.auditMs)
    if (!isRef) audit.unref()
  }

  running = (async () => {
    const isWhole = await once().catch((error: unknown) => {
      end(error as Error)
      throw failure ?? closedError()
    })
    if (signal.aborted) throw failure ?? closedError()
    if (!isWhole) wanted = true
    running = undefined
    if (wanted) want()
    else {
      synced = true
      planAudit()
    }
  })()
  await running

  const settle = async (isOver: () => boolean): Promise<void> => {
    while (!isOver()) {
      await subscription.caughtUp()
      if (failure !== undefined) throw failure
      if (signal.aborted) throw closedError()
      if (synced && !wanted && running === undefined) return
      await new Promise<void>((resolve) => waiting.push(resolve))
    }
  }
  return {
    get synced() {
      return synced
    },
    settled: (options) => limited(options, settle),
    async close() {
      end()
      await running
    },
    ref() {
      isRef = true
      subscription.ref()
      audit?.ref()
    },
    unref() {
      isRef = false
      subscription.unref()
      audit?.unref()
    },
  }
}

/** Until nothing was heard for QUIET_MS, at most `longestMs`. */
async function pause(longestMs: number, quietMs: () => number, signal: AbortSignal): Promise<void> {
  const end = performance.now() + longestMs
  for (let left = longestMs; left > 0 && quietMs() < QUIET_MS && !signal.aborted; left = end - performance.now())
    await setTimeout(Math.min(left, QUIET_MS), undefined, { signal }).catch(() => undefined)
}

/** Rejects as CallOptions says; `work` is told when nobody waits for it any more. */
async function limited(
  options: CallOptions | undefined,
  work: (isOver: () => boolean) => Promise<void>,
): Promise<void> {
  const checked = checkCallOptions(options)
  checked.signal?.throwIfAborted()
  let isOver = false
  let over: () => void = () => undefined
  const ended = new Promise<false>((resolve) => {
    over = () => resolve(false)
  })
  const limits = watchLimits(checked, over)
  try {
    const done = work(() => isOver).then(() => true)
    if (!(await Promise.race([done, ended])) && limits.areOver()) throw lateError(checked.timeoutMs)
  } finally {
    isOver = true
    limits.stop()
  }
}

function lateError(timeoutMs: number | undefined): NetlinkSocketError {
  const detail = `its limit of ${timeoutMs} ms is over, and the table is not settled`
  return new NetlinkSocketError({ op: 'watch', errno: constants.errno.ETIMEDOUT, errnoName: 'ETIMEDOUT', detail })
}

function closedError(): NetlinkSocketError {
  const { ECANCELED } = constants.errno
  return new NetlinkSocketError({
    op: 'watch',
    errno: ECANCELED,
    errnoName: 'ECANCELED',
    detail: 'the table is closed',
  })
}
