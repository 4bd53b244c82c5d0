/**
 * A routing table as a data structure: found by destination and length, ordered by metric. Must not: know any rule.
 */
import type { Family } from '../../../lib/net/ip.ts'
import { type Key, maskKey, type Route } from './records.ts'
import type { RouteTable, State } from './state.ts'

/** The main table's. A copy: the table may change while it is walked. */
export function routesOf(state: State, family: Family): Route[] {
  return routesIn(state.routes[family])
}

/** As routesOf, of any table. */
export function routesIn(table: RouteTable): Route[] {
  return [...table.byPrefix.values()].flat()
}

/** The routes to `key` from the longest prefix to the shortest, within one prefix by metric. */
export function* routesTo(table: RouteTable, key: Key): Generator<Route> {
  for (let length = key.length * 8; length >= 0; length -= 1) {
    if (table.lengths[length] === 0) continue
    yield* table.byPrefix.get(routeKey(maskKey(key, length), length)) ?? []
  }
}

/** The key of RouteTable.byPrefix. */
export function routeKey(dst: Key, length: number): string {
  return dst + String.fromCharCode(length)
}

/** The routes that a replace of `route` is about: same destination, length and metric. */
export function sameKey(table: RouteTable, route: Route): Route[] {
  const list = table.byPrefix.get(routeKey(route.dst, route.length)) ?? []
  return list.filter((old) => old.metric === route.metric)
}

/** After those of the same metric. */
export function insertRoute(table: RouteTable, route: Route): void {
  const key = routeKey(route.dst, route.length)
  const list = table.byPrefix.get(key)
  if (list === undefined) {
    table.byPrefix.set(key, [route])
    table.lengths[route.length] = (table.lengths[route.length] ?? 0) + 1
    return
  }
  const at = list.findIndex((old) => old.metric > route.metric)
  list.splice(at < 0 ? list.length : at, 0, route)
}

/** In the place of `old`. */
export function replaceRoute(table: RouteTable, old: Route, route: Route): void {
  const list = table.byPrefix.get(routeKey(old.dst, old.length)) ?? []
  list[list.indexOf(old)] = route
}

/** Absent: nothing happens. */
export function removeRoute(table: RouteTable, route: Route): void {
  const key = routeKey(route.dst, route.length)
  const list = table.byPrefix.get(key)
  const at = list?.indexOf(route) ?? -1
  if (list === undefined || at < 0) return
  list.splice(at, 1)
  if (list.length > 0) return
  table.byPrefix.delete(key)
  table.lengths[route.length] = (table.lengths[route.length] ?? 1) - 1
}
