/** Every flag and variable of flanneld 0.28 (flannel-contract 2): accepted, with what it becomes, or refused, with a reason. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { buildRunConfig, type RunConfig } from '../../lib/cli/config.ts'
import { flagVariable } from '../../lib/cli/go-args.ts'
import { parseFlags } from '../../lib/cli/parse-flags.ts'
import { RUN_ABOUT, RUN_FLAGS } from '../../lib/cli/run-flags.ts'
import { ConfigError } from '../../lib/errors.ts'
import { FLANNELD, withoutFlanneld } from '../support/flanneld.ts'

const POD = { NODE_NAME: 'a', KUBERNETES_SERVICE_HOST: '10.43.0.1' }
const DUAL = '{"Network":"10.42.0.0/16","EnableIPv6":true,"IPv6Network":"fd00:42::/56","Backend":{"Type":"vxlan"}}'

function build(argv: readonly string[], env: NodeJS.ProcessEnv = POD): RunConfig {
  const parsed = parseFlags(RUN_FLAGS, argv, env, RUN_ABOUT)
  assert.ok(parsed.help === undefined)
  return buildRunConfig({ flags: parsed.values, given: parsed.given, env, readText: () => DUAL })
}
const kube = ({ agent }: RunConfig) => {
  assert.ok(agent.leases.kind === 'kube')
  return agent.leases
}
const parsed = (argv: readonly string[], env: NodeJS.ProcessEnv = POD): Readonly<Record<string, unknown>> => {
  const result = parseFlags(RUN_FLAGS, argv, env, RUN_ABOUT)
  assert.ok(result.help === undefined)
  return result.values
}

interface FlannelFlag {
  /** flanneld's. */
  readonly default: boolean | number | string | readonly []
  /** A value that is not the default, and what it becomes: read of the config, or a pattern of the one refusal. */
  readonly value: string
  readonly becomes: ((config: RunConfig) => unknown) | RegExp
  readonly as?: unknown
}

const refused = (value: string, fallback = ''): FlannelFlag => ({
  default: fallback,
  value,
  becomes: /the etcd subnet manager is not supported; remove .*--kubeconfig-file.*--leases/,
})
/** Accepted so that command lines that exist work; nothing follows. */
const nothing = (fallback: boolean | number | string, value: string): FlannelFlag => ({
  default: fallback,
  value,
  becomes: ({ warnings }) => warnings,
  as: [],
})

