/** A forwarding entry as a value: what the kernel tells of one, and what can be asked of it. Must not: know the bytes. */
import type { Ifindex } from '../../net/ifindex.ts'
import type { Ip } from '../../net/ip.ts'
import type { Lladdr } from '../../net/lladdr.ts'

/**
 * `permanent`: of a bridge a local address, of another link one that does not age; `static`: does not age, of a bridge one that is
 * forwarded; `dynamic`: learnt, or ages as if it was; `stale`: learnt, and not seen of late. A number: none of these.
 */
export type FdbState = 'permanent' | 'static' | 'dynamic' | 'stale' | number

/** What names an entry. */
export interface FdbKey {
  readonly ifindex: Ifindex
  readonly lladdr: Lladdr
  /** VLAN of the entry, 1 … 4094; undefined: none, and of a bridge written and deleted in every VLAN of the port as well. */
  readonly vlan?: number | undefined
  /** The table of the bridge that the link is a port of: `true`, or the bridge, which the kernel takes from the port. */
  readonly master?: Ifindex | boolean | undefined
  /** The table of the link itself (VXLAN, the bridge device, hardware). Default: it is, unless `master` is set. */
  readonly self?: boolean | undefined
}

/** Where a VXLAN link sends what goes to the address. What is not said is as the link has it. */
export interface FdbRemote {
  readonly dst?: Ip | undefined
  /** UDP port, host byte order. */
  readonly port?: number | undefined
  readonly vni?: number | undefined
  /** The VNI that the entry is for: of a link in collect-metadata mode. */
  readonly srcVni?: number | undefined
  /** The link by which the packets leave. */
  readonly via?: Ifindex | undefined
  /** A nexthop group of FDB nexthops, instead of `dst`. */
  readonly nexthopId?: number | undefined
}

export interface FdbSpec extends FdbKey, FdbRemote {
  /** Default `permanent`. */
  readonly state?: FdbState | undefined
  /** A control plane has told it. */
  readonly externLearn?: boolean | undefined
  /** It does not move to another port. */
  readonly sticky?: boolean | undefined
  readonly router?: boolean | undefined
}

/** Seconds since it was used, and since it last changed. */
export interface FdbCache {
  readonly used: number
  readonly updated: number
}

/** An entry as the kernel has it. It can be written back as it is: what only the kernel says is passed over. */
export interface FdbRecord extends FdbSpec {
  readonly self: boolean
  /** The bridge in whose table it is. */
  readonly master?: Ifindex | undefined
  readonly state: FdbState
  readonly externLearn: boolean
  readonly sticky: boolean
  readonly router: boolean
  /** Hardware has it. */
  readonly offloaded: boolean
  /** On a locked port: seen, and not let through. */
  readonly locked: boolean
  /** RTPROT_*: who made it, where the kernel tells. */
  readonly protocol?: number | undefined
  /** Where the remote is in another namespace: its number in this one. */
  readonly linkNetnsId?: number | undefined
  readonly cache?: FdbCache | undefined
}

/** Each narrows what is listed. */
export interface FdbFilter {
  readonly ifindex?: Ifindex | undefined
  /** Ports of this bridge, and the bridge itself. */
  readonly master?: Ifindex | undefined
  readonly vlan?: number | undefined
  readonly lladdr?: Lladdr | undefined
}
