/**
 * What `vtepd cleanup` would remove from the kernel, computed from dumps. Pure.
 * Must not: claim what is not provably ours: routes by protocol number, devices by name, kind and VNI together.
 */
import type { Ifindex } from '../net/ifindex.ts'
import { ENTRY_BYTES, OFFSET_PROTOCOL, RTPROT_VTEPD } from '../rtnl/abi.ts'
import { createEntryWriter, type EntryTable, type RouteEntry, unpackEntry } from '../rtnl/entries.ts'
import type { Link } from '../rtnl/port.ts'

export interface CleanupScope {
  readonly vni: number
  /** Only what flannel would leave behind: our routes. The device and its tables stay for flannel to adopt. */
  readonly routesOnly: boolean
}

export interface KernelFacts {
  readonly links: readonly Link[]
  /** The main table of each family. */
  readonly routes: readonly EntryTable[]
}

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
  /** What was left alone though it looks related, one sentence each. */
  readonly notes: readonly string[]
}

/** flannel's names (flannel-contract 5). */
export function deviceNames(vni: number): readonly string[] {
  return [`flannel.${vni}`, `flannel-v6.${vni}`]
}

export function planCleanup(facts: KernelFacts, scope: CleanupScope): KernelPlan {
  const names = deviceNames(scope.vni)
  const named = facts.links.filter((link) => names.includes(link.ifname))
  const devices = named.filter((link) => link.vxlan?.vni === scope.vni)
  const byIndex = new Map(facts.links.map((link) => [link.ifindex, link]))
  const others = new Set(facts.links.filter((link) => isOtherAgentsDevice(link, devices)).map((link) => link.ifindex))
  const routes = facts.routes.flatMap((table) => ownRoutes(table, byIndex, others))
  return {
    routes,
    devices: scope.routesOnly ? [] : devices,
    notes: scope.routesOnly ? [] : notesOn(facts.links, named, devices, scope.vni),
  }
}

/** Another vtepd of this namespace, with another VNI, keeps its routes. */
function isOtherAgentsDevice(link: Link, ours: readonly Link[]): boolean {
  return link.vxlan !== undefined && /^flannel(-v6)?\.[0-9]+$/.test(link.ifname) && !ours.includes(link)
}

function ownRoutes(
  table: EntryTable,
  links: ReadonlyMap<Ifindex, Link>,
  others: ReadonlySet<Ifindex>,
): readonly RouteRemoval[] {
  const found: RouteRemoval[] = []
  for (let index = 0; index < table.length; index += 1) {
    if (table.bytes[index * ENTRY_BYTES + OFFSET_PROTOCOL] !== RTPROT_VTEPD) continue
    const route = unpackEntry(table, index)
    if (route.kind !== 'route' || (route.oif !== undefined && others.has(route.oif))) continue
    found.push({ table, index, subject: routeText(route, route.oif === undefined ? undefined : links.get(route.oif)) })
  }
  return found
}

function routeText(route: RouteEntry, link: Link | undefined): string {
  const parts = [
    route.type === 6 ? 'blackhole' : '',
    route.dst,
    route.gateway === undefined ? '' : `via ${route.gateway}`,
    route.oif === undefined ? '' : `dev ${link?.ifname ?? `#${route.oif}`}`,
    `metric ${route.metric}`,
    `proto ${route.protocol}`,
  ]
  return parts.filter((part) => part !== '').join(' ')
}

function notesOn(links: readonly Link[], named: readonly Link[], devices: readonly Link[], vni: number): string[] {
  const foreign = named.filter((link) => !devices.includes(link))
  const renamed = links.filter((link) => link.vxlan?.vni === vni && !named.includes(link))
  return [
    ...foreign.map((link) => {
      const what =
        link.vxlan === undefined ? `a link of kind '${link.kind}'` : `a VXLAN device with VNI ${link.vxlan.vni}`
      return `${link.ifname} is ${what}, not VNI ${vni}: left alone`
    }),
    ...renamed.map((link) => `${link.ifname} has VNI ${vni} under another name: left alone`),
  ]
}

/** One batch that deletes these routes, each exactly as its dump said it (an IPv4 delete without metric would hit any). */
export function deletionBatch(routes: readonly RouteRemoval[]): EntryTable {
  const writer = createEntryWriter(routes.length)
  for (const { table, index } of routes) writer.copy('delete', table, index)
  return writer.finish()
}
