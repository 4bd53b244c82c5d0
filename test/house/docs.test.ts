/** The documents keep their word: commands exist, links lead somewhere, packages are those that CI installs, and they stay short. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { listFiles, readSource, root } from '../support/source-files.ts'

const documents = [
  'README.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  ...['docs', 'deploy', 'native', 'lib', 'bench', 'test'].flatMap((folder) => listFiles(folder, '.md')),
].map(readSource)

test('every relative link in a document leads to a file, and its anchor to a heading', () => {
  const broken = documents.flatMap((document) =>
    [...withoutCode(document.text).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link = '']) => {
      if (/^[a-z]+:/.test(link)) return []
      const [target = '', anchor] = link.split('#')
      const file = target === '' ? document.path : path.posix.join(path.posix.dirname(document.path), target)
      if (!existsSync(path.join(root, file))) return [`${document.path}: ${link}: no such file`]
      if (anchor === undefined) return []
      const { text } = readSource(file)
      if (anchorsOf(text).includes(anchor) || text.includes(`<a id="${anchor}">`)) return []
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

/** `wc -w` of the whole: what a reader has before him, but for reference that is looked up and held true by tests of its own. */
const MOST_WORDS = 24_800
const REFERENCE = /^docs\/(?:flags\.md|config-file\.md|metrics\.md|faults\.md|schemas\/|api\/)/
const README_LINES = 200

test('README, CONTRIBUTING and docs/ stay short enough to be read, reference left out', () => {
  const counted = ['README.md', 'CONTRIBUTING.md', ...listFiles('docs', '.md')].filter((file) => !REFERENCE.test(file))
  const sizes = counted.map((file) => [readSource(file).text.split(/\s+/).filter(Boolean).length, file] as const)
  const total = sizes.reduce((sum, [count]) => sum + count, 0)
  const largest = sizes.sort(([a], [b]) => b - a).map(([count, file]) => `${count} ${file}`)
  assert.ok(total < MOST_WORDS, `${total} words, ${MOST_WORDS} at most:\n${largest.join('\n')}`)
  const lines = readSource('README.md').text.split('\n').length - 1
  assert.ok(lines <= README_LINES, `README.md has ${lines} lines, ${README_LINES} at most`)
})

test('no document is an island: README leads to it, or a document that README leads to', () => {
  const linked = new Set(['README.md'])
  for (const from of linked)
    for (const [, link = ''] of readSource(from).text.matchAll(/\]\(([^)\s#]+\.md)(?:#[^)]*)?\)/g)) {
      const file = path.posix.join(path.posix.dirname(from), link)
      if (existsSync(path.join(root, file))) linked.add(file)
    }
  assert.deepEqual(
    listFiles('docs', '.md').filter((file) => !linked.has(file)),
    [],
  )
})

function words(text: string | undefined): string[] {
  return (text ?? '')
    .split(/\s+/)
    .filter((word) => word !== '' && !word.startsWith('-'))
    .sort()
}

function withoutCode(text: string): string {
  return text.replace(/```[\s\S]*?```/g, '').replace(/`[^`\n]*`/g, '')
}

// As GitHub derives them: lower case, punctuation dropped, blanks to dashes; one that was there before gets a number.
function anchorsOf(text: string): string[] {
  const seen = new Map<string, number>()
  return [...withoutFences(text).matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) => {
    const anchor = heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-')
    const before = seen.get(anchor) ?? 0
    seen.set(anchor, before + 1)
    return before === 0 ? anchor : `${anchor}-${before}`
  })
}

function withoutFences(text: string): string {
  return text.replace(/```[\s\S]*?```/g, '')
}
