/** The whole state of a fake namespace, for dumps, comparisons and failing tests' messages. Must not: change it. */
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import type { Family } from '../../../lib/net/ip.ts'
import { type EntryTable, unpackEntries } from '../../../lib/rtnl/entries.ts'
import type { Address, Link, Rule } from '../../../lib/rtnl/port.ts'
import { joinRecords } from './records.ts'
import { routesOf } from './route-table.ts'
import { isDead, publicAddress, routeBytes, type State } from './state.ts'

export interface Snapshot {
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  readonly routes: { readonly ipv4: EntryTable; readonly ipv6: EntryTable }
  readonly rules: { readonly ipv4: readonly Rule[]; readonly ipv6: readonly Rule[] }
  readonly neighbours: EntryTable
  readonly fdb: EntryTable
}

export function takeSnapshot(state: State): Snapshot {
  const indexes = [...state.links.keys()]
  return {
    links: linksOf(state),
    addresses: addressesOf(state, undefined),
    routes: { ipv4: routeDump(state, 'ipv4'), ipv6: routeDump(state, 'ipv6') },
    rules: { ipv4: [...state.rules.ipv4], ipv6: [...state.rules.ipv6] },
    neighbours: joinRecords(
      indexes.flatMap((ifindex) => [
        ...neighbourRecords(state, 'ipv4', ifindex),
        ...neighbourRecords(state, 'ipv6', ifindex),
      ]),
    ),
    fdb: joinRecords(indexes.flatMap((ifindex) => fdbRecords(state, ifindex))),
  }
}

export function linksOf(state: State): Link[] {
  return [...state.links.values()]
}

/** IPv4 of all links first, as an unspecific dump of the kernel shows them. */
export function addressesOf(state: State, family: Family | undefined): Address[] {
  const families: readonly Family[] = family === undefined ? ['ipv4', 'ipv6'] : [family]
  const addresses: Address[] = []
  for (const each of families)
    for (const ifindex of state.links.keys())
      for (const own of state.addresses.get(ifindex)?.[each] ?? []) addresses.push(publicAddress(own))
  return addresses
}

/** With ENTRY_DEAD where the output link has lost its carrier. */
export function routeDump(state: State, family: Family): EntryTable {
  return joinRecords(routesOf(state, family).map((route) => routeBytes(route, isDead(state, route))))
}

export function neighbourRecords(state: State, family: Family, ifindex: Ifindex): Uint8Array[] {
  return Array.from(state.neighbours.get(ifindex)?.[family].values() ?? [], (entry) => entry.bytes)
}

export function fdbRecords(state: State, ifindex: Ifindex): Uint8Array[] {
  return Array.from(state.fdb.get(ifindex)?.values() ?? [], (entry) => entry.bytes)
}

/** One line an object, in the order of the snapshot. */
export function renderSnapshot(snapshot: Snapshot): string {
  const entries = [snapshot.routes.ipv4, snapshot.routes.ipv6, snapshot.neighbours, snapshot.fdb].flatMap(unpackEntries)
  return [
    ...snapshot.links.map((link) => `link ${JSON.stringify(link)}`),
    ...snapshot.addresses.map((address) => `address ${JSON.stringify(address)}`),
    ...snapshot.rules.ipv4.map((rule) => `rule ipv4 ${JSON.stringify(rule)}`),
    ...snapshot.rules.ipv6.map((rule) => `rule ipv6 ${JSON.stringify(rule)}`),
    ...entries.map(({ kind, ...rest }) => `${kind} ${JSON.stringify(rest)}`),
  ].join('\n')
}
