/** The sysctls that decide what becomes of a pod's packets. Data. */

const WHOLE = [
  'net/ipv4/ip_forward',
  'net/ipv4/ip_local_port_range',
  'net/ipv4/fib_multipath_hash_policy',
  'net/ipv6/route/max_size',
  'net/core/rmem_max',
  'net/core/wmem_max',
  'net/core/netdev_max_backlog',
  'net/bridge/bridge-nf-call-iptables',
  'net/bridge/bridge-nf-call-ip6tables',
  'net/netfilter/nf_conntrack_max',
  'net/netfilter/nf_conntrack_count',
  ...['ipv4', 'ipv6'].flatMap((family) => [1, 2, 3].map((n) => `net/${family}/neigh/default/gc_thresh${n}`)),
]
const OF_LINKS = {
  ipv4: [
    'forwarding',
    'rp_filter',
    'accept_local',
    'arp_ignore',
    'arp_announce',
    'arp_notify',
    'src_valid_mark',
    'proxy_arp',
  ],
  ipv6: ['forwarding', 'disable_ipv6', 'accept_ra', 'accept_dad', 'addr_gen_mode', 'use_tempaddr', 'ndisc_notify'],
} as const
/** A node has a link a pod. */
const MOST_LINKS = 64

/** Keys below /proc/sys. `links`: names, `all` and `default` among them. */
export function sysctlNames(links: readonly string[]): readonly string[] {
  const shown = [...new Set(['all', 'default', ...links])].slice(0, MOST_LINKS)
  const ofLinks = Object.entries(OF_LINKS).flatMap(([family, names]) =>
    shown.flatMap((link) => names.map((name) => `net/${family}/conf/${link}/${name}`)),
  )
  return [...WHOLE, ...ofLinks]
}
