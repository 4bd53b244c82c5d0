/**
 * Immutable maps of which one is made from another by a few changes, in the time that the changes take: a view of 100,000
 * leases of which one changed. Must not: be changed by anybody.
 */

/** Changes beyond which the next map is built whole, so that no map carries many changes along. */
const MOST_CHANGES = 256

/** `undefined` as a value: the key is not there any more. */
type Changes<K, V> = ReadonlyMap<K, V | undefined>

/** `map` with these changes made; `map` stays as it is, and must never change. */
export function withChanges<K, V>(map: ReadonlyMap<K, V>, changes: Changes<K, V>): ReadonlyMap<K, V> {
  const base = map instanceof LayeredMap ? map.base : map
  const earlier: Changes<K, V> = map instanceof LayeredMap ? map.changes : new Map()
  if (earlier.size + changes.size <= MOST_CHANGES) return new LayeredMap(base, new Map([...earlier, ...changes]))
  const whole = new Map(map)
  for (const [key, value] of changes) {
    if (value === undefined) whole.delete(key)
    else whole.set(key, value)
  }
  return whole
}

/**
 * The keys whose value is another object, or that only one of the two has; undefined when there are more than `most`. Maps
 * that were made from one another are compared by their changes, others entry by entry.
 */
export function changedKeys<K, V>(
  before: ReadonlyMap<K, V>,
  after: ReadonlyMap<K, V>,
  most: number,
): readonly K[] | undefined {
  if (before === after) return []
  if (Math.abs(before.size - after.size) > most) return undefined
  const base = baseOf(before)
  const keys = new Set<K>()
  const candidates =
    base === baseOf(after) ? new Set([...changesOf(before), ...changesOf(after)]) : parting(before, after)
  for (const key of candidates) {
    if (before.get(key) !== after.get(key)) keys.add(key)
    if (keys.size > most) return undefined
  }
  return [...keys]
}

function baseOf<K, V>(map: ReadonlyMap<K, V>): ReadonlyMap<K, V> {
  return map instanceof LayeredMap ? map.base : map
}

function changesOf<K, V>(map: ReadonlyMap<K, V>): Iterable<K> {
  return map instanceof LayeredMap ? map.changes.keys() : []
}

/** Every key that may differ. Both are walked side by side, without a look-up where they have the same order. */
function* parting<K, V>(before: ReadonlyMap<K, V>, after: ReadonlyMap<K, V>): Generator<K> {
  const old = before.entries()
  let there = old.next()
  for (const [key, value] of after) {
    while (there.done !== true && there.value[0] !== key && !after.has(there.value[0])) {
      yield there.value[0]
      there = old.next()
    }
    if (there.done === true || there.value[0] !== key) {
      yield key
      continue
    }
    if (there.value[1] !== value) yield key
    there = old.next()
  }
  for (; there.done !== true; there = old.next()) yield there.value[0]
}

class LayeredMap<K, V> implements ReadonlyMap<K, V> {
  readonly base: ReadonlyMap<K, V>
  readonly changes: Changes<K, V>
  readonly size: number

  constructor(base: ReadonlyMap<K, V>, changes: Changes<K, V>) {
    this.base = base
    this.changes = changes
    let size = base.size
    for (const [key, value] of changes) size += Number(value !== undefined) - Number(base.has(key))
    this.size = size
  }

  get(key: K): V | undefined {
    return this.changes.has(key) ? this.changes.get(key) : this.base.get(key)
  }

  has(key: K): boolean {
    return this.get(key) !== undefined
  }

  /** In the order of the base, what is new at the end. */
  *entries(): MapIterator<[K, V]> {
    for (const entry of this.base) {
      const [key] = entry
      if (!this.changes.has(key)) yield entry
      else {
        const value = this.changes.get(key)
        if (value !== undefined) yield [key, value]
      }
    }
    for (const [key, value] of this.changes) if (value !== undefined && !this.base.has(key)) yield [key, value]
  }

  *keys(): MapIterator<K> {
    for (const [key] of this.entries()) yield key
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value
  }

  [Symbol.iterator](): MapIterator<[K, V]> {
    return this.entries()
  }

  forEach(visit: (value: V, key: K, map: ReadonlyMap<K, V>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this)
  }
}
