/** All that bridges say beyond their links: settings of ports, VLANs and multicast groups. Must not: know forwarding entries. */
import type { Netlink } from '../../netlink/netlink.ts'
import { type Mdb, mdbOver } from './mdb.ts'
import { type BridgePorts, bridgePortsOver } from './ports.ts'
import { type BridgeVlans, bridgeVlansOver } from './vlans.ts'

export interface Bridges extends BridgePorts, BridgeVlans, Mdb {}

export function bridgeOver(netlink: Netlink): Bridges {
  return { ...bridgePortsOver(netlink), ...bridgeVlansOver(netlink), ...mdbOver(netlink) }
}
