/** The documents keep their word: commands exist, links lead somewhere, packages are those that CI installs, events are those of the log. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { listFiles, readSource, root, type SourceFile } from '../support/source-files.ts'

const documents = [
  'README.md',
  'CHANGELOG.md',
  ...['docs', 'deploy', 'native', 'lib', 'bench', 'test'].flatMap((folder) => listFiles(folder, '.md')),
].map(readSource)

/** Operations of netlink errors, which look like events. */
const OPERATIONS = /^(?:address|fdb|link|neighbour|route|rule)\./
const LEVELS = ['info', 'warn', 'error', 'stands']
const FILE = /\.(?:crt|env|gyp|json|lockb?|md|service|ts|yaml)$/

/** Events of the log, each with its levels joined by `or`; `debug` where it has no other. */
const events = eventsIn(
  listFiles('lib', '.ts')
    .filter((file) => !file.startsWith('lib/lab/'))
    .map(readSource),
)

test('every relative link in a document leads to a file, and its anchor to a heading', () => {
  const broken = documents.flatMap((document) =>
    [...withoutCode(document.text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^[a-z]+:/.test(link)) return []
      const [target = '', anchor] = link.split('#')
      const file = target === '' ? document.path : path.posix.join(path.posix.dirname(document.path), target)
      if (!existsSync(path.join(root, file))) return [`${document.path}: ${link}: no such file`]
      if (anchor === undefined || anchorsOf(readSource(file).text).includes(anchor)) return []
      return [`${document.path}: ${link}: no such heading`]
    }),
  )
  assert.deepEqual(broken, [])
})

test('every npm command in a document exists in package.json', () => {
  const { scripts } = JSON.parse(readSource('package.json').text) as { scripts: Record<string, string> }
  const unknown = documents.flatMap((document) =>
    [...document.text.matchAll(/\bnpm (?:run )?(?:--silent )?(test|(?<=run (?:--silent )?)[a-z][a-z0-9:-]*)/g)].flatMap(
      ([command, name = '']) => (Object.hasOwn(scripts, name) ? [] : [`${document.path}: ${command}`]),
    ),
  )
  assert.deepEqual(unknown, [])
})

test('every script of package.json exists as a file', () => {
  const { scripts } = JSON.parse(readSource('package.json').text) as { scripts: Record<string, string> }
  const files = Object.values(scripts).flatMap((line) =>
    [...line.matchAll(/\b(?:scripts|test)\/\S+\.(?:mjs|ts)\b/g)].flat(),
  )
  assert.deepEqual(
    files.filter((file) => !existsSync(path.join(root, file))),
    [],
  )
})

test('the Debian packages of the README are those that .ci/run installs', () => {
  const inReadme = [...readSource('README.md').text.matchAll(/apt-get install ([a-z0-9.+ -]+)/g)]
    .map((match) => match[1])
    .join(' ')
  const inCi = readSource('.ci/run').text.match(/^packages=\(([^)]*)\)/m)?.[1]
  assert.deepEqual(words(inReadme), words(inCi))
  assert.ok(words(inReadme).length > 0)
})

test('docs/errors.md has every event of the log that is no mere debug line, at its level, and no other', () => {
  const described = new Map(
    [
      ...readSource('docs/errors.md').text.matchAll(
        /^\| (`[a-z.`, -]+`) \| ((?:(?:info|warn|error|stands)(?: or )?)+) \|/gm,
      ),
    ].flatMap(([, names = '', levels = '']) =>
      [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']): [string, string] => [name, levels]),
    ),
  )
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

test('every event that a document names exists', () => {
  const areas = new Set([...events.keys()].map((name) => name.split('.')[0]))
  const unknown = documents.flatMap(({ path: file, text }) =>
    [...text.matchAll(/`([a-z]+)\.[a-z]+(?:-[a-z]+)*`/g)]
      .filter(
        ([quoted, area]) => areas.has(area) && !FILE.test(quoted.slice(1, -1)) && !events.has(quoted.slice(1, -1)),
      )
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

function words(text: string | undefined): string[] {
  return (text ?? '')
    .split(/\s+/)
    .filter((word) => word !== '' && !word.startsWith('-'))
    .sort()
}

function eventsIn(sources: readonly SourceFile[]): ReadonlyMap<string, string> {
  const found = new Map<string, Set<string>>()
  for (const { text } of sources)
    for (const { 1: name = '', index } of text.matchAll(/'([a-z]+\.[a-z]+(?:-[a-z]+)*)'/g)) {
      const level = levelOf(text.slice(0, index))
      if (level === undefined || OPERATIONS.test(name) || FILE.test(name)) continue
      found.set(name, (found.get(name) ?? new Set()).add(level))
    }
  const rendered = (levels: ReadonlySet<string>) => LEVELS.filter((level) => levels.has(level)).join(' or ') || 'debug'
  return new Map([...found].map(([name, levels]) => [name, rendered(levels)]))
}

/** Of the event whose name follows `before`; undefined: it is not told there. One that is handed on is told by the standing log. */
function levelOf(before: string): string | undefined {
  if (/\bcase $/.test(before)) return undefined
  const call = /(?:\.(\w+)|\[([^\]]*)\])\(\s*$/.exec(before)
  if (call === null) return 'stands'
  const [, name, chosen] = call
  if (chosen !== undefined) return chosen.includes("'warn'") ? 'warn' : 'info'
  return name === 'over' ? undefined : name
}

function withoutCode(text: string): string {
  return text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '')
}

// As GitHub derives them: lower case, punctuation dropped, blanks to dashes.
function anchorsOf(text: string): string[] {
  return [...withoutFences(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-'),
  )
}

function withoutFences(text: string): string {
  return text.replace(/```[\s\S]*?```/g, '')
}
