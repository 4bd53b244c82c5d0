/**
 * The one door to the kernel's network tables: what can be asked, written and heard, as types.
 * The real kernel stands behind it in lib/rtnl/native.ts, a fake one in test/support/fake-kernel; both pass the same
 * conformance test. Must not: retry, decide or log; a failure is reported as the kernel said it.
 *
 * Single objects (links, addresses) are values; bulk entries (neighbours, FDB, routes) are packed (lib/rtnl/entries).
 */
import type { Cidr } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import type { Family, Ip } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import type { CallOptions } from '../netlink/call.ts'
import type { Dump } from '../netlink/dump.ts'
import type { NetnsRef } from '../netlink/netns-path.ts'
import type { Unreadable } from '../netlink/unreadable.ts'
import type { EntryTable } from './entries.ts'
import type { FdbEntry, NeighbourEntry, RouteEntry } from './entry.ts'

/** Attributes of a VXLAN link as the kernel reports them (IFLA_VXLAN_*). */
export interface VxlanAttributes {
  readonly vni: number
  /** The family of the underlay: that of `local`, or of the group; IPv4 when neither is set. */
  readonly underlay: Family
  /** Source address of the outer packets. The kernel accepts one that no interface has, and then drops every packet. */
  readonly local: Ip | undefined
  /** The parent (IFLA_VXLAN_LINK) of a *pinned* device: it dies with this link. undefined: unpinned. */
  readonly parent: Ifindex | undefined
  /** UDP destination port, host byte order. */
  readonly port: number
  readonly learning: boolean
  readonly gbp: boolean
  /** Collect-metadata mode (IFLA_VXLAN_COLLECT_METADATA), as Cilium's and OVS' devices have. */
  readonly metadata: boolean
  readonly l2miss: boolean
  readonly l3miss: boolean
  /** Multicast group or default remote; flannel's devices have none. */
  readonly group: Ip | undefined
}

/** Any kernel interface, from RTM_NEWLINK. */
export interface Link {
  readonly ifindex: Ifindex
  readonly ifname: string
  /**
   * Alternative names (`ip link property add altname`), up to 127 bytes each. Only in dumps; empty in notifications. A change
   * of them is announced only where the link is up.
   */
  readonly altnames: readonly string[]
  /** IFLA_INFO_KIND (`vxlan`, `bridge`, `veth`, …), '' for hardware and loopback. */
  readonly kind: string
  /** Bytes; 0 exists for some kinds. */
  readonly mtu: number
  /** undefined when the link has none, or not an Ethernet one. */
  readonly lladdr: Lladdr | undefined
  /** IFF_UP: set up by an administrator. */
  readonly up: boolean
  /** IFF_LOWER_UP: the kernel sees a carrier. */
  readonly carrier: boolean
  readonly loopback: boolean
  /** IFF_NOARP: neighbours on it have no link-layer address. */
  readonly noArp: boolean
  /** Bridge or VRF that this link is enslaved to. */
  readonly master: Ifindex | undefined
  /** IFLA_LINK: the link below (macvlan, vlan), or the veth peer; undefined when that is in another namespace. */
  readonly parent: Ifindex | undefined
  /** IFLA_TXQLEN, packets. */
  readonly txQueueLength: number
  /** Present exactly for kind `vxlan`. */
  readonly vxlan: VxlanAttributes | undefined
}

/** IFA_F_* flags that decide whether an address may be used. */
export interface AddressFlags {
  readonly permanent: boolean
  /** IPv6 duplicate address detection has not finished: the kernel does not send from it. */
  readonly tentative: boolean
  /** IPv6: tentative, but used already (RFC 4429). */
  readonly optimistic: boolean
  readonly dadFailed: boolean
  readonly deprecated: boolean
  /** IPv6 privacy address; IFA_F_TEMPORARY. For IPv4 the same bit says "secondary": reported as `secondary`. */
  readonly temporary: boolean
  readonly secondary: boolean
  readonly noDad: boolean
}

/** One address of one link, from RTM_NEWADDR. */
export interface Address {
  readonly ifindex: Ifindex
  /** IFA_LOCAL when present, else IFA_ADDRESS: the host's own address also on point-to-point links. */
  readonly ip: Ip
  readonly prefixLength: number
  /** RT_SCOPE_*: 0 universe (global), 200 site, 253 link, 254 host. */
  readonly scope: number
  /** IFAPROT_*: 1 the loopback's own, 2 router advertisement, 3 link-local, else whoever added it; 0: not told. */
  readonly protocol: number
  readonly flags: AddressFlags
}

export interface AddressSpec {
  readonly ifindex: Ifindex
  readonly ip: Ip
  readonly prefixLength: number
  /** IPv6: skip duplicate address detection, usable at once. Ignored for IPv4. */
  readonly noDad: boolean
}

