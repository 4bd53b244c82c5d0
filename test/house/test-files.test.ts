/** Every test is run by some command. */
import assert from 'node:assert/strict'
import path from 'node:path'
import test from 'node:test'
import { listFiles, readSource, root } from '../support/source-files.ts'

const { APART, testFiles } = (await import(path.join(root, 'scripts/test-files.mjs'))) as {
  readonly APART: readonly string[]
  readonly testFiles: (root: string, folder: string) => string[]
}

test('a test that stands apart from npm test is named by a command, by file or by its word', () => {
  const scripts = Object.values((JSON.parse(readSource('package.json').text) as { scripts: object }).scripts).join('\n')
  const commands =
    scripts +
    listFiles('scripts', '.mjs')
      .map((file) => readSource(file).text)
      .join('\n')
  const usual = new Set(testFiles(root, 'test'))
  const apart = listFiles('test', '.test.ts').filter((file) => !usual.has(file))
  assert.ok(apart.length > 10)
  for (const file of apart) {
    const word = APART.find((one) => file.endsWith(`.${one}.test.ts`)) ?? ''
    const named = [file, `--with=${word} `, `\${name}.${word}.test.ts`, `'*.${word}.test.ts'`]
    assert.ok(
      named.some((text) => commands.includes(text)),
      `${file}: no command runs it`,
    )
  }
})
