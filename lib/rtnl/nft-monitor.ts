/**
 * What can be heard of nftables, as types: that something touched certain tables or chains. iptables-nft is heard too, since
 * its tables are nftables'. Must not: say what became of them; who is concerned lists its own table.
 */
import type { Family } from '../net/ip.ts'
import type { NetnsRef } from '../netlink/netns-path.ts'

export interface NftWatched {
  /** Tables `ip` or `ip6`. */
  readonly family: Family
  readonly table: string
  /** This chain, its rules, and the coming and going of the whole table; undefined: everything in the table. */
  readonly chain?: string
}

export type NftNews =
  /** One or more changes of `watched`, by whomever, ourselves included. */
  | { readonly type: 'touched'; readonly watched: NftWatched }
  /** News were lost or not understood: anything may have been touched. Told as MonitorOptions' overrun is. */
  | { readonly type: 'overrun' }
  /** The socket failed and nothing is heard any more; this is the last news. `errnoName` says why. */
  | { readonly type: 'closed'; readonly errnoName: string }

export interface NftMonitor {
  /** Nothing is told after this returns. May be called twice. */
  close(): void
}

export interface NftMonitorOptions {
  /** As RtnlOptions have it; default: this process' own. */
  readonly netns?: NetnsRef
  /** What is told of, the same object; others' rules are passed over without costing JavaScript anything. */
  readonly watched: readonly NftWatched[]
  /** What happened at once is told at once, each kind and each `watched` once. */
  readonly onNews: (news: readonly NftNews[]) => void
}

/** Hears everything from the moment it returns. Throws NetlinkSocketError, EPERM without CAP_NET_ADMIN. */
export type OpenNftMonitor = (options: NftMonitorOptions) => NftMonitor
