/**
 * Sends a plan to the kernel in its phases and counts what became of it. Must not: plan, retry or log.
 */

import { ENTRY_BYTES, KIND_FDB, KIND_NEIGHBOUR, OFFSET_KIND, OFFSET_OP, OP_DELETE } from '../addon/abi.ts'
import { classify, operationOf } from '../overlay/classify.ts'
import { renderKey } from '../overlay/entry-text.ts'
import type { PlannedBatch } from '../overlay/plan/batch.ts'
import { type PeerPlan, routesAllowed } from '../overlay/plan.ts'
import { type EntryTable, unpackEntry } from '../rtnl/entries.ts'
import type { BatchResult, EntryFailure, Rtnl } from '../rtnl/port.ts'
import { inSlices, SLICE_ROWS, type Slices } from '../util/slices.ts'

/** What a round did. `failed`: refused for good, this round; `retry`: another round may mend it. */
export interface Tally {
  neighbours: number
  fdb: number
  routes: number
  deleted: number
  /** Entries that the kernel acknowledged without an error; deleting what is absent is done, but writes nothing. */
  written: number
  failed: number
  retry: number
  /** Peers, by their index in the desired tables, of which an entry failed or was not answered; -1: a delete. */
  readonly unreached: Set<number>
  /** By table, the wanted entries that are not there now. */
  readonly lacking: Record<'neighbours' | 'fdb' | 'routes', number>
  /** The first failure in words. */
  first: string | undefined
  /** By operation and errno, as `route.replace ENETDOWN`; answers that were lost as `EAGAIN`. */
  readonly errors: Map<string, number>
  /** All that failed did so because a link was gone or down, which the kernel announces: it may be known in a moment. */
  passing: boolean
}

/** In the order of plan.ts; `alive` is asked before each phase, so that no phase writes to a link that is gone. `turn`: Clock.turn. */
export async function applyPlan(
  rtnl: Rtnl,
  plan: PeerPlan,
  { alive, turn }: { readonly alive: () => boolean; readonly turn: () => Promise<void> },
): Promise<Tally> {
  const tally: Tally = {
    neighbours: 0,
    fdb: 0,
    routes: 0,
    deleted: 0,
    written: 0,
    failed: 0,
    retry: 0,
    unreached: new Set(),
    lacking: { neighbours: 0, fdb: 0, routes: 0 },
    first: undefined,
    errors: new Map(),
    passing: true,
  }
  if (plan.entries.length > 0 && alive()) {
    const result = await applyBatch(rtnl, plan.entries, tally, turn)
    const routes = routesAllowed(plan, result)
    tally.lacking.routes += plan.routes.length - routes.length
    if (routes.length > 0 && alive()) await applyBatch(rtnl, routes, tally, turn)
  } else if (plan.routes.length > 0 && alive()) await applyBatch(rtnl, plan.routes, tally, turn)
  if (plan.deletes.length > 0 && alive()) await applyBatch(rtnl, plan.deletes, tally, turn)
  if (plan.leftovers.length > 0 && alive()) await applyBatch(rtnl, plan.leftovers, tally, turn)
  if (!alive()) {
    // The link died under the batch: its entries' errors say only that, and the next round is for another link.
    tally.retry += 1
    tally.first = undefined
  }
  return tally
}

/** What became of each entry is counted in slices: a batch may have 300,000. */
async function applyBatch(rtnl: Rtnl, batch: PlannedBatch, tally: Tally, turn: () => Promise<void>) {
  const result = await rtnl.applyEntries(batch)
  await inSlices(countDone(batch, result, tally), turn)
  if (result.failures.length + result.unknown === 0) return result
  const failures = new Map(result.failures.map((failure) => [failure.index, failure]))
  for (const [i, errno] of result.errnos.entries()) if (errno !== 0) countOther(batch, i, failures.get(i), tally)
  return result
}

function* countDone({ bytes, length }: EntryTable, { errnos }: BatchResult, tally: Tally): Slices<void> {
  for (let i = 0; i < length; i += 1) {
    if (errnos[i] === 0) {
      tally.written += 1
      countReached(bytes[i * ENTRY_BYTES + OFFSET_OP] ?? 0, bytes[i * ENTRY_BYTES + OFFSET_KIND] ?? 0, tally)
    }
    if (i % COUNTED_A_SLICE === COUNTED_A_SLICE - 1) yield
  }
}

/** A few nanoseconds each. */
const COUNTED_A_SLICE = 16 * SLICE_ROWS

function countReached(op: number, kind: number, tally: Tally): void {
  if (op === OP_DELETE) tally.deleted += 1
  else tally[tableOf(kind)] += 1
}

/** The table that entries of this kind are in. */
export function tableOf(kind: number): 'neighbours' | 'fdb' | 'routes' {
  if (kind === KIND_NEIGHBOUR) return 'neighbours'
  return kind === KIND_FDB ? 'fdb' : 'routes'
}

/** `failure`: undefined when the kernel's answer was lost. */
function countOther(batch: PlannedBatch, index: number, failure: EntryFailure | undefined, tally: Tally): void {
  const operation = operationOf(batch, index)
  const verdict = failure === undefined ? 'retry' : classify(operation, failure.errnoName)
  const at = index * ENTRY_BYTES
  if (verdict === 'done') {
    countReached(batch.bytes[at + OFFSET_OP] ?? 0, batch.bytes[at + OFFSET_KIND] ?? 0, tally)
    return
  }
  if (batch.bytes[at + OFFSET_OP] !== OP_DELETE) tally.lacking[tableOf(batch.bytes[at + OFFSET_KIND] ?? 0)] += 1
  const key = `${operation} ${failure?.errnoName ?? 'EAGAIN'}`
  tally.errors.set(key, (tally.errors.get(key) ?? 0) + 1)
  tally.unreached.add(batch.peers[index] ?? -1)
  if (verdict === 'reject' || verdict === 'fatal') tally.failed += 1
  else tally.retry += 1
  tally.passing &&= verdict === 'device-gone' || verdict === 'device-down'
  const why = failure === undefined ? 'no answer' : `${failure.errnoName}${failure.extack && ` (${failure.extack})`}`
  tally.first ??= `${operation} ${renderKey(unpackEntry(batch, index))}: ${why}`
}
