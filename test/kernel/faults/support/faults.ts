/**
 * Faults as operators meet them: of the kernel's tables while no agent runs, of what others have set beside a running agent, of the
 * cluster, of the host. Data only; each leaves the cluster as it found it.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { annotatedNode, type FaultCluster, type FaultNode } from './cluster.ts'
import type { Fault } from './fault.ts'

const files = ({ folder }: FaultNode): readonly string[] => [
  `--run-dir=${folder.path}/run`,
  `--state-dir=${folder.path}/state`,
]
const explain = ({ node1, node2 }: FaultCluster): readonly string[] => ['explain', node2.pod.ip, ...files(node1)]
const status = ({ node1: { folder } }: FaultCluster): readonly string[] => ['status', `--run-dir=${folder.path}/run`]
const check =
  (...more: readonly string[]) =>
  ({ node1: { folder, kubeconfig } }: FaultCluster): readonly string[] => [
    'check',
    ...folder.flags.filter((flag) => !flag.startsWith('--log')),
    ...(more.some((flag) => flag.startsWith('--kubeconfig')) ? [] : [`--kubeconfig-file=${kubeconfig}`]),
    '--firewall=none',
    ...(more.length > 0 ? more : ['--iface=mgmt0']),
  ]

/** While no agent runs on node1, which would mend it at once. */
function alone(seed: (cluster: FaultCluster) => readonly string[]): Fault['seed'] {
  return async (cluster) => {
    await cluster.node1.stop()
    await cluster.node1.shell(...seed(cluster))
  }
}

const agentAgain: NonNullable<Fault['well']> = async ({ node1 }) => node1.start()

async function lladdrOf({ netns }: FaultNode): Promise<string> {
  return (await netns.exec('cat', '/sys/class/net/flannel.1/address')).trim()
}

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

