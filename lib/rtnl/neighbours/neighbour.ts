/** A neighbour as a value: what the kernel tells of one, and what can be asked of it. Must not: know the bytes. */
import type { Ifindex } from '../../net/ifindex.ts'
import type { Family, Ip } from '../../net/ip.ts'
import type { Lladdr } from '../../net/lladdr.ts'
import type { RouteType } from '../inet.ts'

/** NUD_*; a number where the kernel has several bits at once, which none does. */
export type NeighbourState =
  | 'none'
  | 'incomplete'
  | 'reachable'
  | 'stale'
  | 'delay'
  | 'probe'
  | 'failed'
  | 'noarp'
  | 'permanent'
  | number

/** What a neighbour shall be. */
export interface NeighbourSpec {
  readonly ifindex: Ifindex
  readonly ip: Ip
  /** Ethernet. Needed by every state but `none`, `noarp`, `incomplete` and `failed`, unless `use`, `managed` or `proxy` is set. */
  readonly lladdr?: Lladdr | undefined
  /** Link-layer address of a link that is not Ethernet's, instead of `lladdr`. */
  readonly hardwareAddress?: Uint8Array | undefined
  /** Default `permanent`; with `use` or `managed` `none`. */
  readonly state?: NeighbourState | undefined
  /** This host answers for it (`ip neigh add proxy`); it has neither address nor state. */
  readonly proxy?: boolean | undefined
  /** IPv6: it is a router. */
  readonly router?: boolean | undefined
  /** A control plane has told it: not garbage-collected. */
  readonly externLearn?: boolean | undefined
  /** The kernel keeps it resolved (Linux 5.16). */
  readonly managed?: boolean | undefined
  /** Only written: resolve it once, as if a packet was sent. */
  readonly use?: boolean | undefined
  /** RTPROT_*: who made it. Default 0. */
  readonly protocol?: number | undefined
}

/** Seconds since it was confirmed, used, and last changed. */
export interface NeighbourCache {
  readonly confirmed: number
  readonly used: number
  readonly updated: number
  readonly references: number
}

/** A neighbour as the kernel has it. It can be written back as it is: what only the kernel says is passed over. */
export interface Neighbour extends NeighbourSpec {
  readonly family: Family
  readonly state: NeighbourState
  readonly proxy: boolean
  readonly router: boolean
  readonly externLearn: boolean
  readonly managed: boolean
  /** Hardware has it. */
  readonly offloaded: boolean
  readonly protocol: number
  /** Unicast, multicast, local, … */
  readonly type: RouteType
  /** Of proxies not told. */
  readonly cache?: NeighbourCache | undefined
  /** Questions that were sent and not answered. */
  readonly probes?: number | undefined
}

/** Each narrows what is listed. */
export interface NeighbourFilter {
  readonly family?: Family | undefined
  readonly ifindex?: Ifindex | undefined
  /** Links that are enslaved to this one. */
  readonly master?: Ifindex | undefined
  /** One state, or several. */
  readonly state?: NeighbourState | readonly NeighbourState[] | undefined
  /** `true`: those that this host answers for too; `only`: nothing else. Default: none of them. */
  readonly proxies?: boolean | 'only' | undefined
}
