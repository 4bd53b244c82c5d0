/**
 * A node goes from vtepd to the real flanneld and back: the same device, MAC and annotations, and no datagram of those that pass every
 * two milliseconds is lost. Runs where VTEPD_FLANNELD, or the folder of test/kube's programs, has one.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { type ApiServer, startApiServer } from '../../../lib/lab/api-server/api-server.ts'
import { type AgentFolder, createAgentFolder, startAgentProcess } from '../../support/agent-process.ts'
import { FLANNELD, withoutFlanneld } from '../../support/flanneld.ts'
import { startLined } from '../../support/lined-process.ts'
import { kernelTests, type Netns, type Scope } from '../../support/netns.ts'
import { runRelease } from './support/run-release.ts'
import { claim, createTwoNodes, FAMILIES, ip, NETWORKS, ROUTES } from './support/two-nodes.ts'

const run = promisify(execFile)
const SERVER = '172.30.78.1'
const PREFIX = 'flannel.alpha.coreos.com'

test('from vtepd to the real flanneld and back nothing is lost, and device, MAC and annotations stay', {
  skip: kernelTests.skip || withoutFlanneld(),
}, async (t) => {
  const nodes = await createTwoNodes(t)
  const { us } = nodes
  const server = await startServer(t, us)
  const folder = createAgentFolder({ ...NETWORKS, EnableNFTables: true, Backend: { Type: 'vxlan' } })
  const kubeconfig = `${folder.path}/kubeconfig`
  writeFileSync(kubeconfig, server.kubeconfig())
  const flags = ['--iface=mgmt0', `--kubeconfig-file=${kubeconfig}`]
  const start = async () => {
    const own = [`--publish-kubeconfig=${kubeconfig}`, '--iptables-forward-rules=false']
    const agent = startAgentProcess(t, us, 'n1', [...folder.flags, ...flags, ...own])
    await agent.until('agent.ready')
    return agent
  }
  const annotations = () => server.nodes.get('n1')?.metadata.annotations

  const first = await start()
  await first.until('lease.published')
  for (const family of FAMILIES) await nodes.program(family, await lladdrOf(us, family), false)
  const flows = await nodes.flows()
  const [published, indexes] = [annotations(), await devices(us)]
  first.kill('SIGTERM')
  assert.equal(await first.ended, 0)
  assert.deepEqual(runRelease(us, folder).failures, [])

  const flanneld = startFlanneld(t, us, folder, flags)
  // One event a family and peer: its entries are written by then, or within the next milliseconds.
  await flanneld.line(/Waiting for all goroutines|watching for new subnet leases/)
  await flanneld.line(/Received Subnet Event with VxLan/)
  assert.deepEqual(await nodes.routes(), ROUTES.vxlan.flannels)
  assert.deepEqual(await devices(us), indexes)
  await flanneld.end('SIGTERM')
  assert.deepEqual(annotations(), published)

  const second = await start()
  assert.deepEqual(await nodes.routes(), ROUTES.vxlan.ours)
  assert.deepEqual([await devices(us), annotations()], [indexes, published])
  second.kill('SIGTERM')
  await second.ended
  for (const flow of flows) {
    const { sent, lost } = await flow.finish()
    assert.ok(sent > 100, `${sent} were sent`)
    assert.equal(lost, 0, `of ${sent}`)
  }
})

/** Reached from the node over a cable of its own. */
async function startServer(t: Scope, us: Netns): Promise<ApiServer> {
  await run('ip', ['link', 'add', 'api0', 'type', 'veth', 'peer', 'name', 'api0', 'netns', us.name])
  t.after(() => run('ip', ['link', 'del', 'api0']).catch(() => undefined))
  await run('ip', ['address', 'add', `${SERVER}/24`, 'dev', 'api0'])
  await run('ip', ['link', 'set', 'api0', 'up'])
  await ip(us, 'address add 172.30.78.2/24 dev api0')
  await ip(us, 'link set api0 up')
  const server = await startApiServer({ host: SERVER })
  t.after(() => server.close())
  for (const number of [1, 2]) {
    const podCIDRs = FAMILIES.map((family) => claim(family, number).subnet)
    const [v4, v6] = [claim('ipv4', number), claim('ipv6', number)]
    const annotations = {
      [`${PREFIX}/kube-subnet-manager`]: 'true',
      [`${PREFIX}/backend-type`]: 'vxlan',
      [`${PREFIX}/backend-data`]: `{"VNI":1,"VtepMAC":"${v4.lladdr}"}`,
      [`${PREFIX}/backend-v6-data`]: `{"VNI":1,"VtepMAC":"${v6.lladdr}"}`,
      [`${PREFIX}/public-ip`]: v4.underlay,
      [`${PREFIX}/public-ipv6`]: v6.underlay,
    }
    server.nodes.create({
      metadata: { name: `n${number}`, ...(number === 1 ? {} : { annotations }) },
      spec: { podCIDR: podCIDRs[0] ?? '', podCIDRs },
    })
  }
  return server
}

function startFlanneld(t: Scope, us: Netns, folder: AgentFolder, flags: readonly string[]) {
  const argv = [...flags, '--kube-subnet-mgr', '--iptables-forward-rules=false']
  const places = folder.flags.filter((flag) => /^--(?:net-config-path|subnet-file)=/.test(flag))
  return startLined(t, us, [FLANNELD, ...argv, ...places], { from: 'stderr', env: { NODE_NAME: 'n1' } })
}

async function devices(us: Netns): Promise<readonly string[]> {
  const lines = (await ip(us, '-o link show type vxlan')).trim().split('\n')
  return lines.map((line) => line.replace(/^(\d+: \S+).*(link\/ether \S+).*$/, '$1 $2')).sort()
}

async function lladdrOf(us: Netns, family: 'ipv4' | 'ipv6'): Promise<string> {
  const line = await ip(us, `-o link show dev ${family === 'ipv4' ? 'flannel.1' : 'flannel-v6.1'}`)
  return /link\/ether (\S+)/.exec(line)?.[1] ?? ''
}