/** Beside a running agent, which does not touch what is others'. */
export const SURROUNDINGS: readonly Fault[] = [
  {
    name: 'a foreign route that shadows ours',
    seed: async ({ node1, prefix }) => void (await node1.shell(`ip route add 10.42.2.0/24 via ${prefix}.1 dev mgmt0`)),
    command: status,
    says: /10\.42\.2\.0\/24.*mgmt0/,
    remedy: /if nobody needs it: (ip route del [^)]*)\)/,
  },
  {
    name: 'a more specific route',
    seed: async ({ node1, prefix }) => void (await node1.shell(`ip route add 10.42.2.0/25 via ${prefix}.1 dev mgmt0`)),
    command: explain,
    says: /x direction .*leaves through mgmt0, not towards \S+\.12 \(node2\)/,
    remedy: /→ (ip route del 10\.42\.2\.0\/25 .*)$/m,
  },
  {
    name: 'a blackhole route',
    seed: async ({ node1 }) => void (await node1.shell('ip route add blackhole 10.42.2.0/28')),
    command: explain,
    says: /x route .*none to 10\.42\.2\.10: the kernel says EINVAL/,
    remedy: /→ (ip route del blackhole 10\.42\.2\.0\/28 .*)$/m,
  },
  {
    name: 'a policy rule before main',
    seed: async ({ node1 }) =>
      void (await node1.shell(
        'ip route add blackhole default table 52',
        'ip rule add to 10.42.0.0/16 lookup 52 priority 100',
      )),
    command: status,
    says: /packets of pods to .* are dropped .*policy rule of priority 100/,
    remedy: /`(ip rule add [^`]*)`/,
    well: async ({ node1 }) =>
      void (await node1.shell('ip rule del priority 100', 'ip rule del priority 90', 'ip route flush table 52')),
  },
  {
    name: 'a policy rule for what comes from pods',
    seed: async ({ node1 }) =>
      void (await node1.shell(
        'ip route add prohibit default table 53',
        'ip rule add iif cni0 to 10.42.2.0/24 lookup 53 priority 200',
      )),
    command: explain,
    says: /x route of pods .*what comes from cni0 is refused: the kernel says EACCES/,
    remedy: /→ (ip rule add to 10\.42\.2\.0\/24 priority 190 lookup main)$/m,
    well: async ({ node1 }) =>
      void (await node1.shell('ip rule del priority 200', 'ip rule del priority 190', 'ip route flush table 53')),
  },
  {
    name: 'pods that are masqueraded towards pods',
    cuts: false,
    seed: async ({ node1 }) => void (await node1.shell('iptables -t nat -A POSTROUTING -s 10.42.1.0/24 -j MASQUERADE')),
    command: explain,
    says: /! source address .*POSTROUTING in table nat of iptables\S*, by its rule .* gives packets between pods another source address/,
    remedy: /→ put a rule before it that returns what goes from 10\.42\.0\.0\/16 to 10\.42\.0\.0\/16/,
    mend: async ({ node1 }) =>
      void (await node1.shell('iptables -t nat -I POSTROUTING -s 10.42.0.0/16 -d 10.42.0.0/16 -j RETURN')),
    well: async ({ node1 }) => void (await node1.shell('iptables -t nat -F POSTROUTING')),
  },
  {
    name: 'a drop in a foreign table',
    async seed({ node1 }) {
      await node1.shell(
        'nft add table inet shop',
        "nft add chain inet shop guard '{ type filter hook forward priority 0; policy accept; }'",
        'nft add rule inet shop guard ip daddr 10.42.0.0/16 counter drop',
      )
      // Who keeps rules looks at those of others.
      await node1.restart('--firewall=nftables')
    },
    command: explain,
    says: /x packet filter .*the chain guard in table inet shop of nftables, by its rule "ip daddr 10\.42\.0\.0\/16 counter .*drop" drops what pods of this node send to 10\.42\.2\.10/,
    remedy: /→ (nft insert rule inet shop guard .*) \(and in the file/,
    async well({ node1 }) {
      await node1.shell('nft delete table inet shop', 'nft delete table ip flannel-ipv4')
      await node1.restart()
    },
  },
  {
    name: 'a drop of the VXLAN port',
    seed: async ({ node1 }) => void (await node1.shell('iptables -I INPUT -p udp --dport 8472 -j DROP')),
    command: explain,
    says: /x packet filter .*INPUT in table filter of iptables\S*, by its rule .* drops VXLAN packets of other nodes/,
    remedy: /→ (iptables\S* -I INPUT .* -j ACCEPT)$/m,
    well: async ({ node1 }) => void (await node1.shell('iptables -F INPUT')),
  },
]

/** Of the links and settings of a host, beside a running agent. */
export const HOST: readonly Fault[] = [
  {
    name: 'rp_filter on the underlay, and another way out',
    async seed({ node1, node2, addUplink }) {
      await addUplink()
      const lladdr = (await node2.netns.exec('cat', '/sys/class/net/mgmt0/address')).trim()
      await node1.shell(
        'sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.mgmt0.rp_filter=1 net.ipv4.conf.up0.arp_ignore=8',
        `ip neigh add ${node2.underlay} lladdr ${lladdr} dev up0 nud permanent`,
        `ip route add ${node2.underlay}/32 dev up0`,
      )
    },
    command: explain,
    says: /x outer way back .*rp_filter drops what \S+\.12 sends by mgmt0/,
    remedy: /→ (sysctl -w net\.ipv4\.conf\.mgmt0\.rp_filter=2)$/m,
    well: async ({ node1 }) => void (await node1.shell('ip link del up0')),
  },
  {
    name: 'ARP is off on the underlay',
    seed: async ({ node1 }) => void (await node1.shell('ip link set mgmt0 arp off', 'ip neigh flush dev mgmt0')),
    command: explain,
    says: /x ARP .*is off on mgmt0/,
    remedy: /→ (ip link set mgmt0 arp on)$/m,
  },
  {
    name: 'cni0 of an old podCIDR',
    seed: async ({ node1 }) =>
      void (await node1.shell('ip address del 10.42.1.1/24 dev cni0', 'ip address add 10.42.77.1/24 dev cni0')),
    command: status,
    says: /cni0 still has 10\.42\.77\.1\/24, but this node's podCIDR is 10\.42\.1\.0\/24/,
    remedy: /\((ip link delete cni0)\)/,
    async mend({ node1 }) {
      await node1.shell('ip link del pod0')
      await node1.connectPod()
    },
  },
  {
    name: 'ip_forward is off, and may not be set',
    async seed({ node1 }) {
      await node1.restart('--host-sysctls=warn')
      await node1.shell('sysctl -qw net.ipv4.ip_forward=0')
    },
    command: explain,
    says: /x forwarding .*net\.ipv4\.ip_forward is 0: packets of pods are not forwarded/,
    remedy: /→ (sysctl -w net\.ipv4\.ip_forward=1)/,
    well: ({ node1 }) => node1.restart(),
  },
]

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
