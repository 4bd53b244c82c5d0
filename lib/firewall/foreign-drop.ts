/**
 * Who else drops packets of the overlay: each kind of packet is put to the base chains of its hooks, in their order, and the first
 * one in which it certainly ends is named, with the remedy. Pure. Must not: name a drop that may as well not happen.
 */
import { type Cidr, cidrFamily, contains, networkAddress, prefixLength } from '../net/cidr.ts'
import { type Family, ipFromBytes, ipToBytes } from '../net/ip.ts'
import { type Chain, type DropPlace, walkBase } from './chain-walk.ts'
import type { AddressFact, Packet } from './judged-rule.ts'
import type { WantedRules } from './port.ts'

export type Hook = 'prerouting' | 'input' | 'forward' | 'output'

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
  return flowsOf(traffic).flatMap((flow) => {
    const place = endOf(flow, bases)
    return place === undefined ? [] : [{ traffic: flow.traffic, what: flow.what, ...place }]
  })
}

function endOf(
  { hooks, packet }: Flow,
  bases: readonly BaseChain[],
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
      if (fates.size === 1 && fates.has('drop') && drop !== undefined) return { base, place: drop }
      marked ||= marks
    }
  return undefined
}

function flowsOf({ network, subnet, device, vxlanPort }: OverlayTraffic): readonly Flow[] {
  // A network without bounds says nothing of who is in it.
  if (prefixLength(network) === 0) return []
  const ports = { sport: 47_101, dport: 47_102, protocol: 'tcp', isLocal: false, marked: false } as const
  const family: Family = cidrFamily(network)
  const [here, there] = [typicalOf(subnet), typicalOf(network, subnet)]
  const tunnel: Packet['oif'] = device === undefined ? { kind: 'uplink' } : { kind: 'is', ifname: device }
  const pods = (what: string, packet: Pick<Packet, 'saddr' | 'daddr' | 'iif' | 'oif'>): Flow => ({
    traffic: 'pods',
    what,
    hooks: ['prerouting', 'forward'],
    packet: { ...packet, ...ports, family },
  })
  const flows = [
    pods('what pods of this node send to pods of others', {
      saddr: here,
      daddr: there,
      iif: { kind: 'pod' },
      oif: tunnel,
    }),
    pods('what pods of other nodes send to pods of this one', {
      saddr: there,
      daddr: here,
      iif: tunnel,
      oif: { kind: 'pod' },
    }),
    pods('what pods of this node send out of the cluster', {
      saddr: here,
      daddr: { kind: 'outside', network },
      iif: { kind: 'pod' },
      oif: { kind: 'uplink' },
    }),
  ]
  return vxlanPort === undefined ? flows : [...flows, ...vxlanFlows(family, vxlanPort)]
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
