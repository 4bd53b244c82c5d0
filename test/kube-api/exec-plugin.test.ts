/** Programs that give credentials, well-behaved and not; each is a shell script of the test. */
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { mock, type TestContext, test } from 'node:test'
import { askExecPlugin, forgetExecCredential, readExecPlugin } from '../../lib/kube-api/exec-plugin.ts'
import { openKubeTarget } from '../../lib/kube-api/kube-config.ts'
import { until } from '../leases/support.ts'

const apiVersion = 'client.authentication.k8s.io/v1'

/** A plugin that runs this script; `calls`: how often it was begun. */
function pluginOf(t: TestContext, script: string, more: object = {}) {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-exec-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'plugin')
  writeFileSync(file, `#!/bin/sh\necho >> ${folder}/calls\n${script}\n`)
  chmodSync(file, 0o755)
  const config = { apiVersion, command: './plugin', ...more }
  return {
    folder,
    file,
    plugin: readExecPlugin(config, folder, { server: 'https://10.0.0.1' }),
    calls: () => readFileSync(path.join(folder, 'calls'), 'utf8').length,
  }
}

const credential = (status: object): string => JSON.stringify({ apiVersion, kind: 'ExecCredential', status })

test('it is told what it is asked for, and of the cluster where the kubeconfig wants that', async (t) => {
  for (const provideClusterInfo of [true, false]) {
    const { plugin, folder } = pluginOf(
      t,
      `echo "$KUBERNETES_EXEC_INFO" > $(dirname $0)/info\necho '${credential({ token: 'x' })}' "$EXTRA" "$1"`,
      { args: [' '], env: [{ name: 'EXTRA', value: ' ' }], provideClusterInfo },
    )
    assert.deepEqual(await askExecPlugin(plugin, undefined), { token: 'x' })
    const info: unknown = JSON.parse(readFileSync(path.join(folder, 'info'), 'utf8'))
    const cluster = provideClusterInfo ? { cluster: { server: 'https://10.0.0.1' } } : {}
    assert.deepEqual(info, { apiVersion, kind: 'ExecCredential', spec: { interactive: false, ...cluster } })
  }
})

test('what it gave is used until it expires, or until it is refused', async (t) => {
  const soon = new Date(Date.now() + 3_600_000).toISOString()
  const lasting = pluginOf(t, `echo '${credential({ token: 'x', expirationTimestamp: soon })}'`)
  const expired = pluginOf(t, `echo '${credential({ token: 'x', expirationTimestamp: '2020-01-01T00:00:00Z' })}'`)
  const endless = pluginOf(t, `echo '${credential({ clientCertificateData: 'c', clientKeyData: 'k' })}'`)
  for (const { plugin } of [lasting, expired, endless])
    for (let i = 0; i < 3; i += 1) await askExecPlugin(plugin, undefined)
  assert.deepEqual(
    [lasting, expired, endless].map(({ calls }) => calls()),
    [1, 3, 1],
  )
  forgetExecCredential(endless.plugin)
  assert.deepEqual(await askExecPlugin(endless.plugin, undefined), { cert: 'c', key: 'k' })
  assert.equal(endless.calls(), 2)
})

test('one that hangs is ended after 15 s, with what it has started', async (t) => {
  const { plugin, folder } = pluginOf(t, 'sleep 1000 &\necho $! > $(dirname $0)/child\nsleep 1000')
  mock.timers.enable({ apis: ['setTimeout'] })
  t.after(() => mock.timers.reset())
  const asked = askExecPlugin(plugin, undefined)
  const child = path.join(folder, 'child')
  while (!existsSync(child) || readFileSync(child, 'utf8') === '') await new Promise((resolve) => setImmediate(resolve))
  mock.timers.tick(15_000)
  await assert.rejects(asked, /plugin gave nothing within 15 s/)
  mock.timers.reset()
  await until(() => !runs(Number(readFileSync(child, 'utf8'))), 'its child to be gone')
})

/** A zombie, which nobody has looked at yet, does not. */
function runs(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

test('one that nobody waits for any more is ended at once', async (t) => {
  const { plugin, file } = pluginOf(t, 'sleep 1000')
  const abort = new AbortController()
  const asked = askExecPlugin(plugin, abort.signal)
  abort.abort(new Error('closed'))
  await assert.rejects(asked, /closed/)
  await assert.rejects(askExecPlugin(plugin, abort.signal), /closed/)
  assert.ok(existsSync(file))
})

test('what is wrong with it or its answer is named', async (t) => {
  for (const [script, expected] of [
    ['echo no', /printed no JSON/],
    [`echo '{"apiVersion":"client.authentication.k8s.io/v1beta1"}'`, /another apiVersion/],
    [`echo '${credential({ clientCertificateData: 'c' })}'`, /neither a token nor a certificate/],
    ['echo sorry >&2; exit 3', /ended with 3: sorry/],
    ['kill -9 $$', /was ended by SIGKILL/],
    ['head -c 3000000 /dev/zero', /printed more than/],
  ] as const)
    await assert.rejects(askExecPlugin(pluginOf(t, script).plugin, undefined), expected)
  for (const [config, expected] of [
    [{ apiVersion }, /names no command/],
    [{ command: 'x' }, /has no apiVersion/],
    [{ command: 'x', apiVersion, interactiveMode: 'Always' }, /wants a terminal/],
  ] as const)
    assert.throws(() => readExecPlugin(config, '/', undefined), expected)
  const missing = readExecPlugin({ apiVersion, command: '/nowhere/at-all' }, '/', undefined)
  await assert.rejects(askExecPlugin(missing, undefined), /ENOENT/)
})

test('a kubeconfig that names it, and in whose name it asks, becomes headers', async (t) => {
  const { folder } = pluginOf(t, `echo '${credential({ token: 'given' })}'`)
  const user = {
    exec: { apiVersion, command: './plugin' },
    as: 'somebody',
    'as-uid': '7',
    'as-groups': ['one', 'two'],
    'as-user-extra': { 'Example.com/X': ['y'] },
  }
  const kubeconfigFile = path.join(folder, 'kubeconfig')
  const cluster = { server: 'https://10.0.0.1', 'tls-server-name': 'kubernetes' }
  writeFileSync(
    kubeconfigFile,
    JSON.stringify({
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user }],
      contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
      'current-context': 'x',
    }),
  )
  const target = await openKubeTarget({ kubeconfigFile, apiUrl: undefined, env: {} })
  t.after(() => target.close())
  const { headers, agent } = target.options
  assert.deepEqual(
    { ...headers },
    {
      Authorization: 'Bearer given',
      'Impersonate-User': 'somebody',
      'impersonate-uid': '7',
      'impersonate-group': ['one', 'two'],
      'impersonate-extra-example.com%2Fx': ['y'],
    },
  )
  const { options } = agent as unknown as { options: { servername?: string } }
  assert.equal(options.servername, 'kubernetes')
  target.refused?.()
})