/** What a new VXLAN link shall be. txqueuelen is always 0; addr_gen_mode is left to the kernel; it is created down. */
export interface VxlanSpec {
  readonly ifname: string
  readonly vni: number
  readonly local: Ip
  /** undefined: unpinned (design decision 1). */
  readonly parent: Ifindex | undefined
  readonly lladdr: Lladdr
  /** Bytes. The kernel clamps silently to the parent's MTU less the overhead on a pinned IPv6 device: read it back. */
  readonly mtu: number
  /** UDP port, host byte order; undefined: attribute not sent, the kernel's default (8472). */
  readonly port: number | undefined
  readonly learning: boolean
  readonly gbp: boolean
}

export interface VethSpec {
  readonly ifname: string
  readonly lladdr?: Lladdr
  readonly mtu?: number
  /** `netns`: the network namespace that receives the peer; absent: the socket's own. */
  readonly peer: { readonly ifname: string; readonly netns?: NetnsRef; readonly lladdr?: Lladdr; readonly mtu?: number }
}

export interface BridgeSpec {
  readonly ifname: string
  readonly lladdr?: Lladdr
  readonly mtu?: number
}

/** A change in place of an existing link; absent keys stay as they are. One RTM_NEWLINK message. */
export interface LinkChange {
  readonly up?: boolean
  readonly mtu?: number
  readonly lladdr?: Lladdr
  readonly ifname?: string
  /** undefined is "not named here"; null releases the link from its master. */
  readonly master?: Ifindex | null
  /**
   * VXLAN only (kernel-facts 3). IFLA_VXLAN_PORT is never sent: the kernel refuses any message that has it. It also
   * refuses `mtu` beside this, even unchanged (EOPNOTSUPP, "Cannot change mtu"): change them one after the other.
   */
  readonly vxlan?: { readonly local?: Ip; readonly parent?: Ifindex; readonly learning?: boolean }
}

/** An address of a link of ours, as its neighbours shall know it. The flags are IPv6's (RFC 4861, 4.4). */
export interface Announcement {
  readonly ifindex: Ifindex
  readonly ip: Ip
  readonly lladdr: Lladdr
  /** This host forwards on the link: without the flag, hosts that use it as default router drop it. */
  readonly router: boolean
  /** What a neighbour has cached is replaced; not for an address that is still optimistic. */
  readonly override: boolean
}

/** What is known of the packet whose way is asked for, besides its destination; each narrows the question. */
export interface RouteQuery {
  readonly source?: Ip
  /** The socket that sends it is bound to this link. */
  readonly oif?: Ifindex
  /** It came in by this link and is forwarded; without it, it is this host's own. IPv4 then needs `source` and forwarding. */
  readonly iif?: Ifindex
  /** Firewall mark, 1 … 2^32-1. */
  readonly mark?: number
  /** It is UDP to this destination port, host byte order. */
  readonly udpPort?: number
}

/** Answer to "which route reaches X" (RTM_GETROUTE): what the rules and all tables make of it, not the main table alone. */
export interface ResolvedRoute {
  /** undefined: the kernel names none, as while the link is on its way out. */
  readonly oif: Ifindex | undefined
  /** The table that had the route: 254 main, 255 local; IPv4 has both in one, 254, until somebody adds a rule. */
  readonly table: number
  /** RTAX_MTU: what the route itself, or path MTU discovery, says; undefined: that of the link counts. Bytes. */
  readonly mtu: number | undefined
  /** undefined: on-link. */
  readonly gateway: Ip | undefined
  /** Source address that the kernel would choose. */
  readonly source: Ip | undefined
}

/** A policy rule (`ip rule`): which packets are looked up where, in the order of the priorities. */
export interface Rule {
  readonly priority: number
  /** 32 bits: 254 main, 255 local; 0 where the action is not FR_ACT_TO_TBL. */
  readonly table: number
  /** FR_ACT_*: 1 look up in `table`, 6 blackhole, 7 unreachable, 8 prohibit. */
  readonly action: number
  /** "not": the rule is for the packets that its selectors do not match. */
  readonly inverted: boolean
  readonly src: Cidr | undefined
  readonly dst: Cidr | undefined
  /** Names of links, which need not exist; `lo` as input link is this host itself. */
  readonly iif: string | undefined
  readonly oif: string | undefined
  readonly fwmark: { readonly value: number; readonly mask: number } | undefined
  /** It has selectors or suppressors that are not told here: TOS, user, protocol, ports, VRF, prefix length, … */
  readonly more: boolean
}

/** A failed entry of a batch. `errno` positive; `extack` the kernel's sentence or ''. */
export interface EntryFailure {
  readonly index: number
  readonly errno: number
  readonly errnoName: string
  readonly extack: string
}

/**
 * What became of a batch. `errnos[i]` is 0 when the kernel did entry i, a positive errno when it refused, and -1 when its
 * answer was lost (receive buffer overrun, time-out): then only a dump tells.
 */
