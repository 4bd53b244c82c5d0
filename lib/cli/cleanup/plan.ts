/**
 * What `vtepd cleanup` would remove from the kernel, computed from dumps. Pure.
 * Must not: claim what is not provably ours: routes by protocol number and by whose they are (owner.ts), devices by
 * kind and VNI, and by name, kept MAC address or routes of ours.
 */

import { ENTRY_BYTES, OFFSET_PROTOCOL, RTPROT_VTEPD } from '../../addon/abi.ts'
import { deviceName } from '../../device/vtep.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import type { Lladdr } from '../../net/lladdr.ts'
import { createEntryWriter, type EntryTable, type RouteEntry, unpackEntry } from '../../rtnl/entries.ts'
import type { Link } from '../../rtnl/port.ts'
import { deviceNamed, deviceNames } from './devices.ts'
import type { Failure, KernelFacts } from './facts.ts'
import { type Owner, ownerOf } from './owner.ts'
import { type CleanupScope, isByName } from './scope.ts'

/** One route of ours, where it stands in its dump. */
export interface RouteRemoval {
  readonly table: EntryTable
  readonly index: number
  /** As `ip route` shows it. */
  readonly subject: string
}

export interface KernelPlan {
  readonly routes: readonly RouteRemoval[]
  /** Their addresses, neighbours and FDB entries go with them. */
  readonly devices: readonly Link[]
  readonly stays: readonly Failure[]
  /** What is not ours though it looks related, one sentence each. */
  readonly notes: readonly string[]
}

export function planCleanup(facts: KernelFacts, scope: CleanupScope): KernelPlan {
  const { routes, stays } = planRoutes(facts, scope)
  if (scope.routesOnly) return { routes, devices: [], stays: [...stays, ...facts.missed], notes: [] }
  const ours = facts.links.filter((link) => isOurs(link, scope))
  return {
    routes,
    devices: ours,
    stays: [...stays, ...devicesInDoubt(facts.links, scope), ...facts.missed],
    notes: [...notesOnLinks(facts.links, scope), ...notesOnAbsent(facts.links, scope)],
  }
}

function planRoutes({ links, routes: tables }: KernelFacts, scope: CleanupScope): Pick<KernelPlan, 'routes' | 'stays'> {
  const byIndex = new Map(links.map((link) => [link.ifindex, link]))
  const routes: RouteRemoval[] = []
  const stays: Failure[] = []
  for (const table of tables)
    for (let index = 0; index < table.length; index += 1) {
      if (table.bytes[index * ENTRY_BYTES + OFFSET_PROTOCOL] !== RTPROT_VTEPD) continue
      const route = unpackEntry(table, index)
      if (route.kind !== 'route') continue
      const owner = ownerOfRoute(route, byIndex, scope)
      if (owner === 'theirs') continue
      const subject = routeText(route, byIndex)
      if (owner === 'ours') routes.push({ table, index, subject })
      else stays.push({ kind: 'route', subject, because: owner.doubt })
    }
  return { routes, stays }
}

function ownerOfRoute(route: RouteEntry, links: ReadonlyMap<Ifindex, Link>, scope: CleanupScope): Owner {
  const link = route.oif === undefined ? undefined : links.get(route.oif)
  const vni = link !== undefined && (isByName(link) || isKnown(link, scope)) ? link.vxlan?.vni : undefined
  if (vni === undefined) return ownerOf(route.dst, scope)
  return scope.vnis.has(vni) ? 'ours' : 'theirs'
}

function routeText(route: RouteEntry, links: ReadonlyMap<Ifindex, Link>): string {
  const parts = [
    route.type === 6 ? 'blackhole' : '',
    route.dst,
    route.gateway === undefined ? '' : `via ${route.gateway}`,
    route.oif === undefined ? '' : `dev ${links.get(route.oif)?.ifname ?? `#${route.oif}`}`,
    `metric ${route.metric}`,
    `proto ${route.protocol}`,
  ]
  return parts.filter((part) => part !== '').join(' ')
}

function keptLladdr({ vxlan }: Link, { state }: CleanupScope): Lladdr | undefined {
  return vxlan === undefined ? undefined : state.devices.get(deviceName(vxlan.underlay, vxlan.vni))?.lladdr
}

/** Under any name: it carried routes of ours, or has the MAC address that was kept for its VNI and family. */
function isKnown(link: Link, scope: CleanupScope): boolean {
  return scope.carriers.has(link.ifindex) || (link.lladdr !== undefined && link.lladdr === keptLladdr(link, scope))
}

function isOurs(link: Link, scope: CleanupScope): boolean {
  if (link.vxlan === undefined || !scope.vnis.has(link.vxlan.vni)) return false
  if (isKnown(link, scope)) return true
  return isByName(link) && (scope.named.has(link.vxlan.vni) || keptLladdr(link, scope) === undefined)
}

/** Somebody else's flannel may have made it since; nobody named its VNI. */
function devicesInDoubt(links: readonly Link[], scope: CleanupScope): readonly Failure[] {
  return links
    .filter((link) => isByName(link) && scope.vnis.has(link.vxlan?.vni ?? -1) && !isOurs(link, scope))
    .map((link) => ({
      kind: 'device',
      subject: link.ifname,
      because: `it has the MAC address ${link.lladdr}, not ours (${keptLladdr(link, scope)}), and no route of ours: if it is of vtepd, --vni ${link.vxlan?.vni} removes it`,
    }))
}

function notesOnLinks(links: readonly Link[], scope: CleanupScope): readonly string[] {
  const names = new Map([...scope.vnis].flatMap((vni) => deviceNames(vni).map((name) => [name, vni] as const)))
  return links.flatMap((link) => {
    if (isByName(link) || isOurs(link, scope)) return []
    const expected = names.get(link.ifname)
    if (expected !== undefined) {
      const what =
        link.vxlan === undefined ? `a link of kind '${link.kind}'` : `a VXLAN device with VNI ${link.vxlan.vni}`
      return [`${link.ifname} is ${what}, not VNI ${expected}: left alone`]
    }
    if (link.vxlan === undefined || !scope.vnis.has(link.vxlan.vni)) return []
    const kept = keptLladdr(link, scope)
    const mac = kept === undefined ? '' : `, and the MAC address ${link.lladdr}, not ours (${kept})`
    return [`${link.ifname} has VNI ${link.vxlan.vni} under another name${mac}: left alone`]
  })
}

/** A device that is in another network namespace cannot be seen from here, nor told from one that is gone. */
function notesOnAbsent(links: readonly Link[], scope: CleanupScope): readonly string[] {
  return [...scope.state.devices].flatMap(([ifname, { lladdr }]) => {
    const { vni, family } = deviceNamed(ifname) ?? {}
    if (lladdr === undefined || vni === undefined || !scope.vnis.has(vni)) return []
    if (links.some((link) => link.vxlan?.vni === vni && link.vxlan.underlay === family)) return []
    return [
      `${ifname} is not here, though ${scope.state.folder} tells of it (MAC address ${lladdr}): gone, or moved to another network namespace, where only you can delete it (ip -all netns exec ip -details link show type vxlan)`,
    ]
  })
}

/** One batch that deletes these routes, each exactly as its dump said it (an IPv4 delete without metric would hit any). */
export function deletionBatch(routes: readonly RouteRemoval[]): EntryTable {
  const writer = createEntryWriter(routes.length)
  for (const { table, index } of routes) writer.copy('delete', table, index)
  return writer.finish()
}
