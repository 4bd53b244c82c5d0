/**
 * What a kernel can hold beside the overlay and a program may not expect: odd addresses, routes, next hops, names, links,
 * neighbours and FDB entries, as commands of iproute2. Nothing of it lies in the network or stands in a peer's way.
 * Must not: know the agent.
 */
import { deviceName, type Family } from '../../healing/support/cluster.ts'

export interface Oddity {
  /** The end of the sentence "an agent beside …". */
  readonly name: string
  readonly lines: readonly string[]
  /** As far as this kernel has them; the others are refused, and that is all right. */
  readonly perhaps?: readonly string[]
}

const TYPES = ['blackhole', 'unreachable', 'prohibit', 'throw'] as const
const DEVICES = (['ipv4', 'ipv6'] satisfies Family[]).map(deviceName)

export const ODDITIES: readonly Oddity[] = [
  {
    name: 'IPv4-mapped and other routes that no packet takes',
    lines: [
      'ip -6 route add unreachable ::ffff:0.0.0.0/96 dev lo',
      'ip -6 route add unreachable ::/96 dev lo',
      'ip -6 route add unreachable 64:ff9b::/96 dev lo',
      'ip -6 route add unreachable 2002:e000::/19 dev lo',
      'ip route add unreachable 224.0.0.0/4',
      'ip route add unreachable 240.0.0.0/4',
      'ip route add blackhole 0.0.0.0/8',
    ],
  },
  {
    name: 'addresses that no host should have',
    lines: [
      'ip address add ::ffff:10.1.2.3/128 dev odd0 nodad',
      'ip address add ::10.1.2.3/128 dev odd0 nodad',
      'ip address add ::1:2/64 dev odd0 nodad',
      'ip address add 224.1.1.1/32 dev odd0',
      'ip address add 0.1.2.3/8 dev odd0',
      'ip address add 255.255.255.255/32 dev odd0',
      'ip address add 240.0.0.5/4 dev odd0',
      'ip address add 127.5.5.5/8 dev odd0',
    ],
  },
  {
    name: 'addresses with a peer, a label, a scope, an end',
    lines: [
      'ip address add 192.0.2.1 peer 192.0.2.2/32 dev odd0',
      'ip address add 192.0.2.5 peer 192.0.2.128/25 dev odd0',
      'ip address add 2001:db8:99::1 peer 2001:db8:99::2/128 dev odd0 nodad',
      'ip address add 198.18.0.1/32 dev odd0 label odd0:abc valid_lft 100 preferred_lft 50',
      'ip address add 198.18.0.2/32 dev odd0 scope link',
      'ip address add 198.18.0.3/32 dev odd0 scope 77',
      'ip address add 2001:db8:98::1/64 dev odd0 valid_lft 100 preferred_lft 0 nodad',
      'ip address add 2001:db8:97::1/64 dev odd0 noprefixroute home nodad',
    ],
  },
  {
    name: 'routes of every type',
    lines: [
      ...TYPES.flatMap((type, i) => [
        `ip route add ${type} 198.51.${110 + i}.0/24`,
        `ip -6 route add ${type} 2001:db8:${110 + i}::/48`,
      ]),
      'ip route add local 198.51.120.0/24 dev lo table main',
      'ip route add broadcast 198.51.121.255 dev odd0 table main',
      'ip route add multicast 224.5.0.0/16 dev odd0',
      'ip route add anycast 198.51.122.0/24 dev odd0',
      'ip -6 route add local 2001:db8:120::/48 dev lo table main',
      'ip -6 route add anycast 2001:db8:121::1 dev odd0',
      'ip -6 route add multicast ff0e::/16 dev odd0',
    ],
  },
  {
    name: 'nexthop objects and several next hops',
    lines: [
      'ip nexthop add id 1 via 198.19.0.9 dev odd0 onlink',
      'ip nexthop add id 2 blackhole',
      'ip nexthop add id 3 dev odd0',
      'ip nexthop add id 4 group 1/3,7',
      'ip -6 nexthop add id 11 via 2001:db8:5::9 dev odd0 onlink',
      'ip -6 nexthop add id 12 blackhole',
      ...[1, 2, 4].map((id) => `ip route add 198.51.${130 + id}.0/24 nhid ${id}`),
      ...[11, 12].map((id) => `ip -6 route add 2001:db8:${id}::/48 nhid ${id}`),
      'ip route add 203.0.113.128/25 nexthop via 198.19.0.8 dev odd0 weight 3 nexthop via 198.19.0.7 dev odd0',
      'ip route add default metric 4000 nexthop via 198.19.0.8 dev odd0 weight 256 nexthop dev lo',
      'ip -6 route add 2001:db8:20::/48 nexthop via 2001:db8:5::8 dev odd0 nexthop via 2001:db8:5::7 dev odd0',
    ],
  },
  {
    name: 'routes with a gateway of the other family, encapsulation, and everything that a route can have',
    lines: [
      'ip route add 198.51.104.0/24 via inet6 2001:db8:5::8 dev odd0',
      'ip route add 198.51.105.0/24 encap ip id 5 dst 198.19.0.5 via 198.19.0.6 dev odd0',
      'ip -6 route add 2001:db8:7::/48 encap ip6 id 5 dst 2001:db8:5::5 via 2001:db8:5::6 dev odd0',
      'ip route add 198.51.107.0/24 dev odd0 tos 0x10 mtu lock 1300 advmss 1200 src 198.19.0.1 realm 5',
      'ip -6 route add 2001:db8:8::/48 from 2001:db8:9::/48 dev odd0',
      'ip -6 route add 2001:db8:a::/48 dev odd0 expires 1',
      'ip -6 route add 2001:db8:b::/48 dev odd0 pref high',
      'ip route add 198.51.108.0/24 dev odd0 metric 4294967295 proto 255',
    ],
    perhaps: [
      'ip route add 198.51.106.0/24 encap mpls 100 via 198.19.0.6 dev odd0',
      'ip -6 route add 2001:db8:6::/48 encap seg6 mode encap segs 2001:db8:5::5 dev odd0',
      'ip -f mpls route add 100 via inet 198.19.0.6 dev odd0',
    ],
  },
  {
    name: 'names of the greatest length and links of every kind',
    lines: [
      `ip link property add dev odd0 altname ${'x'.repeat(127)}`,
      `ip link property add dev mgmt0 altname ${'ü'.repeat(63)}`,
      `ip link set odd0 alias ${'y'.repeat(250)}`,
      'ip link add odd-1234567890@ type bridge',
      'ip tuntap add odd2 mode tun',
      'ip tuntap add odd3 mode tap multi_queue',
      'ip link add odd4 type vxlan id 8 group 239.1.1.1 dstport 4790 dev odd0',
      'ip link add odd5 type vxlan external dstport 4791',
      'ip link add odd6 type ifb',
      'ip link add link odd0 name odd7 type macvtap',
      'ip link set odd2 up',
      'ip address add 198.19.1.1 peer 198.19.1.2 dev odd2',
    ],
    perhaps: [
      'ip link add odd10 type dummy',
      'ip link add odd11 type bond',
      'ip link add odd12 type vrf table 10',
      'ip link add link odd0 name odd13 type vlan id 5',
      'ip link add odd14 type wireguard',
      'ip link add odd15 type gre local 198.19.0.1 remote 198.19.0.2',
      'ip link add odd16 type sit local 198.19.0.1 remote 198.19.0.2',
      'ip link add odd17 type nlmon',
      'ip link add odd18 type geneve id 5 remote 198.19.0.2',
      'ip link add odd19 type vcan',
    ],
  },
  {
    name: 'policy rules of every kind',
    lines: [
      'ip rule add from 198.51.100.0/24 lookup 99 priority 100',
      'ip rule add fwmark 0x5/0xff lookup 99 priority 101',
      'ip rule add iif lo ipproto tcp sport 1-1000 dport 443 lookup 99 priority 102',
      'ip rule add oif odd0 uidrange 0-0 lookup 99 priority 103',
      'ip rule add not fwmark 0xca6c lookup 51820 priority 104',
      'ip rule add lookup main suppress_prefixlength 0 priority 105',
      'ip rule add goto 107 priority 106',
      'ip rule add tos 0x10 prohibit priority 107',
      'ip rule add nop priority 108',
      'ip -6 rule add from ::ffff:0:0/96 unreachable priority 100',
      'ip -6 rule add to 2001:db8::/32 iif nowhere0 blackhole priority 101',
    ],
  },
  {
    name: "others' neighbours and FDB entries",
    lines: [
      'ip neigh add proxy 198.19.0.77 dev odd0',
      'ip neigh add 198.19.0.78 lladdr 00:00:00:00:00:78 dev odd0 nud noarp',
      'ip neigh add ff02::77 lladdr 33:33:00:00:00:77 dev odd0 nud permanent',
      ...DEVICES.map((name) => `ip neigh add 198.19.0.79 lladdr 00:00:00:00:00:00 dev ${name} nud noarp`),
      ...DEVICES.map((name) => `ip neigh add proxy 198.19.0.80 dev ${name}`),
      'bridge fdb append 00:00:00:00:00:00 dev odd4 dst 198.19.0.3',
      'bridge fdb append 00:00:00:00:00:00 dev odd4 dst 198.19.0.4 port 1 vni 9 via odd0',
      'bridge fdb add 33:33:00:00:00:78 dev odd0 self',
    ],
  },
]

/** The link that all of it stands on. */
export const ODD_LINK: readonly string[] = [
  'ip link add odd0 type veth peer name odd9',
  'ip link set odd0 up',
  'ip link set odd9 up',
  'ip address add 198.19.0.1/24 dev odd0',
  'ip address add 2001:db8:5::1/64 dev odd0 nodad',
]