export interface BatchResult {
  readonly errnos: Int32Array
  readonly failures: readonly EntryFailure[]
  /** How many entries have -1. */
  readonly unknown: number
}

export interface ApplyOptions extends CallOptions {
  /** Rejects with BatchError, which has the result, unless every entry was done. All of them are sent all the same. */
  readonly throwOnFailure?: boolean
}

export type MonitorGroup = 'link' | 'address' | 'neighbour' | 'route' | 'rule'

/**
 * What the monitor heard. `pid` is the port ID of the socket that caused it where the kernel says so, 0 where not
 * (FDB entries, the last neighbour deletion). `overrun`: messages were lost, or one could not be read and `unreadable` says
 * which: dump everything. Lost ones are told at once, and again when the queue has been empty: until then the kernel drops
 * on in silence, so only a dump made after the last overrun has seen it all. `closed`: the socket failed under us (`errno`
 * positive), nothing more will come.
 */
export type Notification =
  | { readonly type: 'link'; readonly action: 'set' | 'deleted'; readonly link: Link; readonly pid: number }
  | { readonly type: 'address'; readonly action: 'set' | 'deleted'; readonly address: Address; readonly pid: number }
  /** One neighbour, FDB entry or route of the main table, packed: a table of length 1. */
  | { readonly type: 'entry'; readonly action: 'set' | 'deleted'; readonly entry: EntryTable; readonly pid: number }
  /** Some policy rule: which one is not told, as the order of all of them decides. */
  | { readonly type: 'rule'; readonly action: 'set' | 'deleted'; readonly pid: number }
  | { readonly type: 'overrun'; readonly unreadable?: string }
  | { readonly type: 'closed'; readonly errno: number; readonly errnoName: string }

export interface MonitorOptions {
  readonly groups: readonly MonitorGroup[]
  /** IPv4, IPv6 groups of addresses, routes and rules to join, of which there must be one; links and neighbours need none. */
  readonly families: readonly Family[]
  /** The same for addresses alone, where they are more. Default: `families`. */
  readonly addressFamilies?: readonly Family[]
  /** Called with everything heard since the last call, oldest first. Exceptions are not swallowed. */
  readonly onNotifications: (notifications: readonly Notification[]) => void
  /** Drop, inside the kernel, neighbour and route messages caused by this Rtnl's own request socket. Default true. */
  readonly ignoreOwn?: boolean
  /** SO_RCVBUF in bytes, 1 to 64 MiB; default 4 MiB. What the kernel may hold for a reader that is busy: twice that much. */
  readonly receiveBufferBytes?: number
}

export interface Monitor {
  /**
   * False: neighbours, FDB entries and routes are dropped inside the kernel, where they cost nobody here anything, until it
   * is true again; what was queued before still comes, and so do links, addresses, rules and overruns. For whoever will
   * dump anyway: true first, then the dump. Where the kernel refuses, everything is heard on.
   */
  hearEntries(heard: boolean): void
  /** It does not keep the process alive; `ref` takes that back. */
  unref(): void
  ref(): void
  /** No call of `onNotifications` happens after this returns. May be called twice. */
  close(): void
}

/**
 * One request socket in one network namespace, with a queue of its own: calls are answered in order. Every method
 * rejects with NetlinkError (the kernel refused), NetlinkSocketError (effect unknown) or NetlinkProtocolError; with TypeError
 * or RangeError for what cannot be asked at all, whose message begins with the field's name: then nothing was sent.
 */
export interface Rtnl {
  /** Netlink port ID of the request socket: what `pid` of a notification is compared with. */
  readonly portId: number

  dumpLinks(options?: CallOptions): Promise<Dump<readonly Link[]>>
  dumpAddresses(family?: Family, options?: CallOptions): Promise<Dump<readonly Address[]>>
  /** The whole main table of one family: a dump by device would hide what shadows ours. Cloned (cached) routes left out. */
  dumpRoutes(family: Family, options?: CallOptions): Promise<Dump<EntryTable<RouteEntry>>>
  dumpNeighbours(family: Family, ifindex: Ifindex, options?: CallOptions): Promise<Dump<EntryTable<NeighbourEntry>>>
  /**
   * FDB entries (PF_BRIDGE, NTF_SELF) of one VXLAN link, both underlay families. Beside another writer the kernel's walk
   * misses entries that never changed and shows others twice, and is never marked as interrupted (measured: 50 of 194 dumps,
   * the worst without 3,339 of 4,000): absence here is no proof, ask `getFdb`.
   */
  dumpFdb(ifindex: Ifindex, options?: CallOptions): Promise<Dump<EntryTable<FdbEntry>>>
  /**
   * Those of the FDB entries that exist, as the kernel has them, in their order: each is asked for by link and lladdr
   * (RTM_GETNEIGH), 10,000 in some tens of milliseconds. Of an entry with several remotes the first. ENODEV when a link is
   * gone, EOPNOTSUPP when one has no table of that kind. RangeError for what is no FDB entry.
   */
  getFdb(entries: EntryTable, options?: CallOptions): Promise<EntryTable<FdbEntry>>

