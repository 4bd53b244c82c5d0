/**
 * Which VNIs a cleanup is about, and which others of vtepd are here, from all that tells: the flag, net-conf, the state
 * folder, devices that carry routes of ours, and the locks of agents that run. Pure.
 * Must not: decide about one route or device (plan.ts, owner.ts).
 */

import { ENTRY_BYTES, OFFSET_PROTOCOL, RTPROT_VTEPD } from '../../addon/abi.ts'
import type { Network } from '../../cluster/network.ts'
import type { ConfigError } from '../../errors.ts'
import { type Cidr, networkAddress } from '../../net/cidr.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import { FAMILIES, type Family } from '../../net/ip.ts'
import { type EntryTable, entryBytes, ifindexOfEntry, unpackEntry } from '../../rtnl/entries.ts'
import type { Link } from '../../rtnl/port.ts'
import { deviceNamed, deviceNames, vniOf } from './devices.ts'
import type { KernelFacts } from './facts.ts'
import type { KeptState } from './state.ts'

export interface Evidence {
  /** --vni: then it is about this one only. */
  readonly asked: number | undefined
  /** ConfigError: it is there and cannot be used. */
  readonly netConf: Network | ConfigError | undefined
  readonly state: KeptState
  /** Devices that an agent of this network namespace keeps at this moment. */
  readonly locked: ReadonlySet<string>
  readonly facts: KernelFacts
}

export interface CleanupScope {
  /** What is removed is of one of these. */
  readonly vnis: ReadonlySet<number>
  /** Further VNIs of vtepd that are here (state, device or lock): theirs stays. */
  readonly others: ReadonlySet<number>
  /** Those of `vnis` that somebody named (flag, net-conf): their devices are ours by name alone. */
  readonly named: ReadonlySet<number>
  /** By VNI and family: kept, or in net-conf; missing: not known. */
  readonly networks: ReadonlyMap<number, Readonly<Record<Family, readonly Cidr[]>>>
  readonly state: KeptState
  /** VXLAN devices that carried routes of ours when it began. */
  readonly carriers: ReadonlySet<Ifindex>
  /** Only what flannel would leave behind: our routes. The device and its tables stay for flannel to adopt. */
  readonly routesOnly: boolean
}

export interface ScopeDecision {
  readonly scope: CleanupScope
  /** Devices of VNIs that are left out because an agent keeps them. */
  readonly running: readonly string[]
  /** The locked device, where agents run for all that it is about: then only a dry run, or force, goes on. */
  readonly refused: string | undefined
}

/** flannel's, where nothing tells. */
const DEFAULT_VNI = 1

/** Throws net-conf's ConfigError where nothing else tells which VNI is meant. */
export function decideScope(
  evidence: Evidence,
  options: { readonly routesOnly: boolean; readonly force: boolean },
): ScopeDecision {
  const { asked, state, locked, facts } = evidence
  const carriers = carriersIn(facts)
  const carried = facts.links.filter((link) => carriers.has(link.ifindex)).map((link) => link.vxlan?.vni)
  const left = vnisOf(state.devices.keys())
  const running = vnisOf(locked)
  const candidates = ascending(asked === undefined ? findVnis(evidence, [...left, ...carried, ...running]) : [asked])
  const held = options.force ? [] : candidates.filter((vni) => running.includes(vni))
  const allHeld = held.length === candidates.length
  const vnis = new Set(allHeld ? candidates : candidates.filter((vni) => !held.includes(vni)))
  const present = [...left, ...carried, ...running, ...vnisOf(facts.links.filter(isByName).map((link) => link.ifname))]
  const named = [asked, vniInNetConf(evidence)]
  const lockOf = (vni: number): string[] => deviceNames(vni).filter((device) => locked.has(device))
  return {
    scope: {
      vnis,
      others: new Set(ascending(present).filter((vni) => !vnis.has(vni))),
      named: new Set(ascending(named).filter((vni) => vnis.has(vni))),
      networks: networksOf(evidence),
      state,
      carriers,
      routesOnly: options.routesOnly,
    },
    running: allHeld ? [] : held.flatMap((vni) => lockOf(vni).slice(0, 1)),
    refused: allHeld ? held.flatMap(lockOf)[0] : undefined,
  }
}

function findVnis(evidence: Evidence, others: readonly (number | undefined)[]): readonly (number | undefined)[] {
  const found = [vniInNetConf(evidence), ...others].filter((vni) => vni !== undefined)
  if (found.length > 0) return found
  if (evidence.netConf instanceof Error) throw evidence.netConf
  return [DEFAULT_VNI]
}

function networkOf({ netConf }: Evidence): Network | undefined {
  return netConf instanceof Error ? undefined : netConf
}

function vniInNetConf(evidence: Evidence): number | undefined {
  const network = networkOf(evidence)
  return network && vniOf(network.backend)
}

function networksOf(evidence: Evidence): CleanupScope['networks'] {
  const networks = new Map<number, Record<Family, Cidr[]>>()
  const add = (vni: number, family: Family, network: Cidr | undefined): void => {
    const known = networks.get(vni) ?? { ipv4: [], ipv6: [] }
    networks.set(vni, known)
    if (network !== undefined && !known[family].includes(network)) known[family].push(network)
  }
  for (const [ifname, { network }] of evidence.state.devices) {
    const device = deviceNamed(ifname)
    if (device !== undefined) add(device.vni, device.family, network)
  }
  const netConf = networkOf(evidence)
  if (netConf !== undefined) for (const family of FAMILIES) add(vniOf(netConf.backend), family, netConf[family])
  return networks
}

/** VXLAN devices with routes of protocol 118: any where the name is flannel's, else those that only an agent of ours writes. */
function carriersIn({ links, routes }: KernelFacts): ReadonlySet<Ifindex> {
  const candidates = new Map(links.filter((link) => link.vxlan !== undefined).map((link) => [link.ifindex, link]))
  const carriers = new Set<Ifindex>()
  for (const table of routes)
    for (let index = 0; index < table.length && candidates.size > 0; index += 1) {
      if (table.bytes[index * ENTRY_BYTES + OFFSET_PROTOCOL] !== RTPROT_VTEPD) continue
      const link = candidates.get(ifindexOfEntry(entryBytes(table, index)) as Ifindex)
      if (link === undefined || !(isByName(link) || isOverlayRoute(table, index))) continue
      carriers.add(link.ifindex)
      candidates.delete(link.ifindex)
    }
  return carriers
}

/** Its name says the VNI that it has. */
export function isByName(link: Link): boolean {
  return link.vxlan !== undefined && deviceNamed(link.ifname)?.vni === link.vxlan.vni
}

/** A direct route over a VXLAN underlay has a gateway too, but is not onlink. */
function isOverlayRoute(table: EntryTable, index: number): boolean {
  const route = unpackEntry(table, index)
  return route.kind === 'route' && route.onlink && route.gateway === networkAddress(route.dst)
}

function vnisOf(devices: Iterable<string>): readonly number[] {
  return [...devices].flatMap((device) => deviceNamed(device)?.vni ?? [])
}

function ascending(vnis: readonly (number | undefined)[]): readonly number[] {
  return [...new Set(vnis)].filter((vni) => vni !== undefined).sort((a, b) => a - b)
}
