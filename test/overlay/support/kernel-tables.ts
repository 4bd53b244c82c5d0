/**
 * A small model of the kernel's three tables, for the planner's tests: what replace, create and delete do to them and in
 * which order routes are met (kernel-facts 1 and 4). It keeps values, not bytes, and shares no code with the planner.
 */

import { OP_CREATE, OP_DELETE } from '../../../lib/addon/abi.ts'
import { contains, networkAddress } from '../../../lib/net/cidr.ts'
import { type ActualTables, type PeerPlan, routesAllowed } from '../../../lib/overlay/plan.ts'
import {
  type Entry,
  type EntryTable,
  type FdbEntry,
  type NeighbourEntry,
  packEntries,
  type RouteEntry,
  unpackEntry,
} from '../../../lib/rtnl/entries.ts'
import type { BatchResult, EntryFailure } from '../../../lib/rtnl/port.ts'

export interface KernelTables {
  readonly neighbours: NeighbourEntry[]
  readonly fdb: FdbEntry[]
  /** In the kernel's order: by metric within a prefix. */
  readonly routes: RouteEntry[]
}

export function dump(tables: KernelTables): ActualTables {
  const { neighbours, fdb, routes } = tables
  return { neighbours: packEntries(neighbours), fdb: packEntries(fdb), routes: packEntries(routes) }
}

/** Applies the phases in their order; a peer without its entries gets no route. */
export function applyPlan(tables: KernelTables, plan: PeerPlan): void {
  const result = applyBatch(tables, plan.entries)
  applyBatch(tables, routesAllowed(plan, result))
  applyBatch(tables, plan.deletes)
  applyBatch(tables, plan.leftovers)
}

export function applyBatch(tables: KernelTables, batch: EntryTable): BatchResult {
  const failures: EntryFailure[] = []
  const errnos = new Int32Array(batch.length)
  for (let index = 0; index < batch.length; index += 1) {
    const op = batch.bytes[index * 48] ?? 0
    const errnoName = applyEntry(tables, op, unpackEntry(batch, index))
    if (errnoName === undefined) continue
    errnos[index] = 1
    failures.push({ index, errno: 1, errnoName, extack: '' })
  }
  return { errnos, failures, unknown: 0 }
}

function applyEntry(tables: KernelTables, op: number, entry: Entry): string | undefined {
  switch (entry.kind) {
    case 'neighbour':
      return applyKeyed(
        tables.neighbours,
        op,
        entry,
        (other) => other.ip === entry.ip && other.ifindex === entry.ifindex,
      )
    case 'fdb': {
      const same = (other: FdbEntry): boolean => other.lladdr === entry.lladdr && other.ifindex === entry.ifindex
      const there = tables.fdb.find(same)
      // Deleting with another remote succeeds and does nothing.
      if (op === OP_DELETE && there !== undefined && there.remote !== entry.remote) return undefined
      return applyKeyed(tables.fdb, op, entry, same)
    }
    case 'route':
      return applyRoute(tables.routes, op, entry)
  }
}

function applyKeyed<T>(table: T[], op: number, entry: T, same: (other: T) => boolean): string | undefined {
  const at = table.findIndex(same)
  if (op === OP_DELETE) return at < 0 ? 'ENOENT' : void table.splice(at, 1)
  if (at >= 0 && op === OP_CREATE) return 'EEXIST'
  if (at < 0) table.push(entry)
  else table[at] = entry
  return undefined
}

function applyRoute(routes: RouteEntry[], op: number, entry: RouteEntry): string | undefined {
  const ipv6 = entry.dst.includes(':')
  if (op === OP_DELETE) {
    const at = routes.findIndex(
      (other) =>
        other.dst === entry.dst &&
        other.type === entry.type &&
        (entry.metric === 0 || other.metric === entry.metric) &&
        (entry.protocol === 0 || other.protocol === entry.protocol) &&
        (entry.oif === undefined || other.oif === entry.oif) &&
        (entry.gateway === undefined || other.gateway === entry.gateway),
    )
    return at < 0 ? 'ESRCH' : void routes.splice(at, 1)
  }
  const gateway = entry.gateway
  if (ipv6 && entry.onlink && gateway !== undefined) {
    const covering = routes.find((other) => contains(other.dst, gateway) && networkAddress(other.dst) !== '::')
    if (covering !== undefined && covering.type === 1 && covering.oif !== entry.oif) return 'EINVAL'
  }
  const at = routes.findIndex((other) => other.dst === entry.dst && other.metric === entry.metric)
  if (at >= 0 && op === OP_CREATE) return 'EEXIST'
  const alive = { ...entry, dead: false }
  if (at < 0) {
    routes.push(alive)
    routes.sort((a, b) => (a.dst === b.dst ? a.metric - b.metric : 0))
    return undefined
  }
  const twin = routes.findIndex((other) => sameRoute(other, alive))
  // An identical route is left as it is: dead stays dead; behind another one of its metric it gives EEXIST.
  if (twin >= 0) return twin === at ? undefined : 'EEXIST'
  routes[at] = alive
  return undefined
}

function sameRoute(a: RouteEntry, b: RouteEntry): boolean {
  return JSON.stringify({ ...a, dead: false }) === JSON.stringify({ ...b, dead: false })
}
