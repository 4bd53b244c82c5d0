/** The documents keep their word: commands exist, links lead somewhere, packages are those that CI installs. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { listFiles, readSource, root } from '../support/source-files.ts'

const documents = [
  'README.md',
  'CHANGELOG.md',
  ...['docs', 'deploy', 'native', 'lib', 'bench', 'test'].flatMap((folder) => listFiles(folder, '.md')),
].map(readSource)

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
    [...document.text.matchAll(/\bnpm (?:run )?(?:--silent )?(test|(?<=run (?:--silent )?)[a-z][a-z:-]*)/g)].flatMap(
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

function words(text: string | undefined): string[] {
  return (text ?? '')
    .split(/\s+/)
    .filter((word) => word !== '' && !word.startsWith('-'))
    .sort()
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
