/**
 * A route as a value: what the kernel tells of one, and what can be asked of it. Must not: know how the bytes say it.
 */
import type { Cidr } from '../../net/cidr.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import type { Family, Ip } from '../../net/ip.ts'
import type { RouteType, Scope } from '../inet.ts'
import type { Encap } from './encap.ts'
import type { RouteMetrics } from './metrics.ts'

/** RTNH_F_* and RTM_F_* that the kernel sets. One object for all routes that have the same. */
export interface RouteStatus {
  /** The link is down or gone: not used. */
  readonly dead: boolean
  /** The link has no carrier. */
  readonly linkdown: boolean
  /** Gateway is looked up in its turn. */
  readonly pervasive: boolean
  /** Hardware has it; `offloadFailed`: it could not take it; `trap`: hardware hands the packets up. */
  readonly offload: boolean
  readonly offloadFailed: boolean
  readonly trap: boolean
  readonly unresolved: boolean
  /** An exception to a route that was learnt (path MTU, redirect), or the answer to a lookup: no route of a table. */
  readonly cloned: boolean
}

/** One of several ways that a route has (struct rtnexthop). */
export interface RoutePath {
  readonly oif?: Ifindex | undefined
  /** Of either family. undefined: on-link. */
  readonly gateway?: Ip | undefined
  /** 1 … 256; default 1. */
  readonly weight?: number | undefined
  /** The gateway is on the link, whatever its networks say. */
  readonly onlink?: boolean | undefined
  readonly encap?: Encap | undefined
  /** RTA_FLOW: 16 bits of the source's realm, 16 of the destination's. IPv4. */
  readonly realm?: number | undefined
  /** Only read. */
  readonly status?: RouteStatus | undefined
}

export interface RouteCache {
  /** Sockets that use it. */
  readonly references: number
  /** Seconds since it was last used. */
  readonly lastUsed: number
  /** A negative errno that packets end with; 0: none. */
  readonly error: number
}

export type RoutePreference = 'low' | 'medium' | 'high' | number

/** What a route shall be. Only `dst` must be there, and somewhere for the packets to go. */
export interface RouteSpec {
  /** `0.0.0.0/0` and `::/0` are the default routes. Its family is the route's. */
  readonly dst: Cidr
  /** Sources that it is for (IPv6 only; CONFIG_IPV6_SUBTREES). */
  readonly src?: Cidr | undefined
  /** 1 … 2^32-1; default 254, the main table. */
  readonly table?: number | undefined
  /** Default `unicast`. */
  readonly type?: RouteType | undefined
  /** RTPROT_*: who made it. Default 3 (boot), as `ip` has it. */
  readonly protocol?: number | undefined
  /** IPv4 only. Default, as `ip` has it: `host` for local ones, `link` without a gateway, else `universe`. */
  readonly scope?: Scope | undefined
  /** IPv4: packets of this TOS only. Part of the key. */
  readonly tos?: number | undefined
  /** RTA_PRIORITY: of routes to the same network the least wins. Default 0; IPv6 makes 1024 of that. Part of the key. */
  readonly metric?: number | undefined
  readonly oif?: Ifindex | undefined
  /** Of either family. undefined: on-link. */
  readonly gateway?: Ip | undefined
  readonly onlink?: boolean | undefined
  /** Instead of `oif` and `gateway`. */
  readonly multipath?: readonly RoutePath[] | undefined
  /** The same: a nexthop object. */
  readonly nhid?: number | undefined
  /** Source address of this host's own packets. */
  readonly prefsrc?: Ip | undefined
  readonly metrics?: RouteMetrics | undefined
  readonly encap?: Encap | undefined
  /** Seconds (IPv6 only). */
  readonly expires?: number | undefined
  /** RFC 4191 (IPv6 only). */
  readonly pref?: RoutePreference | undefined
  /** IPv4 only, as RoutePath has it. */
  readonly realm?: number | undefined
}

/**
 * A route as the kernel has it. It can be written back as it is: what only the kernel says is passed over, and so is, beside
 * `nhid`, what the kernel tells of that nexthop object.
 */
export interface Route extends RouteSpec {
  readonly family: Family
  readonly table: number
  readonly type: RouteType
  readonly protocol: number
  readonly scope: Scope
  readonly tos: number
  readonly metric: number
  readonly onlink: boolean
  readonly status: RouteStatus
  /** Of what is cached, and of answers to lookups. */
  readonly cache?: RouteCache | undefined
  /** Of an answer to a lookup: as it was asked. */
  readonly iif?: Ifindex | undefined
  readonly mark?: number | undefined
  readonly uid?: number | undefined
}

/** Each narrows what is listed. */
export interface RouteFilter {
  readonly family?: Family | undefined
  /** Default: all tables. */
  readonly table?: number | undefined
  /** Some next hop is on this link. */
  readonly oif?: Ifindex | undefined
  readonly protocol?: number | undefined
  readonly type?: RouteType | undefined
  readonly scope?: Scope | undefined
  /** Exactly this network. */
  readonly dst?: Cidr | undefined
  /** Exceptions that were learnt (`status.cloned`) too. */
  readonly includeCached?: boolean | undefined
}

/** What is known of the packet whose way is asked for; each narrows the question. */
export interface RouteLookup {
  readonly source?: Ip | undefined
  /** The socket that sends it is bound to this link. */
  readonly oif?: Ifindex | undefined
  /** It came in by this link and is forwarded. IPv4 then needs `source`, and a link that forwards. */
  readonly iif?: Ifindex | undefined
  /** Firewall mark. */
  readonly mark?: number | undefined
  readonly tos?: number | undefined
  /** User whose socket sends it. Default: this process' user. */
  readonly uid?: number | undefined
  readonly ipProtocol?: 'tcp' | 'udp' | 'icmp' | 'icmpv6' | number | undefined
  /** Ports of TCP or UDP, host byte order. */
  readonly sport?: number | undefined
  readonly dport?: number | undefined
  /** Answer with the route of the table that matches, not with what is made of it for this packet. */
  readonly fibMatch?: boolean | undefined
}

/** Answer to a lookup: what the rules and all tables make of the packet. */
export interface ResolvedPath extends Route {
  /** Source address that the kernel would choose (prefsrc). */
  readonly source: Ip | undefined
  /** RTAX_MTU: what the route, or path MTU discovery, says; undefined: that of the link counts. Bytes. */
  readonly mtu: number | undefined
}
