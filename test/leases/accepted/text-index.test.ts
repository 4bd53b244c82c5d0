import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createTextIndex, type TextIndex } from '../../../lib/leases/accepted/text-index.ts'

/** Few texts, so that many rows have one, and some whose hashes share a slot. */
const texts = fc.constantFrom('a', 'b', 'c', 'ab', 'ba', '', '10.42.1.0/24', '10.42.2.0/24')
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('add'), row: fc.nat(40), text: texts }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove'), row: fc.nat(40), text: texts }) },
)

function rowsOf(index: TextIndex, text: string): number[] {
  const rows: number[] = []
  index.each(text, (row) => rows.push(row))
  return rows.sort((a, b) => a - b)
}

test('after any history each text has the rows that were added with it and not removed, each once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const textAt = new Map<number, string>()
      const index = createTextIndex((row) => textAt.get(row) ?? 'none')
      const expected = (text: string): number[] =>
        [...textAt].flatMap(([row, its]) => (its === text ? [row] : [])).sort((a, b) => a - b)
      for (const { kind, row, text } of steps) {
        if (kind === 'remove') {
          index.remove(row)
          textAt.delete(row)
        } else if (!textAt.has(row)) {
          const met = expected(text).length > 0
          textAt.set(row, text)
          assert.equal(index.add(row), met)
        }
        assert.deepEqual(rowsOf(index, text), expected(text))
      }
      for (const text of new Set(textAt.values())) assert.deepEqual(rowsOf(index, text), expected(text))
    }),
    { numRuns: 500 },
  )
})

test('rows of one text cost no more looks than rows of as many texts', () => {
  const looks = (textOf: (row: number) => string): number => {
    let count = 0
    const index = createTextIndex((row) => {
      count += 1
      return textOf(row)
    })
    for (let row = 0; row < 2000; row += 1) index.add(row)
    for (let row = 0; row < 2000; row += 1) index.remove(row)
    return count
  }
  const same = looks(() => 'one')
  const different = looks((row) => `text ${row}`)
  assert.ok(same <= different * 2, `${same} looks for one text, ${different} for as many`)
})
