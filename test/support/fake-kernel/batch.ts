/** A batch of packed entries, carried out one by one as the kernel does: it is no transaction. */

import * as abi from '../../../lib/addon/abi.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import { type EntryTable, unpackEntry } from '../../../lib/rtnl/entries.ts'
import type { BatchResult, EntryFailure } from '../../../lib/rtnl/port.ts'
import { type Answer, EINVAL, errnoName, refuse } from './errnos.ts'
import type { Fault } from './faults.ts'
import { deleteFdb, writeFdb } from './fdb.ts'
import { deleteNeighbour, writeNeighbour } from './neighbours.ts'
import { copyRecord, getUint32 } from './records.ts'
import { deleteRoute, writeRoute } from './routes.ts'
import type { State } from './state.ts'

/** `disturb(i)` runs before entry i: what another program does between two messages of a batch. */
export function applyBatch(
  state: State,
  batch: EntryTable,
  fault: Fault | undefined,
  pid: number,
  disturb: (index: number) => void,
): BatchResult {
  const errnos = new Int32Array(batch.length)
  const failures: EntryFailure[] = []
  let unknown = 0
  for (let index = 0; index < batch.length; index += 1) {
    disturb(index)
    const lost = fault?.kind === 'lost-acks' && index >= (fault.from ?? 0)
    const answer = lost && fault.done === false ? undefined : applyEntry(state, batch, index, fault, pid)
    if (lost) {
      errnos[index] = -1
      unknown += 1
    } else if (answer !== undefined) {
      errnos[index] = answer.errno
      failures.push({ index, ...answer, errnoName: errnoName(answer.errno) })
    }
  }
  return { errnos, failures, unknown }
}

/** The links that a batch names, each once. */
export function namedIfindexes(batch: EntryTable): Ifindex[] {
  const named = new Set<number>()
  for (let i = 0; i < batch.length; i += 1) named.add(getUint32(batch.bytes, i * abi.ENTRY_BYTES + abi.OFFSET_IFINDEX))
  named.delete(0)
  return [...named] as Ifindex[]
}

function applyEntry(state: State, batch: EntryTable, index: number, fault: Fault | undefined, pid: number): Answer {
  if (fault?.kind === 'errno' && (fault.entries === undefined || fault.entries(unpackEntry(batch, index))))
    return refuse(fault.errno, fault.extack)
  return writeRecord(state, copyRecord(batch, index), batch.bytes[index * abi.ENTRY_BYTES] ?? 0, pid)
}

/** One entry, `op` being OP_*; `table` of a route, main where none is named. `bytes` is kept: give a copy. */
export function writeRecord(state: State, bytes: Uint8Array, op: number, pid: number, table?: number): Answer {
  const exclusive = op === abi.OP_CREATE
  const removes = op === abi.OP_DELETE
  switch (bytes[abi.OFFSET_KIND]) {
    case abi.KIND_NEIGHBOUR:
      return removes ? deleteNeighbour(state, bytes, pid) : writeNeighbour(state, bytes, exclusive, pid)
    case abi.KIND_FDB:
      return removes ? deleteFdb(state, bytes) : writeFdb(state, bytes, exclusive)
    case abi.KIND_ROUTE:
      return removes ? deleteRoute(state, bytes, pid, table) : writeRoute(state, bytes, exclusive, pid, table)
    default:
      return refuse(EINVAL)
  }
}
