/** A made-up cluster of any size: leases by node name, and our own place in it. Must not: touch the kernel. */
import type { FamilyLease, Lease, OwnNode } from '../../lib/cluster/lease.ts'
import type { VxlanNetwork } from '../../lib/cluster/network.ts'
import type { LeaseView, SyncedView } from '../../lib/cluster/view.ts'
import { type Cidr, cidrOf, parseCidr } from '../../lib/net/cidr.ts'
import { type Family, type Ip, ipFromBytes, parseIp } from '../../lib/net/ip.ts'
import { type Lladdr, lladdrFromBytes, parseLladdr } from '../../lib/net/lladdr.ts'
import { parseVni } from '../../lib/net/vni.ts'

/** The most peers that the addresses below can tell apart. */
export const LARGEST_CLUSTER = 131_000

export const VNI = parseVni(1)

export const OUR_NAME = 'ours'

export const CIDRS: Readonly<Record<Family, Cidr>> = { ipv4: parseCidr('10.0.0.0/8'), ipv6: parseCidr('fd42::/40') }

/** With an lladdr, as VXLAN has it. */
type TunnelLease = FamilyLease & { readonly lladdr: Lladdr }

/** Our own place: subnet 0 of the network, and an underlay address that no peer has. */
export const OURS: Readonly<Record<Family, TunnelLease & { readonly prefixLength: number }>> = {
  ipv4: { ...familyLease('ipv4', 0), underlay: parseIp('172.31.255.1'), prefixLength: 12 },
  ipv6: { ...familyLease('ipv6', 0), underlay: parseIp('fd00::1:0:0:1'), prefixLength: 64 },
}

export function networkOf(families: readonly Family[]): VxlanNetwork {
  const of = (family: Family): Cidr | undefined => (families.includes(family) ? CIDRS[family] : undefined)
  return {
    ipv4: of('ipv4'),
    ipv6: of('ipv6'),
    enableNftables: false,
    backend: {
      type: 'vxlan',
      vni: VNI,
      port: undefined,
      mtu: undefined,
      gbp: false,
      learning: false,
      directRouting: false,
      pinDevice: false,
    },
  }
}

/** `index` from 1 on; `behind` is the machine: another one for the same subnet is what a re-created node looks like. */
export function leaseOf(families: readonly Family[], index: number, behind = index): Lease {
  const of = (family: Family): FamilyLease | undefined =>
    families.includes(family) ? familyLease(family, index, behind) : undefined
  return {
    node: nodeName(index),
    uid: `uid-${index}`,
    seniority: String(index).padStart(8, '0'),
    ipv4: of('ipv4'),
    ipv6: of('ipv6'),
  }
}

export function nodeName(index: number): string {
  return `node-${index}`
}

/** Peers 1 to `size`. */
export function clusterOf(families: readonly Family[], size: number): Map<string, Lease> {
  const leases = new Map<string, Lease>()
  for (let index = 1; index <= size; index += 1) leases.set(nodeName(index), leaseOf(families, index))
  return leases
}

export function ownNode(families: readonly Family[]): OwnNode {
  const of = <T>(value: (family: Family) => T): { ipv4: T | undefined; ipv6: T | undefined } => ({
    ipv4: families.includes('ipv4') ? value('ipv4') : undefined,
    ipv6: families.includes('ipv6') ? value('ipv6') : undefined,
  })
  return {
    node: OUR_NAME,
    uid: 'uid-ours',
    seniority: '',
    subnets: of((family) => OURS[family].subnet),
    lladdrs: of((family) => OURS[family].lladdr),
    publishInstead: of(() => undefined),
    underlayHint: of(() => undefined),
    internalIps: of(() => undefined),
    published: of(() => undefined),
  }
}

export function viewOf(families: readonly Family[], peers: LeaseView['peers']): SyncedView {
  return { synced: true, peers, own: ownNode(families), rejected: [], contested: [], aliases: [] }
}

function familyLease(family: Family, index: number, behind = index): TunnelLease {
  return {
    subnet: subnetOf(family, index),
    underlay: underlayOf(family, behind),
    lladdr: lladdrOf(family, behind),
    vni: VNI,
  }
}

function subnetOf(family: Family, index: number): Cidr {
  const [high, middle, low] = bytesOf(index)
  // A /25 each, so that 100,000 of them fit into a /8.
  if (family === 'ipv4')
    return cidrOf(ipFromBytes(Uint8Array.of(10, (index >> 9) & 0xff, (index >> 1) & 0xff, (low & 1) << 7)), 25)
  return parseCidr(`fd42:0:${high.toString(16)}:${((middle << 8) | low).toString(16)}::/64`)
}

function underlayOf(family: Family, behind: number): Ip {
  const [high, middle, low] = bytesOf(behind)
  if (family === 'ipv4') return ipFromBytes(Uint8Array.of(172, 16 + high, middle, low))
  return ipFromBytes(Uint8Array.of(0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, high, middle, low))
}

function lladdrOf(family: Family, behind: number): Lladdr {
  if (behind === 0) return parseLladdr(family === 'ipv4' ? '0e:2a:ff:00:00:01' : '0e:2a:ff:00:00:02')
  return lladdrFromBytes(Uint8Array.of(0x0e, family === 'ipv4' ? 0x2a : 0x2b, 0, ...bytesOf(behind)))
}

function bytesOf(index: number): [number, number, number] {
  return [(index >> 16) & 0xff, (index >> 8) & 0xff, index & 0xff]
}
