/** A nexthop object as a value: what the kernel tells of one, and what can be asked of it. Must not: know the bytes. */
import type { Ifindex } from '../../net/ifindex.ts'
import type { Family, Ip } from '../../net/ip.ts'
import type { Scope } from '../inet.ts'
import type { Encap } from '../routes/encap.ts'
import type { RouteStatus } from '../routes/route.ts'

export interface NexthopGroupMember {
  readonly id: number
  /** 1 … 256, from Linux 6.12 on 65,536; default 1. */
  readonly weight?: number | undefined
}

/** Of a resilient group: the buckets that flows are hashed into. Seconds. */
export interface ResilientGroup {
  readonly buckets?: number | undefined
  /** A bucket without traffic for so long may be given to another member. */
  readonly idleTimer?: number | undefined
  /** After so long out of balance buckets are moved all the same; 0: never. */
  readonly unbalancedTimer?: number | undefined
  /** Only read: how long the group has been out of balance. */
  readonly unbalancedTime?: number | undefined
}

/** What a nexthop shall be: a way (`oif`, `gateway`), a blackhole, or a group of others. */
export interface NexthopSpec {
  /** 1 … 2^32-1; without it the kernel chooses one. */
  readonly id?: number | undefined
  /** Default: that of `gateway`, else IPv4. A group has none. */
  readonly family?: Family | undefined
  readonly oif?: Ifindex | undefined
  /** An IPv6 gateway serves IPv4 routes too. */
  readonly gateway?: Ip | undefined
  readonly onlink?: boolean | undefined
  readonly encap?: Encap | undefined
  /** Packets are dropped. */
  readonly blackhole?: boolean | undefined
  /** For FDB entries of a VXLAN device: `gateway` is a remote VTEP. */
  readonly fdb?: boolean | undefined
  readonly group?: readonly NexthopGroupMember[] | undefined
  /** Default `mpath`. */
  readonly groupType?: NexthopGroupType | undefined
  readonly resilient?: ResilientGroup | undefined
  /** RTPROT_*. Default 0. */
  readonly protocol?: number | undefined
}

export type NexthopGroupType = 'mpath' | 'resilient' | number

/** A nexthop as the kernel has it. It can be written back as it is. */
export interface Nexthop extends NexthopSpec {
  readonly id: number
  readonly onlink: boolean
  readonly blackhole: boolean
  readonly fdb: boolean
  readonly protocol: number
  readonly scope: Scope
  readonly status: RouteStatus
}

/** Each narrows what is listed. */
export interface NexthopFilter {
  /** Groups are of no family. */
  readonly family?: Family | undefined
  readonly oif?: Ifindex | undefined
  /** Whose link is enslaved to this one. */
  readonly master?: Ifindex | undefined
  /** Groups alone. */
  readonly groups?: boolean | undefined
  /** Those of FDB entries alone. */
  readonly fdb?: boolean | undefined
}
