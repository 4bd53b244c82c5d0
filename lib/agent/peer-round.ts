/**
 * One look at everything: the three tables as they are, the plan that makes them what they should be, and its way into the
 * kernel. Must not: decide when, remember anything between rounds, or log.
 */

import { ENTRY_BYTES, KIND_FDB, KIND_NEIGHBOUR, KIND_ROUTE, OFFSET_KIND, OFFSET_VIA } from '../addon/abi.ts'
import type { LeaseView } from '../cluster/view.ts'
import type { Ifindex } from '../net/ifindex.ts'
import type { Family } from '../net/ip.ts'
import { renderSubject } from '../overlay/entry-text.ts'
import type { PlannedBatch } from '../overlay/plan/batch.ts'
import { type ActualTables, type PeerPlan, type PlanInput, planInSlices } from '../overlay/plan.ts'
import { type EntryTable, unpackEntry } from '../rtnl/entries.ts'
import type { Rtnl, Unreadable } from '../rtnl/port.ts'
import { inSlices } from '../util/slices.ts'

export interface Look {
  readonly actual: ActualTables
  /** A dump stayed inconsistent: what it does not show may be there. */
  readonly interrupted: boolean
  /** Entries that could not be read; undefined: all could. */
  readonly unreadable: Unreadable | undefined
}

/** What a look at a device without any entry finds. */
export function nothingSeen(): Look {
  const none = (): EntryTable => ({ bytes: new Uint8Array(0), length: 0 })
  const actual = { neighbours: none(), fdb: none(), routes: none() }
  return { actual, interrupted: false, unreadable: undefined }
}

/** `ifindex` of our own device; undefined: there is none, and only routes are ours. */
export async function lookAtTables(rtnl: Rtnl, family: Family, ifindex: Ifindex | undefined): Promise<Look> {
  if (ifindex === undefined) {
    const { value: routes, interrupted, unreadable } = await rtnl.dumpRoutes(family)
    return { actual: { ...nothingSeen().actual, routes }, interrupted, unreadable }
  }
  const [neighbours, fdb, routes] = await Promise.all([
    rtnl.dumpNeighbours(family, ifindex),
    rtnl.dumpFdb(ifindex),
    rtnl.dumpRoutes(family),
  ])
  return {
    actual: { neighbours: neighbours.value, fdb: fdb.value, routes: routes.value },
    interrupted: neighbours.interrupted || fdb.interrupted || routes.interrupted,
    unreadable: neighbours.unreadable ?? fdb.unreadable ?? routes.unreadable,
  }
}

/** FDB entries that the dump lacks without reason are asked for one by one, and planned with the answer. */
export async function planTables(
  rtnl: Rtnl,
  of: Pick<PlanInput, 'network' | 'desired' | 'spared' | 'ifindex'> & { readonly view: LeaseView },
  { actual, interrupted }: Look,
  turn: () => Promise<void>,
): Promise<PeerPlan> {
  const { network, desired, spared, ifindex, view } = of
  const input = { network, spared, ifindex, desired, complete: view.synced && !interrupted }
  const plan = await inSlices(planInSlices({ ...input, actual }), turn)
  if (plan.doubtful.length === 0) return plan
  const found = await rtnl.getFdb(plan.doubtful)
  if (found.length === 0) return plan
  for (const batch of batchesOf(plan)) rtnl.release(batch)
  return await inSlices(planInSlices({ ...input, actual: { ...actual, fdb: joined(actual.fdb, found) } }), turn)
}

export function batchesOf({ entries, routes, deletes, leftovers }: PeerPlan): readonly PlannedBatch[] {
  return [entries, routes, deletes, leftovers]
}

function joined(a: EntryTable, b: EntryTable): EntryTable {
  const bytes = new Uint8Array((a.length + b.length) * ENTRY_BYTES)
  bytes.set(a.bytes.subarray(0, a.length * ENTRY_BYTES))
  bytes.set(b.bytes.subarray(0, b.length * ENTRY_BYTES), a.length * ENTRY_BYTES)
  return { bytes, length: a.length + b.length }
}

/** Entries above which the governor knows what is written by its kind alone. */
const SINGLE = 200
const KINDS: Readonly<Record<number, string>> = {
  [KIND_NEIGHBOUR]: 'neighbours',
  [KIND_FDB]: 'FDB entries',
  [KIND_ROUTE]: 'routes',
}

export interface PlanNames {
  /** By which the governor knows what is written. */
  readonly names: readonly string[]
  /** The names of its kinds. */
  readonly kinds: readonly string[]
  readonly inWords: () => string
}

export function namesOfPlan(plan: PeerPlan): PlanNames {
  const batches = batchesOf(plan).filter(({ length }) => length > 0)
  const count = batches.reduce((sum, { length }) => sum + length, 0)
  const kinds = new Set<string>()
  const names = new Set<string>()
  for (const { bytes, length } of batches)
    for (let i = 0; i < length; i += 1) {
      kinds.add(kindOf(bytes, i * ENTRY_BYTES))
      if (count <= SINGLE) names.add(nameOf(bytes, i * ENTRY_BYTES))
    }
  return {
    names: [...(count > SINGLE ? kinds : names)],
    kinds: [...kinds],
    inWords: () => (count > SINGLE ? `${count} ${[...kinds].join(' and ')}` : firstOf(batches, count)),
  }
}

/** Both names of one packed entry: its own, and that of its kind. */
export function namesOfEntry(bytes: Uint8Array): readonly string[] {
  return [nameOf(bytes, 0), kindOf(bytes, 0)]
}

/** Kind, family, destination and metric: what identifies an entry on one device. */
function nameOf(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at + OFFSET_KIND, at + OFFSET_VIA))
}

function kindOf(bytes: Uint8Array, at: number): string {
  return KINDS[bytes[at + OFFSET_KIND] ?? 0] ?? 'entries'
}

function firstOf([first]: readonly PlannedBatch[], count: number): string {
  const one = first === undefined ? 'nothing' : renderSubject(unpackEntry(first, 0))
  return count === 1 ? one : `${one} and ${count - 1} more`
}
