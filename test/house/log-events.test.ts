/** docs/errors.md explains what the log says: each event at its level with its remedy, and how often only where a test holds it. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { listFiles, readSource, root } from '../support/source-files.ts'
import { claimsOf, describedIn, eventsIn, looksLikeEvent, rowBreaches } from './log-events.ts'

const events = eventsIn(
  listFiles('lib', '.ts')
    // The lab tells nobody's log, and the door to the kernel none at all: what looks like an event there names a field.
    .filter((file) => !/^lib\/(?:lab|netlink|rtnl)\//.test(file))
    .map(readSource),
)
const document = readSource('docs/errors.md').text

test('docs/errors.md has every event of the log that is no mere debug line, at its level, and no other', () => {
  const described = describedIn(document)
  const wrong = [...events]
    .filter(([, levels]) => levels !== 'debug')
    .filter(([name, levels]) => described.get(name) !== levels)
  assert.deepEqual(wrong, [], 'not described like this')
  assert.deepEqual(
    [...described.keys()].filter((name) => !events.has(name)),
    [],
    'nowhere in lib/',
  )
})

test('each warning, error and fault in docs/errors.md has a remedy, and none says how often it comes', () => {
  assert.deepEqual(rowBreaches(document), [])
})

test('each claim about how often a line comes names a test that exists', () => {
  const claims = claimsOf(document)
  assert.ok(claims.length > 0)
  const broken = claims.filter(
    ({ name, file }) =>
      name === undefined ||
      file === undefined ||
      !existsSync(path.join(root, file)) ||
      !readSource(file).text.includes(`test('${name}'`),
  )
  assert.deepEqual(
    broken.map(({ line }) => line),
    [],
  )
})

test('every event that a document names exists', () => {
  const areas = new Set([...events.keys()].map((name) => name.split('.')[0] ?? ''))
  // In the reference of the API, a dot stands between the names of fields.
  const docs = listFiles('docs', '.md').filter((file) => !file.startsWith('docs/api/'))
  const documents = ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', ...docs]
  const unknown = documents.flatMap((file) =>
    [...readSource(file).text.matchAll(/`([a-z]+\.[a-z][a-z0-9]*(?:-[a-z0-9]+)*)`/g)]
      .filter(([, name = '']) => looksLikeEvent(name, areas) && !events.has(name))
      .map(([quoted]) => `${file}: ${quoted}`),
  )
  assert.deepEqual(unknown, [])
})

test('an event is found at its level, however it is told', () => {
  const told = (text: string) => [...eventsIn([{ path: 'lib/a.ts', text }])]
  assert.deepEqual(told("log.warn('a.b', x); log.debug('a.b', y)"), [['a.b', 'warn']])
  assert.deepEqual(told("log.warn('a.b', x)\nstanding.stands(\n 'a.b')"), [['a.b', 'warn or stands']])
  assert.deepEqual(told("const say = {\n name: 'a.b-c' }"), [['a.b-c', 'stands']])
  assert.deepEqual(told("log[level]('a.b')"), [['a.b', 'info']])
  assert.deepEqual(told("log[bad ? 'warn' : 'debug']('a.b')"), [['a.b', 'warn']])
  assert.deepEqual(told("log.debug('a.b'); standing.over('a.c'); classify('route.add', 'x.json')"), [['a.b', 'debug']])
})

test('each rule about docs/errors.md catches an offender and lets its neighbour pass', () => {
  assert.deepEqual(rowBreaches('* `a.b` (warn): bad → mend it'), [])
  assert.equal(rowBreaches('* `a.b` (warn): bad').length, 1)
  assert.equal(rowBreaches('* `a.b` (stands): bad, once per start → mend it').length, 1)
  assert.equal(rowBreaches('* `a.b` (stands): bad, told three times → mend it').length, 1)
  assert.deepEqual(
    [...describedIn('* `a.b`, `a.c` (warn): x → y\n\n## Lines of level info\n\nSo: `a.d`.\n')],
    [
      ['a.b', 'warn'],
      ['a.c', 'warn'],
      ['a.d', 'info'],
    ],
  )
  const claims = (line: string) => claimsOf(`## How often a line comes\n\n* ${line}\n\n## Next\n`)
  assert.equal(claims('`a.b`: *it is so* (`test/a.test.ts`).')[0]?.name, 'it is so')
  assert.equal(claims('`a.b`: one line a minute.')[0]?.name, undefined)
})
