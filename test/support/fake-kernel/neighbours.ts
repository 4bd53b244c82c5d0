/**
 * The neighbour tables (ARP and ND): writes, deletions, and what a disturbance drops of them.
 * Must not: know FDB entries (fdb.ts). Entries that the real kernel learns by itself are not modelled: only those written.
 */

import * as abi from '../../../lib/addon/abi.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import type { Family } from '../../../lib/net/ip.ts'
import { type Answer, EEXIST, ENODEV, ENOENT, refuse } from './errnos.ts'
import { decodeNeighbour, type Neighbour } from './records.ts'
import { emitEntry, type Neighbours, type State } from './state.ts'

const NUD_FAILED = 0x20

/** RTM_NEWNEIGH with CREATE and, unless `exclusive`, REPLACE. Works on links that are down (kernel-facts 4). */
export function writeNeighbour(state: State, bytes: Uint8Array, exclusive: boolean, pid: number): Answer {
  const entry = decodeNeighbour(bytes)
  if (!state.links.has(entry.ifindex)) return refuse(ENODEV)
  const table = neighboursOf(state, entry.ifindex)[entry.family]
  const old = table.get(entry.ip)
  if (old !== undefined && exclusive) return refuse(EEXIST)
  const written = old !== undefined && entry.protocol === 0 ? withProtocol(entry, old.protocol) : entry
  table.set(entry.ip, written)
  const same =
    old !== undefined && old.lladdr === entry.lladdr && old.state === entry.state && old.flags === entry.flags
  if (!same) emitEntry(state, 'neighbour', undefined, 'set', written.bytes, pid)
  return undefined
}

/** RTM_DELNEIGH: the lladdr given is ignored. Announced twice: as failed with the sender's pid, as deleted with 0. */
export function deleteNeighbour(state: State, bytes: Uint8Array, pid: number): Answer {
  const entry = decodeNeighbour(bytes)
  if (!state.links.has(entry.ifindex)) return refuse(ENODEV)
  const table = neighboursOf(state, entry.ifindex)[entry.family]
  const old = table.get(entry.ip)
  if (old === undefined) return refuse(ENOENT)
  table.delete(entry.ip)
  const failed = old.bytes.slice()
  failed[abi.OFFSET_TYPE] = NUD_FAILED
  failed.fill(0, abi.OFFSET_VIA, abi.OFFSET_VIA + 16)
  emitEntry(state, 'neighbour', undefined, 'set', failed, pid)
  emitEntry(state, 'neighbour', undefined, 'deleted', failed, 0)
  return undefined
}

/** Link down, MAC change, last IPv4 address gone: every entry of the family goes, PERMANENT ones too (kernel-facts 2). */
export function dropNeighbours(state: State, ifindex: Ifindex, family: Family): void {
  const table = state.neighbours.get(ifindex)?.[family]
  if (table === undefined || table.size === 0) return
  const dropped = [...table.values()]
  table.clear()
  for (const entry of dropped) emitEntry(state, 'neighbour', undefined, 'deleted', entry.bytes, 0)
}

export function neighboursOf(state: State, ifindex: Ifindex): Neighbours {
  let tables = state.neighbours.get(ifindex)
  if (tables === undefined) {
    tables = { ipv4: new Map(), ipv6: new Map() }
    state.neighbours.set(ifindex, tables)
  }
  return tables
}

function withProtocol(entry: Neighbour, protocol: number): Neighbour {
  entry.bytes[abi.OFFSET_PROTOCOL] = protocol
  return { ...entry, protocol }
}
