/** A port of a bridge as a value: what the kernel tells of one, and what can be changed. Must not: know the bytes. */
import type { Ifindex } from '../../net/ifindex.ts'
import type { Lladdr } from '../../net/lladdr.ts'

export type BridgePortState = 'disabled' | 'listening' | 'learning' | 'forwarding' | 'blocking' | number

/** `query`: where a querier is heard (the kernel's default); `temporary`: was told so, and may be forgotten. */
export type MulticastRouter = 'disabled' | 'query' | 'permanent' | 'temporary' | number

/** Settings of a port by the words of `bridge link`; what this kernel does not know is absent. */
export interface BridgePortSettings {
  readonly state?: BridgePortState | undefined
  /** Of the spanning tree: 0 … 63. */
  readonly priority?: number | undefined
  /** Of the spanning tree: 1 … 65535. */
  readonly cost?: number | undefined
  /** Frames may leave by the port by which they came. */
  readonly hairpin?: boolean | undefined
  /** BPDUs are not taken. */
  readonly guard?: boolean | undefined
  /** It does not become root port (IFLA_BRPORT_PROTECT). */
  readonly rootBlock?: boolean | undefined
  readonly fastLeave?: boolean | undefined
  readonly learning?: boolean | undefined
  /** Unicast to addresses that nobody knows. */
  readonly flood?: boolean | undefined
  readonly mcastFlood?: boolean | undefined
  readonly bcastFlood?: boolean | undefined
  readonly mcastToUnicast?: boolean | undefined
  readonly mcastRouter?: MulticastRouter | undefined
  readonly proxyArp?: boolean | undefined
  readonly proxyArpWifi?: boolean | undefined
  readonly neighSuppress?: boolean | undefined
  /** As `neighSuppress`, for each VLAN (Linux 6.4). */
  readonly neighVlanSuppress?: boolean | undefined
  readonly vlanTunnel?: boolean | undefined
  /** Isolated ports do not reach each other. */
  readonly isolated?: boolean | undefined
  /** Sources that are not in the FDB are dropped (Linux 5.18). */
  readonly locked?: boolean | undefined
  /** With `locked`: they are told as locked FDB entries (Linux 6.2). */
  readonly macAuthBypass?: boolean | undefined
  /** Link-local groups that are forwarded all the same: a bit for each of 01:80:c2:00:00:0X. */
  readonly groupForwardMask?: number | undefined
  /** Takes over what the port cannot send; null: none. */
  readonly backupPort?: Ifindex | null | undefined
  /** The nexthop object with which it does; 0: none (Linux 6.6). */
  readonly backupNexthopId?: number | undefined
  /** Most multicast groups; 0: no limit (Linux 6.3). */
  readonly mcastMaxGroups?: number | undefined
  readonly mcastEhtHostsLimit?: number | undefined
}

/** What is changed; absent keys stay as they are. */
export interface BridgePortChange extends BridgePortSettings {
  /** What it has learnt is forgotten. */
  readonly flush?: boolean | undefined
}

export interface BridgePort extends BridgePortSettings {
  readonly ifindex: Ifindex
  readonly ifname: string
  /** The bridge. */
  readonly master: Ifindex
  readonly mtu: number
  readonly lladdr?: Lladdr | undefined
  readonly state: BridgePortState
  /** undefined: none. */
  readonly backupPort?: Ifindex | undefined
  /** Of the spanning tree: bridge identifiers as 16 hexadecimal digits, priority and then address. */
  readonly rootId?: string | undefined
  readonly bridgeId?: string | undefined
  readonly designatedPort?: number | undefined
  readonly designatedCost?: number | undefined
  readonly portId?: number | undefined
  readonly portNumber?: number | undefined
  readonly topologyChangeAck?: boolean | undefined
  readonly configPending?: boolean | undefined
  /** Multicast groups that it has. */
  readonly mcastGroups?: number | undefined
  readonly mcastEhtHostsCount?: number | undefined
}