  /** In the order in which the kernel asks them. Empty where the kernel has no policy routing of the family. */
  dumpRules(family: Family, options?: CallOptions): Promise<Dump<readonly Rule[]>>

  createVxlan(spec: VxlanSpec, options?: CallOptions): Promise<void>
  createVeth(spec: VethSpec, options?: CallOptions): Promise<void>
  createBridge(spec: BridgeSpec, options?: CallOptions): Promise<void>
  changeLink(ifindex: Ifindex, change: LinkChange, options?: CallOptions): Promise<void>
  moveLink(ifindex: Ifindex, netns: NetnsRef, options?: CallOptions): Promise<void>
  deleteLink(ifindex: Ifindex, options?: CallOptions): Promise<void>
  /** Creates or replaces (NLM_F_CREATE | NLM_F_REPLACE). */
  addAddress(spec: AddressSpec, options?: CallOptions): Promise<void>
  deleteAddress(spec: Omit<AddressSpec, 'noDad'>, options?: CallOptions): Promise<void>
  /**
   * The route that a packet to `dst` would take. ENETUNREACH: none does, or a rule says unreachable. A route that refuses:
   * unreachable EHOSTUNREACH, blackhole EINVAL, prohibit EACCES; rules alike. Forwarded IPv4: EHOSTUNREACH where the input
   * link does not forward, EXDEV or EINVAL where it does not accept the source (reverse path filter, martian). ENODEV: a
   * link that is asked about is not there.
   */
  resolveRoute(dst: Ip, query?: RouteQuery, options?: CallOptions): Promise<ResolvedRoute>

  /**
   * Tells the link at once where an address is: IPv4 by one gratuitous ARP request, IPv6 by one unsolicited neighbour
   * advertisement to all nodes. Sent whatever the packet filter says; the caller sees to it that the address is ours, and no
   * more tentative. ENXIO: the link is gone; ENETDOWN: it is down; NetlinkSocketError(EPERM): CAP_NET_RAW is missing.
   * RangeError for an address that no host can have.
   */
  announceAddress(announcement: Announcement, options?: CallOptions): Promise<void>

  /**
   * Whether the link leaves checksums of what it sends to a later one (`ethtool -k`: tx-checksumming); true also where that is
   * so for some protocols only. ENODEV: the link is gone. EOPNOTSUPP: it knows nothing of the kind.
   */
  readTxChecksum(ifindex: Ifindex, options?: CallOptions): Promise<boolean>
  /** Off takes segmentation offload with it, as `ethtool -K LINK tx off` does. EOPNOTSUPP: it cannot be changed here. */
  writeTxChecksum(ifindex: Ifindex, on: boolean, options?: CallOptions): Promise<void>

  /** Sends every entry of `batch` in order, as its `op` says. Resolves also when entries failed: look at the result. */
  applyEntries(batch: EntryTable, options?: ApplyOptions): Promise<BatchResult>

  /**
   * The table is not read any more, nor any other view of its buffer: where it is large (256 KiB), the buffer is empty from
   * now on and its memory goes back at once, not whenever V8 collects. A batch is released once its result is there.
   */
  release(table: EntryTable): void

  monitor(options: MonitorOptions): Monitor
  /** Rejects what is queued with NetlinkSocketError(ECANCELED); resolves when the socket is closed. May be called twice. */
  close(): Promise<void>
}

/**
 * Opens the door to one namespace. Its memory, besides what it answers with: twice `bufferBytes` and, in the kernel, up to twice
 * `receiveBufferBytes`; for each monitor as much again.
 */
export interface RtnlOptions {
  /** Absent: the process' own. */
  readonly netns?: NetnsRef
  /** Receive time-out of one answer in milliseconds; default 10,000. */
  readonly timeoutMs?: number
  /** Entries between two acknowledgements, 1 to 65,536; default: derived from the actual receive buffer, at most 256. */
  readonly chunkEntries?: number
  /**
   * First size of the send and of the receive buffer in user space, bytes, 16 to 16 MiB; default 32 KiB, and more brings nothing.
   * What does not fit makes them grow; tests shrink them to 256.
   */
  readonly bufferBytes?: number
  /** SO_RCVBUF of the request socket, bytes, 1 to 64 MiB; default: the system's. */
  readonly receiveBufferBytes?: number
}

/** Re-exported so that a caller of the port needs no second import. */
export type { Cidr, Dump, EntryTable, Ifindex, NetnsRef, Unreadable }
