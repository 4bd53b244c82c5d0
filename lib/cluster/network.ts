/**
 * The network of the cluster: which families exist, their CIDRs, and what carries packets between nodes. Values only.
 * Must not: read net-conf.json (net-conf.ts) or know which interface is used.
 */
import type { Cidr } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import { type Mtu, vxlanOverhead } from '../net/mtu.ts'
import type { Vni } from '../net/vni.ts'

/** A family that is not enabled is undefined: it does not exist for the rest of the program. At least one exists. */
export interface Network {
  readonly ipv4: Cidr | undefined
  readonly ipv6: Cidr | undefined
  readonly enableNftables: boolean
  readonly backend: Backend
}

export type Backend = VxlanBackend | HostGwBackend

/** A network that a VXLAN device of each family carries. */
export interface VxlanNetwork extends Network {
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

/** Plain routes to the peers' underlay addresses: no device of ours, no VNI, no lladdr; the MTU is that of the link. */
export interface HostGwBackend {
  readonly type: 'host-gw'
}

export function isVxlan<N extends { readonly backend: Backend }>(
  network: N,
): network is N & { readonly backend: VxlanBackend } {
  return network.backend.type === 'vxlan'
}

/** Peers that are on one of our links get a plain route through it. */
export function routesDirectly(backend: Backend): boolean {
  return backend.type === 'host-gw' || backend.directRouting
}

/** Bytes that the backend puts before each packet of pods. */
export function overheadOf(backend: Backend, family: Family): number {
  return backend.type === 'host-gw' ? 0 : vxlanOverhead(family)
}

/** `pinDevice`: --pin-device, which counts beside what net-conf says. */
export function withPinned(network: Network, pinDevice: boolean): Network {
  if (!isVxlan(network)) return network
  return { ...network, backend: { ...network.backend, pinDevice: network.backend.pinDevice || pinDevice } }
}
