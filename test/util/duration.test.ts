import assert from 'node:assert/strict'
import { test } from 'node:test'
import { duration } from '../../lib/util/duration.ts'

test('a duration has the unit in which a person counts, and two figures', () => {
  const cases: readonly (readonly [ms: number, text: string])[] = [
    [0, '0 ms'],
    [0.44, '0.4 ms'],
    [6, '6 ms'],
    [12.6, '13 ms'],
    [1000, '1 s'],
    [1234, '1.2 s'],
    [59_400, '59 s'],
    [60_000, '1 min'],
    [7_140_000, '119 min'],
    [7_200_000, '2 h'],
    [172_800_000, '2 days'],
  ]
  for (const [ms, text] of cases) assert.equal(duration(ms), text)
})
