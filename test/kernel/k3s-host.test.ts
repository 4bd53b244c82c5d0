/**
 * `vtepd run --k3s` on a host that looks like one of k3s: its files lie over /etc and /var/lib of a mount namespace of its own, and the
 * API server gives the right to list Nodes to the account that has it in that version of Kubernetes.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { ApiUser } from '../../lib/lab/api-server/access.ts'
import { startApiServer } from '../../lib/lab/api-server/api-server.ts'
import { renderKubeconfig } from '../../lib/lab/api-server/kubeconfig.ts'
import { INSTALLED_UNIT, makeTree } from '../cli/k3s/fixture.ts'
import { startAgentProcess } from '../support/agent-process.ts'
import { createNetns, kernelTests, type Netns } from '../support/netns.ts'

const run = promisify(execFile)
const HERE = '172.30.79.1'
const READ = ['get', 'list', 'watch']
const DATA = '/var/lib/rancher/k3s'

function users(who: 'kubelet' | 'controller'): readonly ApiUser[] {
  const controller = { name: 'system:k3s-controller', token: 'controller' }
  const kubelet = { name: 'system:node:edge-1', token: 'kubelet' }
  return [
    { ...controller, rules: [{ resources: ['nodes'], verbs: who === 'controller' ? READ : ['get'] }] },
    who === 'kubelet'
      ? { ...kubelet, rules: [{ resources: ['nodes', 'nodes/status'], verbs: [...READ, 'patch'] }] }
      : { ...kubelet, kubeletOf: 'edge-1', rules: [{ resources: ['nodes/status'], verbs: ['patch'] }] },
  ]
}

for (const [version, who] of [
  ['1.31', 'kubelet'],
  ['1.32', 'controller'],
] as const)
  test(
    `on a k3s of Kubernetes ${version} the ${who} reads, the kubelet writes, and everything else is found`,
    kernelTests,
    async (t) => {
      const netns = await connectedHost(t)
      const server = await startApiServer({ host: HERE, users: users(who) })
      t.after(() => server.close())
      const podCIDRs = ['10.77.1.0/24']
      server.nodes.create({ metadata: { name: 'edge-1' }, spec: { podCIDR: '10.77.1.0/24', podCIDRs } })
      const root = makeTree(t, {
        '/etc/systemd/system/k3s.service': INSTALLED_UNIT('server', '--flannel-backend', 'none', '--node-name=Edge-1'),
        '/etc/rancher/k3s/config.yaml':
          'flannel-iface: mgmt0\nnode-external-ip: 203.0.113.7\nflannel-external-ip: true\n',
        '/etc/rancher/k3s/config.yaml.d/10-net.yaml': 'cluster-cidr: 10.77.0.0/16\n',
        [`${DATA}/agent/k3scontroller.kubeconfig`]: renderKubeconfig(server.url, 'controller'),
        [`${DATA}/agent/kubelet.kubeconfig`]: renderKubeconfig(server.url, 'kubelet'),
      })
      const agent = runOverlaid(t, netns, root)
      await agent.line('agent.ready')
      const found = agent.told('run.k3s').join('\n')
      assert.match(found, /k3s' own flannel is off \(\/etc\/systemd\/system\/k3s\.service: --flannel-backend\)/)
      assert.match(
        found,
        /the network is .*10\.77\.0\.0\/16.* \(\/etc\/rancher\/k3s\/config\.yaml\.d\/10-net\.yaml: cluster-cidr\)/,
      )
      await agent.line('lease.published')
      const { annotations = {} } = server.nodes.get('edge-1')?.metadata ?? {}
      assert.equal(annotations['flannel.alpha.coreos.com/public-ip'], '203.0.113.7')
      const identities = await agent.line('leases.identities')
      assert.match(
        identities,
        new RegExp(`read by .*${who === 'controller' ? 'k3scontroller' : 'kubelet'}\\.kubeconfig`),
      )
      assert.match(await netns.exec('ip', '-d', 'link', 'show', 'flannel.1'), /local 172\.30\.79\.2/)
      await agent.stop()

      const again = runOverlaid(t, netns, root)
      await again.line('agent.ready')
      assert.doesNotMatch(again.told('underlay.waiting').join(), /203\.0\.113\.7/, 'no address to wait for')
    },
  )

/** A namespace whose mgmt0 leads here. */
async function connectedHost(t: TestContext): Promise<Netns> {
  const netns = await createNetns(t, 'k3s')
  await run('ip', ['link', 'add', 'lab1', 'type', 'veth', 'peer', 'name', 'mgmt0', 'netns', netns.name])
  t.after(() => run('ip', ['link', 'del', 'lab1']).catch(() => undefined))
  await run('ip', ['address', 'add', `${HERE}/24`, 'dev', 'lab1'])
  await run('ip', ['link', 'set', 'lab1', 'up'])
  await netns.exec('ip', 'address', 'add', '172.30.79.2/24', 'dev', 'mgmt0')
  await netns.exec('ip', 'link', 'set', 'mgmt0', 'up')
  return netns
}

/** `ip netns exec` has a mount namespace of its own: what is mounted there is nobody else's. */
function runOverlaid(t: TestContext, netns: Netns, root: string) {
  const overlay = path.join(root, 'overlay.sh')
  writeFileSync(
    overlay,
    `set -e
mount -t tmpfs none /etc
mkdir -p /var/lib
mount -t tmpfs none /var/lib
cp -r ${root}/etc/. /etc/
cp -r ${root}/var/lib/. /var/lib/
exec "$@"
`,
  )
  const flags = ['--k3s', '--log-format=json', '--subnet-file=/etc/subnet.env', '--iptables-forward-rules=false']
  const agent = startAgentProcess(t, netns, '', [...flags, '--ip-masq=false'], {}, ['sh', overlay])
  return {
    told: (event: string) => agent.lines.filter((line) => line.event === event).map(({ msg }) => msg),
    async stop(): Promise<void> {
      agent.kill('SIGTERM')
      await agent.ended
    },
    line: async (event: string) => (await agent.until(event)).msg,
  }
}
