/**
 * What every call takes last: a signal that ends it, and a time limit. Owns what follows in the addon, where a call that waits is
 * withdrawn and one under way interrupted. Must not: know what is asked.
 */
import { constants } from 'node:os'
import { OUTCOME_DONE } from '../addon/abi.ts'
import type { AddonSocket, Outcome } from '../addon/addon.ts'
import { wordsOf } from '../addon/host-order.ts'
import { asInteger, asSignal, fieldsOf, optional } from './check.ts'

export interface CallOptions {
  /**
   * Ends the call, which then rejects with the signal's reason. What still waits behind other calls is never sent, nor what waits
   * behind calls of the same signal; of what is under way nothing is known: a write may have been done.
   */
  readonly signal?: AbortSignal | undefined
  /**
   * Milliseconds from now, waiting behind other calls included, after which it rejects with NetlinkSocketError(ETIMEDOUT); of its
   * effect the same is known. Without it an answer may take as long as `timeoutMs` of the socket says.
   */
  readonly timeoutMs?: number | undefined
}

const LONGEST_MS = 0x7fffffff

/** Runs one call of `socket`; `start` makes it, synchronously. */
export type Caller = <T extends Outcome>(options: CallOptions | undefined, start: () => Promise<T>) => Promise<T>

export interface Limits {
  /** Throws the signal's reason where it is aborted; true: the time is over. */
  areOver(): boolean
  /** Nothing is told any more. */
  stop(): void
}

/** Calls `onOver`, once or twice, when the signal aborts or the time is over. */
export function watchLimits({ signal, timeoutMs }: CallOptions, onOver: () => void): Limits {
  let isLate = false
  const late = (): void => {
    isLate = true
    onOver()
  }
  const timer = timeoutMs === undefined ? undefined : setTimeout(late, timeoutMs)
  signal?.addEventListener('abort', onOver, { once: true })
  return {
    areOver() {
      signal?.throwIfAborted()
      return isLate
    },
    stop() {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onOver)
    },
  }
}

/** A call that has a signal, a limit or both. */
interface Limited {
  readonly signal: AbortSignal | undefined
  /** By performance.now(), milliseconds. */
  readonly deadline: number
  isOver: boolean
}

/** Timers may be that early, milliseconds. */
const EARLY_MS = 1

export function createCaller(socket: Pick<AddonSocket, 'nameNext' | 'withdraw'>): Caller {
  let last = 0
  const calls = new Map<number, Limited>()
  // All that are over by now, at once: were they withdrawn one by one, the addon would begin the next of them meanwhile.
  const withdraw = (first: Limited): void => {
    if (first.isOver) return
    const due = performance.now() + EARLY_MS
    const over = [...calls].filter(
      ([, call]) => call === first || call.signal?.aborted === true || call.deadline <= due,
    )
    for (const [, call] of over) call.isOver = true
    socket.withdraw(wordsOf(over.map(([id]) => id)))
  }
  return async (options, start) => {
    const { signal, timeoutMs } = checkCallOptions(options)
    signal?.throwIfAborted()
    if (signal === undefined && timeoutMs === undefined) return start()
    // Long before the number comes again its call has ended.
    last = (last % 0xffffffff) + 1
    const id = last
    socket.nameNext(id)
    const answer = start()
    const call = { signal, deadline: performance.now() + (timeoutMs ?? Number.POSITIVE_INFINITY), isOver: false }
    calls.set(id, call)
    const limits = watchLimits({ signal, timeoutMs }, () => withdraw(call))
    try {
      const outcome = await answer
      if (!call.isOver || outcome.kind === OUTCOME_DONE || outcome.errno !== constants.errno.ECANCELED) return outcome
      signal?.throwIfAborted()
      const text = `its limit of ${timeoutMs} ms is over; ${outcome.text}`
      return { ...outcome, errno: constants.errno.ETIMEDOUT, text }
    } finally {
      limits.stop()
      calls.delete(id)
    }
  }
}

/** Throws TypeError and RangeError by the name of the option. */
export function checkCallOptions(options: CallOptions | undefined): CallOptions {
  if (options === undefined) return {}
  const { signal, timeoutMs } = fieldsOf('options', options, ['signal', 'timeoutMs'])
  return {
    signal: optional('signal', signal, asSignal),
    timeoutMs: optional('timeoutMs', timeoutMs, (field, value) => asInteger(field, value, 1, LONGEST_MS)),
  }
}