const FLAGS: Readonly<Record<string, FlannelFlag>> = {
  'etcd-endpoints': refused('http://10.0.0.1:2379', 'http://127.0.0.1:4001,http://127.0.0.1:2379'),
  'etcd-prefix': refused('/x', '/coreos.com/network'),
  'etcd-keyfile': refused('/k'),
  'etcd-certfile': refused('/c'),
  'etcd-cafile': refused('/a'),
  'etcd-username': refused('u'),
  'etcd-password': refused('p'),
  iface: { default: [], value: 'eth1', becomes: ({ agent }) => agent.underlayChoice.ifaces, as: ['eth1'] },
  'iface-regex': { default: [], value: '^e', becomes: ({ agent }) => agent.underlayChoice.regexes, as: [/^e/u] },
  'iface-can-reach': {
    default: '',
    value: '192.0.2.9',
    becomes: ({ agent }) => agent.underlayChoice.canReach,
    as: '192.0.2.9',
  },
  'subnet-file': {
    default: '/run/flannel/subnet.env',
    value: '/x/s',
    becomes: ({ agent }) => agent.subnetFile,
    as: '/x/s',
  },
  'public-ip': {
    default: '',
    value: '192.0.2.7',
    becomes: ({ agent }) => agent.underlayChoice.publicIp.ipv4,
    as: '192.0.2.7',
  },
  'public-ipv6': {
    default: '',
    value: '2001:db8::7',
    becomes: ({ agent }) => agent.underlayChoice.publicIp.ipv6,
    as: '2001:db8::7',
  },
  'subnet-lease-renew-margin': nothing(60, '1439'),
  'ip-masq': { default: false, value: 'true', becomes: ({ agent }) => agent.ipMasq, as: true },
  'ip-masq-fully-random-disable': {
    default: false,
    value: 'true',
    becomes: () => parsed(['--ip-masq-fully-random-disable=true'])['ip-masq-fully-random-disable'],
    as: true,
  },
  'kube-subnet-mgr': nothing(false, 'true'),
  'kube-api-url': {
    default: '',
    value: 'https://a:6443',
    becomes: (config) => kube(config).apiUrl,
    as: 'https://a:6443',
  },
  'kube-annotation-prefix': {
    default: 'flannel.alpha.coreos.com',
    value: 'x.example',
    becomes: (config) => kube(config).annotationPrefix,
    as: 'x.example',
  },
  'kubeconfig-file': { default: '', value: '/k', becomes: (config) => kube(config).kubeconfigFile, as: '/k' },
  version: { default: false, value: 'true', becomes: () => parsed(['--version=true']).version, as: true },
  'healthz-ip': {
    default: '0.0.0.0',
    value: '127.0.0.1',
    becomes: () => build(['--healthz-ip=127.0.0.1', '--healthz-port=1']).agent.health,
    as: { ip: '127.0.0.1', port: 1 },
  },
  'healthz-port': {
    default: 0,
    value: '8081',
    becomes: ({ agent }) => agent.health,
    as: { ip: '0.0.0.0', port: 8081 },
  },
  'iptables-resync': {
    default: 5,
    value: '60',
    becomes: () => parsed(['--iptables-resync=60'])['iptables-resync'],
    as: 60,
  },
  'iptables-forward-rules': {
    default: true,
    value: 'false',
    becomes: ({ agent }) => agent.iptablesForwardRules,
    as: false,
  },
  'ip-blackhole-route': {
    default: false,
    value: 'true',
    becomes: () => parsed(['--ip-blackhole-route=true'])['ip-blackhole-route'],
    as: true,
  },
  'net-config-path': {
    default: '/etc/kube-flannel/net-conf.json',
    value: '/n.json',
    becomes: ({ agent }) => agent.network.ipv6,
    as: 'fd00:42::/56',
  },
  'set-node-network-unavailable': {
    default: true,
    value: 'false',
    becomes: (config) => kube(config).setNodeNetworkUnavailable,
    as: false,
  },
  v: { default: 0, value: '4', becomes: ({ log }) => log.level, as: 'debug' },
  vmodule: nothing('', 'vxlan=4'),
  log_backtrace_at: nothing('', 'main.go:10'),
}

for (const [name, { default: fallback, value, becomes, as }] of Object.entries(FLAGS)) {
  const spec = RUN_FLAGS.find((one) => one.name === name)
  const bool = typeof fallback === 'boolean'
  const forms: readonly (readonly [argv: readonly string[], env: NodeJS.ProcessEnv, where: string])[] = [
    [[`-${name}=${value}`], POD, `--${name}`],
    [[`--${name}=${value}`], POD, `--${name}`],
    ...(bool
      ? []
      : [[[`--${name}`, value], POD, `--${name}`] as const, [[`-${name}`, value], POD, `--${name}`] as const]),
    ...(bool && value === 'true' ? [[[`-${name}`], POD, `--${name}`] as const] : []),
    [[], { ...POD, [flagVariable(name)]: value }, flagVariable(name)],
  ]
  test(`--${name}: ${becomes instanceof RegExp ? 'refused, with what to use instead' : 'accepted in every form'}`, () => {
    assert.ok(spec !== undefined, 'is a flag')
    for (const [argv, env, where] of forms) {
      if (becomes instanceof RegExp)
        assert.throws(
          () => build(argv, env),
          (error) => error instanceof ConfigError && error.where === where && becomes.test(error.message),
        )
      else assert.deepEqual(becomes(build(argv, env)), as)
    }
  })
  if (!(becomes instanceof RegExp))
    test(`--${name}: its default is flanneld's`, () => {
      assert.deepEqual(parsed([])[name], fallback)
    })
}

