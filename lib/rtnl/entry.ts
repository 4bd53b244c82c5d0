/** One entry of each table as a value. Data only: the bytes are entry-codec.ts's. */
import type { Cidr } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import type { Ip } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'

/** Overlay IP → lladdr, on a link. `state` is NUD_* (0x80 permanent), `flags` NTF_*. */
export interface NeighbourEntry {
  readonly kind: 'neighbour'
  readonly ifindex: Ifindex
  readonly ip: Ip
  /** undefined: the kernel has none for this entry (incomplete, failed). */
  readonly lladdr: Lladdr | undefined
  readonly state: number
  readonly flags: number
  readonly protocol: number
}

/** lladdr → underlay IP of the VTEP behind it, on a VXLAN link. */
export interface FdbEntry {
  readonly kind: 'fdb'
  readonly ifindex: Ifindex
  readonly lladdr: Lladdr
  /** undefined: an entry without remote (flannel writes none). */
  readonly remote: Ip | undefined
  readonly state: number
  readonly flags: number
  readonly extras: boolean
}

/** A route of the main table. */
export interface RouteEntry {
  readonly kind: 'route'
  readonly dst: Cidr
  /** RTA_PRIORITY; 0: not sent (IPv4 0, IPv6 the kernel makes it 1024). */
  readonly metric: number
  /** In dumps: of several next hops that of the first; undefined also where it is of the other family (`extras`). */
  readonly gateway: Ip | undefined
  /** undefined: none sent; in dumps: none (blackhole). Of several next hops the link of the first. */
  readonly oif: Ifindex | undefined
  readonly onlink: boolean
  readonly protocol: number
  /** RTN_*: 1 unicast, 6 blackhole, … */
  readonly type: number
  readonly scope: number
  readonly extras: boolean
  readonly dead: boolean
  /** Several next hops, or such as only a nexthop object knows; only in dumps. */
  readonly multipath: boolean
}

export type Entry = NeighbourEntry | FdbEntry | RouteEntry
