/** From a host of k3s to what the agent is told, and what --print-config says of it. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { buildRunConfig, type RunConfig } from '../../../lib/cli/config.ts'
import { configReport, printText } from '../../../lib/cli/print-config.ts'
import { collectRunSettings, type RunSettings } from '../../../lib/cli/run-settings.ts'
import { hostTree, INSTALLED_UNIT, type Tree } from './fixture.ts'

const DATA = '/var/lib/rancher/k3s'
const CONFIG = '/etc/rancher/k3s/config.yaml'
const SERVER: Tree = {
  '/etc/systemd/system/k3s.service': INSTALLED_UNIT('server'),
  [CONFIG]: `flannel-backend: none
flannel-iface: eth1
cluster-cidr: 10.42.0.0/16,fd00:42::/56
node-external-ip: 203.0.113.5,2001:db8::5
flannel-external-ip: true
node-name: from-k3s
`,
}

async function run(
  t: TestContext,
  argv: readonly string[] = [],
  env: NodeJS.ProcessEnv = { NODE_NAME: 'host-1' },
  tree: Tree = SERVER,
): Promise<{ settings: RunSettings; config: RunConfig }> {
  const files = hostTree(t, tree)
  const readText = (file: string): string => files.read(file) ?? '{"Network":"10.9.0.0/16"}'
  const settings = await collectRunSettings(['--k3s', ...argv], { env, readText, host: () => files })
  assert.ok(settings.help === undefined)
  return { settings, config: buildRunConfig({ ...settings, readText }) }
}
const leasesOf = ({ agent }: RunConfig) => {
  assert.ok(agent.leases.kind === 'kube')
  return agent.leases
}

test('the agent is told everything that k3s would tell its flannel', async (t) => {
  const { config } = await run(t)
  const { agent, warnings } = config
  const { ipv4, ipv6 } = agent.network
  assert.deepEqual([ipv4, ipv6, agent.network.backend.type], ['10.42.0.0/16', 'fd00:42::/56', 'vxlan'])
  assert.deepEqual(agent.underlayChoice.ifaces, ['eth1'])
  assert.deepEqual(agent.underlayChoice.publicIp, { ipv4: undefined, ipv6: undefined })
  assert.deepEqual([agent.ipMasq, agent.ipv6Masquerade, agent.iptablesForwardRules], [true, false, true])
  assert.equal(agent.k3sNetConf, `${DATA}/agent/etc/flannel/net-conf.json`)
  const leases = leasesOf(config)
  assert.deepEqual(leases.publishInstead, { ipv4: '203.0.113.5', ipv6: '2001:db8::5' })
  assert.deepEqual(leases.node, { name: 'from-k3s' })
  assert.equal(leases.kubeconfigFile, `${DATA}/agent/k3scontroller.kubeconfig`)
  assert.deepEqual(leases.readers, [`${DATA}/agent/kubelet.kubeconfig`])
  assert.deepEqual(leases.publisher, { kubeconfigFile: `${DATA}/agent/kubelet.kubeconfig` })
  assert.equal(leases.setNodeNetworkUnavailable, false)
  assert.deepEqual(warnings, [])
})

test('whatever is given goes before what is found', async (t) => {
  const argv = [
    '--iface=eth7',
    '--kubeconfig-file=/k',
    '--net-config-path=/n.json',
    '--public-ip=198.51.100.1',
    '--ip-masq=false',
    '--set-node-network-unavailable=true',
  ]
  const { config } = await run(t, argv, { NODE_NAME: 'by-hand', FLANNELD_PUBLISH_KUBECONFIG: '/p' })
  const leases = leasesOf(config)
  assert.deepEqual(config.agent.underlayChoice.ifaces, ['eth7'])
  assert.deepEqual([leases.kubeconfigFile, leases.readers], ['/k', undefined])
  assert.deepEqual([leases.publisher, leases.setNodeNetworkUnavailable], [{ kubeconfigFile: '/p' }, true])
  assert.deepEqual(leases.node, { name: 'by-hand' })
  assert.equal(config.agent.network.ipv4, '10.9.0.0/16')
  assert.equal(config.agent.ipMasq, false)
  assert.deepEqual(leases.publishInstead, { ipv6: '2001:db8::5' })
})

test("NODE_NAME that is but the host's name, as the unit gives it, leaves the word to k3s", async (t) => {
  const { config } = await run(t, [], { NODE_NAME: 'HOST-1' })
  assert.deepEqual(leasesOf(config).node, { name: 'from-k3s' })
  assert.deepEqual(leasesOf((await run(t, [], {})).config).node, { name: 'from-k3s' })
})

test('in a pod --k3s is an error', async (t) => {
  await assert.rejects(run(t, [], { KUBERNETES_SERVICE_HOST: '10.43.0.1' }), /^ConfigError: --k3s: .*this is a pod/)
})

test('--print-config shows each value with its source: what is found stands in comments, the rest is a config file', async (t) => {
  const { settings, config } = await run(t, ['--healthz-port=8081'])
  const text = printText(settings, config)
  const active = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  assert.deepEqual(active, ['k3s: true  # --k3s', 'healthz-port: 8081  # --healthz-port'])
  for (const line of [
    `#iface: ["eth1"]  # ${CONFIG}: flannel-iface`,
    `#kubeconfig-file: "${DATA}/agent/k3scontroller.kubeconfig"  # ${DATA}/agent`,
    '#subnet-file: "/run/flannel/subnet.env"',
    `# NODE_NAME=from-k3s (${CONFIG}: node-name)`,
    `# k3s: published is 203.0.113.5 and 2001:db8::5 (${CONFIG}: node-external-ip, as ${CONFIG}: flannel-external-ip)`,
  ])
    assert.ok(text.includes(`${line}\n`), `${line} is missing in\n${text}`)
  const report = JSON.parse(JSON.stringify(configReport(settings, config)))
  assert.deepEqual(Object.keys(report), ['flags', 'nodeName', 'network', 'k3s', 'warnings'])
  assert.deepEqual(report.flags.iface, { value: ['eth1'], from: `${CONFIG}: flannel-iface` })
  assert.deepEqual(report.flags.v, { value: 0, from: 'default' })
  assert.deepEqual(report.nodeName, { value: 'from-k3s', from: `${CONFIG}: node-name` })
  assert.equal(report.network.ipv6, 'fd00:42::/56')
  assert.ok(report.k3s.found.length > 5)
})
