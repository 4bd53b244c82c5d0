import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createToldPrints } from '../../../lib/leases/wire/told-prints.ts'

/** Few names, so that they meet; zero and extremes among the numbers. */
const name = fc.oneof(
  fc.integer({ min: -3, max: 40 }),
  fc.constantFrom(0x7fffffff, -0x80000000, 0x12340000, 0x12348000),
)
const half = fc.oneof(fc.integer({ min: -1, max: 1 }), fc.constantFrom(0x7fffffff, -0x80000000))
const print = fc.record({ name, high: half, low: half })
const step = fc.oneof(
  fc.record({ kind: fc.constant('note' as const), print }),
  fc.record({ kind: fc.constant('forget' as const), print }),
  fc.record({ kind: fc.constant('has' as const), print }),
)

test('it knows exactly what was noted last of each name, and not forgotten since', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const prints = createToldPrints()
      const model = new Map<number, string>()
      for (const { kind, print: one } of steps) {
        const said = `${one.high} ${one.low}`
        if (kind === 'note') {
          prints.note(one)
          model.set(one.name, said)
        } else if (kind === 'forget') {
          prints.forget(one.name)
          model.delete(one.name)
        } else assert.equal(prints.has(one), model.get(one.name) === said)
      }
      for (const [known, said] of model) {
        const [high = 0, low = 0] = said.split(' ').map(Number)
        assert.ok(prints.has({ name: known, high, low }))
      }
    }),
    { numRuns: 500 },
  )
})

test('a hundred thousand names are found again, also when as many others came and went', () => {
  const prints = createToldPrints()
  const nameOf = (i: number): number => Math.imul(i, 0x9e3779b1)
  for (let i = 0; i < 200_000; i += 1) prints.note({ name: nameOf(i), high: i, low: -i })
  for (let i = 0; i < 200_000; i += 2) prints.forget(nameOf(i))
  for (let i = 200_000; i < 300_000; i += 1) prints.note({ name: nameOf(i), high: i, low: -i })
  for (let i = 0; i < 300_000; i += 1)
    assert.equal(prints.has({ name: nameOf(i), high: i, low: -i }), i >= 200_000 || i % 2 === 1, String(i))
})
