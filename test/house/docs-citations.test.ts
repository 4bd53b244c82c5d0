/** What comments and documents cite exists: numbered sections, documents, tests. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { listFiles, readSource, root } from '../support/source-files.ts'
import { breaches, NUMBERED, numbersOf, type Shelf } from './citations.ts'

const FOLDERS = ['lib', 'native', 'test', 'bench', 'scripts', 'deploy', 'docs']
const SUFFIXES = ['.ts', '.mjs', '.h', '.cc', '.c', '.service', '.md']
/** They show offenders. */
const OWN = new Set(['test/house/docs-citations.test.ts', 'test/house/citations.ts'])

const files = [
  '.ci/run',
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...FOLDERS.flatMap((folder) => SUFFIXES.flatMap((suffix) => listFiles(folder, suffix))),
]
  .filter((file) => !OWN.has(file))
  .map(readSource)

const shelf: Shelf = {
  sections: new Map([...NUMBERED].map(([name, file]) => [name, new Set(numbersOf(readSource(file).text))])),
  exists: (file) => existsSync(path.join(root, file)),
}

test('every section, document and test that a comment or a document cites exists, in the one spelling that is found', () => {
  assert.deepEqual(
    files.flatMap((file) => breaches(file, shelf)),
    [],
  )
})

test('the sections of the numbered documents are numbered from 1 without a gap', () => {
  for (const file of NUMBERED.values()) {
    const numbers = numbersOf(readSource(file).text)
    assert.ok(numbers.length > 0, file)
    assert.deepEqual(
      numbers,
      numbers.map((_, index) => index + 1),
      file,
    )
  }
})

test('each design decision names the tests that hold it', () => {
  const [, ...sections] = readSource('docs/decisions.md').text.split(/^## /m)
  assert.deepEqual(
    sections.filter((section) => !/^Held by: `test\//m.test(section)).map((section) => section.split('\n')[0]),
    [],
  )
})

test('each rule catches an offender and lets its neighbour pass', () => {
  const small: Shelf = {
    sections: new Map([...NUMBERED.keys()].map((name) => [name, new Set([1, 2, 3])])),
    exists: (file) => ['docs/errors.md', 'native/README.md', 'test/net/ip.test.ts', 'test/net'].includes(file),
  }
  const cases: readonly (readonly [file: string, text: string, breach: boolean])[] = [
    ['lib/a.ts', '// kernel-facts 2', false],
    ['lib/a.ts', '// kernel-facts 4', true],
    ['lib/a.ts', '/**\n * so it is (kernel-facts\n * 4).\n */', true],
    ['lib/a.ts', '// kernel-facts 1, 2 and 3', false],
    ['lib/a.ts', '// kernel-facts 1, 2 and 4', true],
    ['lib/a.ts', '// kernel-facts 1 to 3', false],
    ['lib/a.ts', '// kernel-facts 1 to 4', true],
    ['lib/a.ts', '// kernel-facts say so', true],
    ['lib/a.ts', '// Design decisions 2 and 3', false],
    ['native/a.h', '// design decision 12', true],
    ['lib/a.ts', '// decision 2', true],
    ['lib/a.ts', "const evidence = 'KF 2: gone'", true],
    ['lib/a.ts', '// kernel facts 2', true],
    ['lib/a.ts', '// kernel-facts sections 2 to 3', true],
    ['lib/a.ts', '// flannel-contract 3, "Interface choice"', false],
    ['lib/a.ts', '// (kube-notes, "rules")', true],
    ['lib/a.ts', '// docs/errors.md and native/README.md', false],
    ['lib/a.ts', '// docs/design.md', true],
    ['docs/a.md', '[kernel-facts.md](kernel-facts.md), kernel-facts 1', false],
    ['docs/a.md', '`test/net/ip.test.ts`, `test/net`', false],
    ['docs/a.md', '`test/net/gone.test.ts`', true],
  ]
  for (const [file, text, breach] of cases)
    assert.equal(breaches({ path: file, text }, small).length > 0, breach, `${file}: ${text}`)
})
