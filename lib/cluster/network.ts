/**
 * The network of the cluster: which families exist, their CIDRs, and how VXLAN carries them. Values only.
 * Must not: read net-conf.json (net-conf.ts) or know which interface is used.
 */
import type { Cidr } from '../net/cidr.ts'
import type { Mtu } from '../net/mtu.ts'
import type { Vni } from '../net/vni.ts'

/** A family that is not enabled is undefined: it does not exist for the rest of the program. At least one exists. */
export interface Network {
  readonly ipv4: Cidr | undefined
  readonly ipv6: Cidr | undefined
  readonly enableNftables: boolean
  readonly backend: VxlanBackend
}

export interface VxlanBackend {
  readonly type: 'vxlan'
  readonly vni: Vni
  /** UDP port, host byte order; undefined: the kernel's default (8472). */
  readonly port: number | undefined
  /** Outer MTU; undefined: that of the underlay interface. */
  readonly mtu: Mtu | undefined
  readonly gbp: boolean
  readonly learning: boolean
  readonly directRouting: boolean
  /** vtepd's addition `PinDevice`; --pin-device sets it too. */
  readonly pinDevice: boolean
}
