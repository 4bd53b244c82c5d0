/** Faults of the cluster's Nodes and of net-conf, and what the preflight finds. Data only; each leaves the cluster as it found it. */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { annotatedNode, type FaultNode } from './cluster.ts'
import { check, explain, lladdrOf, status } from './commands.ts'
import type { Fault } from './fault.ts'

/** Of the cluster and its configuration. */
export const CLUSTER: readonly Fault[] = [
  {
    name: 'MTU too large',
    cuts: false,
    seed: async ({ node1 }) => follow(node1, { Type: 'vxlan', MTU: 1600 }),
    command: status,
    says: /the way to \S+ \(node2\) through mgmt0 has an MTU of 1500, too small for flannel\.1's 1550 bytes/,
    remedy: /set Backend\.MTU to 1500/,
    mend: async ({ node1 }) => follow(node1, { Type: 'vxlan', MTU: 1500 }),
    well: async ({ node1 }) => follow(node1, { Type: 'vxlan' }),
  },
  {
    name: 'a peer without annotations',
    async seed({ node1, node2, server }) {
      await node2.stop()
      const node = server.nodes.get('node2')
      if (node !== undefined) server.nodes.update({ ...node, metadata: { name: 'node2' } })
      await node1.agent.until('peers.applied', ({ deleted }) => Number(deleted) > 0)
    },
    command: explain,
    says: /node2 takes no part: no annotation of flannel's is on that Node/,
    remedy: /→ start vtepd there/,
    mend: ({ node2 }) => node2.start(),
  },
  {
    name: 'two Nodes with one podCIDR',
    cuts: false,
    seed: async ({ server, prefix }) =>
      void server.nodes.create(annotatedNode('node9', 2, { underlay: `${prefix}.19`, lladdr: '0e:00:00:00:00:19' })),
    command: status,
    says: /node9: ipv4 subnet: 10\.42\.2\.0\/24 overlaps 10\.42\.2\.0\/24 of node2, which holds it/,
    remedy: /kubectl delete node node9/,
    mend: async ({ server }) => void server.nodes.delete('node9'),
  },
  {
    name: 'a machine that was cloned with its MAC address',
    cuts: false,
    seed: async ({ server, node1, prefix }) =>
      void server.nodes.create(annotatedNode('node8', 8, { underlay: `${prefix}.18`, lladdr: await lladdrOf(node1) })),
    command: status,
    says: /node8: ipv4 lladdr: \S+ is our own/,
    remedy: /on node8 end vtepd, remove what is in its --state-dir/,
    mend: async ({ server }) => void server.nodes.delete('node8'),
  },
  {
    name: 'a floating address as underlay',
    cuts: false,
    seed: async ({ node1, prefix }) => void (await node1.shell(`ip address add ${prefix}.100/32 dev mgmt0`)),
    command: (cluster) => check(`--iface=${cluster.prefix}.100`)(cluster),
    says: /\.100 on mgmt0 is a floating address/,
    remedy: /--iface=\S+\.11/,
    well: async ({ node1, prefix }) => void (await node1.shell(`ip address del ${prefix}.100/32 dev mgmt0`)),
  },
  {
    name: 'our VNI held by another device',
    async seed({ node1 }) {
      await node1.stop()
      await node1.shell('ip link del flannel.1', 'ip link add vx9 type vxlan id 1 dstport 8472 dev mgmt0')
    },
    command: check(),
    says: /PREVENTS +device .*vx9 has VNI 1 on port 8472/,
    remedy: /\((ip link delete vx9)\)/,
    mend: ({ node1 }) => node1.start(),
  },
]

function follow({ folder }: FaultNode, backend: object): void {
  writeFileSync(path.join(folder.path, 'net-conf.json'), JSON.stringify({ Network: '10.42.0.0/16', Backend: backend }))
}
