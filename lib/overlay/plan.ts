/**
 * What to write so that the kernel's three tables become the desired ones: pure, from one full dump, in phases that never
 * interrupt a peer that works. Owns the order of the phases. Must not: send, retry or remember anything between rounds.
 *
 *   1 entries    neighbours, then FDB entries: replaced or created
 *   2 routes     only for peers whose entries of phase 1 succeeded (routesAllowed)
 *   3 deletes    what no peer needs any more: routes, then FDB entries, then neighbours
 *   4 leftovers  routes of ours or flannel's beside one of ours that the dump has shown to stand (add, verify, delete)
 *
 * An incomplete picture (a partial view, or a dump that stayed interrupted) only adds what is absent.
 */

import * as abi from '../addon/abi.ts'
import { InvariantError } from '../errors.ts'
import { type Cidr, networkAddress } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { familyOf } from '../net/ip.ts'
import { type EntryTable, type RouteEntry, unpackEntry } from '../rtnl/entries.ts'
import type { BatchResult } from '../rtnl/port.ts'
import { atOnce, type Slices } from '../util/slices.ts'
import { classify, operationOf } from './classify.ts'
import type { DesiredTable, DesiredTables } from './desired.ts'
import { renderKey } from './entry-text.ts'
import { WORDS, wordsOf } from './packed/words.ts'
import { createBatchWriter, type PlannedBatch } from './plan/batch.ts'
import { ownershipOf } from './plan/ownership.ts'
import { ABSENT, planPairs, RIGHT } from './plan/pairs.ts'
import { planRoutes, type ShadowedRow } from './plan/routes.ts'

/** The kernel's tables as dumps returned them. */
export interface ActualTables {
  /** Of our device and family. */
  readonly neighbours: EntryTable
  /** Of our device. */
  readonly fdb: EntryTable
  /** The whole main table of the family. */
  readonly routes: EntryTable
}

export interface PlanInput {
  /** The overlay network of the family: bounds what may be deleted. */
  readonly network: Cidr
  /** Of our device, the one that `desired` was made for; undefined: host-gw, whose routes are all direct. */
  readonly ifindex: Ifindex | undefined
  readonly desired: DesiredTables
  readonly actual: ActualTables
  /** A synced view and three dumps without interruption: only then may anything be replaced or deleted. */
  readonly complete: boolean
  /** Entries with these keys are not deleted, though nobody wants them. */
  readonly spared?: DesiredTables | undefined
}

/** A route of somebody else's that the kernel prefers to ours, for all or a part of a peer's subnet. */
export interface Shadowed {
  readonly node: string
  /** Of the peer. */
  readonly prefix: Cidr
  readonly by: RouteEntry
  /** The dump shows our own route too. */
  readonly stands: boolean
}

export interface PeerPlan {
  readonly entries: PlannedBatch
  readonly routes: PlannedBatch
  readonly deletes: PlannedBatch
  readonly leftovers: PlannedBatch
  readonly shadowed: readonly Shadowed[]
  /**
   * Written FDB entries that the dump lacks although their peer's neighbour entry stands: an FDB dump beside another writer
   * lacks stable entries (kernel-facts 5), so that they have to be asked for one by one before they are written.
   */
  readonly doubtful: EntryTable
  /** Leftovers that wait for our own route to be seen in a dump: plan again once phase 2 has succeeded. */
  readonly deferred: number
}

/** As planInSlices, in one go. */
export function planPeers(input: PlanInput): PeerPlan {
  return atOnce(planInSlices(input))
}

