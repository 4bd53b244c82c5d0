/** Faults of the way between two nodes, which neither kernel knows of: only probes tell. Data only; each leaves the way as it found it. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import type { FaultCluster, FaultNode } from './cluster.ts'
import { type Fault, until } from './fault.ts'

const mesh = ({ node1: { folder } }: FaultCluster): readonly string[] => ['mesh', `--run-dir=${folder.path}/run`]

/** So that what takes minutes in a large cluster takes seconds. */
async function probeOften({ node1 }: FaultCluster): Promise<void> {
  await node1.restart('--mesh-rate=100')
  await node1.agent.until('mesh.peer', ({ state }) => state === 'ok')
}

export const MESH: readonly Fault[] = [
  {
    name: 'a path MTU that is smaller than the interface says',
    cuts: false,
    async seed(cluster) {
      await probeOften(cluster)
      // The bridge passes over what its port cannot take, as many clouds do; netfilter would make fragments of it.
      await cluster.setPortMtu(cluster.node2, 1450)
    },
    command: mesh,
    says: /! packets of pods to node2 of more than 1404 bytes are lost, the device takes 1450/,
    remedy: /lower Backend\.MTU of net-conf to what the path takes/,
    mend: async ({ node1 }) => follow(node1, { Type: 'vxlan', MTU: 1450 }),
    async well(cluster) {
      await until(cluster.node1, mesh(cluster), (text) => /node2 .* ok /.test(text))
      await cluster.setPortMtu(cluster.node2, 1500)
      follow(cluster.node1, { Type: 'vxlan' })
    },
  },
  {
    name: 'a firewall on the other node that drops what this one sends',
    async seed(cluster) {
      await probeOften(cluster)
      await cluster.node2.shell(
        'nft add table inet site',
        "nft 'add chain inet site input { type filter hook input priority 0; }'",
        'nft add rule inet site input udp dport 8472 drop',
      )
    },
    command: mesh,
    says: /! packets of pods come from node2, and do not get there/,
    remedy: /is UDP 8472 let through in that direction\?/,
    mend: async ({ node2 }) => void (await node2.shell('nft delete table inet site')),
  },
]

function follow({ folder }: FaultNode, backend: object): void {
  writeFileSync(path.join(folder.path, 'net-conf.json'), JSON.stringify({ Network: '10.42.0.0/16', Backend: backend }))
}
