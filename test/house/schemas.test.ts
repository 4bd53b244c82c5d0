/** The schemas of `--json`: they say what the types say, and there is one for each command that prints JSON. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { COMMANDS } from '../../lib/cli/command-list.ts'
import { listFiles, root } from '../support/source-files.ts'

test('docs/schemas is what the types of lib/cli/json-documents.ts say', () => {
  const { status, stderr } = spawnSync(process.execPath, [path.join(root, 'scripts/schemas.mjs'), '--check'], {
    encoding: 'utf8',
  })
  assert.deepEqual([status, stderr], [0, ''])
})

/** The flags of `vtepd run` with what they are read for. */
const OTHERWISE: Readonly<Record<string, string>> = { run: 'run-print-config' }

test('each command with --json has a schema', async () => {
  const schemas = listFiles('docs/schemas', '.json').map((file) => path.basename(file, '.json'))
  for (const { name, describe } of COMMANDS) {
    const { flags } = await describe()
    if (flags.some((flag) => flag.name === 'json'))
      assert.ok(schemas.includes(OTHERWISE[name] ?? name), `vtepd ${name} --json: lib/cli/json-documents.ts lacks it`)
  }
})
