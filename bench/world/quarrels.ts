/** What another program may do to the entries of a device without end. Must not: know who mends it. */

import { ENTRY_BYTES, OFFSET_VIA } from '../../lib/addon/abi.ts'
import { deviceName } from '../../lib/device/vtep.ts'
import type { Family } from '../../lib/net/ip.ts'
import type { DesiredTables } from '../../lib/overlay/desired.ts'
import { type EntryTable, entryBytes } from '../../lib/rtnl/entries.ts'
import { desiredOf, joined, withOp } from './batches.ts'
import type { BusyNode } from './busy-node.ts'
import { VNI } from './cluster.ts'
import type { Disturber } from './disturber.ts'

export interface Quarrel {
  readonly name: string
  /** Goes on for `ms`; resolves with how many entries the kernel accepted from it, or how often its command ran. */
  run(node: BusyNode, disturber: Disturber, ms: number): Promise<number>
}

const TABLES = ['neighbours', 'fdb', 'routes'] as const

export const QUARRELS: readonly Quarrel[] = [
  entries('all neighbours deleted', ({ neighbours }) => withOp(neighbours, 'delete')),
  entries('all FDB entries deleted', ({ fdb }) => withOp(fdb, 'delete')),
  entries('all routes deleted', ({ routes }) => withOp(routes, 'delete')),
  entries('all three deleted', (tables) => joined(TABLES.map((table) => withOp(tables[table], 'delete')))),
  entries('one neighbour deleted', ({ neighbours }) => withOp(first(neighbours), 'delete')),
  entries('one neighbour wrong', ({ neighbours }) => wrong(neighbours)),
  entries('one FDB entry wrong', ({ fdb }) => wrong(fdb)),
  entries('one route wrong', ({ routes }) => wrong(routes)),
  command('ip neigh flush', (device) => `ip neigh flush dev ${device} nud permanent`),
  command('ip route flush', (device, flag) => `ip ${flag} route flush dev ${device} proto 118`),
  command('bridge fdb flush', (device) => `bridge fdb flush dev ${device}`),
]

function entries(name: string, of: (tables: DesiredTables) => EntryTable): Quarrel {
  return {
    name,
    async run({ ground, leases }, disturber, ms) {
      const links = (await ground.rtnl.dumpLinks()).value
      const tables = ground.families.map((family) => {
        const link = links.find(({ ifname }) => ifname === deviceName(family, VNI))
        if (link === undefined) throw new Error(`${deviceName(family, VNI)} is not there`)
        return of(desiredOf(leases, family, link.ifindex))
      })
      return await disturber.write(ground.netns, joined(tables), ms)
    },
  }
}

function command(name: string, lineOf: (device: string, flag: string) => string): Quarrel {
  const line = (family: Family): string => lineOf(deviceName(family, VNI), family === 'ipv4' ? '-4' : '-6')
  return {
    name,
    run: ({ ground: { netns, families } }, disturber, ms) =>
      disturber.command(netns, families.map(line).join('; '), ms),
  }
}

function first(table: EntryTable): EntryTable {
  return { bytes: entryBytes(table, 0).slice(), length: 1 }
}

/** The first entry with one and with another wrong value, in turns: each is news, as writing the same again is not. */
function wrong(table: EntryTable): EntryTable {
  const both = joined([first(table), first(table)])
  for (const [i, change] of [0x11, 0x22].entries()) {
    const at = i * ENTRY_BYTES + OFFSET_VIA + 3
    both.bytes[at] = (both.bytes[at] ?? 0) ^ change
  }
  return withOp(both, 'replace')
}
