/**
 * Addresses of links, and the connected routes that come and go with them.
 * Must not: know where a request came from besides its pid.
 */

import { RTN_UNICAST, RTPROT_KERNEL } from '../../../lib/addon/abi.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { type Family, familyOf, isLinkLocal } from '../../../lib/net/ip.ts'
import type { AddressFlags, AddressSpec, Link } from '../../../lib/rtnl/port.ts'
import { type Answer, EADDRNOTAVAIL, EINVAL, ENODEV, refuse } from './errnos.ts'
import { dropNeighbours } from './neighbours.ts'
import { ipOfKey, keyOfIp, maskKey, type Route } from './records.ts'
import { routesOf } from './route-table.ts'
import { addKernelRoute, dropRoutes, dropRoutesFrom, withdrawRoute } from './routes.ts'
import { emitAddress, isLocal, type OwnAddress, ownAddresses, type State } from './state.ts'

const SCOPE_GLOBAL = 0
const SCOPE_LINK = 253
const SCOPE_HOST = 254
const IPV6_CONNECTED_METRIC = 256
const PLAIN: AddressFlags = {
  permanent: true,
  tentative: false,
  optimistic: false,
  dadFailed: false,
  deprecated: false,
  temporary: false,
  secondary: false,
  noDad: false,
}

const IFAPROT_KERNEL_LL = 3

export interface NewAddress extends AddressSpec {
  readonly flags?: Partial<AddressFlags>
  /** RT_SCOPE_*; absent: what the address itself says. IPv4 only. */
  readonly scope?: number
  /** IFAPROT_*; absent: 0, as a request that names none. */
  readonly protocol?: number
}

/** RTM_NEWADDR with CREATE and REPLACE: an address that is there already is only announced again. */
export function addAddress(state: State, spec: NewAddress, pid: number): Answer {
  const link = state.links.get(spec.ifindex)
  if (link === undefined) return refuse(ENODEV)
  const family = familyOf(spec.ip)
  if (spec.prefixLength > (family === 'ipv4' ? 32 : 128)) return refuse(EINVAL)
  return family === 'ipv4' ? addIpv4(state, link, spec, pid) : addIpv6(state, link, spec, pid)
}

/** RTM_DELADDR. What else goes stands in kernel-facts 2. */
export function deleteAddress(state: State, spec: Omit<AddressSpec, 'noDad'>, pid: number): Answer {
  const link = state.links.get(spec.ifindex)
  if (link === undefined) return refuse(ENODEV)
  const family = familyOf(spec.ip)
  const found = ownAddresses(state, spec.ifindex)[family].find(
    (own) => own.ip === spec.ip && own.prefixLength === spec.prefixLength,
  )
  if (found === undefined) return refuse(EADDRNOTAVAIL)
  if (family === 'ipv4') removeIpv4(state, link, found, pid)
  else removeIpv6(state, link, found, pid)
  return undefined
}

function addIpv4(state: State, link: Link, spec: NewAddress, pid: number): Answer {
  const { ipv4 } = ownAddresses(state, link.ifindex)
  const key = keyOfIp(spec.ip)
  const sameNet = ipv4.filter(
    (old) =>
      old.prefixLength === spec.prefixLength && maskKey(old.key, old.prefixLength) === maskKey(key, old.prefixLength),
  )
  const same = sameNet.find((old) => old.key === key)
  if (same !== undefined) {
    const renewed = { ...same, flags: { ...same.flags, ...spec.flags } }
    ipv4[ipv4.indexOf(same)] = renewed
    emitAddress(state, 'set', renewed, pid)
    return undefined
  }
  const secondary = sameNet.some((old) => !old.flags.secondary)
  const added: OwnAddress = {
    ifindex: link.ifindex,
    ip: spec.ip,
    prefixLength: spec.prefixLength,
    scope: spec.scope ?? (key.charCodeAt(0) === 127 ? SCOPE_HOST : SCOPE_GLOBAL),
    protocol: state.settings.traits.addressProtocols ? (spec.protocol ?? 0) : 0,
    flags: { ...PLAIN, secondary, ...spec.flags },
    key,
  }
  // Primaries stand before secondaries, wider scopes before narrower ones.
  let at = ipv4.length
  if (!secondary) at = 1 + ipv4.findLastIndex((old) => !old.flags.secondary && added.scope <= old.scope)
  ipv4.splice(at, 0, added)
  emitAddress(state, 'set', added, pid)
  if (link.up) addConnectedIpv4(state, link, added)
  return undefined
}

