/** Hosts of k3s as they are laid out, and what `vtepd run --k3s` makes of each. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { findK3s, type K3sFindings } from '../../../lib/cli/k3s/find-k3s.ts'
import { ConfigError } from '../../../lib/errors.ts'
import { hostInMemory, hostTree, INSTALLED_UNIT, KUBELET_CERTIFICATE, type Tree } from './fixture.ts'

const DATA = '/var/lib/rancher/k3s'
const SERVER_UNIT = '/etc/systemd/system/k3s.service'
const AGENT_UNIT = '/etc/systemd/system/k3s-agent.service'
const CONFIG = '/etc/rancher/k3s/config.yaml'
const NONE: Tree = { [CONFIG]: 'flannel-backend: none\n' }

const find = (t: TestContext, tree: Tree, force = false, hostname?: string): Promise<K3sFindings> =>
  findK3s(hostTree(t, tree, hostname), { force })
const value = ({ flags }: K3sFindings, name: Parameters<K3sFindings['flags']['get']>[0]): unknown =>
  flags.get(name)?.value
const server = (settings: string, more: Tree = {}): Tree => ({
  [SERVER_UNIT]: INSTALLED_UNIT('server'),
  [CONFIG]: `flannel-backend: none\n${settings}`,
  ...more,
})
const netConf = ({ netConf: built }: K3sFindings): unknown => JSON.parse(built?.text ?? 'null')
async function refusal(t: TestContext, tree: Tree): Promise<ConfigError> {
  const error = await find(t, tree).then(
    () => assert.fail('accepted'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof ConfigError, String(error))
  assert.doesNotMatch(error.message, /\n/)
  return error
}

test('a server of today: everything is found, and each sentence says from where', async (t) => {
  const found = await find(t, {
    [SERVER_UNIT]: INSTALLED_UNIT('server', '--flannel-iface', 'eth1'),
    [`${SERVER_UNIT}.env`]: "K3S_TOKEN='secret'\n",
    [CONFIG]: 'flannel-backend: "none"\nwrite-kubeconfig-mode: "0644"\n',
    [`${DATA}/data/0123456789abcdef0123456789abcdef/bin/aux/nft`]: '',
    [`${DATA}/data/current`]: { link: '0123456789abcdef0123456789abcdef' },
    [`${DATA}/data/cni/bridge`]: '',
    [`${DATA}/agent/k3scontroller.kubeconfig`]: '',
    [`${DATA}/agent/client-kubelet.crt`]: KUBELET_CERTIFICATE,
    '/etc/rancher/k3s/k3s.yaml': '',
  })
  assert.deepEqual(Object.fromEntries([...found.flags].map(([name, told]) => [name, told.value])), {
    cni: 'k3s',
    'ip-masq': true,
    'set-node-network-unavailable': false,
    iface: ['eth1'],
    'kubeconfig-file': `${DATA}/agent/k3scontroller.kubeconfig`,
    'publish-kubeconfig': `${DATA}/agent/kubelet.kubeconfig`,
  })
  assert.equal(found.flags.get('iface')?.by, `${SERVER_UNIT}: --flannel-iface`)
  assert.deepEqual(found.nodeName, { value: 'edge-7', from: `${DATA}/agent/client-kubelet.crt` })
  assert.deepEqual(netConf(found), {
    EnableIPv4: true,
    Network: '10.42.0.0/16',
    EnableIPv6: false,
    IPv6Network: '::/0',
    Backend: { Type: 'vxlan' },
  })
  assert.deepEqual(found.readers, [`${DATA}/agent/kubelet.kubeconfig`, '/etc/rancher/k3s/k3s.yaml'])
  assert.deepEqual(found.tools, {
    folders: [`${DATA}/data/current/bin`, `${DATA}/data/current/bin/aux`],
    first: false,
  })
  assert.equal(found.flannelConf, `${DATA}/agent/etc/flannel/net-conf.json`)
  assert.deepEqual(found.warnings, [])
  const said = found.found.join('\n')
  for (const words of [
    `k3s server (${SERVER_UNIT}), its data in ${DATA} (default)`,
    `k3s' own flannel is off (${CONFIG}: flannel-backend); agents take that from their server; all servers must agree`,
    'this node is edge-7',
    '(the default cluster-cidr of k3s)',
    `eth1 (${SERVER_UNIT}: --flannel-iface)`,
    '/opt/cni/bin',
    `${DATA}/data/cni`,
    "k3s' own controller",
    'k3scontroller.kubeconfig',
  ])
    assert.ok(said.includes(words), `${words} is missing in\n${said}`)
  assert.doesNotMatch(said, /secret/)
})

test('an old layout has its programs in data/HASH/bin, its node name from the host', async (t) => {
  const hash = 'ab'.repeat(32)
  const found = await find(
    t,
    server('', { [`${DATA}/data/${hash}/bin/host-local`]: '', [`${DATA}/agent/kubelet.kubeconfig`]: '' }),
    false,
    'Old-Host.Example',
  )
  assert.deepEqual(found.tools.folders, [`${DATA}/data/${hash}/bin`])
  assert.deepEqual(found.nodeName, { value: 'old-host.example', from: "the host's name" })
  assert.match(found.found.join('\n'), new RegExp(`plugins are in ${DATA}/data/${hash}/bin`))
})

test("an agent's network is the one that its flannel left, and what only servers are told is said", async (t) => {
  const left = `${DATA}/agent/etc/flannel/net-conf.json`
  const found = await find(t, {
    [AGENT_UNIT]: INSTALLED_UNIT('agent'),
    [`${AGENT_UNIT}.env`]: "K3S_URL='https://10.0.0.1:6443'\nK3S_NODE_NAME=Worker-3\n",
    [left]: '{"Network":"10.99.0.0/16","Backend":{"Type":"vxlan"}}',
  })
  assert.equal(value(found, 'net-config-path'), left)
  assert.equal(found.netConf, undefined)
  assert.deepEqual(found.nodeName, { value: 'worker-3', from: `${AGENT_UNIT}.env: K3S_NODE_NAME` })
  assert.deepEqual(found.readers, [`${DATA}/agent/kubelet.kubeconfig`])
  assert.match(
    found.found.join('\n'),
    /this agent is told by its server, https:\/\/10\.0\.0\.1:6443: flannel-backend: none has to stand there/,
  )
  assert.deepEqual(found.warnings, [])
})

test('an agent whose flannel encrypted keeps the network, speaks vxlan, and says so', async (t) => {
  const conf = { Network: '10.99.0.0/16', EnableIPv4: true, Backend: { Type: 'wireguard' } }
  const found = await find(t, {
    [AGENT_UNIT]: INSTALLED_UNIT('agent'),
    [`${DATA}/agent/etc/flannel/net-conf.json`]: JSON.stringify(conf),
  })
  const { Network, Backend } = netConf(found) as Record<string, unknown>
  assert.deepEqual([Network, Backend], ['10.99.0.0/16', { Type: 'vxlan' }])
  assert.match(found.warnings.join(), /backend wireguard, which vtepd has not/)
})

test('a fresh agent takes the default network, with a warning that it cannot know better', async (t) => {
  const found = await find(t, { [AGENT_UNIT]: INSTALLED_UNIT('agent'), [CONFIG]: 'cluster-cidr: 10.7.0.0/16\n' })
  assert.deepEqual((netConf(found) as { Network: string }).Network, '10.42.0.0/16')
  assert.match(found.warnings.join('\n'), /agents are not told the cluster-cidr.*--net-config-path/)
  assert.match(found.warnings.join('\n'), /cluster-cidr is a setting of k3s servers/)
})

test('dual stack, also as two flags; of two networks of one family the first counts, with a word', async (t) => {
  const both = { EnableIPv4: true, Network: '10.42.0.0/16', EnableIPv6: true, IPv6Network: '2001:cafe:42::/56' }
  for (const settings of [
    'cluster-cidr: 10.42.0.0/16,2001:cafe:42::/56\n',
    'cluster-cidr:\n  - 10.42.0.0/16\n  - "2001:cafe:42::/56"\n',
  ]) {
    const { Backend: _, ...networks } = netConf(await find(t, server(settings))) as Record<string, unknown>
    assert.deepEqual(networks, both)
  }
  const three = await find(t, server('cluster-cidr: 10.42.0.0/16,10.43.0.0/16\n'))
  assert.match(three.warnings.join('\n'), /cluster-cidr: 10\.43\.0\.0\/16 is left out: one network a family/)
  const six = await find(t, server('node-ip: 2001:db8::1\n'))
  assert.deepEqual((netConf(six) as { EnableIPv4: boolean; IPv6Network: string }).IPv6Network, 'fd00:42::/56')
})

test('a custom data-dir moves everything, whoever says it; the one of k3s’ wrapper is none', async (t) => {
  const at = '/srv/k3s'
  const unit = INSTALLED_UNIT('server', '--data-dir', at)
  for (const tree of [
    server(`data-dir: ${at}/\n`),
    { ...NONE, [SERVER_UNIT]: unit },
    { ...NONE, [SERVER_UNIT]: INSTALLED_UNIT('server'), '/etc/default/k3s': `K3S_DATA_DIR=${at}\n` },
    { ...NONE, [SERVER_UNIT]: unit.replace('--data-dir', '-d') },
  ]) {
    const found = await find(t, { ...tree, [`${at}/data/current/bin/aux/nft`]: '' })
    assert.equal(value(found, 'publish-kubeconfig'), `${at}/agent/kubelet.kubeconfig`)
    assert.deepEqual(found.tools.folders, [`${at}/data/current/bin`, `${at}/data/current/bin/aux`])
    assert.equal(found.flannelConf, `${at}/agent/etc/flannel/net-conf.json`)
  }
  const wrapped = await find(t, {
    ...NONE,
    '/proc/77/comm': 'k3s-server\n',
    '/proc/77/cgroup': '0::/user.slice/session-1.scope\n',
    '/proc/77/cmdline': '/usr/local/bin/k3s server\0\0\0',
    '/proc/77/environ': `K3S_DATA_DIR=${DATA}/data/${'ab'.repeat(32)}\0HOME=/root\0`,
  })
  assert.equal(value(wrapped, 'publish-kubeconfig'), `${DATA}/agent/kubelet.kubeconfig`)
  assert.match(wrapped.warnings.join('\n'), /process 77, without a service: k3s hides its command line/)
})

test('the config file of K3S_CONFIG_FILE or --config, with its folder of parts, merged as k3s does it', async (t) => {
  const parts = {
    '/opt/k.yaml': 'flannel-iface: eth0\nnode-external-ip: 203.0.113.1\nflannel-backend: none\n',
    '/opt/k.yaml.d/20-b.yml': 'flannel-iface: eth2\n"node-external-ip+": ["2001:db8::1"]\nflannel-external-ip: yes\n',
    '/opt/k.yaml.d/10-a.yaml': 'flannel-iface: eth1\n',
    '/opt/k.yaml.d/30-c.txt': 'flannel-iface: no\n',
    [CONFIG]: 'flannel-iface: wrong\n',
  }
  for (const tree of [
    { [SERVER_UNIT]: INSTALLED_UNIT('server', '--config', '/opt/k.yaml') },
    { [SERVER_UNIT]: INSTALLED_UNIT('server'), '/etc/sysconfig/k3s': 'K3S_CONFIG_FILE="/opt/k.yaml"\n' },
  ]) {
    const found = await find(t, { ...parts, ...tree })
    assert.deepEqual(value(found, 'iface'), ['eth2'])
    assert.equal(found.flags.get('iface')?.by, '/opt/k.yaml.d/20-b.yml: flannel-iface')
    assert.deepEqual(found.publish, { ipv4: '203.0.113.1', ipv6: '2001:db8::1' })
  }
})

test('the command line goes before the file, the file before the environment', async (t) => {
  const found = await find(t, {
    [SERVER_UNIT]: INSTALLED_UNIT('server', '--flannel-iface=cli0'),
    [`${SERVER_UNIT}.env`]: 'K3S_NODE_NAME=by-env\n',
    [CONFIG]: 'flannel-backend: none\nflannel-iface: file0\nnode-name: by-file\n',
  })
  assert.deepEqual([value(found, 'iface'), found.nodeName.value], [['cli0'], 'by-file'])
})

test('values of flags that are not known here are not taken for flags', async (t) => {
  const words = ['--token', 'x', '--kubelet-arg', '--node-ip=9.9.9.9', '--tls-san', 'a', '--flannel-backend=none']
  const found = await find(t, { [SERVER_UNIT]: INSTALLED_UNIT('server', ...words) })
  assert.doesNotMatch(found.found.join('\n'), /9\.9\.9\.9/)
})

test('the service that runs counts where there are two; a container that calls itself k3s does not', async (t) => {
  const two = {
    ...NONE,
    [SERVER_UNIT]: INSTALLED_UNIT('server', '--flannel-iface=server0'),
    [AGENT_UNIT]: INSTALLED_UNIT('agent', '--flannel-iface=agent0'),
  }
  const running = {
    '/proc/5/comm': 'k3s-agent\n',
    '/proc/5/cgroup': '0::/system.slice/k3s-agent.service\n',
  }
  const hostile = {
    '/proc/5/comm': 'k3s-agent\n',
    '/proc/5/cgroup': '0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-1.scope\n',
  }
  assert.deepEqual(value(await find(t, { ...two, ...running }), 'iface'), ['agent0'])
  assert.deepEqual(value(await find(t, { ...two, ...hostile }), 'iface'), ['server0'])
})

test('with-node-id adds the id of the host, which k3s has made', async (t) => {
  const settings = 'node-name: a\nwith-node-id: true\n'
  const found = await find(t, server(settings, { '/etc/rancher/node/id': '1f2e\n' }))
  assert.equal(found.nodeName.value, 'a-1f2e')
  assert.match((await refusal(t, server(settings))).message, /start k3s once, or set NODE_NAME/)
})

test('a net-conf of its own is followed; one that is left lends its backend where the network is the same', async (t) => {
  const own = '/etc/kube-flannel/net-conf.json'
  assert.equal(value(await find(t, server('', { [own]: '{}' })), 'net-config-path'), own)
  assert.equal(
    value(await find(t, server('flannel-conf: /opt/n.json\n', { [own]: '{}' })), 'net-config-path'),
    '/opt/n.json',
  )
  const left = (backend: object, network = '10.42.0.0/16'): Tree => ({
    [`${DATA}/agent/etc/flannel/net-conf.json`]: JSON.stringify({
      Network: network,
      EnableIPv6: false,
      EnableIPv4: true,
      IPv6Network: '::/0',
      Backend: backend,
    }),
  })
  const backend = async (tree: Tree): Promise<unknown> =>
    (netConf(await find(t, server('', tree))) as { Backend: unknown }).Backend
  assert.deepEqual(await backend(left({ Type: 'host-gw' })), { Type: 'host-gw' })
  assert.deepEqual(await backend(left({ Type: 'vxlan', Port: 4789 })), { Type: 'vxlan', Port: 4789 })
  assert.deepEqual(await backend(left({ Type: 'host-gw' }, '10.9.0.0/16')), { Type: 'vxlan' })
  const wireguard = await find(t, server('', left({ Type: 'wireguard', PersistentKeepaliveInterval: 25 })))
  assert.deepEqual((netConf(wireguard) as { Backend: unknown }).Backend, { Type: 'vxlan' })
  assert.match(wireguard.warnings.join('\n'), /backend wireguard, which vtepd has not.*without encryption/)
})

test('what cannot work is refused with the place that says it', async (t) => {
  const cases: readonly (readonly [tree: Tree, where: string, says: RegExp])[] = [
    [{}, '--k3s', /there is no k3s here/],
    [server('rootless: true\n'), `${CONFIG}: rootless`, /network namespace of their own/],
    [server('disable-agent: true\n'), `${CONFIG}: disable-agent`, /is no node/],
    [server('data-dir: relative\n'), `${CONFIG}: data-dir`, /no absolute path/],
    [server('cluster-cidr: nonsense\n'), `${CONFIG}: cluster-cidr`, /'nonsense' is not a CIDR/],
    [server('rootless: perhaps\n'), `${CONFIG}: rootless`, /neither true nor false/],
    [server('flannel-external-ip: true\nnode-external-ip: x\n'), `${CONFIG}: node-external-ip`, /'x' is no address/],
    [
      { [SERVER_UNIT]: INSTALLED_UNIT('server', '--config=https://conf.example/k3s.yaml') },
      'https://conf.example/k3s.yaml',
      /vtepd does not: give them as flags/,
    ],
    [{ [SERVER_UNIT]: INSTALLED_UNIT('server'), [CONFIG]: 'a: [\n' }, `${CONFIG}:2:1`, /not YAML/],
    [{ [SERVER_UNIT]: INSTALLED_UNIT('server'), [CONFIG]: '- a\n' }, CONFIG, /no mapping/],
  ]
  for (const [tree, where, says] of cases) {
    const error = await refusal(t, tree)
    assert.equal(error.where, where)
    assert.match(error.message, says)
  }
})

test('flannel-external-ip without an address of this node publishes its own, with a word', async (t) => {
  const found = await find(t, server('flannel-external-ip: true\n'))
  assert.deepEqual(found.publish, { ipv4: undefined, ipv6: undefined })
  assert.match(found.warnings.join('\n'), /no node-external-ip is set on this node/)
  const without = await find(t, server('node-external-ip: 203.0.113.1\n'))
  assert.deepEqual(without.publish, { ipv4: undefined, ipv6: undefined })
})

test('whatever stands in the config file and the unit, the outcome is findings or a ConfigError', async () => {
  const names = [
    'flannel-backend',
    'cluster-cidr',
    'node-ip',
    'data-dir',
    'node-external-ip',
    'flannel-external-ip',
    'config',
  ]
  const value = fc.constantFrom(
    'none',
    'true',
    '10.0.0.0/8',
    'fd00::/48,x',
    '/d',
    '',
    'a b',
    '[]',
    '{}',
    '~',
    '1',
    '"',
    '*a',
    '\n- x',
  )
  const yaml = fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(':', ': ', '+: '), value), { maxLength: 6 })
  const words = fc.array(fc.oneof(fc.constantFrom(...names.map((name) => `--${name}`), '-d', '--'), value), {
    maxLength: 6,
  })
  await fc.assert(
    fc.asyncProperty(yaml, words, async (lines, line) => {
      const config = lines.map((parts) => parts.join('')).join('\n')
      const tree = { [SERVER_UNIT]: INSTALLED_UNIT('server', ...line), [CONFIG]: config }
      try {
        await findK3s(hostInMemory(tree), { force: true })
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error))
      }
    }),
    { numRuns: 300 },
  )
})
