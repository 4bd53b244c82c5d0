/** What the built command loads before it knows what it is asked for; scripts/check-startup.mjs shows what that costs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { statSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { build } from 'esbuild'
import { readSource, root } from '../support/source-files.ts'

const ENTRY = 'dist/bin/vtepd.js'

test('asking for help loads the help text and little else', async () => {
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [ENTRY],
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'silent',
  })
  const loaded = new Set([ENTRY])
  for (const file of loaded)
    for (const one of metafile.inputs[file]?.imports ?? [])
      if (one.kind === 'import-statement' && one.external !== true) loaded.add(one.path)
  const bytes = [...loaded].reduce((sum, file) => sum + (metafile.inputs[file]?.bytes ?? 0), 0)
  assert.ok(bytes < 20_000, `${bytes} bytes in ${[...loaded].join(', ')}: import it where it is needed`)
})

test('the command is executable and keeps the young generation small', () => {
  assert.equal(statSync(path.join(root, ENTRY)).mode & 0o111, 0o111)
  const [first] = readSource(ENTRY).text.split('\n')
  assert.equal(first, '#!/usr/bin/env -S node --max-semi-space-size=1')
  const { status, stdout } = spawnSync(path.join(root, ENTRY), ['version'], { encoding: 'utf8' })
  assert.equal(status, 0)
  const { version } = JSON.parse(readSource('package.json').text) as { version: string }
  assert.equal(stdout.split('\n')[0], `vtepd ${version}`)
})
