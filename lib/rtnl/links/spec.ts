/** What a link shall be, and how it shall change, as values. Must not: check them (write-link.ts). */
import type { Ifindex } from '../../net/ifindex.ts'
import type { Ip } from '../../net/ip.ts'
import type { Lladdr } from '../../net/lladdr.ts'
import type { NetnsRef } from '../../netlink/netns-path.ts'
import type { BridgeSpec, LinkChange, VethSpec, VxlanSpec } from '../port.ts'
import type { BondPortSettings, BondSettings } from './kinds/bond.ts'
import type { BridgeSettings } from './kinds/bridge.ts'
import type { IpvlanAttributes, MacvlanSettings, VrfAttributes } from './kinds/plain.ts'
import type { GeneveAttributes } from './kinds/tunnel.ts'
import type { VlanAttributes } from './kinds/vlan.ts'
import type { VxlanSettings } from './kinds/vxlan.ts'

/** What a link of any kind may be created with; what is absent is left to the kernel. */
export interface CommonSpec {
  readonly ifname: string
  /** The number it shall have; EBUSY or EEXIST: it is another's. */
  readonly ifindex?: Ifindex
  readonly lladdr?: Lladdr
  readonly broadcast?: Lladdr
  /** Bytes. */
  readonly mtu?: number
  /** Default false: it is created down. */
  readonly up?: boolean
  readonly noArp?: boolean
  readonly multicast?: boolean
  readonly promiscuous?: boolean
  readonly allMulticast?: boolean
  readonly master?: Ifindex
  readonly txQueueLength?: number
  readonly txQueues?: number
  readonly rxQueues?: number
  /** Group of devices. */
  readonly group?: number
  /** The namespace it is created in; absent: the socket's own. `parent` stays one of the socket's own. */
  readonly netns?: NetnsRef
}

/** The other end of a veth pair. */
export type VethPeer = Omit<CommonSpec, 'master'>

/** A link to be created, by its kind. */
export type LinkSpec = CommonSpec &
  (
    | { readonly kind: 'bridge'; readonly bridge?: BridgeSettings }
    | { readonly kind: 'dummy' | 'ifb' | 'wireguard' | 'nlmon' | 'team' }
    | { readonly kind: 'veth'; readonly veth: { readonly peer: VethPeer } }
    | { readonly kind: 'vxlan'; readonly vxlan: VxlanSettings }
    | { readonly kind: 'vlan'; readonly parent: Ifindex; readonly vlan: VlanAttributes }
    | { readonly kind: 'macvlan' | 'macvtap'; readonly parent: Ifindex; readonly macvlan?: MacvlanSettings }
    | { readonly kind: 'ipvlan' | 'ipvtap'; readonly parent: Ifindex; readonly ipvlan?: IpvlanAttributes }
    | { readonly kind: 'bond'; readonly bond?: BondSettings }
    | { readonly kind: 'vrf'; readonly vrf: VrfAttributes }
    | { readonly kind: 'geneve'; readonly geneve: GeneveAttributes }
  )

/** createVxlan's, flat: `group` is the multicast group or default remote. */
export type VxlanCreation = Pick<VxlanSpec, 'ifname' | 'vni'> & Omit<CommonSpec, 'group'> & VxlanSettings
/** createVeth's. */
export type VethCreation = CommonSpec & Pick<VethSpec, 'peer'> & { readonly peer: VethPeer }
/** createBridge's, flat. */
export type BridgeCreation = BridgeSpec & CommonSpec & BridgeSettings

/** A change in place; what is absent stays. One message, of which the kernel may have done a part when it refuses. */
export interface LinkSettings extends Omit<LinkChange, 'vxlan'> {
  readonly noArp?: boolean
  readonly multicast?: boolean
  readonly promiscuous?: boolean
  readonly allMulticast?: boolean
  readonly broadcast?: Lladdr
  readonly txQueueLength?: number
  /** '': none; up to 255 bytes. */
  readonly alias?: string
  readonly group?: number
  readonly operstate?: 'testing' | 'dormant' | 'up'
  readonly linkMode?: 'default' | 'dormant'
  readonly carrier?: boolean
  readonly gsoMaxSize?: number
  readonly gsoMaxSegs?: number
  readonly groMaxSize?: number
  readonly addrGenMode?: 'eui64' | 'none' | 'stable-privacy' | 'random'
  readonly token?: Ip
  /** Attributes of the kind that it is of; of one of them at most. EOPNOTSUPP: it is of another. */
  readonly vxlan?: VxlanSettings
  readonly bridge?: BridgeSettings
  readonly vlan?: VlanAttributes
  readonly macvlan?: MacvlanSettings
  readonly ipvlan?: IpvlanAttributes
  readonly bond?: BondSettings
  readonly geneve?: GeneveAttributes
  /** Of a port of a bond. */
  readonly bondPort?: BondPortSettings
}
