/** The help of each command: written down as it is, with an example and its exit statuses. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { test } from 'node:test'
import { COMMANDS } from '../../lib/cli/command-list.ts'
import { root } from '../support/source-files.ts'

test('docs/commands.txt is what the commands say', () => {
  const script = path.join(root, 'scripts/commands.mjs')
  const { status, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script, '--check'], {
    cwd: root,
    encoding: 'utf8',
  })
  assert.deepEqual([status, stderr], [0, ''])
})

test('the help of each command has an example and says its exit statuses', async () => {
  for (const { name, describe } of COMMANDS) {
    const { footer } = (await describe()).about
    assert.match(footer, /^Examples?:\n(?: {2}.*\n)+/m, `vtepd ${name} --help`)
    assert.match(footer, /Exit status: 0\b/, `vtepd ${name} --help`)
  }
})
