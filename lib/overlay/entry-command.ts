/**
 * One entry as the command of iproute2 that writes or deletes it: for people who want to see, or do, what the agent would.
 * Must not: be run by the agent.
 */
import { cidrFamily } from '../net/cidr.ts'
import { familyOf } from '../net/ip.ts'
import type { Entry, RouteEntry } from '../rtnl/entries.ts'
import { unreachable } from '../util/unreachable.ts'
import { type IfnameOf, ROUTE_TYPES } from './entry-text.ts'

export function renderCommand(op: 'replace' | 'delete', entry: Entry, ifnameOf: IfnameOf): string {
  const dev = (ifindex: number | undefined): string[] =>
    ifindex === undefined ? [] : ['dev', ifnameOf(ifindex as Parameters<IfnameOf>[0]) ?? `if${ifindex}`]
  switch (entry.kind) {
    case 'neighbour': {
      const what = op === 'replace' && entry.lladdr !== undefined ? ['lladdr', entry.lladdr, 'nud', 'permanent'] : []
      return [...ip(familyOf(entry.ip)), 'neigh', verb(op), entry.ip, ...dev(entry.ifindex), ...what].join(' ')
    }
    case 'fdb': {
      const dst = entry.remote === undefined ? [] : ['dst', entry.remote]
      const kept = op === 'replace' ? ['self', 'permanent'] : ['self']
      return ['bridge', 'fdb', verb(op), entry.lladdr, ...dev(entry.ifindex), ...dst, ...kept].join(' ')
    }
    case 'route':
      return [...ip(cidrFamily(entry.dst)), 'route', verb(op), ...routeWords(entry, dev)].join(' ')
    default:
      return unreachable(entry)
  }
}

function routeWords(route: RouteEntry, dev: (ifindex: number | undefined) => string[]): readonly string[] {
  const type = route.type === 1 ? [] : [ROUTE_TYPES[route.type] ?? `type ${route.type}`]
  const via = route.gateway === undefined ? [] : ['via', route.gateway]
  const onlink = route.onlink ? ['onlink'] : []
  return [
    ...type,
    route.dst,
    ...via,
    ...dev(route.oif),
    'proto',
    `${route.protocol}`,
    'metric',
    `${route.metric}`,
    ...onlink,
  ]
}

function ip(family: string): readonly string[] {
  return family === 'ipv6' ? ['ip', '-6'] : ['ip']
}

function verb(op: 'replace' | 'delete'): string {
  return op === 'replace' ? 'replace' : 'del'
}
