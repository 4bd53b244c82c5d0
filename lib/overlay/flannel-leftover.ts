/**
 * Whether a route that wins over ours is one that flannel left: on a device of another VNI, on flannel-wg, or of host-gw.
 * Such a one may go; everything else belongs to others and is only named. Pure. Must not: remove anything.
 */

import { RTN_UNICAST, RTPROT_BOOT } from '../addon/abi.ts'
import type { FamilyLease } from '../cluster/lease.ts'
import { networkAddress } from '../net/cidr.ts'
import type { Shadowed } from './plan.ts'

/** Devices of flannel's backends that tunnel; ours has been told apart before. */
const FLANNELS_DEVICE = /^flannel(-v6)?\.[0-9]+$|^flannel-wg(-v6)?$/

/**
 * All must hold: flannel's exact form (protocol boot, metric 0, one next hop: the peer's overlay address, onlink, on a device
 * of flannel's; or its underlay address on another one), for exactly the subnet of a peer that publishes our VNI (with host-gw: none), and our own
 * route seen to stand beside it. In a change of the VNI, node by node, a peer that still publishes the old one may be reached
 * by the old route alone. `ifname`: of the route's device.
 */
export function isFlannelsLeftover(
  { by, prefix, stands }: Shadowed,
  peer: FamilyLease | undefined,
  vni: number | undefined,
  ifname: string | undefined,
): boolean {
  if (peer === undefined || peer.vni !== vni || peer.subnet !== prefix || by.dst !== prefix || !stands) return false
  if (by.protocol !== RTPROT_BOOT || by.metric !== 0 || by.type !== RTN_UNICAST || by.extras) return false
  if (ifname === undefined) return false
  return by.onlink
    ? by.gateway === networkAddress(prefix) && FLANNELS_DEVICE.test(ifname)
    : by.gateway === peer.underlay && !FLANNELS_DEVICE.test(ifname)
}
