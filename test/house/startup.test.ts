/** What the built command loads before it knows what it is asked for; scripts/check-startup.mjs shows what that costs. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
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

test('no chunk imports node:http or node:util, which load much that nobody uses, all of fetch on Node 22 and later', () => {
  const chunks = readdirSync(path.join(root, 'dist/bin')).filter((name) => name.endsWith('.js'))
  const importing = chunks.filter((name) =>
    /from\s*"(?:node:)?(?:http|util)"/.test(readSource(`dist/bin/${name}`).text),
  )
  assert.ok(chunks.length > 0)
  assert.deepEqual(importing, [], 'scripts/bundle.mjs has them required instead: 12 to 16 MB of memory')
})

test('the bundled Kubernetes client has no classes of API objects, and says so where it cannot renew a token', async (t) => {
  const file = 'dist/kube-api/kube-config.js'
  const { text } = readSource(file)
  assert.ok(!text.includes('getAttributeTypeMap'), 'the models of the API cost each agent 5 MB')
  assert.ok(text.length < 300_000, `${text.length} bytes`)
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-oidc-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const kubeconfigFile = path.join(folder, 'kubeconfig')
  writeFileSync(kubeconfigFile, expiredOidc())
  const { openKubeTarget } = (await import(path.join(root, file))) as typeof import('../../lib/kube-api/kube-config.ts')
  await assert.rejects(openKubeTarget({ kubeconfigFile, apiUrl: undefined }), /oidc has expired.*use an exec plugin/)
})

function expiredOidc(): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const config = {
    'id-token': `${part({})}.${part({ exp: 1 })}.`,
    'refresh-token': 'r',
    'client-id': 'i',
    'idp-issuer-url': 'https://192.0.2.1/',
  }
  return JSON.stringify({
    clusters: [{ name: 'c', cluster: { server: 'https://192.0.2.1' } }],
    users: [{ name: 'u', user: { 'auth-provider': { name: 'oidc', config } } }],
    contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
    'current-context': 'x',
  })
}
