/**
 * What is asked of links, addresses and routes, from anything to checked copies: no getter or proxy of the caller's is looked at
 * again. Must not: know how a record says it (records.ts).
 */
import { addressBits, familyOf, type Ip, isUnicastHost } from '../net/ip.ts'
import {
  asBoolean,
  asIfindex,
  asIfname,
  asInteger,
  asIp,
  asIpOf,
  asLladdr,
  fieldsOf,
  optional,
} from '../netlink/check.ts'
import { netnsPath } from '../netlink/netns-path.ts'
import { wrongValue } from '../util/wrong-input.ts'
import type { AddressSpec, Announcement, BridgeSpec, LinkChange, RouteQuery, VethSpec, VxlanSpec } from './port.ts'

const INT_MAX = 0x7fffffff
const UINT_MAX = 0xffffffff

type Read<T> = (field: string, value: unknown) => T

const asMtu: Read<number> = (field, value) => asInteger(field, value, 0, INT_MAX)
const asPort: Read<number> = (field, value) => asInteger(field, value, 1, 65_535)

export function asVxlanSpec(value: unknown): VxlanSpec {
  const of = fieldsOf('vxlan', value, VXLAN_KEYS)
  return {
    ifname: asIfname('vxlan.ifname', of.ifname),
    vni: asInteger('vxlan.vni', of.vni, 0, 0xffffff),
    local: asIp('vxlan.local', of.local),
    parent: optional('vxlan.parent', of.parent, asIfindex),
    lladdr: asLladdr('vxlan.lladdr', of.lladdr),
    mtu: asMtu('vxlan.mtu', of.mtu),
    port: optional('vxlan.port', of.port, asPort),
    learning: asBoolean('vxlan.learning', of.learning),
    gbp: asBoolean('vxlan.gbp', of.gbp),
  }
}
const VXLAN_KEYS = ['ifname', 'vni', 'local', 'parent', 'lladdr', 'mtu', 'port', 'learning', 'gbp'] as const

/** `peer.netns` is a path. */
export function asVethSpec(value: unknown): VethSpec & { readonly peer: { readonly netns?: string } } {
  const of = fieldsOf('veth', value, ['ifname', 'lladdr', 'mtu', 'peer'])
  const peer = fieldsOf('veth.peer', of.peer, ['ifname', 'lladdr', 'mtu', 'netns'])
  const netns = optional('veth.peer.netns', peer.netns, netnsPath)
  return {
    ...plainLink('veth', of),
    peer: { ...plainLink('veth.peer', peer), ...(netns === undefined ? {} : { netns }) },
  }
}

export function asBridgeSpec(value: unknown): BridgeSpec {
  return plainLink('bridge', fieldsOf('bridge', value, ['ifname', 'lladdr', 'mtu']))
}

function plainLink(field: string, of: Readonly<Record<'ifname' | 'lladdr' | 'mtu', unknown>>): BridgeSpec {
  const lladdr = optional(`${field}.lladdr`, of.lladdr, asLladdr)
  const mtu = optional(`${field}.mtu`, of.mtu, asMtu)
  return {
    ifname: asIfname(`${field}.ifname`, of.ifname),
    ...(lladdr === undefined ? {} : { lladdr }),
    ...(mtu === undefined ? {} : { mtu }),
  }
}

/** Keys that are not named are not there. */
export function asLinkChange(value: unknown): LinkChange {
  const of = fieldsOf('change', value, ['up', 'mtu', 'lladdr', 'ifname', 'master', 'vxlan'])
  return present({
    up: optional('change.up', of.up, asBoolean),
    mtu: optional('change.mtu', of.mtu, asMtu),
    lladdr: optional('change.lladdr', of.lladdr, asLladdr),
    ifname: optional('change.ifname', of.ifname, asIfname),
    master: of.master === null ? null : optional('change.master', of.master, asIfindex),
    vxlan: optional('change.vxlan', of.vxlan, asVxlanChange),
  })
}

function asVxlanChange(field: string, value: unknown): NonNullable<LinkChange['vxlan']> {
  const of = fieldsOf(field, value, ['local', 'parent', 'learning'])
  return present({
    local: optional(`${field}.local`, of.local, asIp),
    parent: optional(`${field}.parent`, of.parent, asIfindex),
    learning: optional(`${field}.learning`, of.learning, asBoolean),
  })
}

/** Without the keys whose value is undefined. */
function present<T extends object>(of: T): { readonly [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }
}

export function asAddressSpec(value: unknown): AddressSpec {
  const of = fieldsOf('address', value, ['ifindex', 'ip', 'prefixLength', 'noDad'])
  return { ...addressKey(of), noDad: asBoolean('address.noDad', of.noDad) }
}

/** What names an address; the rest of one that a dump has told may stand beside it. */
export function asAddressKey(value: unknown): Omit<AddressSpec, 'noDad'> {
  return addressKey(
    fieldsOf('address', value, ['ifindex', 'ip', 'prefixLength', 'noDad', 'scope', 'protocol', 'flags']),
  )
}

function addressKey(of: Readonly<Record<'ifindex' | 'ip' | 'prefixLength', unknown>>): Omit<AddressSpec, 'noDad'> {
  const ip = asIp('address.ip', of.ip)
  return {
    ifindex: asIfindex('address.ifindex', of.ifindex),
    ip,
    prefixLength: asInteger('address.prefixLength', of.prefixLength, 0, addressBits(familyOf(ip))),
  }
}

export function asAnnouncement(value: unknown): Announcement {
  const of = fieldsOf('announcement', value, ['ifindex', 'ip', 'lladdr', 'router', 'override'])
  const ip = asIp('announcement.ip', of.ip)
  if (!isUnicastHost(ip)) throw wrongValue('announcement.ip', ip, 'is no address that a host can announce')
  return {
    ifindex: asIfindex('announcement.ifindex', of.ifindex),
    ip,
    lladdr: asLladdr('announcement.lladdr', of.lladdr),
    router: asBoolean('announcement.router', of.router),
    override: asBoolean('announcement.override', of.override),
  }
}

export function asRouteQuery(value: unknown, dst: Ip): RouteQuery {
  const of = fieldsOf('query', value, ['source', 'oif', 'iif', 'mark', 'udpPort'])
  return present({
    source: optional('query.source', of.source, (field, source) => asIpOf(field, source, familyOf(dst))),
    oif: optional('query.oif', of.oif, asIfindex),
    iif: optional('query.iif', of.iif, asIfindex),
    mark: optional('query.mark', of.mark, (field, mark) => asInteger(field, mark, 1, UINT_MAX)),
    udpPort: optional('query.udpPort', of.udpPort, asPort),
  })
}
