import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { changedKeys, withChanges } from '../../lib/util/layered-map.ts'

/** Histories of batches of changes: a key, and a new object or its end. */
const histories = fc.array(
  fc.array(fc.tuple(fc.integer({ min: 0, max: 30 }), fc.boolean()), { minLength: 1, maxLength: 12 }),
  { minLength: 1, maxLength: 80 },
)

test('a map made by changes is the map that they were made on, and the earlier ones stay as they were', () => {
  fc.assert(
    fc.property(histories, (history) => {
      let map: ReadonlyMap<number, object> = new Map()
      const model = new Map<number, object>()
      const earlier: { map: ReadonlyMap<number, object>; entries: [number, object][] }[] = []
      for (const batch of history) {
        const changes = new Map(batch.map(([key, put]) => [key, put ? {} : undefined]))
        map = withChanges(map, changes)
        for (const [key, value] of changes) {
          if (value === undefined) model.delete(key)
          else model.set(key, value)
        }
        assert.equal(map.size, model.size)
        assert.deepEqual(new Set(map.keys()), new Set(model.keys()))
        for (const [key, value] of map) assert.equal(model.get(key), value)
        for (let key = 0; key <= 30; key += 1) assert.equal(map.has(key), model.has(key))
        assert.deepEqual(
          [...map.values()],
          [...map.keys()].map((key) => model.get(key)),
        )
        const visited: number[] = []
        map.forEach((_, key) => {
          visited.push(key)
        })
        assert.deepEqual(visited, [...map.keys()])
        earlier.push({ map, entries: [...map] })
      }
      for (const { map: old, entries } of earlier) assert.deepEqual([...old], entries)
    }),
    { numRuns: 200 },
  )
})

test('the keys that differ are those whose object differs, however the two maps were made', () => {
  fc.assert(
    fc.property(histories, fc.nat(), fc.nat(), fc.boolean(), (history, a, b, apart) => {
      const maps: ReadonlyMap<number, object>[] = [new Map()]
      for (const batch of history)
        maps.push(
          withChanges(maps.at(-1) ?? new Map(), new Map(batch.map(([key, put]) => [key, put ? {} : undefined]))),
        )
      const before = maps[a % maps.length] ?? new Map()
      const chosen = maps[b % maps.length] ?? new Map()
      const after = apart ? new Map([...chosen].reverse()) : chosen
      const different = Array.from({ length: 31 }, (_, key) => key).filter((key) => before.get(key) !== after.get(key))
      const found = changedKeys(before, after, 100)
      assert.deepEqual(
        found?.toSorted((x, y) => x - y),
        different,
      )
      if (different.length > 0) assert.equal(changedKeys(before, after, different.length - 1), undefined)
    }),
    { numRuns: 2000 },
  )
})

test('one key that differs is found wherever it stands, and too many are not listed', () => {
  const before = new Map(Array.from({ length: 1000 }, (_, key) => [key, {}]))
  assert.deepEqual(changedKeys(before, before, 32), [])
  assert.deepEqual(changedKeys(before, new Map(before).set(500, {}), 32), [500])
  const without = new Map(before)
  without.delete(10)
  assert.deepEqual(changedKeys(before, without, 32), [10])
  assert.deepEqual(changedKeys(without, before, 32), [10])
  assert.equal(changedKeys(before, new Map(), 32), undefined)
})

test('after many changes a map is whole again, so that none carries an unbounded history along', () => {
  let map: ReadonlyMap<number, number> = new Map([[-1, 1]])
  let plain = 0
  for (let key = 0; key < 1000; key += 1) {
    map = withChanges(map, new Map([[key, key]]))
    if (map instanceof Map) plain += 1
  }
  assert.equal(plain, 3)
  assert.equal(map.size, 1001)
})
