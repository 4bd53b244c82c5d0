import assert from 'node:assert/strict'
import { test } from 'node:test'
import { extrapolate, median, mediansOf } from '../../bench/frame/statistics.ts'

test('the median of an odd number is the middle one, of an even number the mean of the two', () => {
  assert.equal(median([9, 1, 5]), 5)
  assert.equal(median([4, 1, 3, 2]), 2.5)
  assert.equal(median([7]), 7)
})

test('the median sorts as numbers and leaves its input alone', () => {
  const values = [100, 20, 3, 30, 4]
  assert.equal(median(values), 20)
  assert.deepEqual(values, [100, 20, 3, 30, 4])
})

test('there is no median of nothing', () => {
  assert.ok(Number.isNaN(median([])))
})

test('each measure has the median of the rounds that counted it', () => {
  assert.deepEqual(mediansOf([{ writes: 1 }, undefined, { writes: 5, reads: 4 }, { writes: 3 }]), {
    writes: 3,
    reads: 4,
  })
  assert.equal(mediansOf([undefined, undefined]), undefined)
})

test('ten times the peers take ten times as long, or a hundred times where growth is quadratic', () => {
  assert.equal(extrapolate({ size: 1000, ms: 20 }, 10_000, 'linear'), 200)
  assert.equal(extrapolate({ size: 1000, ms: 20 }, 10_000, 'quadratic'), 2000)
})
