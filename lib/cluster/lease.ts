/**
 * A lease: what one node claims of the overlay, one claim a family; and what is known of this very node. Values only.
 * Must not: know annotations, files or HTTP, nor decide which claims are accepted (lib/leases).
 */
import type { Cidr } from '../net/cidr.ts'
import type { Ip } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import type { Vni } from '../net/vni.ts'

/** One node's VTEP in one family: all addresses are of that family. */
export interface FamilyLease {
  /** The node's part of the network: its podCIDR. */
  readonly subnet: Cidr
  /** Where the node's VTEP is reached: the destination of outer packets. */
  readonly underlay: Ip
  /** Of its VXLAN device; undefined: host-gw, which has none. */
  readonly lladdr: Lladdr | undefined
  /** The one that the node says it uses; undefined: it does not say. Nobody is refused for another than ours. */
  readonly vni: Vni | undefined
}

export interface Lease {
  /** Kubernetes Node name, or the name in the leases file; unique in a view. */
  readonly node: string
  /** Of the Node, which holds what it got; undefined: nothing is held (a leases file). */
  readonly uid: string | undefined
  /** Decides between claims that arrive together: the older (lower) stays. Kubernetes: creationTimestamp; file: position. */
  readonly seniority: string
  readonly ipv4: FamilyLease | undefined
  readonly ipv6: FamilyLease | undefined
}

/** What the source knows of this very node. Absent parts are waited for. */
export interface OwnNode extends Pick<Lease, 'node' | 'uid' | 'seniority'> {
  /** podCIDRs; a family that is not assigned is undefined. */
  readonly subnets: { readonly ipv4: Cidr | undefined; readonly ipv6: Cidr | undefined }
  /** The lladdr published or configured earlier, to be used again; undefined: make one. */
  readonly lladdrs: { readonly ipv4: Lladdr | undefined; readonly ipv6: Lladdr | undefined }
  /** `public-ip(v6)-overwrite`: publish this instead of the underlay address. */
  readonly publishInstead: { readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined }
  /** `node-public-ip(v6)`, or the file's `underlay`: counts like --public-ip(v6) for the choice of the interface. */
  readonly underlayHint: { readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined }
  /** status.addresses of type InternalIP, the first of each family; may come late and change. The file source has none. */
  readonly internalIps: { readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined }
  /**
   * What our annotations public-ip(v6) say at this moment, whoever wrote them: what we publish ourselves comes back here. With
   * `publishInstead` that address, which need not be this host's. The file source has none.
   */
  readonly published: { readonly ipv4: Ip | undefined; readonly ipv6: Ip | undefined }
}
