/**
 * Whether the kernel accepts a route's next hop (fib_check_nh for IPv4, fib6_nh_init for IPv6).
 * Must not: change anything.
 */
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { RTN_UNICAST } from '../../../lib/rtnl/abi.ts'
import { type Answer, EHOSTUNREACH, EINVAL, ENETDOWN, ENETUNREACH, ENODEV, refuse } from './errnos.ts'
import { type Key, maskKey, type Route } from './records.ts'
import { routesTo } from './route-table.ts'
import { isLocal, type State } from './state.ts'

const SCOPE_LINK = 253
const INVALID_GATEWAY = 'Nexthop has invalid gateway'

export function checkNextHop(state: State, route: Route): Answer {
  if (route.type !== RTN_UNICAST) return undefined
  if (route.oif !== 0 && !state.links.has(route.oif as Ifindex)) return missingDevice(route)
  return route.family === 'ipv4' ? checkIpv4(state, route) : checkIpv6(state, route)
}

/** IPv4 looks for a route to the gateway first and fails there, unless the route is on-link or has no gateway. */
function missingDevice(route: Route): Answer {
  if (route.family === 'ipv4' && route.gateway !== undefined && !route.onlink)
    return refuse(ENETUNREACH, INVALID_GATEWAY)
  return refuse(ENODEV)
}

function checkIpv4(state: State, route: Route): Answer {
  const link = state.links.get(route.oif as Ifindex)
  if (route.gateway === undefined) {
    if (link === undefined) return refuse(ENODEV)
    return link.up ? undefined : refuse(ENETDOWN, 'Device for nexthop is not up')
  }
  if (route.onlink) {
    if (route.scope >= SCOPE_LINK) return refuse(EINVAL, 'Nexthop has invalid scope')
    if (link === undefined) return refuse(ENODEV, 'Nexthop device required for onlink')
    if (!link.up) return refuse(ENETDOWN, 'Nexthop device is not up')
    return isIpv4Unicast(state, route.gateway) ? undefined : refuse(EINVAL, INVALID_GATEWAY)
  }
  if (isLocal(state, 'ipv4', route.gateway)) return refuse(EINVAL, INVALID_GATEWAY)
  for (const way of routesTo(state.routes.ipv4, route.gateway)) {
    if (way.scope <= route.scope) continue
    if (route.oif !== 0 && way.oif !== route.oif) continue
    return undefined
  }
  return refuse(ENETUNREACH, INVALID_GATEWAY)
}

function checkIpv6(state: State, route: Route): Answer {
  const link = state.links.get(route.oif as Ifindex)
  if (link !== undefined && !link.up) return refuse(ENETDOWN, 'Nexthop device is not up')
  if (route.gateway === undefined) return link === undefined ? refuse(ENODEV) : undefined
  if (route.onlink && link === undefined) return refuse(EINVAL, 'Nexthop device required for onlink')
  if (isLocal(state, 'ipv6', route.gateway)) return refuse(EINVAL, 'Gateway can not be a local address')
  return route.onlink ? checkIpv6Onlink(state, route, route.gateway) : checkIpv6Via(state, route, route.gateway)
}

/** A more specific route than the default one that leads the gateway elsewhere makes `onlink` invalid (kernel-facts 4). */
function checkIpv6Onlink(state: State, route: Route, gateway: Key): Answer {
  for (const way of routesTo(state.routes.ipv6, gateway)) {
    const elsewhere = way.type !== RTN_UNICAST ? false : way.oif !== route.oif
    if (way.length > 0 && elsewhere) return refuse(EINVAL, 'Nexthop has invalid gateway or device mismatch')
    return undefined
  }
  return undefined
}

function checkIpv6Via(state: State, route: Route, gateway: Key): Answer {
  for (const way of routesTo(state.routes.ipv6, gateway)) {
    if (route.oif !== 0 && way.oif !== route.oif) continue
    return way.gateway === undefined && way.type === RTN_UNICAST ? undefined : refuse(EHOSTUNREACH, INVALID_GATEWAY)
  }
  return refuse(EHOSTUNREACH, INVALID_GATEWAY)
}

/** Neither an address of ours nor the broadcast address of a connected network, nor multicast. */
function isIpv4Unicast(state: State, key: Key): boolean {
  if (isLocal(state, 'ipv4', key)) return false
  const first = key.charCodeAt(0)
  if (first === 0 || first === 127 || first >= 224) return false
  for (const own of state.addresses.values())
    for (const address of own.ipv4)
      if (address.prefixLength < 31 && key === broadcastOf(address.key, address.prefixLength)) return false
  return true
}

function broadcastOf(key: Key, length: number): Key {
  const bytes = Buffer.from(maskKey(key, length), 'latin1')
  for (let i = 0; i < bytes.length; i += 1) {
    const keep = Math.min(8, Math.max(0, length - i * 8))
    bytes[i] = (bytes[i] ?? 0) | (0xff >> keep)
  }
  return bytes.toString('latin1')
}
