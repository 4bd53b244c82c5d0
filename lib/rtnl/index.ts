/**
 * `vtepd/rtnl`: the kernel's links, addresses, neighbours, FDB entries and routes from JavaScript, and what changes in
 * them. Nothing of the agent is needed to use it. Must not: export what only vtepd's own floors need.
 */
export {
  BatchError,
  ConfigError,
  NetlinkError,
  NetlinkProtocolError,
  NetlinkSocketError,
  VtepdError,
} from '../errors.ts'
export { type Cidr, cidrOf, parseCidr } from '../net/cidr.ts'
export { type Ifindex, parseIfindex } from '../net/ifindex.ts'
export { type Family, type Ip, type Ipv4, type Ipv6, parseIp } from '../net/ip.ts'
export { type Lladdr, parseLladdr, randomLladdr } from '../net/lladdr.ts'
export { type Mtu, parseMtu } from '../net/mtu.ts'
export { parseVni, type Vni } from '../net/vni.ts'
export type { CallOptions } from '../netlink/call.ts'
export {
  AF_INET,
  AF_INET6,
  ENTRY_BYTES,
  FR_ACT_BLACKHOLE,
  FR_ACT_PROHIBIT,
  FR_ACT_TO_TBL,
  FR_ACT_UNREACHABLE,
  NTF_SELF,
  NUD_PERMANENT,
  RTN_BLACKHOLE,
  RTN_UNICAST,
  RTPROT_BOOT,
  RTPROT_KERNEL,
  RTPROT_VTEPD,
} from './abi.ts'
export {
  createEntryWriter,
  type Entry,
  type EntryOp,
  type EntryTable,
  type EntryWriter,
  entryBytes,
  type FdbEntry,
  type NeighbourEntry,
  packEntries,
  type RouteEntry,
  unpackEntries,
  unpackEntry,
} from './entries.ts'
export type { Monitor, MonitorOptions } from './live-monitor.ts'
export type { NetnsRef } from './netns-path.ts'
export { openRtnl, type Rtnl } from './open.ts'
export type {
  Address,
  AddressFlags,
  AddressSpec,
  Announcement,
  ApplyOptions,
  BatchResult,
  BridgeSpec,
  Dump,
  EntryFailure,
  Link,
  LinkChange,
  MonitorGroup,
  Notification,
  ResolvedRoute,
  RouteQuery,
  RtnlOptions,
  Rule,
  Unreadable,
  VethSpec,
  VxlanAttributes,
  VxlanSpec,
} from './port.ts'
export { cidrFamily, familyOf, networkAddress, prefixLength, vxlanOverhead } from './public-values.ts'
export type {
  WireguardChange,
  WireguardDevice,
  WireguardEndpoint,
  WireguardPeer,
  WireguardPeerChange,
} from './wireguard/device.ts'
export {
  generatePresharedKey,
  generatePrivateKey,
  parseWireguardKey,
  publicKeyOf,
  type WireguardKey,
} from './wireguard/key.ts'
export { openWireguard, type Wireguard } from './wireguard/wireguard.ts'
