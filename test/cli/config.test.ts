/** Flags, environment and net-conf become an AgentConfig, or one clear ConfigError. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildRunConfig, type RunConfig } from '../../lib/cli/config.ts'
import { parseFlags } from '../../lib/cli/parse-flags.ts'
import { RUN_ABOUT, RUN_FLAGS } from '../../lib/cli/run-flags.ts'
import { isVxlan } from '../../lib/cluster/network.ts'
import { ConfigError } from '../../lib/errors.ts'

const NET_CONF = '{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan"}}'
const IN_POD = { NODE_NAME: 'a', KUBERNETES_SERVICE_HOST: '10.43.0.1' }

function build(argv: readonly string[], env: NodeJS.ProcessEnv = IN_POD, netConf = NET_CONF): RunConfig {
  const parsed = parseFlags(RUN_FLAGS, argv, env, RUN_ABOUT)
  assert.ok(parsed.help === undefined)
  return buildRunConfig({ flags: parsed.values, given: parsed.given, env, readText: () => netConf })
}

test('the metrics have an address of their own, of one family or of both', () => {
  const of = (text: string) => build([`--metrics-bind-address=${text}`]).agent.metrics
  assert.deepEqual(of('192.0.2.1:8082'), { ip: '192.0.2.1', port: 8082 })
  assert.deepEqual(of('[2001:db8::1]:8082'), { ip: '2001:db8::1', port: 8082 })
  assert.deepEqual(of(':8082'), { ip: '0.0.0.0', port: 8082 })
  assert.equal(build([]).agent.metrics, undefined)
})

test('a pod with the arguments of kube-flannel watches Kubernetes from inside the cluster', () => {
  const { agent, log, warnings } = build(['--ip-masq', '--kube-subnet-mgr', '--healthz-port=8081'])
  assert.deepEqual(agent.leases, {
    kind: 'kube',
    kubeconfigFile: undefined,
    apiUrl: undefined,
    annotationPrefix: 'flannel.alpha.coreos.com',
    setNodeNetworkUnavailable: true,
    publisher: 'reader',
    watch: 'nodes',
    claims: 'auto',
    node: { name: 'a' },
  })
  assert.deepEqual(agent.health, { ip: '0.0.0.0', port: 8081 })
  assert.equal(agent.ipMasq, true)
  assert.equal(agent.iptablesForwardRules, true)
  assert.equal(agent.network.ipv4, '10.42.0.0/16')
  assert.equal(agent.network.ipv6, undefined)
  assert.deepEqual(log, { level: 'info', format: 'text' })
  assert.deepEqual(warnings, [])
})

test("on a host the kubelet's credential writes the Node, another one where it is named, and in a pod never", () => {
  const publisher = (argv: readonly string[], env: NodeJS.ProcessEnv = { NODE_NAME: 'a' }) => {
    const { leases } = build(argv, env).agent
    assert.ok(leases.kind === 'kube')
    return leases.publisher
  }
  const host = '--kubeconfig-file=/etc/vtepd/kubeconfig'
  assert.equal(publisher([host]), 'kubelet')
  assert.deepEqual(publisher([host, '--publish-kubeconfig=/k']), { kubeconfigFile: '/k' })
  assert.deepEqual(publisher([host, '--publish-kubeconfig=k']), { kubeconfigFile: `${process.cwd()}/k` })
  assert.equal(publisher([host, '--publish-kubeconfig=/etc/vtepd/kubeconfig']), 'reader', 'flannel does it so')
  assert.equal(publisher(['--kube-api-url=http://127.0.0.1:1']), 'reader')
  assert.deepEqual(publisher(['--kube-api-url=http://127.0.0.1:1', '--publish-kubeconfig=/k']), {
    kubeconfigFile: '/k',
  })
  for (const argv of [[], [host]]) assert.equal(publisher(argv, IN_POD), 'reader')
})

test('metadata alone is followed when asked for', () => {
  const { agent } = build(['--watch=metadata'])
  assert.ok(agent.leases.kind === 'kube')
  assert.equal(agent.leases.watch, 'metadata')
})

test('claims as objects are followed where a mirror lives, and not at all when annotations are asked for', () => {
  const claims = (...flags: string[]) => {
    const { leases } = build(flags).agent
    return leases.kind === 'kube' ? leases.claims : 'no Kubernetes'
  }
  assert.deepEqual(
    [claims(), claims('--claims=objects'), claims('--claims=annotations')],
    ['auto', 'objects', undefined],
  )
  assert.throws(() => build(['--claims=some']), /--claims: 'some' is unknown; give one of auto, annotations, objects/)
})

test('a leases file takes the place of Kubernetes', () => {
  const { agent } = build(['--leases', '/nodes.yaml'], { NODE_NAME: 'b' })
  assert.deepEqual(agent.leases, { kind: 'file', path: '/nodes.yaml', nodeName: 'b' })
})

test('paths come out absolute', () => {
  const { agent } = build(['--subnet-file=x/subnet.env', '--state-dir=s'])
  assert.deepEqual([agent.subnetFile, agent.stateDir], [`${process.cwd()}/x/subnet.env`, `${process.cwd()}/s`])
})

test('the conflist is kept where it is asked for, and settings of the host are set unless they are only to be named', () => {
  assert.equal(build([]).agent.conflist, undefined)
  assert.equal(build(['--cni=none', '--cni-conf-dir=/x']).agent.conflist, undefined)
  assert.deepEqual(build(['--cni=bridge']).agent.conflist, {
    kind: 'bridge',
    path: '/etc/cni/net.d/10-flannel.conflist',
  })
  assert.deepEqual(build(['--cni=k3s', '--cni-conf-dir=/c', '--cni-conf-name=05-v.conflist']).agent.conflist, {
    kind: 'k3s',
    path: '/c/05-v.conflist',
  })
  assert.equal(build([]).agent.hostSysctls, 'set')
  assert.equal(build(['--host-sysctls=warn']).agent.hostSysctls, 'warn')
})

test('without NODE_NAME the pod says which node it is', () => {
  const { agent } = build([], { KUBERNETES_SERVICE_HOST: 'x', POD_NAME: 'p', POD_NAMESPACE: 'kube-flannel' })
  assert.ok(agent.leases.kind === 'kube')
  assert.deepEqual(agent.leases.node, { pod: 'p', podNamespace: 'kube-flannel' })
})

test('NODE_NAME is read in lower case, as names of Nodes are, with one sentence; names in a file stand as they are', () => {
  const { agent, warnings } = build([], { ...IN_POD, NODE_NAME: 'Worker1.Example.COM' })
  assert.ok(agent.leases.kind === 'kube')
  assert.deepEqual(agent.leases.node, { name: 'worker1.example.com' })
  assert.deepEqual(warnings, [
    "NODE_NAME: 'Worker1.Example.COM' is read as 'worker1.example.com': names of Nodes are in lower case",
  ])
  assert.deepEqual(build([], IN_POD).warnings, [])
  const file = build(['--leases', '/nodes.yaml'], { NODE_NAME: 'B' })
  assert.deepEqual(file.agent.leases, { kind: 'file', path: '/nodes.yaml', nodeName: 'B' })
  assert.deepEqual(file.warnings, [])
})

test('the interface choice keeps the order and makes patterns of patterns', () => {
  const { underlayChoice } = build([
    '-iface=eth1',
    '-iface=10.0.0.1',
    '-iface-regex=(?i)^ENP',
    '-iface-regex=10\\.0\\..*',
    '-iface-can-reach=192.0.2.1',
    '-public-ip=192.0.2.7',
    '-public-ipv6=2001:DB8::7',
  ]).agent
  assert.deepEqual(underlayChoice.ifaces, ['eth1', '10.0.0.1'])
  assert.deepEqual(
    underlayChoice.regexes.map((regex) => regex.test('enp1s0')),
    [true, false],
  )
  assert.deepEqual(
    underlayChoice.regexes.map((regex) => regex.test('10.0.3.4')),
    [false, true],
  )
  assert.equal(underlayChoice.canReach, '192.0.2.1')
  assert.deepEqual(underlayChoice.publicIp, { ipv4: '192.0.2.7', ipv6: '2001:db8::7' })
})

test('an --iface as `ip` prints it is taken as it is meant, with a word', () => {
  const { agent, warnings } = build(['--iface=eth1@if3', '--iface=172.31.1.1/24', '--iface=fd00::1/64', '--iface=eth1'])
  assert.deepEqual(agent.underlayChoice.ifaces, ['eth1@if3', '172.31.1.1/24', 'fd00::1/64', 'eth1'])
  assert.equal(warnings.length, 3)
  assert.match(warnings[0] ?? '', /--iface eth1@if3 is read as eth1, unless an interface has that whole name/)
  assert.match(warnings[1] ?? '', /--iface 172\.31\.1\.1\/24 is read as the address 172\.31\.1\.1/)
})

test('--iface-fallback-after is in seconds', () => {
  assert.equal(build([]).agent.underlayChoice.fallbackAfterMs, 30_000)
  assert.equal(build(['--iface-fallback-after=0']).agent.underlayChoice.fallbackAfterMs, 0)
})

test('--pin-device and net-conf each pin the device', () => {
  const isPinned = ({ agent: { network } }: ReturnType<typeof build>) => isVxlan(network) && network.backend.pinDevice
  assert.equal(isPinned(build([])), false)
  assert.equal(isPinned(build(['--pin-device'])), true)
  const netConf = '{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan","PinDevice":true}}'
  assert.equal(isPinned(build([], IN_POD, netConf)), true)
})

test("klog's -v means debug from 2, unless --log-level is given", () => {
  const level = (...argv: string[]): string => build(argv).log.level
  assert.deepEqual([level(), level('-v=1'), level('-v=2'), level('-v', '10')], ['info', 'info', 'debug', 'debug'])
  assert.equal(level('-v=4', '--log-level=warn'), 'warn')
})

test('what is accepted without effect is said once, as asked', () => {
  const { warnings } = build(['--public-ipv6=2001:db8::1', '--kube-subnet-mgr=false'])
  assert.equal(warnings.length, 2)
  assert.match(warnings.join('\n'), /--kube-subnet-mgr=false has no effect: there is no etcd subnet manager here/)
  assert.match(warnings.join('\n'), /--public-ipv6 has no effect: IPv6 is not enabled/)
})

test('the packet filter is as its flags say, and looked at once a minute unless they say otherwise', () => {
  const firewall = (...argv: string[]) => build(argv).agent.firewall
  const vxlanAllow = 'all'
  assert.deepEqual(firewall(), { mode: 'auto', style: 'corrected', fullyRandom: true, vxlanAllow, auditMs: undefined })
  assert.deepEqual(
    firewall('--firewall=nftables', '--nft-rules=flannel', '--ip-masq-fully-random-disable', '--iptables-resync=5'),
    { mode: 'nftables', style: 'flannel', fullyRandom: false, vxlanAllow, auditMs: 5000 },
  )
  assert.equal(firewall('--vxlan-allow=known')?.vxlanAllow, 'known')
  assert.match(build(['--firewall=none', '--ip-masq']).warnings.join('\n'), /nothing masquerades/)
})

interface Fault {
  readonly argv: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  readonly netConf?: string
  readonly where: string
  readonly says: RegExp
}

const faults: Record<string, Fault> = {
  'etcd flags': {
    argv: ['--etcd-endpoints=http://x'],
    where: '--etcd-endpoints',
    says: /etcd subnet manager is not supported; remove/,
  },
  'etcd by environment': {
    argv: [],
    env: { ...IN_POD, FLANNELD_ETCD_PREFIX: '/x' },
    where: 'FLANNELD_ETCD_PREFIX',
    says: /not supported/,
  },
  'an IPv6 address as --public-ip': {
    argv: ['--public-ip=fd00::1'],
    where: '--public-ip',
    says: /'fd00::1' is not an IPv4 address/,
  },
  'an IPv4 address as --public-ipv6': {
    argv: ['--public-ipv6=10.0.0.1'],
    where: '--public-ipv6',
    says: /is not an IPv6 address/,
  },
  'a public address that is none': {
    argv: [],
    env: { ...IN_POD, FLANNELD_PUBLIC_IP: 'eth0' },
    where: 'FLANNELD_PUBLIC_IP',
    says: /'eth0' is not an IP address/,
  },
  'a multicast public address': {
    argv: ['--public-ip=224.0.0.1'],
    where: '--public-ip',
    says: /no address that other nodes can reach/,
  },
  'a pattern that is none': {
    argv: ['--iface-regex=eth[0'],
    where: '--iface-regex',
    says: /'eth\[0' is not a regular expression; write one as/,
  },
  'a pattern of Go alone': {
    argv: ['--iface-regex=\\Aeth'],
    where: '--iface-regex',
    says: /is not a regular expression/,
  },
  'a time before now': {
    argv: ['--iface-fallback-after=-1'],
    where: '--iface-fallback-after',
    says: /-1 is no time/,
  },
  'an empty pattern': { argv: ['--iface-regex='], where: '--iface-regex', says: /must not be empty/ },
  'an empty interface': { argv: ['--iface='], where: '--iface', says: /must not be empty/ },
  'can-reach that is no address': {
    argv: ['--iface-can-reach=gw'],
    where: '--iface-can-reach',
    says: /'gw' is not an IP address/,
  },
  'a port too high': {
    argv: ['--healthz-port=65536'],
    where: '--healthz-port',
    says: /65536 is no port; give 1 to 65535/,
  },
  'a negative port': { argv: ['--healthz-port=-1'], where: '--healthz-port', says: /-1 is no port/ },
  'a health address that is none': {
    argv: ['--healthz-port=1', '--healthz-ip=localhost'],
    where: '--healthz-ip',
    says: /'localhost' is not an IP/,
  },
  'a place for the metrics without a port': {
    argv: ['--metrics-bind-address=127.0.0.1'],
    where: '--metrics-bind-address',
    says: /'127\.0\.0\.1' is not as 192\.0\.2\.1:8082/,
  },
  'a place for rules': {
    argv: ['--firewall=ufw'],
    where: '--firewall',
    says: /'ufw' is unknown; give one of auto, nftables, iptables, none/,
  },
  'a style of rules': { argv: ['--nft-rules=fixed'], where: '--nft-rules', says: /give one of corrected, flannel/ },
  'who may send': { argv: ['--vxlan-allow=peers'], where: '--vxlan-allow', says: /give one of all, known/ },
  'a time between looks': { argv: ['--iptables-resync=0'], where: '--iptables-resync', says: /0 is no time/ },
  'a log level': {
    argv: ['--log-level=loud'],
    where: '--log-level',
    says: /'loud' is unknown; give one of debug, info, warn, error/,
  },
  'a log format': {
    argv: ['--log-format=xml'],
    where: '--log-format',
    says: /'xml' is unknown; give one of text, json/,
  },
  'what is watched': {
    argv: ['--watch=leases'],
    where: '--watch',
    says: /'leases' is unknown; give one of nodes, metadata/,
  },
  'an annotation prefix': {
    argv: ['--kube-annotation-prefix=a/b/c'],
    where: '--kube-annotation-prefix',
    says: /a\/b\/c/,
  },
  'an API server that is no URL': {
    argv: ['--kube-api-url=host:6443'],
    where: '--kube-api-url',
    says: /is no URL; write it as https/,
  },
  'a margin outside its range': {
    argv: ['--subnet-lease-renew-margin=0'],
    where: '--subnet-lease-renew-margin',
    says: /outside 1 to 1439/,
  },
  'a CNI that is none': {
    argv: ['--cni=cilium'],
    where: '--cni',
    says: /'cilium' is unknown; give one of none, flannel, k3s, bridge/,
  },
  'a conflist that is none': {
    argv: ['--cni=bridge', '--cni-conf-name=10-flannel.conf'],
    where: '--cni-conf-name',
    says: /no file name that ends in \.conflist/,
  },
  'a conflist elsewhere': { argv: ['--cni-conf-name=a/b.conflist'], where: '--cni-conf-name', says: /no file name/ },
  'an empty folder of conflists': {
    argv: ['--cni=k3s', '--cni-conf-dir='],
    where: '--cni-conf-dir',
    says: /must not be/,
  },
  'what to do with sysctls': { argv: ['--host-sysctls=on'], where: '--host-sysctls', says: /give one of set, warn/ },
  'an empty state folder': { argv: ['--state-dir='], where: '--state-dir', says: /must not be empty/ },
  'no node name with a file': {
    argv: ['--leases=/x'],
    env: {},
    where: 'NODE_NAME',
    says: /is not set; set it to this node's name in \/x/,
  },
  'no node name with Kubernetes': {
    argv: ['--kubeconfig-file=/x'],
    env: { POD_NAME: 'p' },
    where: 'NODE_NAME',
    says: /set POD_NAME and POD_NAMESPACE/,
  },
  'a credential to publish by, in a pod': {
    argv: ['--publish-kubeconfig=/etc/kubernetes/kubelet.conf'],
    where: '--publish-kubeconfig',
    says: /this is a pod, whose own token writes the Node .*remove it/,
  },
  'no source at all': {
    argv: [],
    env: { NODE_NAME: 'a' },
    where: '--kubeconfig-file',
    says: /this is no pod .*--leases/,
  },
  'a net-conf that is no JSON': { argv: ['--net-config-path=/n.json'], netConf: '{', where: '/n.json', says: /./ },
  'a VNI out of range': {
    argv: ['--net-config-path=/n.json'],
    netConf: '{"Network":"10.42.0.0/16","Backend":{"Type":"vxlan","VNI":16777216}}',
    where: '/n.json: Backend.VNI',
    says: /16777216/,
  },
}

for (const [name, { argv, env, netConf, where, says }] of Object.entries(faults))
  test(`${name} is one ConfigError that names ${where}`, () => {
    assert.throws(
      () => build(argv, env, netConf),
      (error) => {
        assert.ok(error instanceof ConfigError, String(error))
        assert.ok(error.where.startsWith(where), `${error.where} does not name ${where}`)
        assert.match(error.message, says)
        assert.doesNotMatch(error.message, /\n/)
        return true
      },
    )
  })

test('a net-conf that cannot be read is named, with what to do', () => {
  const parsed = parseFlags(RUN_FLAGS, ['--net-config-path=/no/such.json'], IN_POD, RUN_ABOUT)
  assert.ok(parsed.help === undefined)
  const readText = (): string => {
    throw Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' })
  }
  assert.throws(
    () => buildRunConfig({ flags: parsed.values, given: parsed.given, env: IN_POD, readText }),
    /^ConfigError: \/no\/such.json: does not exist; write the network there, or name the file with --net-config-path$/,
  )
})
