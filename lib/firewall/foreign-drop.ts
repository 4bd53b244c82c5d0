/**
 * Who else drops packets of the overlay: each kind of packet is put to the base chains of its hooks, in their order, and the first
 * one in which it certainly ends is named, with the remedy. Pure. Must not: name a drop that may as well not happen.
 */
import { type Cidr, cidrFamily, contains, networkAddress, prefixLength } from '../net/cidr.ts'
import { type Family, familyOf, type Ip, ipFromBytes, ipToBytes } from '../net/ip.ts'
import { type Chain, type DropPlace, walkBase } from './chain-walk.ts'
import type { AddressFact, Packet } from './judged-rule.ts'
import type { WantedRules } from './port.ts'

export type Hook = 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'

/** A chain that the kernel calls at a hook. */
export interface BaseChain extends Chain {
  readonly hook: Hook
  readonly priority: number
  /** nft's: `ip`, `ip6`, `inet`. */
  readonly family: string
  readonly table: string
  /** `nft`, or the iptables that shows it. */
  readonly program: string
  /** Those of its table that were read, by name. */
  readonly chains: ReadonlyMap<string, Chain>
}

export interface OverlayTraffic extends Pick<WantedRules, 'network' | 'subnet'> {
  /** Through which packets for other nodes leave; undefined: through the underlay itself. */
  readonly device: string | undefined
  /** UDP port of VXLAN; undefined: there is none. */
  readonly vxlanPort: number | undefined
}

/** One kind of packet that does not arrive. */
export interface ForeignDrop {
  readonly traffic: 'pods' | 'vxlan'
  /** `what pods of this node send to pods of others` */
  readonly what: string
  readonly base: BaseChain
  readonly place: DropPlace
}

interface Flow {
  readonly traffic: ForeignDrop['traffic']
  readonly what: string
  readonly hooks: readonly Hook[]
  readonly packet: Packet
}

/** At most one a kind of packet. */
export function findDrops(bases: readonly BaseChain[], traffic: OverlayTraffic): readonly ForeignDrop[] {
  return dropsOf(flowsOf(traffic), bases)
}

/** The same for one address of a pod of another node, rules that name it alone included; and for what comes back from it. */
export function findDropsTo(bases: readonly BaseChain[], traffic: OverlayTraffic, pod: Ip): readonly ForeignDrop[] {
  return dropsOf(flowsTo(traffic, pod), bases)
}

/**
 * Where what a pod of this node sends to `pod` certainly gets another source address, by chains of type nat. undefined: nowhere.
 */
export function findTranslation(
  bases: readonly BaseChain[],
  traffic: OverlayTraffic,
  pod: Ip,
): Pick<ForeignDrop, 'base' | 'place'> | undefined {
  const [flow] = flowsTo(traffic, pod)
  return flow && endOf({ ...flow, hooks: ['postrouting'] }, bases, 'translate')
}

function dropsOf(flows: readonly Flow[], bases: readonly BaseChain[]): readonly ForeignDrop[] {
  return flows.flatMap((flow) => {
    const place = endOf(flow, bases, 'drop')
    return place === undefined ? [] : [{ traffic: flow.traffic, what: flow.what, ...place }]
  })
}

function endOf(
  { hooks, packet }: Flow,
  bases: readonly BaseChain[],
  end: 'drop' | 'translate',
): { base: BaseChain; place: DropPlace } | undefined {
  let marked = false
  for (const hook of hooks)
    for (const base of bases.filter((one) => one.hook === hook).sort((a, b) => a.priority - b.priority)) {
      // Where it leaves is not known before it is routed.
      const { fates, drop, marks } = walkBase(base, base.chains, {
        ...packet,
        ...(hook === 'prerouting' ? { oif: { kind: 'none' } } : {}),
        marked,
      })
      if (fates.size === 1 && fates.has(end) && drop !== undefined) return { base, place: drop }
      marked ||= marks
    }
  return undefined
}