/** Throws InvariantError when `desired` has a key twice. */
export function* planInSlices(input: PlanInput): Slices<PeerPlan> {
  const { network, ifindex, desired, actual, complete, spared } = input
  const family = familyOf(networkAddress(network))
  const owned = ownershipOf(network, ifindex)
  for (const table of [desired.neighbours, desired.fdb, desired.routes]) {
    const row = table.duplicate
    if (row >= 0) throw new InvariantError(`desired entry ${renderKey(unpackEntry(table, row))} is there twice`)
  }
  const entries = createBatchWriter(desired.neighbours.length + desired.fdb.length)
  const routes = createBatchWriter(desired.routes.length)
  const deletes = createBatchWriter()
  const leftovers = createBatchWriter()
  const { shadowed, deferred } = yield* planRoutes(
    {
      family,
      desired: desired.routes,
      actual: actual.routes,
      ifindex,
      owned: owned.route,
      foreign: owned.foreignRoute,
      spared: isIn(spared?.routes),
      complete,
    },
    { writes: routes, deletes, leftovers },
  )
  const neighbourDeletes = createBatchWriter()
  const pairs = { ifindex, complete }
  const neighbours = yield* planPairs(
    {
      ...pairs,
      desired: desired.neighbours,
      actual: actual.neighbours,
      owned: owned.neighbour,
      spared: isIn(spared?.neighbours),
    },
    entries,
    neighbourDeletes,
  )
  const fdb = yield* planPairs(
    { ...pairs, desired: desired.fdb, actual: actual.fdb, owned: owned.fdb, spared: isIn(spared?.fdb) },
    entries,
    deletes,
  )
  deletes.append(neighbourDeletes.finish())
  return {
    entries: entries.finish(),
    routes: routes.finish(),
    deletes: deletes.finish(),
    leftovers: leftovers.finish(),
    shadowed: shadowed.flatMap((row) => nameShadow(desired, actual.routes, row)),
    doubtful: doubtfulOf(desired, neighbours, fdb),
    deferred,
  }
}

/** Whether the table has the key of an entry. */
function isIn(table: DesiredTable | undefined): (words: Int32Array, at: number) => boolean {
  return table === undefined ? () => false : (words, at) => table.index.find(words, at) >= 0
}

/** Nothing to write. A plan may be empty and yet report shadowed routes. */
export function isEmptyPlan(plan: PeerPlan): boolean {
  return plan.entries.length + plan.routes.length + plan.deletes.length + plan.leftovers.length === 0
}

/** Phase 2 without the peers whose neighbour or FDB entry failed, or whose answer was lost, in phase 1. */
export function routesAllowed(plan: PeerPlan, entriesResult: BatchResult): PlannedBatch {
  if (entriesResult.failures.length === 0 && entriesResult.unknown === 0) return plan.routes
  const barred = new Set<number>()
  for (const { index, errnoName } of entriesResult.failures) {
    const reached = classify(operationOf(plan.entries, index), errnoName) === 'done'
    if (!reached) barred.add(plan.entries.peers[index] ?? -1)
  }
  for (const [index, errno] of entriesResult.errnos.entries()) {
    if (errno < 0) barred.add(plan.entries.peers[index] ?? -1)
  }
  const allowed = createBatchWriter(plan.routes.length)
  const words = wordsOf(plan.routes)
  for (let i = 0; i < plan.routes.length; i += 1) {
    const peer = plan.routes.peers[i] ?? -1
    if (!barred.has(peer)) allowed.push(plan.routes.bytes[i * abi.ENTRY_BYTES] ?? 0, words, i * WORDS, peer)
  }
  return allowed.finish()
}

/** Neighbour and FDB entry of a peer stand in the same row. */
function doubtfulOf({ fdb }: DesiredTables, neighbours: Uint8Array, states: Uint8Array): EntryTable {
  const doubtful = createBatchWriter()
  const words = wordsOf(fdb)
  for (let row = 0; row < fdb.length; row += 1)
    if (states[row] === ABSENT && neighbours[row] === RIGHT) doubtful.push(0, words, row * WORDS, fdb.peers[row] ?? -1)
  return doubtful.finish()
}

function nameShadow(
  desired: DesiredTables,
  routes: EntryTable,
  { desired: row, by: at, stands }: ShadowedRow,
): Shadowed[] {
  const by = unpackEntry(routes, at)
  const ours = unpackEntry(desired.routes, row)
  if (by.kind !== 'route' || ours.kind !== 'route') return []
  return [{ node: desired.nodes[desired.routes.peers[row] ?? -1] ?? '', prefix: ours.dst, by, stands }]
}
