/**
 * The two C programs over packed entries: the limit, with our entries in our order; and the pattern of the library that
 * flannel uses: peer by peer, each entry on a socket of its own with an acknowledgement, routes without a metric.
 */
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { ENTRY_BYTES, OFFSET_KIND, OFFSET_PRIORITY } from '../../lib/addon/abi.ts'
import type { EntryTable } from '../../lib/rtnl/entries.ts'
import { type Batches, joined } from '../world/batches.ts'
import type { Programmer, Work } from './contender.ts'
import { runTimed } from './programs.ts'

/** The name under which the limit stands in every table. */
export const LIMIT = 'c-loop'

/** `program`: limit/entries.c compiled; `folder` takes the entries. */
export function cLoop(program: string, folder: string): Programmer {
  return loop(LIMIT, 'linear', program, 'batch', folder, (batches, work) => joined(batches.flatMap((b) => b[work])))
}

export function oneByOne(program: string, folder: string): Programmer {
  return loop('one-by-one', 'quadratic', program, 'single', folder, (batches, work) =>
    peerByPeer(joined(batches.flatMap((b) => b[work]))),
  )
}

function loop(
  name: string,
  growth: Programmer['growth'],
  program: string,
  how: 'batch' | 'single',
  folder: string,
  entries: (batches: readonly Batches[], work: Work) => EntryTable,
): Programmer {
  return {
    name,
    growth,
    async program({ netns }, work, batches) {
      const file = path.join(folder, `${name}.entries`)
      const { bytes, length } = entries(batches, work)
      writeFileSync(file, bytes.subarray(0, length * ENTRY_BYTES))
      const { timing, count } = await runTimed(program, [how, netns.path, file])
      if (count > 0) throw new Error(`${name}: the kernel refused ${count} of ${length} entries`)
      return timing
    },
  }
}

/** The first of each kind, then the second of each, …; routes lose their metric. */
export function peerByPeer(table: EntryTable): EntryTable {
  const kinds = new Map<number, Uint8Array[]>()
  for (let i = 0; i < table.length; i += 1) {
    const entry = table.bytes.slice(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES)
    entry.fill(0, OFFSET_PRIORITY, OFFSET_PRIORITY + 4)
    const kind = entry[OFFSET_KIND] ?? 0
    const list = kinds.get(kind)
    if (list === undefined) kinds.set(kind, [entry])
    else list.push(entry)
  }
  const bytes = new Uint8Array(table.length * ENTRY_BYTES)
  const lists = [...kinds].sort(([a], [b]) => a - b).map(([, list]) => list)
  let at = 0
  for (let peer = 0; at < bytes.length; peer += 1) {
    for (const list of lists) {
      const entry = list[peer]
      if (entry === undefined) continue
      bytes.set(entry, at)
      at += ENTRY_BYTES
    }
  }
  return { bytes, length: table.length }
}
