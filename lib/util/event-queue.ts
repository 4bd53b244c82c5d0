/**
 * Events for one reader with `for await`: kept until they are read, up to a limit. Must not: block whoever pushes.
 */

export interface EventQueueOptions<T> {
  /** How many events wait at most. */
  readonly limit: number
  /** What stands for the `lost` events that were dropped: all that waited when there was no room, and the one that came. */
  readonly overflow: (lost: number) => T
  /** The reader has left the loop, or `signal` has ended it. Called once. */
  readonly onLeave: () => void
  /** Ends the loop by throwing its reason. */
  readonly signal?: AbortSignal | undefined
}

export interface EventQueue<T> {
  push(event: T): void
  /** What waits is still read; then the loop ends, by throwing `error` where one is given. */
  end(error?: Error): void
  readonly iterator: AsyncIterableIterator<T>
}

export function createEventQueue<T>({ limit, overflow, onLeave, signal }: EventQueueOptions<T>): EventQueue<T> {
  let waiting: T[] = []
  let reader: { resolve: (result: IteratorResult<T>) => void; reject: (error: unknown) => void } | undefined
  let lost = 0
  let ended = false
  let failure: { readonly error: unknown } | undefined
  let left = false

  const leave = (): void => {
    if (left) return
    left = true
    signal?.removeEventListener('abort', abort)
    onLeave()
  }
  const settle = (): void => {
    const asked = reader
    if (asked === undefined || !ended) return
    reader = undefined
    const thrown = failure
    failure = undefined
    leave()
    if (thrown === undefined) asked.resolve({ done: true, value: undefined })
    else asked.reject(thrown.error)
  }
  const drop = (): void => {
    waiting = []
    lost = 0
  }
  const abort = (): void => {
    drop()
    ended = true
    failure = { error: signal?.reason }
    leave()
    settle()
  }
  const queue: EventQueue<T> = {
    push(event) {
      if (ended) return
      const asked = reader
      if (asked !== undefined) {
        reader = undefined
        asked.resolve({ done: false, value: event })
      } else if (waiting.length < limit) waiting.push(event)
      else {
        lost += waiting.length + 1
        waiting = []
      }
    },
    end(error) {
      if (ended) return
      ended = true
      failure = error && { error }
      settle()
    },
    iterator: {
      [Symbol.asyncIterator]() {
        return this
      },
      next() {
        if (lost > 0) {
          const value = overflow(lost)
          lost = 0
          return Promise.resolve({ done: false, value })
        }
        const [event] = waiting
        if (waiting.length > 0) {
          waiting.shift()
          return Promise.resolve({ done: false, value: event as T })
        }
        return new Promise((resolve, reject) => {
          reader = { resolve, reject }
          settle()
        })
      },
      return() {
        drop()
        ended = true
        failure = undefined
        leave()
        settle()
        return Promise.resolve({ done: true, value: undefined })
      },
    },
  }
  if (signal?.aborted === true) abort()
  else signal?.addEventListener('abort', abort, { once: true })
  return queue
}
