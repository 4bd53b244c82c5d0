/**
 * A table that is short, or whose messages do not say enough: any message of it asks for a dump, whose values are held against those
 * that were known. In the kernel's order. Must not: believe a message.
 */
import { isDeepStrictEqual } from 'node:util'
import type { CallOptions } from '../../netlink/call.ts'
import type { Dump } from '../../netlink/dump.ts'
import type { NetlinkMessage } from '../../netlink/message.ts'
import type { Change } from './change.ts'
import type { Hint, TableBody } from './table-body.ts'

export interface ValueKind<V, K> {
  /** What tells one from another; several may have the same. */
  key(value: V): string
  /** Throws TypeError and RangeError by the field's name. */
  keyOf(asked: K): string
  /** Without what counts by itself (lifetimes): two that are deeply equal are no change. */
  visible(value: V): unknown
  hint(message: NetlinkMessage): Hint
  dump(options: CallOptions): Promise<Dump<readonly V[]>>
}

export function createValueBody<V, K>(kind: ValueKind<V, K>, push: (make: () => Change<V>) => void): TableBody<V, K> {
  let live = new Map<string, readonly V[]>()
  let size = 0
  let dumped: Dump<readonly V[]> | undefined
  const tell = (before: readonly V[], next: readonly V[]): void => {
    for (let i = 0; i < Math.max(before.length, next.length); i += 1) {
      const [old, value] = [before[i], next[i]]
      if (value === undefined) push(() => ({ type: 'deleted', old: old as V }))
      else if (old === undefined || !isDeepStrictEqual(kind.visible(old), kind.visible(value)))
        push(() => ({ type: 'set', value, old }))
    }
  }
  return {
    get size() {
      return size
    },
    get: (asked) => live.get(kind.keyOf(asked))?.[0],
    getAll: (asked) => [...(live.get(kind.keyOf(asked)) ?? [])],
    *values() {
      for (const values of live.values()) yield* values
    },
    hear: (message) => kind.hint(message),
    begin() {
      dumped = undefined
    },
    async dump(options) {
      dumped = await kind.dump(options)
    },
    take() {
      const { value, interrupted } = dumped as Dump<readonly V[]>
      dumped = undefined
      const next = new Map<string, V[]>()
      for (const one of value) {
        const key = kind.key(one)
        const same = next.get(key)
        if (same === undefined) next.set(key, [one])
        else same.push(one)
      }
      if (interrupted) for (const [key, values] of live) if (!next.has(key)) next.set(key, [...values])
      for (const [key, values] of live) if (!next.has(key)) tell(values, [])
      for (const [key, values] of next) tell(live.get(key) ?? [], values)
      live = next
      size = 0
      for (const values of next.values()) size += values.length
      return !interrupted
    },
    drop() {
      dumped = undefined
    },
  }
}
