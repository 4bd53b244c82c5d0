/**
 * Sends a plan to the kernel in its phases and counts what became of it. Must not: plan, retry or log.
 */
import { classify, operationOf } from '../overlay/classify.ts'
import { renderKey } from '../overlay/entry-text.ts'
import { type PeerPlan, routesAllowed } from '../overlay/plan.ts'
import { type EntryTable, unpackEntry } from '../rtnl/entries.ts'
import type { Rtnl } from '../rtnl/port.ts'

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
  /** The first failure in words. */
  first: string | undefined
}

/** In the order of plan.ts; `alive` is asked before each phase, so that no phase writes to a link that is gone. */
export async function applyPlan(rtnl: Rtnl, plan: PeerPlan, alive: () => boolean): Promise<Tally> {
  const tally: Tally = {
    neighbours: 0,
    fdb: 0,
    routes: 0,
    deleted: 0,
    written: 0,
    failed: 0,
    retry: 0,
    first: undefined,
  }
  if (plan.entries.length > 0 && alive()) {
    const result = await applyBatch(rtnl, plan.entries, tally)
    const routes = routesAllowed(plan, result)
    if (routes.length > 0 && alive()) await applyBatch(rtnl, routes, tally)
  } else if (plan.routes.length > 0 && alive()) await applyBatch(rtnl, plan.routes, tally)
  if (plan.deletes.length > 0 && alive()) await applyBatch(rtnl, plan.deletes, tally)
  if (plan.leftovers.length > 0 && alive()) await applyBatch(rtnl, plan.leftovers, tally)
  if (!alive()) {
    // The link died under the batch: its entries' errors say only that, and the next round is for another link.
    tally.retry += 1
    tally.first = undefined
  }
  return tally
}

async function applyBatch(rtnl: Rtnl, batch: EntryTable, tally: Tally) {
  const result = await rtnl.applyEntries(batch)
  const failures = new Map(result.failures.map((failure) => [failure.index, failure]))
  for (let i = 0; i < batch.length; i += 1) {
    const failure = failures.get(i)
    const operation = operationOf(batch, i)
    const verdict =
      result.errnos[i] === 0 ? 'done' : failure === undefined ? 'retry' : classify(operation, failure.errnoName)
    if (verdict === 'done') {
      if (result.errnos[i] === 0) tally.written += 1
      if (operation.endsWith('delete')) tally.deleted += 1
      else if (operation.startsWith('neighbour')) tally.neighbours += 1
      else if (operation.startsWith('fdb')) tally.fdb += 1
      else tally.routes += 1
      continue
    }
    if (verdict === 'reject' || verdict === 'fatal') tally.failed += 1
    else tally.retry += 1
    const why = failure === undefined ? 'no answer' : `${failure.errnoName}${failure.extack && ` (${failure.extack})`}`
    tally.first ??= `${operation} ${renderKey(unpackEntry(batch, i))}: ${why}`
  }
  return result
}
