/** Every flag of k3s that concerns flannel or the pods' network: what `vtepd run --k3s` makes of it, or why it refuses. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { findK3s, type K3sFindings } from '../../../lib/cli/k3s/find-k3s.ts'
import { K3S_FLAGS, type K3sFlagName } from '../../../lib/cli/k3s/flags.ts'
import { ConfigError } from '../../../lib/errors.ts'
import { hostTree, INSTALLED_UNIT } from './fixture.ts'

const CONFIG = '/etc/rancher/k3s/config.yaml'
const UNIT = '/etc/systemd/system/k3s.service'

type Effect = (found: K3sFindings) => unknown
const flag =
  (name: Parameters<K3sFindings['flags']['get']>[0]): Effect =>
  ({ flags }) =>
    flags.get(name)?.value
const said =
  (pattern: RegExp): Effect =>
  ({ found }) =>
    pattern.test(found.join('\n'))

interface Case {
  readonly value: string
  readonly becomes: Effect | RegExp
  readonly as?: unknown
  /** Other words of the command line. */
  readonly beside?: readonly string[]
}
/** Beside what is set, everything is as if it were not. */
const NOTHING = { becomes: 'nothing' } as const

const CASES: Readonly<Record<K3sFlagName, Case | (typeof NOTHING & { readonly value: string })>> = {
  config: { value: '/other.yaml', becomes: flag('iface'), as: ['other0'] },
  'data-dir': { value: '/d', becomes: flag('publish-kubeconfig'), as: '/d/agent/kubelet.kubeconfig' },
  'node-name': { value: 'N', becomes: ({ nodeName }) => nodeName.value, as: 'n' },
  'with-node-id': { value: 'true', becomes: ({ nodeName }) => nodeName.value, as: 'host-1-id' },
  'flannel-iface': { value: 'eth9', becomes: flag('iface'), as: ['eth9'] },
  'flannel-conf': { value: '/n.json', becomes: flag('net-config-path'), as: '/n.json' },
  'flannel-cni-conf': {
    value: '/c.conflist',
    becomes: said(/\/c\.conflist .* is to be \/etc\/cni\/net\.d\/10-flannel\.conflist/),
    as: true,
  },
  'flannel-backend': { value: 'none', becomes: said(/own flannel is off/), as: true },
  'no-flannel': { value: 'true', becomes: said(/own flannel is off/), as: true },
  'flannel-external-ip': {
    value: 'true',
    beside: ['--node-external-ip=203.0.113.9'],
    becomes: ({ publish }) => publish,
    as: { ipv4: '203.0.113.9', ipv6: undefined },
  },
  'node-external-ip': {
    value: '203.0.113.9,2001:db8::9',
    beside: ['--flannel-external-ip'],
    becomes: ({ publish }) => publish,
    as: { ipv4: '203.0.113.9', ipv6: '2001:db8::9' },
  },
  'node-ip': { value: '10.0.0.9', becomes: said(/InternalIP: 10\.0\.0\.9/), as: true },
  'flannel-ipv6-masq': { value: 'true', becomes: ({ ipv6Masquerade }) => ipv6Masquerade, as: true },
  'flannel-ip-masq-disable-random-fully': {
    value: 'true',
    becomes: flag('ip-masq-fully-random-disable'),
    as: true,
  },
  'cluster-cidr': {
    value: '10.77.0.0/16',
    becomes: ({ netConf }) => netConf?.text.includes('"Network":"10.77.0.0/16"'),
    as: true,
  },
  'disable-network-policy': { value: 'true', becomes: said(/network policies are nobody's here/), as: true },
  'egress-selector-mode': { value: 'cluster', ...NOTHING },
  'disable-kube-proxy': { value: 'true', ...NOTHING },
  'vpn-auth': { value: 'name=tailscale,joinKey=x', ...NOTHING },
  'vpn-auth-file': { value: '/v', ...NOTHING },
  'prefer-bundled-bin': { value: 'true', becomes: ({ tools }) => tools.first, as: true },
  'write-kubeconfig': {
    value: '/admin.yaml',
    becomes: ({ readers }) => readers.at(-1),
    as: '/admin.yaml',
  },
  server: {
    value: 'https://s1:6443',
    becomes: said(/all servers must agree, first of all https:\/\/s1:6443,/),
    as: true,
  },
  'container-runtime-endpoint': {
    value: 'unix:///run/x.sock',
    becomes: (found: K3sFindings) => [
      said(/CNI: the runtime at unix:\/\/\/run\/x\.sock .* has its own folders/)(found),
      flag('cni')(found),
    ],
    as: [true, undefined],
  },
  docker: { value: 'true', ...NOTHING },
  'disable-agent': { value: 'true', becomes: /this k3s server is no node/ },
  rootless: { value: 'true', becomes: /rootless/ },
}

const OTHERS = {
  '/other.yaml': 'flannel-iface: other0\n',
  '/etc/rancher/node/id': 'id\n',
  '/admin.yaml': '',
}
const find = (t: TestContext, words: readonly string[], config = ''): Promise<K3sFindings> =>
  findK3s(hostTree(t, { ...OTHERS, [UNIT]: INSTALLED_UNIT('server', ...words), [CONFIG]: config }), { force: false })

for (const { name, kind } of K3S_FLAGS) {
  const { value, becomes, ...more } = CASES[name]
  const beside = 'beside' in more ? (more.beside ?? []) : []
  const off = name === 'flannel-backend' || name === 'no-flannel' ? [] : ['--flannel-backend=none']
  test(`k3s' --${name}, on the command line and in config.yaml`, async (t) => {
    const ways = [
      [[...off, ...beside, `--${name}=${value}`], ''],
      [[...off, ...beside, ...(kind === 'switch' ? [`--${name}`] : [`--${name}`, value])], ''],
      ...(name === 'config' ? [] : [[[...off, ...beside], `${name}: ${JSON.stringify(value)}\n`] as const]),
    ] as const
    for (const [words, config] of ways) {
      if (becomes instanceof RegExp) await assert.rejects(find(t, words, config), becomes)
      else if (becomes === 'nothing') {
        const withIt = await find(t, words, config)
        assert.deepEqual(withIt, await find(t, [...off, ...beside]))
      } else assert.deepEqual(becomes(await find(t, words, config)), 'as' in more ? more.as : undefined)
    }
  })
}

const BACKENDS: readonly (readonly [value: string | undefined, says: RegExp | 'off'])[] = [
  ['none', 'off'],
  ['none=', 'off'],
  ['NONE', 'off'],
  [
    undefined,
    /^--k3s: k3s runs its own flannel \(by default vxlan\): set "flannel-backend: none" in .* of every server/,
  ],
  ['vxlan', /flannel-backend: k3s runs its own flannel \(vxlan\): set/],
  ['vxlan=Port=4789', /own flannel \(vxlan\): set/],
  ['host-gw', /own flannel \(host-gw\): set/],
  ['wireguard-native', /wireguard-native, which encrypts and vtepd does not/],
  ['wireguard-native=PersistentKeepaliveInterval=25,Mode=separate', /wireguard-native, which encrypts/],
  ['wireguard', /wireguard, which k3s has no more/],
  ['ipsec', /ipsec, which k3s has no more/],
  ['ipsec=psk=x', /ipsec, which k3s has no more/],
  ['tailscale', /tailscale, which vtepd has not/],
  ['udp', /udp, which k3s has not/],
  ['calico', /'calico' is no backend of k3s: set "flannel-backend: none"/],
]
for (const [value, says] of BACKENDS)
  test(`flannel-backend ${value ?? 'left out'}: ${says === 'off' ? 'goes on' : 'refused, with what to set'}`, async (t) => {
    const config = value === undefined ? '' : `flannel-backend: "${value}"\n`
    if (says === 'off') assert.match((await find(t, [], config)).found.join('\n'), /own flannel is off/)
    else await assert.rejects(find(t, [], config), (error) => error instanceof ConfigError && says.test(error.message))
  })

test('--force starts beside it all the same, and says what is wrong', async (t) => {
  const files = hostTree(t, { [UNIT]: INSTALLED_UNIT('server') })
  const { warnings } = await findK3s(files, { force: true })
  assert.match(warnings.join('\n'), /k3s runs its own flannel .*\(started because of --force\)/)
})

test('docs/k3s.md tells of each of these flags what it becomes, and of no other', () => {
  const text = readFileSync(path.resolve(import.meta.dirname, '../../../docs/k3s.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `([a-z0-9-]+)`(?: \(server\))? \| (.*) \|$/gm)].map(([, name, becomes]) => [
    name,
    becomes,
  ])
  assert.deepEqual(
    rows,
    K3S_FLAGS.map(({ name, becomes }) => [name, becomes]),
  )
})