test("booleans take Go's words behind an equals sign, and none as a word of its own", () => {
  for (const word of ['1', 't', 'T', 'TRUE', 'true', 'True'])
    assert.equal(build([`-ip-masq=${word}`]).agent.ipMasq, true)
  for (const word of ['0', 'f', 'F', 'FALSE', 'false', 'False'])
    assert.equal(build([`--ip-masq=${word}`]).agent.ipMasq, false)
  assert.throws(() => build(['--ip-masq', 'false']), /a boolean flag takes its value with an equals sign/)
  assert.throws(() => build(['--ip-masq=no']), /--ip-masq: 'no' is neither true nor false/)
})

test('what may be repeated keeps its order, of what may not the last one counts, and variables fill one', () => {
  assert.deepEqual(build(['-iface=a', '--iface', 'b']).agent.underlayChoice.ifaces, ['a', 'b'])
  assert.deepEqual(build([], { ...POD, FLANNELD_IFACE: 'c' }).agent.underlayChoice.ifaces, ['c'])
  assert.deepEqual(build(['-iface=a'], { ...POD, FLANNELD_IFACE: 'c' }).agent.underlayChoice.ifaces, ['a'])
  assert.equal(build(['-subnet-file=/a', '-subnet-file=/b']).agent.subnetFile, '/b')
  assert.equal(build([], { ...POD, FLANNELD_SUBNET_FILE: '' }).agent.subnetFile, '/run/flannel/subnet.env')
})

test('values out of range, and no values at all, are errors that name the flag', () => {
  for (const [argv, says] of [
    [['--subnet-lease-renew-margin=0'], /--subnet-lease-renew-margin: 0 is outside 1 to 1439/],
    [['--subnet-lease-renew-margin=1440'], /1440 is outside 1 to 1439/],
    [['--subnet-lease-renew-margin=-1'], /-1 is outside/],
    [['--healthz-port=65536'], /--healthz-port: 65536 is no port/],
    [['--healthz-port=8080.5'], /is not a whole number/],
    [['--iptables-resync=x'], /--iptables-resync: 'x' is not a whole number/],
    [['--public-ip=2001:db8::1'], /--public-ip/],
    [['--iface'], /--iface: needs a value/],
    [['---iface=a'], /is not a flag/],
    [['-=a'], /is not a flag/],
  ] as const)
    assert.throws(() => build(argv), says)
  for (const margin of ['1', '60', '0x10', '1_439']) build([`--subnet-lease-renew-margin=${margin}`])
})

test("flanneld's other variables are accepted, and change nothing", () => {
  const plain = build([])
  for (const variables of [
    { EVENT_QUEUE_DEPTH: '5000' },
    { EVENT_QUEUE_DEPTH: 'nonsense' },
    { CONT_WHEN_CACHE_NOT_READY: 'true' },
    { CONT_WHEN_CACHE_NOT_READY: 'false' },
  ])
    assert.deepEqual(build([], { ...POD, ...variables }), plain)
})

test('the flags of the real flanneld, and their defaults, are those of this table', { skip: withoutFlanneld() }, () => {
  const { stderr } = spawnSync(FLANNELD, ['-h'], { encoding: 'utf8' })
  const told = new Map(
    [...stderr.matchAll(/^ {2}-(\S+)(?: (\S+))?\n\s+(.*)$/gm)].map(([, name = '', kind = 'bool', text = '']) => {
      const shown = /\(default "?([^")]*)"?\)$/.exec(text)?.[1]
      return [name, { kind, shown }]
    }),
  )
  assert.deepEqual([...told.keys()].sort(), Object.keys(FLAGS).sort())
  for (const [name, { kind, shown }] of told) {
    const fallback = FLAGS[name]?.default
    const silent = kind === 'bool' ? false : kind === 'int' ? 0 : kind === 'value' ? fallback : ''
    assert.equal(String(fallback), String(shown ?? silent), name)
  }
})
