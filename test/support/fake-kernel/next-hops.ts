/**
 * Whether the kernel accepts a route's next hop (fib_check_nh for IPv4, fib6_nh_init for IPv6).
 * Must not: change anything.
 */

import { RTN_UNICAST } from '../../../lib/addon/abi.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { EHOSTUNREACH, EINVAL, ENETDOWN, ENETUNREACH, ENODEV, type Refusal, refuse } from './errnos.ts'
import { type Key, maskKey, type Route } from './records.ts'
import { routesTo } from './route-table.ts'
import { isLocal, type State } from './state.ts'

const SCOPE_LINK = 253
const INVALID_GATEWAY = 'Nexthop has invalid gateway'

/** The output link that the route gets (0 for one without, as a blackhole), or why it is refused. */
export function checkNextHop(state: State, route: Route): number | Refusal {
  if (route.type !== RTN_UNICAST) return route.oif
  if (route.oif !== 0 && !state.links.has(route.oif as Ifindex)) return missingDevice(route)
  return route.family === 'ipv4' ? checkIpv4(state, route) : checkIpv6(state, route)
}

/** IPv4 looks for a route to the gateway first and fails there, unless the route is on-link or has no gateway. */
function missingDevice(route: Route): Refusal {
  if (route.family === 'ipv4' && route.gateway !== undefined && !route.onlink)
    return refuse(ENETUNREACH, INVALID_GATEWAY)
  return refuse(ENODEV)
}

function checkIpv4(state: State, route: Route): number | Refusal {
  const link = state.links.get(route.oif as Ifindex)
  if (route.gateway === undefined) {
    if (link === undefined) return refuse(ENODEV)
    return link.up ? route.oif : refuse(ENETDOWN, 'Device for nexthop is not up')
  }
  if (!route.onlink) return ipv4Via(state, route, route.gateway)
  if (route.scope >= SCOPE_LINK) return refuse(EINVAL, 'Nexthop has invalid scope')
  if (link === undefined) return refuse(ENODEV, 'Nexthop device required for onlink')
  if (!link.up) return refuse(ENETDOWN, 'Nexthop device is not up')
  return isIpv4Unicast(state, route.gateway) ? route.oif : refuse(EINVAL, INVALID_GATEWAY)
}

/** The gateway must be on-link somewhere; an address of the output link itself passes too, which onlink refuses. */
function ipv4Via(state: State, route: Route, gateway: Key): number | Refusal {
  for (const [ifindex, own] of state.addresses)
    if ((route.oif === 0 || route.oif === ifindex) && own.ipv4.some((address) => address.key === gateway))
      return state.links.get(ifindex)?.up === true ? ifindex : refuse(ENETDOWN, 'Nexthop device is not up')
  for (const way of routesTo(state.routes.ipv4, gateway)) {
    if (route.oif !== 0 && way.oif !== route.oif) continue
    if (way.type !== RTN_UNICAST) return refuse(EINVAL, INVALID_GATEWAY)
    if (way.scope > route.scope) return way.oif
  }
  return refuse(ENETUNREACH, INVALID_GATEWAY)
}

/** Onlink looks at the device first, anything else at the gateway first. */
function checkIpv6(state: State, route: Route): number | Refusal {
  const link = state.links.get(route.oif as Ifindex)
  if (route.onlink && link === undefined) return refuse(ENODEV, 'Nexthop device required for onlink')
  if (route.onlink && link?.up === false) return refuse(ENETDOWN, 'Nexthop device is not up')
  const oif = route.gateway === undefined ? route.oif : checkIpv6Gateway(state, route, route.gateway)
  if (typeof oif !== 'number') return oif
  const out = state.links.get(oif as Ifindex)
  if (out === undefined) return refuse(ENODEV)
  return out.up ? oif : refuse(ENETDOWN, 'Nexthop device is not up')
}

function checkIpv6Gateway(state: State, route: Route, gateway: Key): number | Refusal {
  if (isLocal(state, 'ipv6', gateway)) return refuse(EINVAL, 'Gateway can not be a local address')
  return route.onlink ? ipv6Onlink(state, route, gateway) : ipv6Via(state, route, gateway)
}

/**
 * A more specific route than the default one that leads the gateway elsewhere makes `onlink` invalid (kernel-facts 4);
 * of several with the same prefix and metric, one through the named link counts first.
 */
function ipv6Onlink(state: State, route: Route, gateway: Key): number | Refusal {
  if (!state.settings.traits.refusesOnlinkElsewhere) return route.oif
  let best: Route | undefined
  for (const way of routesTo(state.routes.ipv6, gateway)) {
    best ??= way
    if (way.length !== best.length || way.metric !== best.metric) break
    if (way.oif === route.oif) return route.oif
  }
  const elsewhere = best !== undefined && best.length > 0 && best.type === RTN_UNICAST
  return elsewhere ? refuse(EINVAL, 'Nexthop has invalid gateway or device mismatch') : route.oif
}

function ipv6Via(state: State, route: Route, gateway: Key): number | Refusal {
  for (const way of routesTo(state.routes.ipv6, gateway)) {
    if (route.oif !== 0 && way.oif !== route.oif) continue
    if (way.gateway === undefined && way.type === RTN_UNICAST) return way.oif
    break
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
