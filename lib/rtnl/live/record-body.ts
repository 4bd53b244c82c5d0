/**
 * A table that is changed by the messages themselves: the payload of each entry as one string, under its key. Owns what a message
 * makes of it, and what a dump makes of it that was walked while others wrote. Must not: dump by itself, or know what is in a
 * payload (RecordKind does).
 *
 * A dump is a walk: each of its lines was right at some time of the window. Of what was not heard of in the window the dump is
 * right. Of what was, the news are right, since they are whole and in order; where they cannot be (what was replaced is not named)
 * the key is doubtful and another dump is needed. What the dump has not is gone, unless an entry that it has was deleted in the
 * window: the kernel finds its place again by counting, and then skips as many.
 */

import { viewOf } from '../../addon/host-order.ts'
import { NLM_F_APPEND, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/message.ts'
import type { Change } from './change.ts'
import { fromLatin1 } from './latin1.ts'
import type { Place, RecordKind } from './record-kind.ts'
import type { TableBody } from './table-body.ts'
import { createWindow, type Touch, type Window } from './window.ts'

type Records = string | readonly string[]
const NONE: readonly string[] = []
/** Dumps in a row that must be beyond doubt for what nobody knows of; after that, beside others who never rest, what is known decides. */
const STRICT_DUMPS = 3

export function createRecordBody<V, K>(kind: RecordKind<V, K>, push: (make: () => Change<V>) => void): TableBody<V, K> {
  const live = new Map<string, Records>()
  let size = 0
  let window: Window | undefined
  let dumped: { readonly records: Map<string, Records>; readonly interrupted: boolean } | undefined
  let inVain = 0
  const page = Buffer.allocUnsafe(0x10000)

  const toValue = (record: string): V | undefined => kind.read(fromLatin1(record, page))
  const identity = (record: string): string => kind.several?.identity(record) ?? ''
  const hasOne = (records: readonly string[], record: string): boolean =>
    records.some((one) => identity(one) === identity(record))
  const put = (key: string, next: readonly string[]): void => {
    const before = listOf(live.get(key))
    size += next.length - before.length
    if (next.length === 0) live.delete(key)
    else live.set(key, next.length === 1 ? (next[0] as string) : next)
    tell(before, next)
  }
  /** Those of one identity are one entry; of a key with one entry before and after, one that was replaced. */
  const tell = (before: readonly string[], next: readonly string[]): void => {
    const isOne = before.length <= 1 && next.length <= 1
    const partner = (of: string, among: readonly string[]): string | undefined =>
      isOne ? among[0] : among.find((other) => identity(other) === identity(of))
    for (const record of next) {
      const old = partner(record, before)
      if (old !== undefined && (old === record || kind.visible(old) === kind.visible(record))) continue
      pushOf(record, old)
    }
    for (const record of before) if (partner(record, next) === undefined) pushOf(undefined, record)
  }
  const pushOf = (record: string | undefined, before: string | undefined): void =>
    push(() => {
      const old = before === undefined ? undefined : toValue(before)
      const value = record === undefined ? undefined : toValue(record)
      return value === undefined ? { type: 'deleted', old: old as V } : { type: 'set', value, old }
    })

  /** True: it does not fit what is known. */
  const set = (key: string, record: string, flags: number, touch: Touch | undefined): boolean => {
    const known = listOf(live.get(key))
    touch?.identities.add(identity(record))
    if (touch !== undefined) touch.set = true
    if (kind.several === undefined) {
      put(key, [record])
      return false
    }
    const at = known.findIndex((other) => identity(other) === identity(record))
    if ((flags & NLM_F_REPLACE) !== 0) {
      for (const other of known) touch?.identities.add(identity(other))
      if (touch !== undefined) touch.replaced = true
      put(key, at < 0 ? [record, ...known.slice(1)] : known.with(at, record))
      return known.length > 1
    }
    if (kind.several.tellsAlone && (flags & NLM_F_EXCL) !== 0) {
      for (const other of known) touch?.identities.add(identity(other))
      put(key, [record])
      return false
    }
    if (touch !== undefined) touch.beside = true
    if (at >= 0) put(key, known.with(at, record))
    else if (kind.several.isMerged(record)) put(key, [record])
    else put(key, (flags & NLM_F_APPEND) !== 0 ? [...known, record] : [record, ...known])
    return at < 0 && ((kind.several.tellsAlone && known.length === 0) || [record, ...known].some(kind.several.isMerged))
  }
  const unset = (key: string, record: string, touch: Touch | undefined): boolean => {
    const known = listOf(live.get(key))
    touch?.identities.add(identity(record))
    if (touch !== undefined) touch.deleted = true
    const at = kind.several === undefined ? 0 : known.findIndex((other) => identity(other) === identity(record))
    if (known.length === 0) return false
    if (at < 0) return true
    put(key, known.toSpliced(at, 1))
    return false
  }

  /** What a key has that was heard of in the window; undefined: that is not certain, and what is known stays. */
  const judged = (
    touch: Touch,
    known: readonly string[],
    found: readonly string[],
    believed: boolean,
  ): readonly string[] | undefined => {
    if (touch.doubtful || (touch.replaced && touch.beside)) return undefined
    if (kind.several === undefined) return known
    if (known.length === found.length && found.every((one, i) => identity(one) === identity(known[i] as string)))
      return known
    if ([...known, ...found].some(kind.several.isMerged)) return undefined
    if (touch.replaced) return known.length <= 1 && found.length <= 1 ? known : undefined
    const isTouched = (record: string): boolean => touch.identities.has(identity(record))
    const untouched = found.filter((record) => !isTouched(record))
    return [...untouched, ...known.filter((record) => isTouched(record) || (!believed && !hasOne(untouched, record)))]
  }
  return {
    get size() {
      return size
    },
    get: (asked) => {
      const [first] = listOf(live.get(kind.keyOf(asked)))
      return first === undefined ? undefined : toValue(first)
    },
    getAll: (asked) =>
      listOf(live.get(kind.keyOf(asked)))
        .map(toValue)
        .filter((value) => value !== undefined),
    *values() {
      for (const records of live.values())
        for (const record of listOf(records)) {
          const value = toValue(record)
          if (value !== undefined) yield value
        }
    },
    hear(message) {
      const isSet = message.type === kind.setType
      if (!isSet && message.type !== kind.deletedType) return kind.hint(message)
      const view = viewOf(message.payload)
      const place = kind.place(view, 0, view.byteLength)
      if (place === undefined) return kind.hint(message)
      const { key, record } = place
      const touch = window?.touch(key)
      if (isSet && listOf(live.get(key)).some((known) => kind.isPartial(record, known))) {
        if (touch !== undefined) touch.doubtful = true
        return touch === undefined ? 'dump' : 'nothing'
      }
      const isOdd = isSet ? set(key, record, message.flags, touch) : unset(key, record, touch)
      if (!isOdd) return 'nothing'
      if (touch !== undefined) touch.doubtful = true
      return touch === undefined ? 'dump' : 'nothing'
    },
    begin() {
      window = createWindow()
    },
    async dump(options) {
      const { value, interrupted } = await kind.dump(options)
      kind.forget()
      dumped = { records: sorted(kind, value), interrupted }
    },
    take() {
      const touched = window?.touched ?? new Map<string, Touch>()
      const { records, interrupted } = dumped as NonNullable<typeof dumped>
      window = undefined
      dumped = undefined
      const { all, groups } = shifted(kind, touched, records, live, inVain < STRICT_DUMPS)
      const isBelieved = (key: string): boolean =>
        !interrupted && !all && !(groups.size > 0 && groups.has(groupOf(kind, key)))
      let isWhole = !interrupted && !all && groups.size === 0
      for (const [key, found] of records) {
        const touch = touched.get(key)
        const before = live.get(key)
        if (before === found && touch === undefined) continue
        const known = listOf(before)
        const next = touch === undefined ? listOf(found) : judged(touch, known, listOf(found), isBelieved(key))
        if (next === undefined) isWhole = false
        else if (touch !== undefined || isBelieved(key)) put(key, next)
        else put(key, [...next, ...known.filter((one) => !hasOne(next, one))])
      }
      // As many keys as the dump has, which are all there: it has them all.
      for (const [key, known] of records.size === live.size ? [] : live) {
        if (records.has(key)) continue
        const touch = touched.get(key)
        const next = touch === undefined ? NONE : judged(touch, listOf(known), NONE, isBelieved(key))
        if (next === undefined) isWhole = false
        else if (touch !== undefined || isBelieved(key)) put(key, next)
      }
      inVain = isWhole ? 0 : inVain + 1
      return isWhole
    },
    drop() {
      window = undefined
      dumped = undefined
    },
  }
}

function listOf(records: Records | undefined): readonly string[] {
  return records === undefined ? NONE : typeof records === 'string' ? [records] : records
}

function groupOf<V, K>(kind: RecordKind<V, K>, key: string): string {
  return kind.group?.(key) ?? ''
}

/** The lines of a dump under their keys, in its order. */
function sorted<V, K>(kind: RecordKind<V, K>, places: readonly Place[]): Map<string, Records> {
  const records = new Map<string, Records>()
  for (const { key, record } of places) {
    const before = records.get(key)
    if (before === undefined || kind.several === undefined) records.set(key, record)
    else records.set(key, withOne(listOf(before), record, kind.several.identity))
  }
  return records
}

/** A walk that was disturbed tells some entries twice. */
function withOne(records: readonly string[], record: string, identity: (record: string) => string): readonly string[] {
  const at = records.findIndex((one) => identity(one) === identity(record))
  return at < 0 ? [...records, record] : records.with(at, record)
}

/** Where a walk may have missed entries. */
function shifted<V, K>(
  kind: RecordKind<V, K>,
  touched: ReadonlyMap<string, Touch>,
  found: ReadonlyMap<string, Records>,
  live: ReadonlyMap<string, Records>,
  isStrict: boolean,
): { readonly all: boolean; readonly groups: ReadonlySet<string> } {
  const groups = new Set<string>()
  for (const [key, touch] of touched) {
    const before = listOf(found.get(key))
    const isAdded = kind.shiftsOnAdd && touch.set && before.length === 0 && live.has(key)
    // Deleted before the walk came to it, it shifts nothing; what was set in the window may stand where the walk has been.
    const isDeleted = touch.deleted && (before.length > 0 || touch.set)
    if (!isAdded && !isDeleted) continue
    if (kind.group === undefined) return { all: true, groups }
    groups.add(kind.group(key))
  }
  if (isStrict || groups.size === 0 || kind.group === undefined) return { all: false, groups }
  return { all: false, groups: shared(groups, kind.group, [found, live]) }
}

/** Those groups that have more than one entry. */
function shared(
  groups: ReadonlySet<string>,
  groupOfKey: (key: string) => string,
  tables: readonly ReadonlyMap<string, Records>[],
): ReadonlySet<string> {
  const first = new Map<string, string>()
  const several = new Set<string>()
  for (const table of tables)
    for (const [key, records] of table) {
      const group = groupOfKey(key)
      if (!groups.has(group)) continue
      if (typeof records !== 'string' || (first.get(group) ?? key) !== key) several.add(group)
      first.set(group, key)
    }
  return several
}
