import assert from 'node:assert/strict'
import { test } from 'node:test'
import { atOnce, inSlices, type Slices } from '../../lib/util/slices.ts'

function* count(to: number): Slices<number> {
  for (let i = 0; i < to; i += 1) yield
  return to
}

test('work in slices gives its result in one go, or with a turn of the event loop between two slices', async () => {
  assert.equal(atOnce(count(5)), 5)
  let turns = 0
  const turn = async (): Promise<void> => {
    turns += 1
  }
  assert.equal(await inSlices(count(5), turn), 5)
  assert.equal(turns, 5)
})

test('an error in a slice is the error of the work', async () => {
  function* failing(): Slices<number> {
    yield
    throw new RangeError('no such row')
  }
  assert.throws(() => atOnce(failing()), /no such row/)
  await assert.rejects(
    inSlices(failing(), async () => undefined),
    /no such row/,
  )
})
