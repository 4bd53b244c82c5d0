/** The recipes of CONTRIBUTING.md, and what docs/operations.md says of readiness, are true of the sources. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { listFiles, readSource, root } from '../support/source-files.ts'
import { breachesOf, recipesOf } from './recipes.ts'

const recipes = recipesOf(readSource('CONTRIBUTING.md').text)

test('each recipe of CONTRIBUTING.md leads through files that exist and have its example, and through all of them', () => {
  for (const what of ['VXLAN attribute', 'disturbance', 'lease', 'command', 'bench suite', 'metric', 'flag', 'fault'])
    assert.ok(
      recipes.some(({ title }) => title.includes(what)),
      what,
    )
  const named = recipes.flatMap(({ files, beside }) => [...files, ...beside])
  const wanted = new Set([
    ...named.filter(isThere),
    ...['lib', 'bench/suites'].flatMap((folder) => listFiles(folder, '.ts')),
  ])
  const sources = [...wanted].map(readSource)
  assert.deepEqual(
    recipes.flatMap((recipe) => breachesOf(recipe, sources)),
    [],
  )
})

test('docs/operations.md says of each check of readiness what its no means, and of no other', () => {
  const checks = new Set(
    listFiles('lib/agent', '.ts').flatMap((file) =>
      [...readSource(file).text.matchAll(/\{ name: '([a-z]+)', fault(?::| \})/g)].map(([, name = '']) => name),
    ),
  )
  const [, section = ''] = /^## \/readyz says no\n([\s\S]*?)(?=^## )/m.exec(readSource('docs/operations.md').text) ?? []
  const rows = [...section.matchAll(/^\| `([a-z]+)` \|/gm)].map(([, name = '']) => name)
  assert.deepEqual(rows.sort(), [...checks].sort())
})

test('each rule about recipes catches an offender and lets its neighbour pass', () => {
  const recipe = (text: string) => recipesOf(`## Recipes\n\n### Add a thing: follow \`foo\`\n\n${text}\n\n## Next\n`)
  const sources = [
    { path: 'lib/a.ts', text: 'const Foo = 1' },
    { path: 'lib/b.ts', text: '// foo is elsewhere' },
    { path: 'docs/c.yaml', text: '`foo`' },
  ]
  const caught = (text: string) => recipe(text).flatMap((one) => breachesOf(one, sources))
  assert.deepEqual(caught('1. `lib/a.ts`, `docs/c.yaml`: so.\n\nNowhere else in `lib/`.'), [])
  assert.equal(caught('1. `lib/a.ts`, `lib/gone.ts`: so.').length, 1, 'a file that does not exist')
  assert.equal(caught('1. `lib/a.ts`: so.').length, 1, 'one file is no way')
  assert.equal(
    breachesOf({ ...one(), files: ['lib/a.ts', 'docs/c.yaml'] }, [
      ...sources.slice(0, 2),
      { path: 'docs/c.yaml', text: '' },
    ]).length,
    1,
    'a file without the example',
  )
  assert.equal(
    breachesOf(one(), [...sources, { path: 'lib/d.ts', text: 'foo()' }]).length,
    1,
    'a file that is not named',
  )
  assert.deepEqual(
    breachesOf({ ...one(), beside: ['lib/d.ts'] }, [...sources, { path: 'lib/d.ts', text: 'foo()' }]),
    [],
  )

  function one() {
    const [first] = recipe('1. `lib/a.ts`, `docs/c.yaml`: so.\n\nNowhere else in `lib/`.')
    assert.ok(first !== undefined)
    return first
  }
})

function isThere(file: string): boolean {
  return existsSync(path.join(root, file))
}
