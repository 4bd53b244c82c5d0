/** The statistic that the soak fails by. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Figure, growing, growthOf, MOST_GROWTH, type Sample } from './growth.ts'

const ALL: readonly Figure[] = ['descriptors', 'threads', 'heapMB', 'nativeMB']
const FLAT: Sample = { descriptors: 22, threads: 11, heapMB: 6, nativeMB: 60 }

const series = (count: number, at: (index: number) => Partial<Sample>): Sample[] =>
  Array.from({ length: count }, (_, index) => ({ ...FLAT, ...at(index) }))

test('what stays as it is does not grow, and neither does what goes up and down', () => {
  assert.deepEqual(
    growing(
      series(30, () => ({})),
      ALL,
    ),
    [],
  )
  assert.deepEqual(
    growing(
      series(30, (i) => ({ nativeMB: 60 + 3 * (i % 2) })),
      ALL,
    ),
    [],
  )
})

test('one descriptor, one thread that is never given back is found by its name', () => {
  for (const figure of ['descriptors', 'threads'] as const) {
    const found = growing(
      series(30, (i) => ({ [figure]: FLAT[figure] + (i > 18 ? 1 : 0) })),
      ALL,
    )
    assert.deepEqual([found.length, found[0]?.startsWith(`${figure} grew by 1.0 `)], [1, true])
  }
})

test('a slow leak of memory is found, and a warm-up is none', () => {
  const perRound = (2 * MOST_GROWTH.nativeMB) / 30
  assert.equal(
    growing(
      series(60, (i) => ({ nativeMB: 60 + i * perRound })),
      ALL,
    ).length,
    1,
  )
  assert.deepEqual(
    growing(
      series(60, (i) => ({ nativeMB: 60 - 50 * 0.7 ** i })),
      ALL,
    ),
    [],
  )
})

test('a few outliers, however large and wherever they stand, decide nothing', () => {
  for (const at of [8, 9, 28, 29]) {
    const samples = series(30, (i) => (i === at ? { descriptors: 900, threads: 90, heapMB: 900, nativeMB: 900 } : {}))
    assert.deepEqual(growing(samples, ALL), [])
  }
})

test('what is not judged may grow', () => {
  assert.deepEqual(
    growing(
      series(30, (i) => ({ nativeMB: 60 + 10 * i })),
      ['descriptors', 'threads'],
    ),
    [],
  )
})

test('too few samples are no answer', () => {
  assert.throws(() => growthOf([1, 2, 3]), RangeError)
})
