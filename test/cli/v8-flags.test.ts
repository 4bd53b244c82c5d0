import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { v8Flags } from '../../lib/cli/v8-flags.ts'

test('this V8 knows each flag that is set', () => {
  const { stdout } = spawnSync(process.execPath, ['--v8-options'], { encoding: 'utf8' })
  const known = new Set([...stdout.matchAll(/^\s+(--[a-z0-9-]+) /gm)].map(([, name]) => name))
  assert.ok(known.size > 100, `${known.size} flags are listed`)
  const flags = v8Flags(process.versions.v8)
  assert.deepEqual(
    flags.map((flag) => flag.replace(/=.*/, '').replace('--no-', '--')).filter((name) => !known.has(name)),
    [],
  )
  assert.ok(flags.length > 0)
})

test('V8 has counted calls instead of bytecodes since version 12', () => {
  assert.match(v8Flags('11.3.244.8-node.33').join(), /interrupt-budget/)
  for (const version of ['12.4.254.21-node.57', '13.6.233.17-node.53', '100.0'])
    assert.doesNotMatch(v8Flags(version).join(), /budget/)
})
