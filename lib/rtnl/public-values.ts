/**
 * What `vtepd/rtnl` offers of addresses and networks, for callers of whom nothing is known: lib/net believes its types, these
 * look first. TypeError or RangeError for what is no address or network.
 */
import * as cidrs from '../net/cidr.ts'
import * as ips from '../net/ip.ts'
import * as mtus from '../net/mtu.ts'
import { asCidr, asFamily, asIp } from '../netlink/check.ts'

export function familyOf(ip: ips.Ip): ips.Family {
  return ips.familyOf(asIp('ip', ip))
}

/** The lowest address: flannel's overlay address of a VTEP (10.42.1.0 of 10.42.1.0/24). */
export function networkAddress(cidr: cidrs.Cidr): ips.Ip {
  return cidrs.networkAddress(asCidr('cidr', cidr))
}

export function prefixLength(cidr: cidrs.Cidr): number {
  return cidrs.prefixLength(asCidr('cidr', cidr))
}

export function cidrFamily(cidr: cidrs.Cidr): ips.Family {
  return cidrs.cidrFamily(asCidr('cidr', cidr))
}

/** Bytes that VXLAN adds, by the family of the underlay: outer IP (20 or 40), UDP 8, VXLAN 8, inner Ethernet 14. */
export function vxlanOverhead(underlay: ips.Family): 50 | 70 {
  return mtus.vxlanOverhead(asFamily('underlay', underlay))
}
