/** Wrong input is refused by the field's name, by every function, before anything is sent. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { types } from 'node:util'
import fc from 'fast-check'
import * as rtnlModule from '../../lib/rtnl/index.ts'
import { createEntryWriter, openRtnl } from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import { exportedFunctions, FUNCTIONS, hostileValues, METHODS, spoilt, WRITER } from './hostile-calls.ts'
import type { Place, Row } from './hostile-rows.ts'
import { type Group, hostileCalls, openGroups, outcomeOf } from './hostile-run.ts'

/** A door that is closed takes nothing to the kernel, and looks at its arguments all the same. */
async function closedGroups(): Promise<readonly Group[]> {
  const { groups, close } = await openGroups(openRtnl())
  await close()
  return groups
}

/** Of a module those that are no class; of an object its methods, also those of its class. */
function functionsOf(object: object): string[] {
  if (types.isModuleNamespaceObject(object)) return exportedFunctions(object)
  const prototype = Object.getPrototypeOf(object) as object
  const inherited = prototype === Object.prototype ? [] : Object.getOwnPropertyNames(prototype)
  const isMethod = (key: string): boolean =>
    key !== 'constructor' && typeof (object as Record<string, unknown>)[key] === 'function'
  return [...Object.keys(object), ...inherited].filter(isMethod)
}

function assertRefused(error: unknown, name: string, { named }: Place, value: unknown): void {
  const what = `${name}, ${named}: ${typeof value}`
  assert.ok(error instanceof TypeError || error instanceof RangeError, `${what}: ${String(error)}`)
  if (named !== '') assert.ok(error.message.startsWith(named), `${what}: ${error.message}`)
}

test('each function, method and writer has a row that says what it takes', async () => {
  for (const [name, object, rows] of await closedGroups())
    assert.deepEqual(Object.keys(rows).sort(), functionsOf(object).sort(), `a table of hostile calls, ${name}`)
})

test('each place of each argument refuses every value that cannot stand there, by its name', async () => {
  for (const [, object, rows] of await closedGroups())
    for (const [name, row] of Object.entries(rows))
      for (const place of row.places)
        for (const value of hostileValues()) {
          if (place.legal(value)) continue
          const error = await outcomeOf(object, name, spoilt(row.args(), place.path, value))
          assertRefused(error, name, place, value)
        }
})

test('whatever the value, it is refused by its name or may stand there', async () => {
  const groups = await closedGroups()
  const all = groups.flatMap(([, object, rows]) =>
    Object.entries(rows).flatMap(([name, row]) => row.places.map((place) => ({ object, name, row, place }))),
  )
  const value = fc.oneof(
    fc.anything({ withBigInt: true, withTypedArray: true, withNullPrototype: true }),
    fc.double(),
    fc.string(),
  )
  await fc.assert(
    fc.asyncProperty(fc.nat(all.length - 1), value, async (index, spoil) => {
      const { object, name, row, place } = all[index] as (typeof all)[number]
      const error = await outcomeOf(object, name, spoilt(row.args(), place.path, spoil))
      if (error instanceof TypeError || error instanceof RangeError) assert.match(error.message, /^\S/)
      // A text may happen to be one; nothing else becomes an address.
      else
        assert.ok(
          typeof spoil === 'string' || typeof spoil === 'object' || place.legal(spoil),
          `${name}, ${place.named}`,
        )
    }),
    { numRuns: 5000 },
  )
})

test('arguments as they should be are taken, and each field is read once', async () => {
  for (const [, object, rows] of await closedGroups())
    for (const [name, row] of Object.entries(rows)) {
      if (name.startsWith('open')) continue
      const reads = new Map<string, number>()
      const error = await outcomeOf(
        object,
        name,
        row.args().map((each, i) => counting(each, `${name} ${i}`, reads)),
      )
      assert.ok(error === undefined || (error as { errnoName?: string }).errnoName === 'ECANCELED', `${name}: ${error}`)
      for (const [field, count] of reads) assert.ok(count === 1, `${field} was read ${count} times`)
    }
})

