import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findJsonFault, type JsonPath, locateJson, positionAt } from '../../lib/util/json-locate.ts'

const accepted = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test('it finds a fault exactly where JSON.parse refuses, for JSON with one character changed', () => {
  fc.assert(
    fc.property(
      fc.json({ maxDepth: 3 }),
      fc.nat(),
      fc.constantFrom('', ',', '"', '}', ']', '0', '\\', '\n', 'e', '-'),
      (json, at, put) => {
        const index = at % (json.length + 1)
        const text = json.slice(0, index) + put + json.slice(index + 1)
        assert.equal(findJsonFault(text) === undefined, accepted(text), text)
      },
    ),
    { numRuns: 3000 },
  )
})

test('the fault is the first word that no JSON text with this beginning has', () => {
  assert.equal(findJsonFault('[1,]'), 3)
  assert.equal(findJsonFault('{"a":1 "b":2}'), 7)
  assert.equal(findJsonFault('{"a'), 1)
  assert.equal(findJsonFault('[1]]'), 3)
  assert.equal(findJsonFault('["\\x"]'), 1)
  assert.equal(findJsonFault('01'), 1)
  assert.equal(findJsonFault(''), 0)
  assert.equal(findJsonFault('// no comment\n{}'), 0)
  assert.equal(findJsonFault('{"a": 1'), 7)
})

test('text nested too deeply is a fault, not a crash', () => {
  assert.equal(typeof findJsonFault('['.repeat(100_000)), 'number')
})

test('the value at any path stands where it says', () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.nat(), (value, pick) => {
      const text = JSON.stringify(value, undefined, 1)
      const all = pathsOf(JSON.parse(text), [])
      const path = all[pick % all.length] ?? []
      const offset = locateJson(text, path)
      assert.ok(offset !== undefined)
      const wanted = JSON.stringify(at(JSON.parse(text), path))
      assert.ok(JSON.stringify(readAt(text, offset)) === wanted, `${text} ${path.join('.')}`)
    }),
    { numRuns: 1000 },
  )
})

test('of a key that stands twice the last is found, and a path that leads nowhere is not', () => {
  assert.equal(locateJson('{"a":1,"a":2}', ['a']), 11)
  assert.equal(locateJson('{"a":1}', ['b']), undefined)
  assert.equal(locateJson('[[1]]', [0, 1]), undefined)
  assert.equal(locateJson('{"0":1}', [0]), undefined)
  assert.equal(locateJson('[1]', ['0']), undefined)
  assert.equal(locateJson('[1]', [0, 'a']), undefined)
})

test('lines and columns count from 1', () => {
  assert.deepEqual(positionAt('ab\ncd\n', 0), { line: 1, column: 1 })
  assert.deepEqual(positionAt('ab\ncd\n', 2), { line: 1, column: 3 })
  assert.deepEqual(positionAt('ab\ncd\n', 3), { line: 2, column: 1 })
  assert.deepEqual(positionAt('ab\ncd\n', 6), { line: 3, column: 1 })
})

function pathsOf(value: unknown, path: JsonPath): JsonPath[] {
  if (typeof value !== 'object' || value === null) return [path]
  const entries: [string | number, unknown][] = Array.isArray(value)
    ? value.map((item: unknown, index) => [index, item])
    : Object.entries(value)
  return [path, ...entries.flatMap(([step, item]) => pathsOf(item, [...path, step]))]
}

function at(value: unknown, path: JsonPath): unknown {
  return path.reduce<unknown>((inner, step) => (inner as Record<string | number, unknown>)[step], value)
}

/** The shortest JSON value that begins at the offset and is followed by nothing of itself. */
function readAt(text: string, offset: number): unknown {
  const rest = text.slice(offset)
  const fault = findJsonFault(rest)
  return JSON.parse(fault === undefined ? rest : rest.slice(0, fault))
}
