/**
 * The forwarding tables of VXLAN links. Must not: know the bridges' own tables (never asked for by vtepd).
 */
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import {
  type Answer,
  EAFNOSUPPORT,
  EEXIST,
  EINVAL,
  ENODEV,
  ENOENT,
  EOPNOTSUPP,
  type Refusal,
  refuse,
} from './errnos.ts'
import { decodeFdb, type Fdb, type Key } from './records.ts'
import { emitEntry, type State } from './state.ts'

/** RTM_NEWNEIGH of PF_BRIDGE with CREATE and, unless `exclusive`, REPLACE. Announced only when something changed, pid 0. */
export function writeFdb(state: State, bytes: Uint8Array, exclusive: boolean): Answer {
  const entry = decodeFdb(bytes)
  const found = tableOf(state, entry)
  if (!('table' in found)) return found
  if (entry.remote === undefined) return refuse(EINVAL)
  if (entry.family !== found.underlay) return refuse(EAFNOSUPPORT)
  const old = found.table.get(entry.lladdr)
  if (old !== undefined && exclusive) return refuse(EEXIST)
  found.table.set(entry.lladdr, entry)
  if (old === undefined || old.remote !== entry.remote || old.state !== entry.state)
    emitEntry(state, 'neighbour', undefined, 'set', entry.bytes, 0)
  return undefined
}

/** RTM_DELNEIGH of PF_BRIDGE: with a remote that is not the entry's it succeeds and deletes nothing (kernel-facts 4). */
export function deleteFdb(state: State, bytes: Uint8Array): Answer {
  const entry = decodeFdb(bytes)
  const found = tableOf(state, entry)
  if (!('table' in found)) return found
  const old = found.table.get(entry.lladdr)
  if (old === undefined) return refuse(ENOENT)
  if (entry.remote !== undefined && entry.remote !== old.remote) return undefined
  found.table.delete(entry.lladdr)
  emitEntry(state, 'neighbour', undefined, 'deleted', old.bytes, 0)
  return undefined
}

/** RTM_GETNEIGH of PF_BRIDGE for each record; those that exist, as they stand. The first refusal is the answer. */
export function getFdb(state: State, records: readonly Uint8Array[]): Uint8Array[] | Refusal {
  const found: Uint8Array[] = []
  for (const bytes of records) {
    const asked = decodeFdb(bytes)
    const place = tableOf(state, asked)
    if (!('table' in place)) return place
    const entry = place.table.get(asked.lladdr)
    if (entry !== undefined) found.push(entry.bytes)
  }
  return found
}

/** The link dies: its entries are announced one by one, before anything else of it. */
export function dropFdb(state: State, ifindex: Ifindex): void {
  const table = state.fdb.get(ifindex)
  state.fdb.delete(ifindex)
  if (table === undefined) return
  for (const entry of table.values()) emitEntry(state, 'neighbour', undefined, 'deleted', entry.bytes, 0)
}

type Found = { readonly table: Map<Key, Fdb>; readonly underlay: 'ipv4' | 'ipv6' }

function tableOf(state: State, entry: Fdb): Found | Exclude<Answer, undefined> {
  const link = state.links.get(entry.ifindex)
  if (link === undefined) return refuse(ENODEV, 'unknown ifindex')
  const table = state.fdb.get(entry.ifindex)
  if (link.vxlan === undefined || table === undefined) return refuse(EOPNOTSUPP)
  return { table, underlay: link.vxlan.underlay }
}
