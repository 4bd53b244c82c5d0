/**
 * The peers of the hand-over tests: who claims what since when, as the API server tells it and as the kernel must show it,
 * written down without vtepd's own code. Numbers mean what they mean in the healing tests' cluster. Pure.
 */

import type { NodeObject } from '../../../../lib/lab/api-server/objects.ts'
import { NO_IPS, type NodeFacts } from '../../../../lib/leases/wire/node-facts.ts'
import { type Claim, claimOf, deviceName, type Family, routeLine, VNI } from '../../healing/support/cluster.ts'

/** Our own number. */
export const OWN = 1

export interface PeerNode {
  readonly name: string
  /** Seconds after the cluster's first Node: the lower is the older. */
  readonly born: number
  readonly uid: string
  /** Without one: no podCIDR is assigned yet. */
  readonly claims: Partial<Readonly<Record<Family, Claim>>>
  /** That it publishes; default: ours. */
  readonly vni?: number
}

/** What a peer claims, each as the number of the node whose usual one it is. */
export interface Parts {
  readonly subnet: number
  /** Of the underlay address; default: that of the subnet. */
  readonly at?: number
  /** Default: that of the subnet. */
  readonly lladdr?: number
  /** Default 100. */
  readonly born?: number
  /** Default: the name. */
  readonly uid?: string
}

const FAMILIES: readonly Family[] = ['ipv4', 'ipv6']

export function peer(name: string, { subnet, at = subnet, lladdr = subnet, born = 100, uid = name }: Parts): PeerNode {
  const claims = Object.fromEntries(
    FAMILIES.map((family) => [
      family,
      {
        ...claimOf(family, subnet),
        underlay: claimOf(family, at).underlay,
        lladdr: claimOf(family, lladdr).lladdr,
      },
    ]),
  )
  return { name, born, uid, claims }
}

/** The same node with the subnet around its own: IPv4 /16 instead of /24, IPv6 /56 instead of /64. */
export function around(node: PeerNode): PeerNode {
  const { ipv4, ipv6 } = node.claims
  if (ipv4 === undefined || ipv6 === undefined) throw new TypeError(`${node.name} claims too little`)
  const [, high = ''] = ipv4.overlay.split('.')
  const overlay6 = ipv6.overlay.replace(/..::$/, '00::')
  return {
    ...node,
    claims: {
      ipv4: { ...ipv4, overlay: `10.${high}.0.0`, subnet: `10.${high}.0.0/16`, metric: Number(high) + 1 },
      ipv6: { ...ipv6, overlay: overlay6, subnet: `${overlay6}/56` },
    },
  }
}

/** The same Node before its podCIDR is assigned. */
export function unassigned(node: PeerNode): PeerNode {
  return { ...node, claims: {} }
}

/** The same node with the claim of `other` in one family. */
export function withClaimOf(node: PeerNode, family: Family, other: PeerNode): PeerNode {
  return { ...node, claims: { ...node.claims, [family]: other.claims[family] } }
}

/** The same node reached at other underlay addresses. */
export function movedTo(node: PeerNode, underlay: Readonly<Record<Family, string>>): PeerNode {
  const claims = FAMILIES.flatMap((family) => {
    const claim = node.claims[family]
    return claim === undefined ? [] : [[family, { ...claim, underlay: underlay[family] }]]
  })
  return { ...node, claims: Object.fromEntries(claims) }
}

const PREFIX = 'flannel.alpha.coreos.com'

/** As the wire's decoders give it. */
export function factsOf(node: PeerNode, families: readonly Family[]): NodeFacts {
  return {
    name: node.name,
    uid: node.uid,
    creationTimestamp: new Date(Date.UTC(2026, 0, 1) + node.born * 1000).toISOString().replace('.000Z', 'Z'),
    annotations: annotationsOf(node, families),
    podCidrs: families.flatMap((family) => node.claims[family]?.subnet ?? []),
    networkUnavailable: undefined,
    internalIps: NO_IPS,
  }
}

/** As kubectl would create it. */
export function objectOf(node: PeerNode, families: readonly Family[]): NodeObject {
  const { name, uid, creationTimestamp, annotations, podCidrs } = factsOf(node, families)
  const [first = ''] = podCidrs
  return {
    metadata: { name, uid, creationTimestamp, annotations: { ...annotations } },
    spec: first === '' ? {} : { podCIDR: first, podCIDRs: [...podCidrs] },
  }
}

/** Our own Node, with its podCIDRs and nothing published yet. */
export const US: PeerNode = { ...peer('us', { subnet: OWN, born: 0 }) }

function annotationsOf(node: PeerNode, families: readonly Family[]): Record<string, string> {
  if (node.name === US.name) return {}
  const annotations: Record<string, string> = {
    [`${PREFIX}/kube-subnet-manager`]: 'true',
    [`${PREFIX}/backend-type`]: 'vxlan',
  }
  for (const family of families) {
    const claim = node.claims[family] ?? claimOf(family, 9999)
    const [data, address] = family === 'ipv4' ? ['backend-data', 'public-ip'] : ['backend-v6-data', 'public-ipv6']
    annotations[`${PREFIX}/${data}`] = `{"VNI":${node.vni ?? VNI},"VtepMAC":"${claim.lladdr}"}`
    annotations[`${PREFIX}/${address}`] = claim.underlay
  }
  return annotations
}

/** The three tables of one family, in the lines of the healing tests' tables.ts, sorted. */
export interface Lines {
  readonly neighbours: readonly string[]
  readonly fdb: readonly string[]
  readonly routes: readonly string[]
}

export const NOTHING: Lines = { neighbours: [], fdb: [], routes: [] }

export function merged(...parts: readonly Lines[]): Lines {
  return {
    neighbours: parts.flatMap((part) => part.neighbours).sort(),
    // Two names of one machine share theirs.
    fdb: [...new Set(parts.flatMap((part) => part.fdb))].sort(),
    routes: parts.flatMap((part) => part.routes).sort(),
  }
}

/** What stands for one peer behind VXLAN. */
export function tunnelled(node: PeerNode, family: Family): Lines {
  const claim = node.claims[family]
  if (claim === undefined) return NOTHING
  const { subnet, overlay, underlay, lladdr, metric } = claim
  return {
    neighbours: [`${overlay} is ${lladdr} PERMANENT proto 118`],
    fdb: [`${lladdr} at ${underlay} permanent self`],
    routes: [routeLine(subnet, overlay, deviceName(family), metric, '118', ['onlink'])],
  }
}

/** What stands for one peer that is reached directly over `link`. */
export function direct(node: PeerNode, family: Family, link: string): Lines {
  const claim = node.claims[family]
  if (claim === undefined) return NOTHING
  return { ...NOTHING, routes: [routeLine(claim.subnet, claim.underlay, link, claim.metric, '118', [])] }
}

/** What `ip monitor` prints of whatever belongs to this peer. */
export function marksOf(node: PeerNode): string[] {
  return Object.values(node.claims).flatMap(({ subnet, overlay, lladdr }) => [
    `${subnet} `,
    `${overlay} `,
    ` ${lladdr} `,
  ])
}
