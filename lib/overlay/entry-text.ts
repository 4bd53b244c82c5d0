/**
 * Packed entries as people know them: lines close to `ip neigh`, `bridge fdb` and `ip route`. For logs, faults and tests.
 * Must not: be parsed by a program.
 */

import { RTPROT_BOOT, RTPROT_KERNEL, RTPROT_VTEPD } from '../addon/abi.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { type Entry, type EntryTable, type NeighbourEntry, type RouteEntry, unpackEntries } from '../rtnl/entries.ts'
import { unreachable } from '../util/unreachable.ts'

/** `ifname` names a link; without it, or when it knows none, a link reads `if7`. */
export type IfnameOf = (ifindex: Ifindex) => string | undefined

/** Names of RTN_* other than unicast, linux/rtnetlink.h. */
export const ROUTE_TYPES: Readonly<Record<number, string>> = {
  2: 'local',
  3: 'broadcast',
  4: 'anycast',
  5: 'multicast',
  6: 'blackhole',
  7: 'unreachable',
  8: 'prohibit',
  9: 'throw',
}

/** Names of NUD_*, linux/neighbour.h. */
const STATES: Readonly<Record<number, string>> = {
  1: 'incomplete',
  2: 'reachable',
  4: 'stale',
  8: 'delay',
  16: 'probe',
  32: 'failed',
  64: 'noarp',
  128: 'permanent',
}

const PROTOCOLS: Readonly<Record<number, string>> = {
  [RTPROT_KERNEL]: 'kernel',
  [RTPROT_BOOT]: 'boot',
  4: 'static',
  [RTPROT_VTEPD]: 'vtepd',
}

export function renderEntry(entry: Entry, ifnameOf: IfnameOf = () => undefined): string {
  const dev = (ifindex: Ifindex): string => `dev ${ifnameOf(ifindex) ?? `if${ifindex}`}`
  switch (entry.kind) {
    case 'neighbour':
      return words(entry.ip, dev(entry.ifindex), entry.lladdr && `lladdr ${entry.lladdr}`, state(entry), proto(entry))
    case 'fdb': {
      const remote = entry.remote && `dst ${entry.remote}`
      return words(
        entry.lladdr,
        dev(entry.ifindex),
        remote,
        selfFlag(entry.flags),
        state(entry),
        entry.extras && '(extras)',
      )
    }
    case 'route': {
      const via = entry.gateway && `via ${entry.gateway}`
      const out = entry.oif && dev(entry.oif)
      return words(routeHead(entry), via, out, proto(entry), `metric ${entry.metric}`, ...routeFlags(entry))
    }
    default:
      return unreachable(entry)
  }
}

/** One line an entry, in the table's order. */
export function renderEntries(table: EntryTable, ifnameOf?: IfnameOf): string[] {
  return unpackEntries(table).map((entry) => renderEntry(entry, ifnameOf))
}

/** The key alone: what an error is about (`10.42.1.0/24`). */
export function renderKey(entry: Entry): string {
  if (entry.kind === 'route') return entry.dst
  return entry.kind === 'fdb' ? entry.lladdr : entry.ip
}

/** `neighbour 10.42.1.0`, `FDB entry 0e:…`, `route 10.42.1.0/24`. */
export function renderSubject(entry: Entry): string {
  const kind = entry.kind === 'fdb' ? 'FDB entry' : entry.kind
  return `${kind} ${renderKey(entry)}`
}

function routeHead({ type, dst }: RouteEntry): string {
  return type === 1 ? dst : `${ROUTE_TYPES[type] ?? `type ${type}`} ${dst}`
}

function routeFlags(route: RouteEntry): (string | false)[] {
  return [route.onlink && 'onlink', route.dead && 'dead', route.extras && '(extras)']
}

function proto({ protocol }: NeighbourEntry | RouteEntry): string | false {
  return protocol !== 0 && `proto ${PROTOCOLS[protocol] ?? protocol}`
}

function state(entry: { readonly state: number }): string {
  return STATES[entry.state] ?? `state ${entry.state}`
}

function selfFlag(flags: number): string | false {
  return (flags & 0x02) !== 0 && 'self'
}

function words(...parts: (string | false | undefined | 0)[]): string {
  return parts.filter((part) => typeof part === 'string' && part !== '').join(' ')
}
