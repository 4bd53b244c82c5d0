/**
 * Holds back, entry by entry, the repair of what another program undoes again and again. A plan that is large, or the first
 * for a device or for other peers, is never held: that is no quarrel over an entry.
 * Must not: hold a repair longer than the limiter says.
 */
import type { DesiredTables } from '../overlay/desired.ts'
import { renderKey } from '../overlay/entry-text.ts'
import { filterBatch, type PlannedBatch } from '../overlay/plan/batch.ts'
import type { PeerPlan } from '../overlay/plan.ts'
import { ENTRY_BYTES, OFFSET_KIND, OFFSET_VIA } from '../rtnl/abi.ts'
import { unpackEntry } from '../rtnl/entries.ts'
import type { Clock } from '../util/clock.ts'
import { createRepairLimiter } from './repair-limiter.ts'

/** Entries above which a plan is bulk work. */
const BULK = 500

export interface Quarrel {
  /** The entry in words. */
  readonly entry: string
}

export interface HeldPlan {
  readonly plan: PeerPlan
  /** Milliseconds until the first held entry may be repaired; undefined: nothing is held. */
  readonly heldMs: number | undefined
}

export function createPlanHolder(
  clock: Clock,
  onQuarrel: (quarrel: Quarrel) => void,
): (plan: PeerPlan, desired: DesiredTables) => HeldPlan {
  const limiter = createRepairLimiter(clock)
  let known: DesiredTables | undefined

  return (plan, desired) => {
    if (known !== desired) limiter.reset()
    const first = known !== desired
    known = desired
    const size = plan.entries.length + plan.routes.length + plan.deletes.length + plan.leftovers.length
    if (first || size > BULK) return { plan, heldMs: undefined }
    let heldMs: number | undefined
    const admit = (batch: PlannedBatch): PlannedBatch =>
      filterBatch(batch, (index) => {
        const key = keyOf(batch, index)
        const waitMs = limiter.waitMs(key)
        if (waitMs > 0) heldMs = Math.min(heldMs ?? waitMs, waitMs)
        else if (limiter.repaired(key)) onQuarrel({ entry: renderKey(unpackEntry(batch, index)) })
        return waitMs === 0
      })
    const admitted = {
      ...plan,
      entries: admit(plan.entries),
      routes: admit(plan.routes),
      deletes: admit(plan.deletes),
      leftovers: admit(plan.leftovers),
    }
    return { plan: admitted, heldMs }
  }
}

/** Kind, family, destination and metric: what identifies an entry on one device. */
function keyOf(batch: PlannedBatch, index: number): string {
  const at = index * ENTRY_BYTES
  return String.fromCharCode(...batch.bytes.subarray(at + OFFSET_KIND, at + OFFSET_VIA))
}