function removeIpv4(state: State, link: Link, gone: OwnAddress, pid: number): void {
  const own = ownAddresses(state, link.ifindex)
  const prefix = maskKey(gone.key, gone.prefixLength)
  const dependants = gone.flags.secondary
    ? []
    : own.ipv4.filter(
        (old) =>
          old.flags.secondary &&
          old.prefixLength === gone.prefixLength &&
          maskKey(old.key, gone.prefixLength) === prefix,
      )
  for (const address of [...dependants, gone]) {
    own.ipv4 = own.ipv4.filter((old) => old !== address)
    emitAddress(state, 'deleted', address, pid)
  }
  if (!gone.flags.secondary) withdrawConnected(state, link.ifindex, 'ipv4', (route) => route.prefsrc === gone.key, gone)
  for (const address of [...dependants, gone])
    if (!isLocal(state, 'ipv4', address.key)) dropRoutesFrom(state, address.key)
  if (own.ipv4.length > 0) return
  dropRoutes(state, link.ifindex, 'ipv4')
  dropNeighbours(state, link.ifindex, 'ipv4')
}

function addIpv6(state: State, link: Link, spec: NewAddress, pid: number): Answer {
  const { ipv6 } = ownAddresses(state, link.ifindex)
  const key = keyOfIp(spec.ip)
  const same = ipv6.find((old) => old.key === key)
  if (same !== undefined) {
    const renewed = { ...same, flags: { ...same.flags, noDad: spec.noDad, ...spec.flags } }
    ipv6[ipv6.indexOf(same)] = renewed
    emitAddress(state, 'set', renewed, pid)
    return undefined
  }
  const added: OwnAddress = {
    ifindex: link.ifindex,
    ip: spec.ip,
    prefixLength: spec.prefixLength,
    scope: isLinkLocal(spec.ip) ? SCOPE_LINK : spec.ip === '::1' ? SCOPE_HOST : SCOPE_GLOBAL,
    protocol: state.settings.traits.addressProtocols ? (spec.protocol ?? 0) : 0,
    flags: { ...PLAIN, tentative: !spec.noDad && state.settings.dad, noDad: spec.noDad, ...spec.flags },
    key,
  }
  // The kernel puts a new address before those of its own scope.
  const at = ipv6.findIndex((old) => old.scope >= added.scope)
  ipv6.splice(at < 0 ? ipv6.length : at, 0, added)
  if (link.up) addConnectedIpv6(state, link, added)
  emitAddress(state, 'set', added, pid)
  return undefined
}

function removeIpv6(state: State, link: Link, gone: OwnAddress, pid: number): void {
  const own = ownAddresses(state, link.ifindex)
  own.ipv6 = own.ipv6.filter((old) => old !== gone)
  const prefix = maskKey(gone.key, gone.prefixLength)
  const shared = own.ipv6.some(
    (old) => old.prefixLength === gone.prefixLength && maskKey(old.key, gone.prefixLength) === prefix,
  )
  emitAddress(state, 'deleted', gone, pid)
  if (!shared) withdrawConnected(state, link.ifindex, 'ipv6', (route) => route.metric === IPV6_CONNECTED_METRIC, gone)
}

/** The link has come up: connected routes of the addresses that it kept or got while it was down. */
export function addConnectedRoutes(state: State, link: Link): void {
  const own = state.addresses.get(link.ifindex)
  if (own === undefined) return
  for (const address of own.ipv4) addConnectedIpv4(state, link, address)
  for (const address of own.ipv6) addConnectedIpv6(state, link, address)
}