function flowsOf({ network, subnet, device, vxlanPort }: OverlayTraffic): readonly Flow[] {
  // A network without bounds says nothing of who is in it.
  if (prefixLength(network) === 0) return []
  const family: Family = cidrFamily(network)
  const [here, there] = [typicalOf(subnet), typicalOf(network, subnet)]
  const tunnel = tunnelOf(device)
  const pod = { kind: 'pod' } as const
  const uplink = { kind: 'uplink' } as const
  const outside = { kind: 'outside', network } as const
  const flows = [
    podFlow(family, 'what pods of this node send to pods of others', {
      saddr: here,
      daddr: there,
      iif: pod,
      oif: tunnel,
    }),
    podFlow(family, 'what pods of other nodes send to pods of this one', {
      saddr: there,
      daddr: here,
      iif: tunnel,
      oif: pod,
    }),
    podFlow(family, 'what pods of this node send out of the cluster', {
      saddr: here,
      daddr: outside,
      iif: pod,
      oif: uplink,
    }),
  ]
  return vxlanPort === undefined ? flows : [...flows, ...vxlanFlows(family, vxlanPort)]
}

function flowsTo({ subnet, device, vxlanPort }: OverlayTraffic, target: Ip): readonly Flow[] {
  const family = familyOf(target)
  const [here, there] = [typicalOf(subnet), { kind: 'exact', ip: target } as const]
  const tunnel = tunnelOf(device)
  const pod = { kind: 'pod' } as const
  const flows = [
    podFlow(family, `what pods of this node send to ${target}`, { saddr: here, daddr: there, iif: pod, oif: tunnel }),
    podFlow(family, `what ${target} sends to pods of this node`, { saddr: there, daddr: here, iif: tunnel, oif: pod }),
  ]
  return vxlanPort === undefined ? flows : [...flows, ...vxlanFlows(family, vxlanPort)]
}

function tunnelOf(device: string | undefined): Packet['oif'] {
  return device === undefined ? { kind: 'uplink' } : { kind: 'is', ifname: device }
}

function podFlow(family: Family, what: string, packet: Pick<Packet, 'saddr' | 'daddr' | 'iif' | 'oif'>): Flow {
  const ports = { sport: 47_101, dport: 47_102, protocol: 'tcp', isLocal: false, marked: false } as const
  return {
    traffic: 'pods',
    what,
    hooks: ['prerouting', 'forward'],
    packet: { ...packet, ...ports, family },
  }
}

function vxlanFlows(family: Family, port: number): readonly Flow[] {
  const any = { saddr: { kind: 'any' }, daddr: { kind: 'any' } } as const
  const udp = { ...any, family, protocol: 'udp', sport: 47_103, dport: port, marked: false } as const
  return [
    {
      traffic: 'vxlan',
      what: `VXLAN packets of other nodes (UDP port ${port})`,
      hooks: ['prerouting', 'input'],
      packet: { ...udp, iif: { kind: 'uplink' }, oif: { kind: 'none' }, isLocal: true },
    },
    {
      traffic: 'vxlan',
      what: `VXLAN packets to other nodes (UDP port ${port})`,
      hooks: ['output'],
      packet: { ...udp, iif: { kind: 'none' }, oif: { kind: 'uplink' }, isLocal: false },
    },
  ]
}

/** The third last address, where pods are seldom; in the other half of the prefix where it is in `but`. */
function typicalOf(prefix: Cidr, but?: Cidr): AddressFact {
  const length = prefixLength(prefix)
  const bytes = ipToBytes(networkAddress(prefix))
  for (let bit = length; bit < bytes.length * 8; bit += 1) flip(bytes, bit)
  if (length < bytes.length * 8 - 1) flip(bytes, bytes.length * 8 - 2)
  const ip = ipFromBytes(bytes)
  if (but === undefined || !contains(but, ip)) return { kind: 'typical', ip }
  flip(bytes, length)
  return { kind: 'typical', ip: ipFromBytes(bytes) }
}

function flip(bytes: Uint8Array, bit: number): void {
  bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7))
}
