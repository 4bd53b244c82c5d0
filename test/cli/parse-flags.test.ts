/** Values, defaults, environment, suggestions and help of a table of flags. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FlagSpec, readFlagValue } from '../../lib/cli/flag-spec.ts'
import { parseFlags } from '../../lib/cli/parse-flags.ts'
import { RUN_ABOUT, RUN_FLAGS } from '../../lib/cli/run-flags.ts'
import { ConfigError } from '../../lib/errors.ts'

const parse = (argv: readonly string[], env: NodeJS.ProcessEnv = {}) => {
  const parsed = parseFlags(RUN_FLAGS, argv, env, RUN_ABOUT)
  assert.ok(parsed.help === undefined, 'no help was asked for')
  return parsed
}
const problem = (argv: readonly string[], env: NodeJS.ProcessEnv = {}): string => {
  try {
    parse(argv, env)
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error))
    assert.doesNotMatch(error.message, /\n/)
    return error.message
  }
  return assert.fail('accepted')
}

test("the defaults are flanneld's", () => {
  const { values, given } = parse([])
  assert.equal(values['net-config-path'], '/etc/kube-flannel/net-conf.json')
  assert.equal(values['subnet-file'], '/run/flannel/subnet.env')
  assert.equal(values['kube-annotation-prefix'], 'flannel.alpha.coreos.com')
  assert.equal(values['healthz-ip'], '0.0.0.0')
  assert.equal(values['healthz-port'], 0)
  assert.equal(values['ip-masq'], false)
  assert.equal(values['iptables-forward-rules'], true)
  assert.equal(values['set-node-network-unavailable'], true)
  assert.equal(values['subnet-lease-renew-margin'], 60)
  assert.deepEqual(values.iface, [])
  assert.equal(given.size, 0)
})

test('the arguments of the kube-flannel DaemonSet are understood', () => {
  const { values } = parse(['--ip-masq', '--kube-subnet-mgr', '--healthz-port=8081'])
  assert.deepEqual([values['ip-masq'], values['kube-subnet-mgr'], values['healthz-port']], [true, true, 8081])
})

test('--iface and --iface-regex repeat, in order', () => {
  const { values } = parse(['-iface', 'eth1', '-iface=eth0', '--iface-regex', '^a', '--iface-regex=b,c'])
  assert.deepEqual(values.iface, ['eth1', 'eth0'])
  assert.deepEqual(values['iface-regex'], ['^a', 'b,c'])
})

test('the last of two values counts', () => {
  assert.equal(parse(['-healthz-port=1', '-healthz-port=2']).values['healthz-port'], 2)
})

test('a variable counts only where argv says nothing and it is not empty', () => {
  const env = {
    FLANNELD_IFACE: 'eth9',
    FLANNELD_IP_MASQ: 'true',
    FLANNELD_HEALTHZ_PORT: '',
    FLANNELD_V: '3',
    IFACE: 'no',
  }
  const { values, given } = parse(['-iface=eth0', '-v=1'], env)
  assert.deepEqual(values.iface, ['eth0'])
  assert.equal(values['ip-masq'], true)
  assert.equal(values['healthz-port'], 0)
  assert.equal(values.v, 1)
  assert.deepEqual(Object.fromEntries(given), { 'ip-masq': 'FLANNELD_IP_MASQ', iface: '--iface', v: '--v' })
})

test('a wrong value is reported where it stands', () => {
  assert.equal(problem(['-healthz-port=x']), "--healthz-port: 'x' is not a whole number")
  assert.equal(problem([], { FLANNELD_IP_MASQ: 'yes' }), "FLANNELD_IP_MASQ: 'yes' is neither true nor false")
})

test('an unknown flag is an error with the nearest name', () => {
  assert.match(problem(['-ifac=eth0']), /^--ifac: is not a flag of vtepd run; did you mean --iface\?/)
  assert.match(problem(['--zzzzzzzz', 'x']), /^--zzzzzzzz: is not a flag of vtepd run \(/)
  assert.match(problem(['-iv']), /^--iv: is not a flag/)
})

test('what is no flag is an error, with the reason where it was meant for a boolean', () => {
  assert.match(problem(['--ip-masq', 'false']), /argument 'false': is unexpected; a boolean .*--flag=false/)
  assert.match(problem(['eth0']), /argument 'eth0': is unexpected; vtepd run takes flags only/)
  assert.match(problem(['--', '--iface=x']), /argument '--iface=x'/)
})

test('help names each flag that is not refused, with group and default', () => {
  const parsed = parseFlags(RUN_FLAGS, ['-iface=x', '-h'], {}, RUN_ABOUT)
  assert.ok(parsed.help !== undefined)
  const { help } = parsed
  for (const { name } of RUN_FLAGS)
    assert.equal(new RegExp(`--${name}[ \\n]`).test(help), !name.startsWith('etcd-'), name)
  assert.match(help, /Where leases come from:/)
  assert.match(help, /default: \/var\/lib\/vtepd\)/)
  assert.match(help, /NODE_NAME/)
  assert.doesNotMatch(help, /\[bool\]/)
})

const int = { name: 'n', kind: 'int', default: 0, group: '', help: '' } as const satisfies FlagSpec
const bool = { name: 'b', kind: 'bool', default: false, group: '', help: '' } as const satisfies FlagSpec

test("whole numbers are read as Go's ParseInt with base 0 reads them", () => {
  const accepted: Record<string, number> = {
    '0': 0,
    '-1': -1,
    '+7': 7,
    '0x1F': 31,
    '010': 8,
    '0o10': 8,
    '0b101': 5,
    '1_000': 1000,
  }
  for (const [text, value] of Object.entries(accepted)) assert.equal(readFlagValue(int, text, 'n'), value, text)
  for (const text of ['', ' 1', '1.0', '1e3', '08', '0x', '_1', '1__0', 'ten', '99999999999999999999'])
    assert.throws(() => readFlagValue(int, text, 'n'), ConfigError, text)
})

test("booleans are read as Go's ParseBool reads them", () => {
  for (const text of ['1', 't', 'T', 'true', 'TRUE', 'True']) assert.equal(readFlagValue(bool, text, 'b'), true)
  for (const text of ['0', 'f', 'F', 'false', 'FALSE', 'False']) assert.equal(readFlagValue(bool, text, 'b'), false)
  for (const text of ['', 'yes', 'no', 'tRUE', 'on'])
    assert.throws(() => readFlagValue(bool, text, 'b'), ConfigError, text)
})
