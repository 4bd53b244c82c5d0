/**
 * The cluster of the healing tests: who its nodes are, and what our node's kernel must therefore hold, written down a
 * second time, without vtepd's own code, so that one mistake cannot stand on both sides. Pure.
 */

export type Family = 'ipv4' | 'ipv6'

export const VNI = 1
export const PORT = 8472

export const NETWORKS: Readonly<Record<Family, string>> = { ipv4: '10.0.0.0/8', ipv6: 'fd42::/40' }
const OVERHEAD: Readonly<Record<Family, number>> = { ipv4: 50, ipv6: 70 }
const DEVICES: Readonly<Record<Family, string>> = { ipv4: `flannel.${VNI}`, ipv6: `flannel-v6.${VNI}` }

/** Prefix lengths of the underlay. */
export const UNDERLAY_LENGTH: Readonly<Record<Family, number>> = { ipv4: 12, ipv6: 64 }

/** One node's claim in one family, with what follows from it; nodes are numbered from 1 to 60,000. */
export interface Claim {
  readonly subnet: string
  /** Network address of the subnet: the VTEP's address in the overlay. */
  readonly overlay: string
  readonly underlay: string
  readonly lladdr: string
  readonly metric: number
}

/** What can differ from test to test, and while a test runs. */
export interface Expected {
  readonly families: readonly Family[]
  /** Our own number; every other one up to `peers` + 1 is a peer. */
  readonly own: number
  readonly peers: number
  /** Underlay addresses of nodes that are not where their number says. */
  readonly moved: Readonly<Record<number, Partial<Readonly<Record<Family, string>>>>>
  /** Of our underlay; a family that is absent has none at the moment, and then its device, if there is one, is not compared. */
  readonly underlay: Partial<Readonly<Record<Family, string>>>
  /** Of the chosen interface. */
  readonly underlayMtu: number
  /** The interface on which a device hangs; absent: unpinned. */
  readonly parents: Partial<Readonly<Record<Family, string>>>
  readonly lladdrs: Readonly<Record<Family, string>>
}

export function deviceName(family: Family): string {
  return DEVICES[family]
}

export function claimOf(family: Family, node: number): Claim {
  const [high, low] = [node >> 8, node & 0xff]
  const pair = [high, low].map((byte) => byte.toString(16).padStart(2, '0')).join(':')
  if (family === 'ipv4') {
    const overlay = `10.${high}.${low}.0`
    const underlay = `172.16.${high}.${low}`
    return { subnet: `${overlay}/24`, overlay, underlay, lladdr: `0e:2a:04:00:${pair}`, metric: node + 1 }
  }
  const overlay = `fd42:0:0:${node.toString(16)}::`
  const underlay = `fd00:1::${node.toString(16)}`
  return { subnet: `${overlay}/64`, overlay, underlay, lladdr: `0e:2a:06:00:${pair}`, metric: 1024 }
}

export function peerNumbers({ own, peers }: Pick<Expected, 'own' | 'peers'>): number[] {
  return Array.from({ length: peers + 1 }, (_, i) => i + 1).filter((node) => node !== own)
}

function peerClaims(expected: Expected, family: Family): Claim[] {
  return peerNumbers(expected).map((node) => {
    const claim = claimOf(family, node)
    return { ...claim, underlay: expected.moved[node]?.[family] ?? claim.underlay }
  })
}

export function netConf(families: readonly Family[], backend: object = {}): object {
  return {
    EnableIPv4: families.includes('ipv4'),
    EnableIPv6: families.includes('ipv6'),
    ...(families.includes('ipv4') ? { Network: NETWORKS.ipv4 } : {}),
    ...(families.includes('ipv6') ? { IPv6Network: NETWORKS.ipv6 } : {}),
    Backend: { Type: 'vxlan', VNI, Port: PORT, ...backend },
  }
}

