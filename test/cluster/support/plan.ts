/** The addresses of test/cluster: underlay, pods, services, in both families. Must not: make any of them. */
import type { Family } from '../../../lib/net/ip.ts'

export type Families = readonly [Family, ...Family[]]

/** By name, as combinations are told. */
export const FAMILIES = { ipv4: ['ipv4'], ipv6: ['ipv6'], dual: ['ipv4', 'ipv6'] } as const satisfies Record<
  string,
  Families
>
export type Stack = keyof typeof FAMILIES

export const POD_NETWORKS: Readonly<Record<Family, string>> = { ipv4: '10.42.0.0/16', ipv6: 'fd42::/48' }
export const SERVICE_NETWORKS: Readonly<Record<Family, string>> = { ipv4: '10.43.0.0/16', ipv6: 'fd43::/112' }
export const UNDERLAY_LENGTHS: Readonly<Record<Family, number>> = { ipv4: 24, ipv6: 64 }

/** On the underlay: the control plane, which is also the router; a host outside of the cluster; the nodes from 11 on. */
export const CONTROL_PLANE = 1
export const OUTSIDE = 200
export const FIRST_NODE = 11

export function underlayAddress(family: Family, host: number): string {
  return family === 'ipv4' ? `172.31.0.${host}` : `fd00:31::${host.toString(16)}`
}

export function bracketed(address: string): string {
  return address.includes(':') ? `[${address}]` : address
}

/** As vtepd and flanneld read it. */
export function netConf(families: Families, nftables: boolean): object {
  return {
    EnableIPv4: families.includes('ipv4'),
    EnableIPv6: families.includes('ipv6'),
    EnableNFTables: nftables,
    ...(families.includes('ipv4') ? { Network: POD_NETWORKS.ipv4 } : {}),
    ...(families.includes('ipv6') ? { IPv6Network: POD_NETWORKS.ipv6 } : {}),
    Backend: { Type: 'vxlan' },
  }
}
