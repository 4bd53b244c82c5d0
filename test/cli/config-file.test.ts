/** The config file: one schema with the flags, its faults with their places, and which source counts. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { buildRunConfig } from '../../lib/cli/config.ts'
import { parseConfigFile } from '../../lib/cli/config-file.ts'
import type { FlagSpec } from '../../lib/cli/flag-spec.ts'
import { flagVariable } from '../../lib/cli/go-args.ts'
import { RUN_FLAGS } from '../../lib/cli/run-flags.ts'
import { collectRunSettings, type RunSettings } from '../../lib/cli/run-settings.ts'
import { ConfigError } from '../../lib/errors.ts'

const TABLE: readonly FlagSpec[] = RUN_FLAGS
const read = (text: string, where = 'c.yaml') => parseConfigFile(RUN_FLAGS, text, where)
async function problem(text: string, where?: string): Promise<string> {
  const error = await read(text, where).then(
    () => assert.fail('accepted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ConfigError, String(error))
  assert.doesNotMatch(error.message, /\n/)
  return error.message
}

async function collect(
  argv: readonly string[],
  file: string,
  env: NodeJS.ProcessEnv = {},
): Promise<RunSettings & { readonly help: undefined }> {
  const settings = await collectRunSettings(['--config=/c.yaml', ...argv], {
    env,
    readText: (name) => (name === '/c.yaml' ? file : '{"Network":"10.42.0.0/16"}'),
    host: () => assert.fail('nobody asked for a host'),
  })
  assert.ok(settings.help === undefined)
  return settings
}

test('YAML and JSON give each kind of value, with its place', async () => {
  const yaml =
    'iface: [eth1, eth0]\niface-regex: ^e\n# a word\nhealthz-port: 8081\nip-masq: true\npublic-ip: 192.0.2.1\n'
  assert.deepEqual(Object.fromEntries([...(await read(yaml))].map(([name, { value }]) => [name, value])), {
    iface: ['eth1', 'eth0'],
    'iface-regex': ['^e'],
    'healthz-port': 8081,
    'ip-masq': true,
    'public-ip': '192.0.2.1',
  })
  assert.equal((await read(yaml)).get('healthz-port')?.by, 'c.yaml:4:15: healthz-port')
  const json = await read('{"iface": ["eth1"],\n "v": 2}', 'c.json')
  assert.deepEqual([json.get('iface')?.value, json.get('v')?.value], [['eth1'], 2])
  for (const empty of ['', '# nothing\n', '{}', 'iface:\npublic-ip: ""\n']) assert.equal((await read(empty)).size, 0)
})

test('each fault is one sentence that names line, column and key', async () => {
  assert.match(
    await problem('v: 1\nifcae: eth0\n'),
    /^c\.yaml:2:8: ifcae: is no key of the config; did you mean iface\?/,
  )
  assert.match(await problem('--iface: eth0\n'), /--iface: is no key of the config; write iface /)
  assert.match(await problem('healthz_port: 1\n'), /healthz_port: is no key of the config; write healthz-port /)
  assert.match(await problem('healthz-port: "1"\n'), /^c\.yaml:1:15: healthz-port: must be a whole number, not "1"$/)
  assert.match(await problem('healthz-port: 1.5\n'), /must be a whole number, not 1\.5/)
  assert.match(await problem('ip-masq: yes\n'), /ip-masq: must be true or false, without quotes, not "yes"/)
  assert.match(await problem('public-ip: 10\n'), /public-ip: must be a text .*, not 10/)
  assert.match(await problem('public-ip: [a]\n'), /public-ip: must be a text .*, not \["a"\]/)
  assert.match(
    await problem('iface:\n- a\n- 7\n'),
    /^c\.yaml:3:3: iface\[1\]: must be a text, or a list of texts, not 7/,
  )
  assert.match(await problem('iface: {a: b}\n'), /iface: must be a text, or a list of texts/)
  assert.match(await problem('v: 1\nv: 2\n'), /^c\.yaml:2:1: not YAML: Map keys must be unique/)
  assert.match(await problem('a: [\n'), /^c\.yaml:2:1: not YAML/)
  assert.match(await problem('- a\n'), /must be a mapping of flags to values/)
  assert.match(await problem('{"v": 1,}', 'c.json'), /^c\.json:1:9: not JSON/)
  for (const name of ['config', 'version', 'print-config', 'json'])
    assert.match(await problem(`${name}: true\n`), /counts on the command line only/)
})

test('the command line goes before the variable, the variable before the file, the file before the default', async () => {
  const file = 'healthz-port: 1\nsubnet-file: /file\nstate-dir: /file\niface: [file]\n'
  const env = { FLANNELD_HEALTHZ_PORT: '2', FLANNELD_SUBNET_FILE: '/variable', FLANNELD_IFACE: '' }
  const { flags, given } = await collect(['--healthz-port=3'], file, env)
  assert.deepEqual(
    [flags['healthz-port'], flags['subnet-file'], flags['state-dir'], flags.iface, flags['log-level']],
    [3, '/variable', '/file', ['file'], 'info'],
  )
  assert.deepEqual(
    ['healthz-port', 'subnet-file', 'state-dir', 'log-level'].map((name) => given.get(name as 'iface')),
    ['--healthz-port', 'FLANNELD_SUBNET_FILE', '/c.yaml:3:12: state-dir', undefined],
  )
})

test("a value that means nothing is reported by the file's line, and flannel's etcd is refused there too", async () => {
  const settings = await collect([], 'healthz-port: 70000\n', { NODE_NAME: 'a', KUBERNETES_SERVICE_HOST: 'x' })
  const readText = (): string => '{"Network":"10.42.0.0/16"}'
  assert.throws(
    () => buildRunConfig({ ...settings, readText }),
    /^ConfigError: \/c\.yaml:1:15: healthz-port: 70000 is no port/,
  )
  const etcd = await collect([], 'etcd-prefix: /x\n', { NODE_NAME: 'a' })
  assert.throws(
    () => buildRunConfig({ ...etcd, readText }),
    /^ConfigError: \/c\.yaml:1:14: etcd-prefix: the etcd subnet/,
  )
})

test('a file that is not there is named with the flag', async () => {
  const readText = (): string => {
    throw Object.assign(new Error('no'), { code: 'ENOENT' })
  }
  const parts = { env: {}, readText, host: () => assert.fail('nobody asked for a host') }
  await assert.rejects(
    collectRunSettings([], { ...parts, env: { FLANNELD_CONFIG: '/no' } }),
    /^ConfigError: FLANNELD_CONFIG: \/no does not exist; name another/,
  )
  await assert.rejects(
    collectRunSettings(['--config=/no'], parts),
    /^ConfigError: --config: \/no does not exist; name another/,
  )
})

test('docs/config-file.md has each key with its kind and default, and no other', () => {
  const kinds = { bool: 'true or false', int: 'whole number', string: 'text', strings: 'text or list of texts' }
  const text = readFileSync(path.resolve(import.meta.dirname, '../../docs/config-file.md'), 'utf8')
  const rows = text.split('\n').filter((line) => line.startsWith('| `'))
  const wanted = TABLE.filter((spec) => spec.notInFile !== true && spec.hidden !== true).map((spec) => {
    const fallback = spec.kind === 'strings' || spec.default === '' ? '' : `\`${spec.default}\``
    return `| \`${spec.name}\` | ${kinds[spec.kind]} | ${fallback} |`
  })
  assert.deepEqual([...rows].sort(), [...wanted].sort())
})

test('every flag of the table can be set by a variable', () => {
  assert.equal(new Set(TABLE.map(({ name }) => flagVariable(name))).size, TABLE.length)
})

test('whatever the text, the outcome is settings or a ConfigError', async () => {
  const word = fc.constantFrom(
    'iface',
    'v',
    'ip-masq',
    ': ',
    ':',
    '\n',
    '  ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '&a',
    '*a',
    '"',
    '1',
    'true',
    '!!x ',
    '<<: ',
  )
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    fc.array(word, { maxLength: 14 }).map((words) => words.join('')),
  )
  await fc.assert(
    fc.asyncProperty(text, async (input) => {
      try {
        await read(input)
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error))
      }
    }),
  )
})