/** The fe80:: address that the kernel derives from the lladdr (EUI-64) once the link has a carrier. */
export function addLinkLocal(state: State, link: Link): void {
  if (!state.settings.linkLocals || link.lladdr === undefined || link.loopback) return
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = link.lladdr.split(':').map((octet) => Number.parseInt(octet, 16))
  const bytes = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a ^ 2, b, c, 0xff, 0xfe, d, e, f]
  const ip = ipOfKey(String.fromCharCode(...bytes))
  if (ownAddresses(state, link.ifindex).ipv6.some((own) => own.ip === ip)) return
  addIpv6(state, link, { ifindex: link.ifindex, ip, prefixLength: 64, noDad: false, protocol: IFAPROT_KERNEL_LL }, 0)
}

/** The link goes down: IPv6 addresses go with it, IPv4 ones stay (kernel-facts 2). */
export function dropIpv6Addresses(state: State, ifindex: Ifindex): void {
  const own = state.addresses.get(ifindex)
  if (own === undefined) return
  const dropped = own.ipv6
  own.ipv6 = []
  for (const address of dropped) emitAddress(state, 'deleted', address, 0)
}

/** A new name of the link is a new label of its IPv4 addresses: they are announced again. */
export function announceIpv4(state: State, ifindex: Ifindex): void {
  for (const address of state.addresses.get(ifindex)?.ipv4 ?? []) emitAddress(state, 'set', address, 0)
}

/** The link dies. */
export function dropAllAddresses(state: State, ifindex: Ifindex): void {
  dropIpv6Addresses(state, ifindex)
  const dropped = state.addresses.get(ifindex)?.ipv4 ?? []
  state.addresses.delete(ifindex)
  for (const address of dropped) {
    emitAddress(state, 'deleted', address, 0)
    if (!isLocal(state, 'ipv4', address.key)) dropRoutesFrom(state, address.key)
  }
}

/** Sets flags of one address (tentative, deprecated, …), announced. */
export function changeAddressFlags(state: State, address: OwnAddress, flags: Partial<AddressFlags>): void {
  const list = ownAddresses(state, address.ifindex)[familyOf(address.ip)]
  const changed = { ...address, flags: { ...address.flags, ...flags } }
  list[list.indexOf(address)] = changed
  emitAddress(state, 'set', changed, 0)
}

function addConnectedIpv4(state: State, link: Link, address: OwnAddress): void {
  if (address.flags.secondary || address.prefixLength === 32 || link.loopback) return
  addKernelRoute(state, {
    ...connected(link.ifindex, 'ipv4', address),
    metric: 0,
    scope: SCOPE_LINK,
    prefsrc: address.key,
  })
}

function addConnectedIpv6(state: State, link: Link, address: OwnAddress): void {
  if (link.loopback && address.prefixLength === 128) return
  addKernelRoute(state, {
    ...connected(link.ifindex, 'ipv6', address),
    metric: IPV6_CONNECTED_METRIC,
    scope: SCOPE_GLOBAL,
    prefsrc: undefined,
  })
}

type ConnectedPart = Omit<Route, 'bytes' | 'metric' | 'scope' | 'prefsrc'>

function connected(ifindex: Ifindex, family: Family, address: OwnAddress): ConnectedPart {
  return {
    family,
    dst: maskKey(address.key, address.prefixLength),
    length: address.prefixLength,
    gateway: undefined,
    oif: ifindex,
    onlink: false,
    protocol: RTPROT_KERNEL,
    type: RTN_UNICAST,
  }
}

function withdrawConnected(
  state: State,
  ifindex: Ifindex,
  family: Family,
  is: (route: Route) => boolean,
  gone: OwnAddress,
): void {
  const dst = maskKey(gone.key, gone.prefixLength)
  for (const route of routesOf(state, family)) {
    if (route.oif !== ifindex || route.protocol !== RTPROT_KERNEL) continue
    if (route.dst === dst && route.length === gone.prefixLength && is(route)) withdrawRoute(state, route)
  }
}
