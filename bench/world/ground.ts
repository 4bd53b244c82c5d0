/**
 * One node to program: a network namespace with an underlay interface and a VXLAN device a family, and the way back to
 * empty tables. Must not: program peers (that is what is measured).
 */

import { NUD_PERMANENT, OFFSET_PROTOCOL, OFFSET_TYPE, RTPROT_VTEPD } from '../../lib/addon/abi.ts'
import { deviceName, wantedDevice } from '../../lib/device/vtep.ts'
import type { Ifindex } from '../../lib/net/ifindex.ts'
import type { Family } from '../../lib/net/ip.ts'
import { type EntryTable, entryBytes, ifindexOfEntry } from '../../lib/rtnl/entries.ts'
import { openRtnl } from '../../lib/rtnl/native.ts'
import type { Rtnl } from '../../lib/rtnl/port.ts'
import type { Underlay } from '../../lib/underlay/underlay.ts'
import { createNetns, type Netns, type Scope } from '../../test/support/netns.ts'
import { networkOf, OURS, VNI } from './cluster.ts'

export const UNDERLAY_IFNAME = 'mgmt0'

export interface Ground {
  readonly netns: Netns
  readonly families: readonly Family[]
  /** A door of the bench's own, for set-up and for looking. */
  readonly rtnl: Rtnl
  /** Makes the devices anew, with nothing on them; their interface indexes change. */
  reset(): Promise<void>
  /** Takes the devices away. */
  clear(): Promise<void>
  /** Of the device as `reset` made it last. */
  device(family: Family): { readonly ifindex: Ifindex; readonly ifname: string }
  /** How many entries the kernel has on the devices of the last `reset`. */
  count(): Promise<number>
}

/** Lives as long as `scope`. The devices are not there before the first `reset`. */
export async function createGround(scope: Scope, families: readonly Family[]): Promise<Ground> {
  const netns = await createNetns(scope, 'bench')
  await netns.exec('ip', 'link', 'add', UNDERLAY_IFNAME, 'type', 'bridge')
  await netns.exec('ip', 'link', 'set', UNDERLAY_IFNAME, 'up')
  for (const family of families) {
    const { underlay, prefixLength } = OURS[family]
    const nodad = family === 'ipv6' ? ['nodad'] : []
    await netns.exec('ip', 'address', 'add', `${underlay}/${prefixLength}`, 'dev', UNDERLAY_IFNAME, ...nodad)
  }
  const rtnl = openRtnl({ netns: netns.path })
  scope.after(() => rtnl.close())
  const devices = new Map<Family, { ifindex: Ifindex; ifname: string }>()
  return {
    netns,
    families,
    rtnl,
    async reset() {
      for (const family of families) {
        const ifname = await makeDevice(rtnl, family)
        const link = (await rtnl.dumpLinks()).value.find((candidate) => candidate.ifname === ifname)
        if (link === undefined) throw new Error(`${ifname} was created and is not there`)
        await rtnl.changeLink(link.ifindex, { up: true })
        const { subnet } = OURS[family]
        const ip = subnet.slice(0, subnet.indexOf('/')) as typeof OURS.ipv4.underlay
        const prefixLength = family === 'ipv4' ? 32 : 128
        await rtnl.addAddress({ ifindex: link.ifindex, ip, prefixLength, noDad: true })
        devices.set(family, { ifindex: link.ifindex, ifname })
      }
    },
    async clear() {
      for (const { ifname, ifindex } of (await rtnl.dumpLinks()).value)
        if (families.some((family) => ifname === deviceName(family, VNI))) await rtnl.deleteLink(ifindex)
    },
    device(family) {
      const device = devices.get(family)
      if (device === undefined) throw new Error(`the ground has no ${family} device yet`)
      return device
    },
    async count() {
      let count = 0
      for (const [family, { ifindex }] of devices) count += await countOurs(rtnl, family, ifindex)
      return count
    },
  }
}

/** Permanent neighbours and FDB entries of the device, and routes of our protocol through it. */
export async function countOurs(rtnl: Rtnl, family: Family, ifindex: Ifindex): Promise<number> {
  const neighbours = (await rtnl.dumpNeighbours(family, ifindex)).value
  const fdb = (await rtnl.dumpFdb(ifindex)).value
  const routes = (await rtnl.dumpRoutes(family)).value
  // The kernel has neighbours of its own, for multicast.
  const permanent = countEntries(neighbours, (entry) => entry[OFFSET_TYPE] === NUD_PERMANENT)
  const ours = countEntries(
    routes,
    (entry) => entry[OFFSET_PROTOCOL] === RTPROT_VTEPD && ifindexOfEntry(entry) === ifindex,
  )
  return permanent + fdb.length + ours
}

function countEntries(table: EntryTable, matches: (entry: Uint8Array) => boolean): number {
  let count = 0
  for (let i = 0; i < table.length; i += 1) if (matches(entryBytes(table, i))) count += 1
  return count
}

async function makeDevice(rtnl: Rtnl, family: Family): Promise<string> {
  const links = (await rtnl.dumpLinks()).value
  const parent = links.find((link) => link.ifname === UNDERLAY_IFNAME)
  if (parent === undefined) throw new Error(`${UNDERLAY_IFNAME} is not there`)
  const { underlay: local, lladdr } = OURS[family]
  const underlay: Underlay = {
    ifindex: parent.ifindex,
    ifname: parent.ifname,
    mtu: parent.mtu,
    local,
    publicIp: local,
    lladdr: parent.lladdr,
    standsIn: false,
  }
  const wanted = wantedDevice(networkOf([family]), family, underlay, lladdr)
  if ('waiting' in wanted) throw new Error(wanted.waiting)
  const old = links.find((link) => link.ifname === wanted.spec.ifname)
  if (old !== undefined) await rtnl.deleteLink(old.ifindex)
  await rtnl.createVxlan(wanted.spec)
  return wanted.spec.ifname
}
