/** Links as values: everything that the kernel says of one. Must not: know bytes. */
import type { Ifindex } from '../../net/ifindex.ts'
import type { Ip } from '../../net/ip.ts'
import type { Lladdr } from '../../net/lladdr.ts'
import type { Link } from '../port.ts'
import type { BondAttributes, BondPortAttributes } from './kinds/bond.ts'
import type { BridgeAttributes } from './kinds/bridge.ts'
import type {
  IpvlanAttributes,
  MacvlanAttributes,
  TunAttributes,
  VrfAttributes,
  VrfPortAttributes,
} from './kinds/plain.ts'
import type { GeneveAttributes, GreAttributes } from './kinds/tunnel.ts'
import type { VlanAttributes } from './kinds/vlan.ts'
import type { VxlanDetails } from './kinds/vxlan.ts'
import type { LinkStatistics } from './schema.ts'

/** IF_OPER_* (RFC 2863); a number that has no name here is given as such. */
export type Operstate = 'unknown' | 'not-present' | 'down' | 'lower-layer-down' | 'testing' | 'dormant' | 'up'

/** A link below, or a veth peer, that is in another namespace: its ifindex there, and what this namespace calls that one. */
export interface ForeignParent {
  readonly ifindex: Ifindex
  readonly netnsid: number
}

/** Attributes of each kind, of which a link has one at most. */
export interface KindDetails {
  readonly vxlan?: VxlanDetails | undefined
  readonly bridge?: BridgeAttributes
  readonly vlan?: VlanAttributes
  /** Of kinds macvlan and macvtap. */
  readonly macvlan?: MacvlanAttributes
  /** Of kinds ipvlan and ipvtap. */
  readonly ipvlan?: IpvlanAttributes
  readonly bond?: BondAttributes
  readonly vrf?: VrfAttributes
  readonly tun?: TunAttributes
  readonly geneve?: GeneveAttributes
  /** Of kinds gre, gretap, ip6gre and ip6gretap. */
  readonly gre?: GreAttributes
  /** Of a port of a bond. */
  readonly bondPort?: BondPortAttributes
  /** Of a port of a VRF. */
  readonly vrfPort?: VrfPortAttributes
}

/** A link as a whole. What the kernel does not say is absent. */
export interface LinkDetails extends Omit<Link, 'vxlan'>, KindDetails {
  /** IFF_*, all of them. */
  readonly flags: number
  /** ARPHRD_*: 1 Ethernet, 772 loopback, 65534 none, … */
  readonly hardwareType: number
  /** Address of a link that is no Ethernet: 6 bytes of loopback, 4 of IPv4 tunnels, 16 of IPv6 tunnels. */
  readonly hardwareAddress?: Uint8Array
  /** undefined when the link has none, or not an Ethernet one. */
  readonly broadcast: Lladdr | undefined
  /** What the device was made with, where it says so. */
  readonly permanentLladdr: Lladdr | undefined
  readonly operstate: Operstate | number
  readonly linkMode: 'default' | 'dormant' | number
  readonly multicast: boolean
  /** IFF_PROMISC: an administrator wants it; `promiscuity` counts everyone who does. */
  readonly promiscuous: boolean
  readonly allMulticast: boolean
  readonly pointToPoint: boolean
  readonly promiscuity: number
  readonly alias: string | undefined
  /** Group of devices (`ip link set group`), 0 by default. */
  readonly group: number
  readonly qdisc: string | undefined
  readonly txQueues: number
  readonly rxQueues: number
  /** Bytes; 0: no limit. */
  readonly minMtu?: number
  readonly maxMtu?: number
  /** What this namespace calls the other one that the link reaches into (IFLA_LINK_NETNSID); -1: one without a name here. */
  readonly netnsid?: number
  readonly foreignParent?: ForeignParent
  /** Kind of its master (IFLA_INFO_SLAVE_KIND): bridge, bond, vrf, team, … */
  readonly portKind?: string
  readonly carrierChanges?: number
  readonly carrierUpCount?: number
  readonly carrierDownCount?: number
  readonly protoDown?: boolean
  readonly gsoMaxSegs?: number
  /** Bytes, as all sizes. */
  readonly gsoMaxSize?: number
  readonly groMaxSize?: number
  readonly tsoMaxSegs?: number
  readonly tsoMaxSize?: number
  readonly gsoIpv4MaxSize?: number
  readonly groIpv4MaxSize?: number
  /** Hardware: its name on `parentBus` (`0000:00:03.0` on `pci`). */
  readonly parentDevice?: string
  readonly parentBus?: string
  /** How the kernel makes IPv6 link-local addresses; absent without IPv6. */
  readonly addrGenMode?: 'eui64' | 'none' | 'stable-privacy' | 'random' | number
  /** Interface identifier for addresses of router advertisements, where one is set. */
  readonly token?: Ip
  /** Counters since the link was made; exact up to 2^53. */
  readonly statistics?: LinkStatistics
}

/** What a link must be to be listed; each that is given narrows. */
export interface LinkFilter {
  readonly kind?: string
  /** null: none. */
  readonly master?: Ifindex | null
  readonly up?: boolean
}
