/**
 * What programming a cluster writes: the batches that vtepd's own plan gives, so that every contender is held to the same
 * entries. Must not: touch the kernel.
 */

import { ENTRY_BYTES, OFFSET_OP, OP_DELETE, OP_REPLACE } from '../../lib/addon/abi.ts'
import type { Lease } from '../../lib/cluster/lease.ts'
import type { Ifindex } from '../../lib/net/ifindex.ts'
import type { Family } from '../../lib/net/ip.ts'
import { type DesiredTables, desiredTables } from '../../lib/overlay/desired.ts'
import { peersOf } from '../../lib/overlay/peers.ts'
import { type ActualTables, planPeers } from '../../lib/overlay/plan.ts'
import type { EntryTable } from '../../lib/rtnl/entries.ts'
import { CIDRS } from './cluster.ts'

/** One family's work, phase by phase: what the peer reconciler hands to applyEntries, in its order. */
export type Phases = readonly EntryTable[]

export interface Batches {
  /** On empty tables, and again on tables that are already right. */
  readonly cold: Phases
  readonly replace: Phases
  /** From full tables to empty ones. */
  readonly delete: Phases
}

export const NO_ENTRIES: EntryTable = { bytes: new Uint8Array(0), length: 0 }
export const NO_TABLES: ActualTables = { neighbours: NO_ENTRIES, fdb: NO_ENTRIES, routes: NO_ENTRIES }

export function desiredOf(leases: ReadonlyMap<string, Lease>, family: Family, ifindex: Ifindex): DesiredTables {
  return desiredTables({ family, network: CIDRS[family], ifindex, peers: peersOf(leases, family).peers })
}

export function batchesOf(leases: ReadonlyMap<string, Lease>, family: Family, ifindex: Ifindex): Batches {
  const desired = desiredOf(leases, family, ifindex)
  const from = { network: CIDRS[family], ifindex, complete: true }
  const write = planPeers({ ...from, desired, actual: NO_TABLES })
  const nothing = desiredOf(new Map(), family, ifindex)
  const erase = planPeers({ ...from, desired: nothing, actual: desired })
  const cold = [write.entries, write.routes]
  return { cold, replace: cold, delete: [erase.deletes] }
}

/** All phases one after the other, in one table. */
export function joined(phases: Phases): EntryTable {
  const length = phases.reduce((sum, phase) => sum + phase.length, 0)
  const bytes = new Uint8Array(length * ENTRY_BYTES)
  let at = 0
  for (const phase of phases) {
    bytes.set(phase.bytes.subarray(0, phase.length * ENTRY_BYTES), at)
    at += phase.length * ENTRY_BYTES
  }
  return { bytes, length }
}

/** The same entries with another operation. */
export function withOp(table: EntryTable, op: 'replace' | 'delete'): EntryTable {
  const bytes = table.bytes.slice(0, table.length * ENTRY_BYTES)
  for (let at = 0; at < bytes.length; at += ENTRY_BYTES)
    bytes[at + OFFSET_OP] = op === 'replace' ? OP_REPLACE : OP_DELETE
  return { bytes, length: table.length }
}
