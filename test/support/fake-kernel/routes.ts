/**
 * The routing tables, main above all: what a write does to them and what a disturbance takes out of them.
 * Must not: judge next hops (next-hops.ts) or answer "which route reaches X" (resolve.ts).
 */

import { RTN_UNICAST } from '../../../lib/addon/abi.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import type { Family } from '../../../lib/net/ip.ts'
import { type Answer, EEXIST, EINVAL, ESRCH, refuse } from './errnos.ts'
import { checkNextHop } from './next-hops.ts'
import { decodeRoute, encodeRoute, type Hop, type Key, type Route } from './records.ts'
import { insertRoute, removeRoute, replaceRoute, routeKey, routesIn, routesOf, sameKey } from './route-table.ts'
import { createTables, emitRoute, type RouteTables, type State } from './state.ts'

const LOOPBACK = 1
const MAIN = 254
/** IP6_RT_PRIO_USER: what the kernel makes of IPv6 metric 0. */
const IPV6_DEFAULT_METRIC = 1024

/** RTM_NEWROUTE with CREATE and REPLACE, or, `exclusive`, CREATE and EXCL. The key is (destination, TOS, metric). */
export function writeRoute(state: State, bytes: Uint8Array, exclusive: boolean, pid: number, number = MAIN): Answer {
  return putRoute(state, decodeRoute(bytes), exclusive, pid, number)
}

/** As writeRoute, with a replace, of a route with several next hops: each is checked as the one of a route of its own. */
export function writeMultipath(state: State, route: Omit<Route, 'bytes'>, hops: readonly Hop[], pid: number): Answer {
  for (const hop of hops) {
    if (route.family === 'ipv6' && hop.gateway === undefined) return refuse(EINVAL)
    const checked = checkNextHop(state, encodeRoute({ ...route, ...hop }))
    if (typeof checked !== 'number') return checked
  }
  return putRoute(state, encodeRoute({ ...route, ...hops[0], hops }), false, pid, MAIN)
}

function putRoute(state: State, asked: Route, exclusive: boolean, pid: number, number: number): Answer {
  const checked = checkNextHop(state, asked)
  if (typeof checked !== 'number') return checked
  const route = complete(asked, checked)
  const table = tablesOf(state, number)[route.family]
  const siblings = sameKey(table, route)
  if (siblings.length > 0 && exclusive) return refuse(EEXIST)
  const first = route.family === 'ipv4' ? siblings[0] : (siblings.find((old) => sameShape(old, route)) ?? siblings[0])
  if (first === undefined) insertRoute(table, route)
  else {
    if (route.family === 'ipv4' && sameRoute(first, route)) return undefined
    if (route.family === 'ipv4' && siblings.some((old) => sameRoute(old, route))) return refuse(EEXIST)
    replaceRoute(table, first, route)
  }
  if (number === MAIN) emitRoute(state, 'set', route, pid)
  return undefined
}

/**
 * RTM_DELROUTE: metric 0 matches any, the lowest first; protocol, output link and gateway must match where they are given
 * (kernel-facts 1 and 4).
 */
export function deleteRoute(state: State, bytes: Uint8Array, pid: number, number = MAIN): Answer {
  const asked = decodeRoute(bytes)
  const table = tablesOf(state, number)[asked.family]
  const found = table.byPrefix.get(routeKey(asked.dst, asked.length))?.find((route) => matchesDelete(route, asked))
  if (found === undefined) return refuse(ESRCH)
  removeRoute(table, found)
  if (number === MAIN) emitRoute(state, 'deleted', found, pid)
  return undefined
}

/** What the kernel adds by itself for an address or a link that comes up: no duplicate, none of its own replaced. */
export function addKernelRoute(state: State, route: Omit<Route, 'bytes'>): void {
  const table = state.routes[route.family]
  const made = encodeRoute(route)
  if (sameKey(table, made).some((old) => sameRoute(old, made))) return
  insertRoute(table, made)
  emitRoute(state, 'set', made, 0)
}

/** Takes one route out and announces it, pid 0. */
export function withdrawRoute(state: State, route: Route, dead?: boolean): void {
  removeRoute(state.routes[route.family], route)
  emitRoute(state, 'deleted', route, 0, dead)
}

/**
 * Everything through the link goes: IPv4 without a word, IPv6 announced (kernel-facts 2), as dead if the link had no
 * carrier before.
 */
export function dropRoutes(state: State, ifindex: Ifindex, family: Family, dead = false): void {
  for (const { [family]: table } of state.otherTables.values())
    for (const route of routesIn(table)) if (route.oif === ifindex) removeRoute(table, route)
  for (const route of routesOf(state, family)) {
    if (route.hops !== undefined) dropHop(state, route, route.hops, ifindex)
    else if (route.oif !== ifindex) continue
    else if (family === 'ipv4') removeRoute(state.routes.ipv4, route)
    else withdrawRoute(state, route, dead)
  }
}

/** IPv4 keeps a next hop whose link is down, and the route until all are; IPv6 takes it out of the route. Not announced here. */
function dropHop(state: State, route: Route, hops: readonly Hop[], ifindex: Ifindex): void {
  const table = state.routes[route.family]
  const left = hops.filter((hop) => hop.oif !== ifindex)
  if (left.length === hops.length) return
  if (!left.some((hop) => state.links.get(hop.oif as Ifindex)?.up === true)) removeRoute(table, route)
  else if (route.family === 'ipv6')
    replaceRoute(table, route, encodeRoute({ ...route, ...left[0], hops: left.length > 1 ? left : undefined }))
}

/** Routes whose preferred source was the IPv4 address that has gone: silently removed. */
export function dropRoutesFrom(state: State, source: Key): void {
  for (const route of routesOf(state, 'ipv4')) if (route.prefsrc === source) removeRoute(state.routes.ipv4, route)
}

function tablesOf(state: State, number: number): RouteTables {
  if (number === MAIN) return state.routes
  const tables = state.otherTables.get(number) ?? createTables()
  state.otherTables.set(number, tables)
  return tables
}

/** What the kernel fills in: the output link it found, and for IPv6 the default metric and lo for what leads nowhere. */
function complete(asked: Route, oif: number): Route {
  if (asked.family === 'ipv4') return oif === asked.oif ? asked : encodeRoute({ ...asked, oif })
  return encodeRoute({
    ...asked,
    metric: asked.metric === 0 ? IPV6_DEFAULT_METRIC : asked.metric,
    scope: 0,
    oif: asked.type === RTN_UNICAST ? oif : LOOPBACK,
  })
}

/** IPv6 prefers to replace a route that has a gateway by one that has one, and one without by one without. */
function sameShape(a: Route, b: Route): boolean {
  return (a.gateway === undefined) === (b.gateway === undefined)
}

function sameRoute(a: Route, b: Route): boolean {
  return (
    a.metric === b.metric &&
    a.gateway === b.gateway &&
    a.oif === b.oif &&
    a.onlink === b.onlink &&
    a.protocol === b.protocol &&
    a.type === b.type &&
    a.scope === b.scope &&
    a.prefsrc === b.prefsrc
  )
}

function matchesDelete(route: Route, asked: Route): boolean {
  return (
    (asked.metric === 0 || asked.metric === route.metric) &&
    (asked.protocol === 0 || asked.protocol === route.protocol) &&
    (asked.oif === 0 || asked.oif === route.oif) &&
    (asked.gateway === undefined || asked.gateway === route.gateway) &&
    (asked.family === 'ipv6' || asked.type === 0 || asked.type === route.type)
  )
}
