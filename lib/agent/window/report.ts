/**
 * What a running agent tells of itself, as one JSON document a question. Types and pure renderings of what others know.
 * Must not: find out anything.
 */

import { isVxlan, type Network } from '../../cluster/network.ts'
import type { LeaseView, Peers } from '../../cluster/view.ts'
import { carrierName } from '../../device/vtep.ts'
import { FAMILIES, type Family } from '../../net/ip.ts'
import { deviceOf, type FamilyOverlay } from '../family-overlay.ts'
import type { MeshWatch } from '../mesh-watch.ts'
import type { PacketFilterKeeper } from '../packet-filter.ts'
import type { StandingFault } from './journal.ts'
import { type MeshSummary, meshSummary } from './mesh-report.ts'

export interface AgentReport {
  readonly version: string
  readonly pid: number
  /** Of this host, in this cluster; null: not known yet. */
  readonly node: string | null
  /** ISO 8601, UTC. */
  readonly startedAt: string
  readonly ready: boolean
  /** In one sentence, as systemd shows it. */
  readonly text: string
  readonly checks: readonly { readonly name: string; readonly fault: string | null }[]
  readonly leases: LeasesReport
  readonly families: readonly FamilyReport[]
  /** What lasts, whether it stops packets or not, with its remedy. */
  readonly faults: readonly StandingFault[]
  readonly memoryBytes: number
}

export interface LeasesReport {
  /** `custom`: the program around the agent brings it. */
  readonly source: 'kube' | 'file' | 'custom'
  readonly peers: number
  /** What is missing; null: the view is complete. */
  readonly incomplete: string | null
  /** Why what is known may be old; null: it is up to date, or not of Kubernetes. */
  readonly stale: string | null
  /** Claims that were not accepted, each in a sentence with what to do. */
  readonly rejected: readonly string[]
  /** Nodes on which nothing of an overlay is published, in sentences with what to do: their pods are not reached. */
  readonly silent: readonly string[]
}

export interface FamilyReport {
  readonly family: Family
  readonly backend: 'vxlan' | 'host-gw'
  /** Of the VXLAN device; with host-gw the family's name. */
  readonly device: string
  readonly state: string
  /** Why it is not ready, or what is not as it should be although packets flow. */
  readonly because: string | null
  readonly ifindex: number | null
  readonly lladdr: string | null
  /** Bytes, inner. */
  readonly mtu: number | null
  /** It has a parent, with which the kernel deletes it. */
  readonly pinned: boolean | null
  readonly underlay: { readonly ifname: string; readonly local: string; readonly published: string } | null
  readonly network: string
  readonly subnet: string | null
  readonly peers: { readonly known: number; readonly standing: number }
  readonly filter: { readonly tool: string | null; readonly fault: string | null } | null
  /** null: peers are not probed. */
  readonly mesh: MeshSummary | null
  readonly heals: {
    readonly count: number
    readonly last: {
      readonly cause: string
      readonly ms: number
      readonly written: number
      readonly agoMs: number
    } | null
  }
}

/** One peer in one family. */
export interface PeerReport {
  readonly node: string
  readonly family: Family
  readonly subnet: string
  readonly underlay: string
  /** null: host-gw. */
  readonly lladdr: string | null
  /** Its entries stand, and no route of others wins over its own. */
  readonly stands: boolean
}

export interface FamilyFacts {
  readonly overlay: FamilyOverlay
  readonly filter: Pick<PacketFilterKeeper, 'kind' | 'unready'> | undefined
  readonly mesh: MeshWatch | undefined
}

export function familyReport(
  network: Network,
  view: LeaseView,
  { overlay, filter, mesh }: FamilyFacts,
  now: number,
): FamilyReport {
  const { family, state, heals } = overlay
  const device = deviceOf(state)
  const underlay = overlay.own?.underlay
  return {
    family,
    backend: network.backend.type,
    device: carrierName(family, network.backend),
    state: state.name,
    because: ('because' in state ? state.because : undefined) ?? ('flaw' in state ? state.flaw : undefined) ?? null,
    ifindex: device?.ifindex ?? null,
    lladdr: device?.lladdr ?? null,
    mtu: device?.mtu ?? null,
    pinned: isVxlan(network) ? (device?.pinned ?? null) : null,
    underlay: underlay ? { ifname: underlay.ifname, local: underlay.local, published: underlay.publicIp } : null,
    network: String(network[family]),
    subnet: view.own?.subnets[family] ?? null,
    peers: countPeers(view, overlay),
    filter: filter ? { tool: filter.kind ?? null, fault: filter.unready ?? null } : null,
    mesh: mesh ? meshSummary(mesh) : null,
    heals: {
      count: heals.count,
      last: heals.last
        ? { cause: heals.last.cause, ms: heals.last.ms, written: heals.last.written, agoMs: now - heals.last.at }
        : null,
    },
  }
}

/** At each scrape of the metrics, among 100,000 peers too: only another view, and what does not stand, is gone through. */
function countPeers(view: LeaseView, { family, programmed, fallen }: FamilyOverlay): FamilyReport['peers'] {
  const known = countKnown(view.peers)[family]
  if (!programmed) return { known, standing: 0 }
  let standing = known
  for (const node of fallen) if (view.peers.get(node)?.[family] !== undefined) standing -= 1
  return { known, standing }
}

const counted = new WeakMap<Peers, Record<Family, number>>()

/** A view never changes. */
function countKnown(peers: Peers): Record<Family, number> {
  const before = counted.get(peers)
  if (before !== undefined) return before
  const known = { ipv4: 0, ipv6: 0 }
  for (const lease of peers.values()) for (const family of FAMILIES) if (lease[family] !== undefined) known[family] += 1
  counted.set(peers, known)
  return known
}
