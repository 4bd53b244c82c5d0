/** Design decision 11: the data path comes before the control plane. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startApiServer } from '../../lib/lab/api-server/api-server.ts'
import type { NodeObject } from '../../lib/lab/api-server/objects.ts'
import { createAgentFolder, startAgentProcess } from '../support/agent-process.ts'
import { createNetns, kernelTests } from '../support/netns.ts'

const run = promisify(execFile)
const HERE = '172.30.77.1'

function node(name: string, index: number): NodeObject {
  const prefix = 'flannel.alpha.coreos.com'
  return {
    metadata: {
      name,
      annotations: {
        [`${prefix}/kube-subnet-manager`]: 'true',
        [`${prefix}/backend-type`]: 'vxlan',
        [`${prefix}/backend-data`]: `{"VNI":1,"VtepMAC":"0e:00:00:00:00:0${index}"}`,
        [`${prefix}/public-ip`]: `172.30.77.1${index}`,
      },
    },
    spec: { podCIDR: `10.42.${index}.0/24`, podCIDRs: [`10.42.${index}.0/24`] },
  }
}

test(
  'without API server a restarted agent brings the overlay up from what it remembers, and follows when it is back',
  kernelTests,
  async (t) => {
    const netns = await createNetns(t, 'node')
    await run('ip', ['link', 'add', 'lab0', 'type', 'veth', 'peer', 'name', 'mgmt0', 'netns', netns.name])
    t.after(() => run('ip', ['link', 'del', 'lab0']).catch(() => undefined))
    await run('ip', ['address', 'add', `${HERE}/24`, 'dev', 'lab0'])
    await run('ip', ['link', 'set', 'lab0', 'up'])
    await netns.exec('ip', 'address', 'add', '172.30.77.2/24', 'dev', 'mgmt0')
    await netns.exec('ip', 'link', 'set', 'mgmt0', 'up')
    const server = await startApiServer({ host: HERE })
    t.after(() => server.close())
    server.nodes.create({ metadata: { name: 'us' }, spec: { podCIDR: '10.42.1.0/24', podCIDRs: ['10.42.1.0/24'] } })
    for (const index of [2, 3]) server.nodes.create(node(`peer${index}`, index))

    const folder = createAgentFolder({ Network: '10.42.0.0/16', Backend: { Type: 'vxlan' } })
    const kubeconfig = path.join(folder.path, 'kubeconfig')
    writeFileSync(kubeconfig, server.kubeconfig())
    const flags = [...folder.flags, `--kubeconfig-file=${kubeconfig}`, '--iface=mgmt0']
    const routes = async (): Promise<string[]> => {
      const rows = JSON.parse(await netns.exec('ip', '-j', 'route', 'show', 'proto', '118')) as { dst: string }[]
      return rows.map(({ dst }) => dst).sort()
    }
    const first = startAgentProcess(t, netns, 'us', flags)
    await first.until('agent.ready')
    await first.until('lease.published')
    first.kill('SIGTERM')
    assert.equal(await first.ended, 0)
    await server.stop()
    await netns.exec('ip', 'link', 'del', 'flannel.1')

    const second = startAgentProcess(t, netns, 'us', flags)
    await second.until('peers.applied', (line) => line.routes === 2)
    assert.deepEqual(await routes(), ['10.42.2.0/24', '10.42.3.0/24'])
    assert.ok(!second.lines.some(({ event }) => event === 'agent.ready'), 'from memory it is not ready')

    server.nodes.delete('peer2')
    server.nodes.create(node('peer4', 4))
    await server.start()
    await second.until('agent.ready')
    assert.deepEqual(await routes(), ['10.42.3.0/24', '10.42.4.0/24'])
  },
)
