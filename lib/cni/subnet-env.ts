/**
 * subnet.env, the file by which the flannel CNI plugin learns this node's subnet: rendered byte for byte as flannel
 * does (flannel-contract 4) and read back. Pure. Must not: write files (lib/agent/cni-files).
 */
import { type Cidr, cidrFamily, firstHost, parseCidr, prefixLength } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import { LEAST_MTU, type Mtu, parseMtu } from '../net/mtu.ts'

/** One enabled family. */
export interface SubnetEnvFamily {
  /** The cluster's network. */
  readonly network: Cidr
  /** This node's podCIDR; the file shows its first host address. */
  readonly subnet: Cidr
  /** The largest packet a pod may send: that of the VXLAN device. */
  readonly mtu: Mtu
}

export interface SubnetEnv {
  readonly ipv4: SubnetEnvFamily | undefined
  readonly ipv6: SubnetEnvFamily | undefined
  /** What --ip-masq said; the CNI plugin masquerades itself when it is false. */
  readonly ipMasq: boolean
}

/** What an existing file says; keys that are missing or invalid are left out, as flannel does. */
export interface ParsedSubnetEnv {
  readonly networks: { readonly ipv4: readonly Cidr[]; readonly ipv6: readonly Cidr[] }
  readonly subnets: { readonly ipv4: Cidr | undefined; readonly ipv6: Cidr | undefined }
  readonly mtu: number | undefined
  readonly ipMasq: boolean
}

/** FLANNEL_MTU is the least of the enabled families: one pod interface carries both. At least one family is present. */
export function renderSubnetEnv(env: SubnetEnv): string {
  const families = [env.ipv4, env.ipv6].filter((family) => family !== undefined)
  return [
    ...familyLines('FLANNEL', env.ipv4),
    ...familyLines('FLANNEL_IPV6', env.ipv6),
    `FLANNEL_MTU=${Math.min(...families.map((family) => family.mtu))}`,
    `FLANNEL_IPMASQ=${env.ipMasq}`,
    '',
  ].join('\n')
}

function familyLines(prefix: string, family: SubnetEnvFamily | undefined): string[] {
  if (family === undefined) return []
  const gateway = `${firstHost(family.subnet)}/${prefixLength(family.subnet)}`
  return [`${prefix}_NETWORK=${family.network}`, `${prefix}_SUBNET=${gateway}`]
}

/** Reads any text; a file of nonsense yields empty lists. */
export function parseSubnetEnv(text: string): ParsedSubnetEnv {
  const values = new Map<string, string>()
  for (const line of text.split('\n')) {
    const at = line.indexOf('=')
    if (at > 0) values.set(line.slice(0, at).trim(), line.slice(at + 1).trim())
  }
  const list = (key: string, family: Family): Cidr[] => [
    ...new Set((values.get(key) ?? '').split(',').flatMap((part) => cidrsIn(part.trim(), family))),
  ]
  const mtu = Number(values.get('FLANNEL_MTU') ?? Number.NaN)
  return {
    networks: { ipv4: list('FLANNEL_NETWORK', 'ipv4'), ipv6: list('FLANNEL_IPV6_NETWORK', 'ipv6') },
    subnets: { ipv4: list('FLANNEL_SUBNET', 'ipv4')[0], ipv6: list('FLANNEL_IPV6_SUBNET', 'ipv6')[0] },
    mtu: Number.isInteger(mtu) && mtu > 0 ? mtu : undefined,
    ipMasq: values.get('FLANNEL_IPMASQ') === 'true',
  }
}

/** What the file that was parsed was rendered from, with the one MTU for both families; undefined: it is no whole one. */
export function subnetEnvOf({ networks, subnets, mtu, ipMasq }: ParsedSubnetEnv): SubnetEnv | undefined {
  if (mtu === undefined || mtu < LEAST_MTU.ipv4 || mtu > 65535) return undefined
  const part = (family: Family): SubnetEnvFamily | undefined => {
    const [network] = networks[family]
    const subnet = subnets[family]
    return network && subnet && { network, subnet, mtu: parseMtu(mtu) }
  }
  const env = { ipv4: part('ipv4'), ipv6: part('ipv6'), ipMasq }
  return env.ipv4 === undefined && env.ipv6 === undefined ? undefined : env
}

function cidrsIn(text: string, family: Family): Cidr[] {
  try {
    const cidr = parseCidr(text)
    return cidrFamily(cidr) === family ? [cidr] : []
  } catch (error) {
    if (error instanceof RangeError) return []
    throw error
  }
}