test('an unknown field is refused, and the nearest known one is named', async () => {
  const rtnl = openRtnl()
  await rtnl.close()
  for (const [name, row] of Object.entries(METHODS))
    for (const [i, arg] of row.args().entries()) {
      if (typeof arg !== 'object' || arg === null || 'bytes' in arg) continue
      const [first = ''] = Object.keys(arg)
      const args = row.args()
      args[i] = { ...arg, [`${first}x`]: 1 }
      const error = await outcomeOf(rtnl, name, args)
      const wanted = new RegExp(`^TypeError: (?:\\S+\\.)?${first}x: there is no such field; did you mean ${first}\\?$`)
      assert.match(String(error), wanted, name)
    }
  for (const [group, object, rows] of await closedGroups())
    for (const [name, { args }] of Object.entries(rows)) {
      // An entry that is whole may have more: a hundred thousand of them are not asked for their keys.
      if (name === 'packEntries' || group === 'writer') continue
      for (const path of objectsIn(args())) {
        const error = await outcomeOf(object, name, spoilt(args(), [...path, 'nobody'], 1))
        // A schema's keys are names of the caller's own.
        if (group === 'netlink' && !(error instanceof Error)) continue
        assert.match(String(error), /^TypeError: \S*nobody: /, `${group} ${name} ${path.join('.')}`)
      }
    }
  const writer = createEntryWriter()
  const { gateway: gatway, ...route } = { ...(row(FUNCTIONS, 'packEntries').args()[0] as Record<string, unknown>[])[2] }
  assert.throws(
    () => writer.push('replace', { ...route, gatway } as never),
    /^TypeError: route\.gatway: there is no such field; did you mean gateway\?$/,
  )
  assert.equal(writer.length, 0)
})

test('what an entry is refused for, a writer has not taken, also where its getters write on', () => {
  const writer = createEntryWriter(1)
  const good = row(WRITER, 'push').args()[1] as rtnlModule.NeighbourEntry
  const nested = {
    ...good,
    get state() {
      writer.push('create', { ...good, state: 2 })
      return 4
    },
  }
  assert.throws(() => writer.push('replace', { ...good, ip: 'banana' as never }))
  writer.push('delete', nested)
  const table = writer.finish()
  assert.deepEqual(rtnlModule.unpackEntries(table), [
    { ...good, state: 2 },
    { ...good, state: 4 },
  ])
})

test('20,000 hostile calls send nothing to the kernel', kernelTests, async (t) => {
  await hostileCalls(t, 20_000)
})

function row(rows: Readonly<Record<string, Row>>, name: string): Row {
  const found = rows[name]
  assert.ok(found, name)
  return found
}

/** Where plain objects stand in it: not lists, bytes, codecs and signals. */
function objectsIn(value: unknown, path: Place['path'] = []): Place['path'][] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value) || 'write' in value) return []
  const own = Array.isArray(value) || path.length === 0 || 'bytes' in value ? [] : [path]
  return [
    ...own,
    ...Object.entries(value).flatMap(([key, one]) =>
      objectsIn(one, [...path, Array.isArray(value) ? Number(key) : key]),
    ),
  ]
}

/** Its fields, and those of what is in them, count how often they are read. */
function counting(value: unknown, name: string, reads: Map<string, number>): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || ArrayBuffer.isView(value)) return value
  // A codec is code.
  if ('write' in value) return value
  return new Proxy(value, {
    get(target, field) {
      // Of an entry what it is decides what is read of it.
      if (typeof field === 'string') reads.set(`${name}.${field}`, (reads.get(`${name}.${field}`) ?? 0) + 1)
      return counting((target as Record<string | symbol, unknown>)[field], `${name}.${String(field)}`, reads)
    },
  })
}
