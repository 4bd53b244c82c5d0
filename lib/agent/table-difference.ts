/**
 * What the kernel's tables lack, and have too much, against what they should be: one look, in lines that read like the commands
 * that would mend it. Must not: write anything.
 */

import { OFFSET_OP, OP_DELETE } from '../addon/abi.ts'
import { renderCommand } from '../overlay/entry-command.ts'
import type { IfnameOf } from '../overlay/entry-text.ts'
import type { PlannedBatch } from '../overlay/plan/batch.ts'
import type { PeerPlan } from '../overlay/plan.ts'
import { entryBytes, unpackEntry } from '../rtnl/entries.ts'

export interface TableDifference {
  /** What would be run: `ip route replace …`, `bridge fdb del …`. At most MOST_LINES of them. */
  readonly commands: readonly string[]
  /** All, those that are not listed included. */
  readonly missing: number
  readonly surplus: number
  /** A look that stayed inconsistent, or a view that is not complete, says nothing of what is too much. */
  readonly complete: boolean
}

export const MOST_LINES = 1000

export function tableDifference(plan: PeerPlan, complete: boolean, ifnameOf: IfnameOf): TableDifference {
  const commands: string[] = []
  let [missing, surplus] = [0, 0]
  for (const batch of [plan.entries, plan.routes, plan.deletes, plan.leftovers])
    for (let i = 0; i < batch.length; i += 1) {
      const isDelete = entryBytes(batch, i)[OFFSET_OP] === OP_DELETE
      if (isDelete) surplus += 1
      else missing += 1
      if (commands.length < MOST_LINES) commands.push(commandOf(batch, i, isDelete, ifnameOf))
    }
  return { commands, missing, surplus, complete }
}

function commandOf(batch: PlannedBatch, index: number, isDelete: boolean, ifnameOf: IfnameOf): string {
  return renderCommand(isDelete ? 'delete' : 'replace', unpackEntry(batch, index), ifnameOf)
}
