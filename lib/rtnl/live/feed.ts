/**
 * Who listens to the changes of a live table: one callback, and any number of readers with `for await`. Must not: make a value of
 * what nobody listens to.
 */
import { createEventQueue, type EventQueue } from '../../util/event-queue.ts'
import type { Change } from './change.ts'

export interface Feed<V> {
  /** Notes a change; `make` is called only where somebody listens. */
  push(make: () => Change<V>): void
  /** Tells the callback what was noted since the last call. */
  flush(): void
  /** From now on. Throws what `end` was given. */
  read(options: {
    readonly queueChanges: number
    readonly signal?: AbortSignal | undefined
  }): AsyncIterableIterator<Change<V>>
  end(error?: Error): void
}

/** `onChange` may throw: it is an uncaught exception of its own, and the table lives on. */
export function createFeed<V>(onChange: ((changes: readonly Change<V>[]) => void) | undefined): Feed<V> {
  const readers = new Set<EventQueue<Change<V>>>()
  let noted: Change<V>[] = []
  let ended: { readonly error: Error | undefined } | undefined
  return {
    push(make) {
      if (ended !== undefined || (onChange === undefined && readers.size === 0)) return
      const change = make()
      if (onChange !== undefined) noted.push(change)
      for (const reader of readers) reader.push(change)
    },
    flush() {
      if (noted.length === 0 || ended !== undefined) return
      const changes = noted
      noted = []
      try {
        onChange?.(changes)
      } catch (error) {
        queueMicrotask(() => {
          throw error
        })
      }
    },
    read({ queueChanges, signal }) {
      const queue = createEventQueue<Change<V>>({
        limit: queueChanges,
        overflow: () => ({ type: 'lost' }),
        onLeave: () => readers.delete(queue),
        signal,
      })
      if (ended === undefined) readers.add(queue)
      else queue.end(ended.error)
      return queue.iterator
    },
    end(error) {
      if (ended !== undefined) return
      ended = { error }
      noted = []
      for (const reader of readers) reader.end(error)
      readers.clear()
    },
  }
}
