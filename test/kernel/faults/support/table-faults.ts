/** Faults of the kernel's tables and of our device, as an operator meets them while no agent runs. Data only. */
import { agentAgain, alone, explain, lladdrOf, status } from './commands.ts'
import type { Fault } from './fault.ts'

/** What the kernel has, and the agent that kept it does not run any more. */
export const TABLES: readonly Fault[] = [
  {
    name: 'wrong FDB remote',
    async seed(cluster) {
      const lladdr = await lladdrOf(cluster.node2)
      await alone(({ prefix }) => [`bridge fdb replace ${lladdr} dev flannel.1 dst ${prefix}.99 self permanent`])(
        cluster,
      )
    },
    command: explain,
    says: /x FDB entry .* is behind \S+\.99, but node2 is at \S+\.12/,
    remedy: /→ (bridge fdb replace .* permanent)$/m,
    well: agentAgain,
  },
  {
    name: 'missing neighbour',
    seed: alone(() => ['ip neigh del 10.42.2.0 dev flannel.1']),
    command: explain,
    says: /x neighbour .*10\.42\.2\.0 has none on flannel\.1/,
    remedy: /→ (ip neigh replace .* permanent)$/m,
    well: agentAgain,
  },
  {
    name: 'stale local',
    seed: alone(({ prefix }) => [`ip link set flannel.1 type vxlan id 1 local ${prefix}.77`]),
    command: explain,
    says: /x device .*flannel\.1 sends from \S+\.77, which this host does not have/,
    remedy: /→ (ip link set flannel\.1 type vxlan id 1 local \S+)$/m,
    well: agentAgain,
  },
  {
    name: 'an address on our device',
    seed: alone(({ prefix }) => [`ip address add ${prefix}.50/26 dev flannel.1`]),
    command: explain,
    says: /x loop .*go into flannel\.1 itself, which has the address \S+\.50\/26/,
    remedy: /→ (ip address del \S+ dev flannel\.1)$/m,
    well: agentAgain,
  },
  {
    name: 'the device is down',
    seed: alone(() => ['ip link set flannel.1 down']),
    command: explain,
    says: /x device .*flannel\.1 is down/,
    remedy: /→ (ip link set flannel\.1 up)$/m,
    // Its routes went with it.
    mend: ({ node1 }) => node1.start(),
    well: async () => undefined,
  },
  {
    name: 'the device is a port of a bridge',
    // One that has its MAC address passes packets on; another one would not.
    cuts: false,
    seed: alone(() => ['ip link add br9 type bridge', 'ip link set br9 up', 'ip link set flannel.1 master br9']),
    command: explain,
    says: /x device .*flannel\.1 is a port of the bridge br9/,
    remedy: /→ (ip link set flannel\.1 nomaster)$/m,
    async well({ node1 }) {
      await node1.shell('ip link del br9')
      await node1.start()
    },
  },
  {
    name: 'another VNI',
    async seed(cluster) {
      await alone(() => [
        'ip link del flannel.1',
        `ip link add flannel.1 type vxlan id 9 local ${cluster.node1.underlay} dstport 8472 nolearning`,
        'ip link set flannel.1 up',
      ])(cluster)
    },
    command: explain,
    says: /x device .*flannel\.1 has VNI 9, its peers VNI 1/,
    remedy: /→ (ip link delete flannel\.1); systemctl restart vtepd/,
    mend: ({ node1 }) => node1.start(),
    well: async () => undefined,
  },
  {
    name: 'no agent runs',
    cuts: false,
    seed: ({ node1 }) => node1.stop(),
    command: status,
    says: /no agent to ask/,
    remedy: /systemctl start vtepd/,
    mend: ({ node1 }) => node1.start(),
  },
]
