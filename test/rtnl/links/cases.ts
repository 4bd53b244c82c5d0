/**
 * One link of each kind in three tongues: as our methods take and tell it, as `ip` is told, and as `ip -d -json` tells it.
 * Must not: know how they are compared.
 */
import type { Ifindex } from '../../../lib/net/ifindex.ts'

export interface KindCase {
  readonly name: string
  readonly kind: string
  /** The link below that it needs is `below`. */
  readonly needsParent?: boolean
  /** Key of the value of a link that has the attributes of its kind; absent: it has none. */
  readonly key?: string
  /** What of them is given. */
  readonly given?: object
  /** Of those that are given, what is told in another form. */
  readonly told?: object
  /** What `ip link add NAME [link below] type …` is given for the same. */
  readonly ip: string
  /** `info_data` of `ip -d -json`, in parts. */
  readonly info?: object
  /** It needs something of the kernel that has no name of a kind. */
  readonly feature?: string
}

export const CASES: readonly KindCase[] = [
  {
    name: 'a VXLAN device over IPv4 with every number and switch',
    kind: 'vxlan',
    key: 'vxlan',
    given: {
      vni: 16777215,
      local: '192.0.2.1',
      group: '198.51.100.7',
      port: 4789,
      ttl: 9,
      tos: 16,
      ageing: 77,
      limit: 1000,
      portRange: { low: 1000, high: 2000 },
      proxy: true,
      rsc: true,
      l2miss: true,
      l3miss: true,
      learning: false,
      udpChecksum: false,
      gbp: true,
      df: 'set',
      remoteChecksumTx: true,
      remoteChecksumRx: true,
    },
    ip: 'vxlan id 16777215 local 192.0.2.1 remote 198.51.100.7 dstport 4789 ttl 9 tos 0x10 ageing 77 maxaddress 1000 srcport 1000 2000 proxy rsc l2miss l3miss nolearning noudpcsum gbp df set remcsumtx remcsumrx',
    info: {
      id: 16777215,
      local: '192.0.2.1',
      remote: '198.51.100.7',
      port: 4789,
      ttl: 9,
      tos: '0x10',
      ageing: 77,
      limit: 1000,
      learning: false,
      udp_csum: false,
      df: 'set',
      gbp: true,
    },
  },
  {
    name: 'a VXLAN device over IPv6 with a multicast group of its link below',
    kind: 'vxlan',
    needsParent: true,
    key: 'vxlan',
    given: {
      vni: 0,
      local: '2001:db8::1',
      group: 'ff05::100',
      parent: 'below',
      label: 0xabcde,
      ttlInherit: true,
      udpZeroChecksum6Tx: true,
      udpZeroChecksum6Rx: true,
      learning: true,
    },
    ip: 'vxlan id 0 local 2001:db8::1 group ff05::100 dev below flowlabel 0xabcde ttl inherit udp6zerocsumtx udp6zerocsumrx dstport 8472',
    info: { id: 0, local6: '2001:db8::1', group6: 'ff05::100', link: 'below', label: '0xabcde' },
  },
  {
    name: 'a VXLAN device that takes its VNI from each packet',
    kind: 'vxlan',
    key: 'vxlan',
    given: { metadata: true, port: 4789, gpe: true, learning: false },
    ip: 'vxlan external dstport 4789 gpe nolearning',
    info: { external: true, port: 4789, gpe: true },
  },
  {
    name: 'a bridge with timers and multicast',
    kind: 'bridge',
    key: 'bridge',
    given: {
      forwardDelay: 4,
      helloTime: 1.5,
      maxAge: 6.2,
      ageingTime: 12.4,
      priority: 4096,
      groupForwardMask: 8,
      groupAddress: '01:80:c2:00:00:04',
      stp: false,
      nfCallIptables: true,
    },
    ip: 'bridge forward_delay 400 hello_time 150 max_age 620 ageing_time 1240 priority 4096 group_fwd_mask 8 group_address 01:80:c2:00:00:04 nf_call_iptables 1',
    info: { forward_delay: 400, hello_time: 150, max_age: 620, ageing_time: 1240, priority: 4096, stp_state: 0 },
  },
  {
    name: 'a bridge with multicast snooping',
    kind: 'bridge',
    feature: 'multicast snooping of bridges',
    key: 'bridge',
    given: {
      multicastRouter: 'permanent',
      multicastSnooping: true,
      multicastQuerier: true,
      multicastHashMax: 512,
      multicastLastMemberCount: 3,
      multicastQueryInterval: 60,
      multicastIgmpVersion: 3,
      multicastMldVersion: 2,
      multicastStatistics: true,
    },
    ip: 'bridge mcast_router 2 mcast_snooping 1 mcast_querier 1 mcast_hash_max 512 mcast_last_member_count 3 mcast_query_interval 6000 mcast_igmp_version 3 mcast_mld_version 2 mcast_stats_enabled 1',
    info: { mcast_router: 2, mcast_querier: 1, mcast_hash_max: 512, mcast_query_intvl: 6000, mcast_igmp_version: 3 },
  },
  {
    name: 'a bridge that filters VLANs',
    kind: 'bridge',
    feature: 'VLAN filtering of bridges',
    key: 'bridge',
    given: { vlanFiltering: true, vlanProtocol: '802.1ad', vlanDefaultPvid: 7, vlanStatistics: true },
    ip: 'bridge vlan_filtering 1 vlan_protocol 802.1ad vlan_default_pvid 7 vlan_stats_enabled 1',
    info: { vlan_filtering: 1, vlan_protocol: '802.1ad', vlan_default_pvid: 7, vlan_stats_enabled: 1 },
  },
  { name: 'a dummy', kind: 'dummy', ip: 'dummy' },
  { name: 'an intermediate functional block', kind: 'ifb', ip: 'ifb' },
  { name: 'a WireGuard device', kind: 'wireguard', ip: 'wireguard' },
  {
    name: 'a VLAN with maps of priorities',
    kind: 'vlan',
    needsParent: true,
    key: 'vlan',
    given: {
      id: 4094,
      protocol: '802.1ad',
      flags: { reorderHeader: false, looseBinding: true },
      egressQos: [{ from: 1, to: 2 }],
      ingressQos: [
        { from: 3, to: 4 },
        { from: 5, to: 6 },
      ],
    },
    told: {
      flags: { reorderHeader: false, gvrp: false, looseBinding: true, mvrp: false, bridgeBinding: false },
    },
    ip: 'vlan id 4094 protocol 802.1ad reorder_hdr off loose_binding on egress-qos-map 1:2 ingress-qos-map 3:4 5:6',
    info: { id: 4094, protocol: '802.1ad', flags: ['LOOSE_BINDING'] },
  },
  {
    name: 'a macvlan',
    kind: 'macvlan',
    needsParent: true,
    key: 'macvlan',
    given: { mode: 'passthru', flags: { noPromisc: true } },
    told: { flags: { noPromisc: true, noDst: false } },
    ip: 'macvlan mode passthru nopromisc',
    info: { mode: 'passthru', nopromisc: true },
  },
  {
    name: 'an ipvlan',
    kind: 'ipvlan',
    needsParent: true,
    key: 'ipvlan',
    given: { mode: 'l3', flags: { private: true } },
    told: { flags: { private: true, vepa: false } },
    ip: 'ipvlan mode l3 private',
    info: { mode: 'l3', private: true },
  },
  {
    name: 'a bond of LACP',
    kind: 'bond',
    key: 'bond',
    given: {
      mode: '802.3ad',
      miimon: 100,
      upDelay: 200,
      downDelay: 300,
      xmitHashPolicy: 'layer3+4',
      lacpRate: 'fast',
      adSelect: 'count',
      minLinks: 2,
      adActorSystemPriority: 7,
      adActorSystem: '02:00:00:00:00:07',
    },
    ip: 'bond mode 802.3ad miimon 100 updelay 200 downdelay 300 xmit_hash_policy layer3+4 lacp_rate fast ad_select count min_links 2 ad_actor_sys_prio 7 ad_actor_system 02:00:00:00:00:07',
    info: { mode: '802.3ad', miimon: 100, xmit_hash_policy: 'layer3+4', ad_lacp_rate: 'fast', min_links: 2 },
  },
  {
    name: 'a bond that asks by ARP',
    kind: 'bond',
    key: 'bond',
    given: {
      mode: 'active-backup',
      arpInterval: 500,
      arpTargets: ['192.0.2.1', '192.0.2.2'],
      arpValidate: 'active',
      arpAllTargets: 'all',
      primaryReselect: 'better',
      failOverMac: 'follow',
    },
    ip: 'bond mode active-backup arp_interval 500 arp_ip_target 192.0.2.1,192.0.2.2 arp_validate active arp_all_targets all primary_reselect better fail_over_mac follow',
    info: { mode: 'active-backup', arp_interval: 500, arp_ip_target: ['192.0.2.1', '192.0.2.2'] },
  },
  {
    name: 'a VRF',
    kind: 'vrf',
    key: 'vrf',
    given: { table: 4294967295 },
    ip: 'vrf table 4294967295',
    info: { table: 4294967295 },
  },
  {
    name: 'a Geneve device over IPv6',
    kind: 'geneve',
    key: 'geneve',
    given: {
      vni: 9,
      remote: '2001:db8::9',
      ttl: 5,
      tos: 4,
      port: 6082,
      label: 0xfffff,
      udpZeroChecksum6Rx: true,
    },
    ip: 'geneve id 9 remote 2001:db8::9 ttl 5 tos 4 dstport 6082 flowlabel 0xfffff udp6zerocsumrx',
    info: { id: 9, remote6: '2001:db8::9', ttl: 5, port: 6082 },
  },
  {
    name: 'a Geneve device that takes its VNI from each packet',
    kind: 'geneve',
    key: 'geneve',
    given: { metadata: true },
    ip: 'geneve external',
    info: { external: true },
  },
]

/** What is given, with numbers of links instead of their names. */
export function numbered(given: object, below: Ifindex): object {
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, value === 'below' ? below : value]))
}
