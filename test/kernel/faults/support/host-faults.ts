/**
 * Faults that others have set beside a running agent, which does not touch what is theirs: routes, rules, packet filters, links,
 * settings. Data only; each leaves the node as it found it.
 */
import { explain, status } from './commands.ts'
import type { Fault } from './fault.ts'

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