/** The leases file of our node, named `us`; its own entry leaves the underlay to the choice of the interface. */
export function leasesFile(expected: Expected): string {
  const { families, own } = expected
  const entry = (name: string, of: (family: Family) => object) => ({
    name,
    ...Object.fromEntries(families.map((family) => [family, of(family)])),
  })
  const us = entry('us', (family) => ({ subnet: claimOf(family, own).subnet, lladdr: claimOf(family, own).lladdr }))
  const claims = { ipv4: peerClaims(expected, 'ipv4'), ipv6: peerClaims(expected, 'ipv6') }
  const others = peerNumbers(expected).map((node, i) =>
    entry(`node-${node}`, (family) => {
      const { subnet, underlay, lladdr } = claims[family][i] ?? claimOf(family, node)
      return { subnet, underlay, lladdr }
    }),
  )
  return JSON.stringify([us, ...others])
}

export function expectedAtFirst(first: {
  readonly families: readonly Family[]
  readonly own: number
  readonly peers: number
  readonly pinned: boolean
}): Expected {
  const { families, own, peers, pinned } = first
  return {
    families,
    own,
    peers,
    moved: {},
    underlay: Object.fromEntries(families.map((family) => [family, claimOf(family, own).underlay])),
    underlayMtu: 1500,
    parents: pinned ? { ipv4: 'mgmt0', ipv6: 'mgmt0' } : {},
    lladdrs: { ipv4: claimOf('ipv4', own).lladdr, ipv6: claimOf('ipv6', own).lladdr },
  }
}

/** One family of the node, in lines that compare well and read well in a difference. */
export interface FamilyTables {
  readonly device: Readonly<Record<string, unknown>> | 'absent'
  /** Global ones, with what is unusual about them. */
  readonly addresses: readonly string[]
  readonly acceptRa: string
  readonly neighbours: readonly string[]
  readonly fdb: readonly string[]
  /** Of the whole main table, except what the kernel makes by itself. */
  readonly routes: readonly string[]
}

export function expectedTables(expected: Expected, family: Family): FamilyTables {
  const { overlay } = claimOf(family, expected.own)
  const claims = peerClaims(expected, family)
  const name = deviceName(family)
  return {
    device: {
      name,
      up: true,
      mtu: mtuOf(expected, family),
      lladdr: expected.lladdrs[family],
      master: undefined,
      vni: VNI,
      port: PORT,
      local: expected.underlay[family],
      parent: expected.parents[family],
      learning: false,
      gbp: false,
    },
    addresses: [`${overlay}/${family === 'ipv4' ? 32 : 128}`],
    // The kernel takes IPv6, and its settings, from a link below its least MTU.
    acceptRa: mtuOf(expected, family) < 1280 ? '' : '0',
    neighbours: claims.map((claim) => `${claim.overlay} is ${claim.lladdr} PERMANENT proto 118`).sort(),
    fdb: claims.map(({ lladdr, underlay }) => `${lladdr} at ${underlay} permanent self`).sort(),
    routes: claims.map((claim) => routeLine(claim.subnet, claim.overlay, name, claim.metric, '118', ['onlink'])).sort(),
  }
}

export function routeLine(
  dst: string,
  gateway: string | undefined,
  device: string | undefined,
  metric: number,
  protocol: string,
  flags: readonly string[],
  type = 'unicast',
): string {
  const words = [type, dst, 'via', gateway ?? 'none', 'dev', device ?? 'none', 'metric', metric, 'proto', protocol]
  return [...words, ...flags].join(' ')
}

function mtuOf({ underlayMtu }: Expected, family: Family): number {
  return underlayMtu - OVERHEAD[family]
}

export function expectedSubnetEnv(expected: Expected): string {
  const { families } = expected
  const lines = families.flatMap((family) => {
    const { overlay } = claimOf(family, expected.own)
    const gateway = family === 'ipv4' ? `${overlay.replace(/0$/, '1')}/24` : `${overlay}1/64`
    const prefix = family === 'ipv4' ? 'FLANNEL_' : 'FLANNEL_IPV6_'
    return [`${prefix}NETWORK=${NETWORKS[family]}`, `${prefix}SUBNET=${gateway}`]
  })
  const mtu = Math.min(...families.map((family) => mtuOf(expected, family)))
  return [...lines, `FLANNEL_MTU=${mtu}`, 'FLANNEL_IPMASQ=false', ''].join('\n')
}
