/** One neighbour entry of a packed table, without unpacking the others. Must not: ask the kernel. */

import { ENTRY_BYTES, KIND_NEIGHBOUR, OFFSET_DST, OFFSET_KIND } from '../addon/abi.ts'
import { type Ip, ipToBytes } from '../net/ip.ts'
import { type EntryTable, type NeighbourEntry, unpackEntry } from './entries.ts'

/** `table`: of the family of `ip`, as a dump of neighbours returns it. undefined: it has none. */
export function findNeighbour(table: EntryTable, ip: Ip): NeighbourEntry | undefined {
  const wanted = ipToBytes(ip)
  const { bytes } = table
  for (let index = 0; index < table.length; index += 1) {
    const at = index * ENTRY_BYTES
    if (bytes[at + OFFSET_KIND] !== KIND_NEIGHBOUR) continue
    let same = 0
    while (same < wanted.length && bytes[at + OFFSET_DST + same] === wanted[same]) same += 1
    if (same < wanted.length) continue
    const entry = unpackEntry(table, index)
    if (entry.kind === 'neighbour') return entry
  }
  return undefined
}
