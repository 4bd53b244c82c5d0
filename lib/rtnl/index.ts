/**
 * `vtepd/rtnl`: the kernel's links, addresses, neighbours, FDB entries and routes from JavaScript, and what changes in
 * them. Nothing of the agent is needed to use it. Must not: export what only vtepd's own floors need.
 */

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
} from '../addon/abi.ts'
export {
  BatchError,
  ConfigError,
  type FailedBatch,
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
export type { AttributeValues } from '../netlink/attributes.ts'
export type { CallOptions } from '../netlink/call.ts'
export type { Codec, ValueOf } from '../netlink/codec.ts'
export type { NetlinkMessage } from '../netlink/message.ts'
export type { Netlink, NetlinkOptions, NetlinkProtocol, Query, TypedQuery } from '../netlink/netlink.ts'
export type { NetnsRef } from '../netlink/netns-path.ts'
export type { NetlinkEvent, Subscription, SubscriptionOptions } from '../netlink/subscription.ts'
export type { AddressDetails, AddressFilter, AddressRequest, AddressStatus, Lifetime } from './addresses/address.ts'
export type { Addresses } from './addresses/addresses.ts'
export type { Bridges } from './bridge/bridge.ts'
export type {
  BridgePort,
  BridgePortChange,
  BridgePortSettings,
  BridgePortState,
  MulticastRouter,
} from './bridge/bridge-port.ts'
export type { Mdb, MdbEntry, MdbSpec, MdbState } from './bridge/mdb.ts'
export type { BridgePorts } from './bridge/ports.ts'
export type { BridgeVlan, BridgeVlanSpec, BridgeVlans } from './bridge/vlans.ts'
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
export type { FdbTables } from './fdb/fdb.ts'
export type { FdbCache, FdbFilter, FdbKey, FdbRecord, FdbRemote, FdbSpec, FdbState } from './fdb/fdb-record.ts'
export type { RouteType, Scope } from './inet.ts'
export type { BondAttributes, BondPortAttributes, BondPortSettings, BondSettings } from './links/kinds/bond.ts'
export type { BridgeAttributes, BridgeId, BridgeSettings } from './links/kinds/bridge.ts'
export type {
  IpvlanAttributes,
  MacvlanAttributes,
  MacvlanSettings,
  TunAttributes,
  VrfAttributes,
  VrfPortAttributes,
} from './links/kinds/plain.ts'
export type { GeneveAttributes, GreAttributes } from './links/kinds/tunnel.ts'
export type { VlanAttributes } from './links/kinds/vlan.ts'
export type { VxlanDetails, VxlanSettings } from './links/kinds/vxlan.ts'
export type { ForeignParent, KindDetails, LinkDetails, LinkFilter, Operstate } from './links/link.ts'
export type { Links } from './links/links.ts'
export type { LinkStatistics } from './links/schema.ts'
export type {
  BridgeCreation,
  CommonSpec,
  LinkSettings,
  LinkSpec,
  VethCreation,
  VethPeer,
  VxlanCreation,
} from './links/spec.ts'
export type { Change } from './live/change.ts'
export type { FdbAt } from './live/fdb-kind.ts'
export type { LiveTable, WatchOptions } from './live/live-table.ts'
export type { NeighbourAt } from './live/neighbour-kind.ts'
export type { RouteKey } from './live/route-kind.ts'
export type { AddressAt, WatchedTable, WatchedTables } from './live/watch-table.ts'
export type { Monitor, MonitorOptions } from './live-monitor.ts'
export type {
  Neighbour,
  NeighbourCache,
  NeighbourFilter,
  NeighbourSpec,
  NeighbourState,
} from './neighbours/neighbour.ts'
export type { NeighbourKey, Neighbours } from './neighbours/neighbours.ts'
export type { Namespaces } from './netns/netns.ts'
export type {
  Nexthop,
  NexthopFilter,
  NexthopGroupMember,
  NexthopGroupType,
  NexthopSpec,
  ResilientGroup,
} from './nexthops/nexthop.ts'
export type { Nexthops } from './nexthops/nexthops.ts'
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
export type { Encap, EncapType, IpEncap, MplsEncap, RawEncap, Seg6Encap } from './routes/encap.ts'
export type { LockableMetric, RouteFeature, RouteMetrics } from './routes/metrics.ts'
export type {
  ResolvedPath,
  Route,
  RouteCache,
  RouteFilter,
  RouteLookup,
  RoutePath,
  RoutePreference,
  RouteSpec,
  RouteStatus,
} from './routes/route.ts'
export type { Routes } from './routes/routes.ts'
export type { Seg6Header, Seg6Mode } from './routes/seg6.ts'
export type { Masked, NumberRange, RuleAction, RuleDetails, RuleSpec, RuleStatus } from './rules/rule.ts'
export type { Rules } from './rules/rules.ts'
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
