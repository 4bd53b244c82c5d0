/**
 * Whether a device holds exactly the entries of a cluster, read by a door of the bench's own and compared entry by entry.
 * Must not: ask the agent, or plan with its code what is to be written.
 */

import { NUD_PERMANENT, RTPROT_VTEPD } from '../../lib/addon/abi.ts'
import type { Lease } from '../../lib/cluster/lease.ts'
import { deviceName } from '../../lib/device/vtep.ts'
import type { Family } from '../../lib/net/ip.ts'
import { type EntryTable, unpackEntries } from '../../lib/rtnl/entries.ts'
import type { Ifindex, Rtnl } from '../../lib/rtnl/port.ts'
import { desiredOf } from './batches.ts'
import { VNI } from './cluster.ts'

/** What is wrong, in words; undefined: nothing is. */
export async function whatIsWrong(
  rtnl: Rtnl,
  family: Family,
  leases: ReadonlyMap<string, Lease>,
): Promise<string | undefined> {
  const ifname = deviceName(family, VNI)
  const link = (await rtnl.dumpLinks()).value.find((candidate) => candidate.ifname === ifname)
  if (link?.up !== true) return `${ifname} is ${link === undefined ? 'not there' : 'down'}`
  const { ifindex } = link
  const desired = desiredOf(leases, family, ifindex)
  const actual = await readTables(rtnl, family, ifindex)
  for (const table of ['neighbours', 'fdb', 'routes'] as const) {
    const [want, have] = [linesOf(desired[table]), actual[table]]
    const missing = [...want].filter((line) => !have.has(line))
    const [first] = missing
    if (first !== undefined)
      return `${table}: ${missing.length} of ${want.size} are not as they should be, first ${first}`
    if (have.size > want.size) return `${table}: ${have.size - want.size} more than there should be`
  }
  return undefined
}

/** Peers that have a direct route: through any link but the device. */
export async function countDirect(rtnl: Rtnl, family: Family): Promise<number> {
  const device = (await rtnl.dumpLinks()).value.find(({ ifname }) => ifname === deviceName(family, VNI))
  const routes = unpackEntries((await rtnl.dumpRoutes(family)).value)
  return routes.filter((e) => e.kind === 'route' && e.protocol === RTPROT_VTEPD && e.oif !== device?.ifindex).length
}

async function readTables(rtnl: Rtnl, family: Family, ifindex: Ifindex) {
  const [neighbours, fdb, routes] = await Promise.all([
    rtnl.dumpNeighbours(family, ifindex),
    rtnl.dumpFdb(ifindex),
    rtnl.dumpRoutes(family),
  ])
  return {
    // The kernel has neighbours of its own, for multicast.
    neighbours: linesOf(neighbours.value, (entry) => entry.kind === 'neighbour' && entry.state === NUD_PERMANENT),
    fdb: linesOf(fdb.value),
    routes: linesOf(routes.value, (entry) => entry.kind === 'route' && entry.protocol === RTPROT_VTEPD),
  }
}

type Read = ReturnType<typeof unpackEntries>[number]

function linesOf(table: EntryTable, counts: (entry: Read) => boolean = () => true): ReadonlySet<string> {
  return new Set(
    unpackEntries(table)
      .filter(counts)
      .map((entry) => JSON.stringify(entry)),
  )
}
