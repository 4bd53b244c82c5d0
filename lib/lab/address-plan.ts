/**
 * Names and addresses of a lab with N nodes and P pods each. Pure: the same options give the same plan.
 * Must not: create anything. Node number i (from 1) has the underlay addresses 172.31.0.0/16 + 256 + i and fd77::1:i,
 * the subnets 10.42.i.0/24 and 2001:cafe:42:i::/64 (i in hexadecimal); address 1 of the underlay is the lab's own.
 */
import { type Cidr, cidrFamily, firstHost, networkAddress, parseCidr } from '../net/cidr.ts'
import { type Family, type Ip, ipFromBytes, ipToBytes, parseIp } from '../net/ip.ts'
import { type Lladdr, lladdrFromBytes } from '../net/lladdr.ts'
import { vxlanOverhead } from '../net/mtu.ts'
import type { LabBackend } from './options.ts'

/** Where `ip netns` looks for names; a tmpfs of the lab's own lies over /run. */
export const NETNS_FOLDER = '/run/netns'
export const UNDERLAY_MTU = 1500

export interface PodPlan {
  /** Name of its namespace, e.g. node1-pod1. */
  readonly name: string
  readonly node: string
  /** Its end on the node's side, e.g. pod1. */
  readonly hostIfname: string
  /** One a family, in the plan's order. */
  readonly addresses: readonly Ip[]
}

export interface NodePlan {
  /** Kubernetes Node name and name of the namespace, e.g. node1. */
  readonly name: string
  /** Its end on the underlay bridge, e.g. node1. */
  readonly underlayIfname: string
  /** Of mgmt0; the same after each rebuild. */
  readonly lladdr: Lladdr
  readonly underlay: readonly Ip[]
  readonly subnets: readonly Cidr[]
  /** Of cni0: the first host address of each subnet. */
  readonly gateways: readonly Ip[]
  readonly pods: readonly PodPlan[]
}

export interface LabPlan {
  readonly backend: LabBackend
  readonly families: readonly Family[]
  /** Of the underlay bridge in the lab's own namespace. */
  readonly labAddresses: readonly Ip[]
  /** Where the nodes reach the API server: the first of labAddresses. */
  readonly apiAddress: Ip
  readonly underlayPrefixLengths: Readonly<Record<Family, number>>
  readonly networks: readonly Cidr[]
  readonly overlayMtu: number
  readonly nodes: readonly NodePlan[]
  /** What a keepalived would move about on the underlay, one a family: no node's own. */
  readonly floating: readonly Ip[]
  /** Two more that are never built: scenarios make Node objects of them. Without pods. */
  readonly unbuilt: readonly [NodePlan, NodePlan]
}

const UNDERLAY: Record<Family, Cidr> = { ipv4: parseCidr('172.31.0.0/16'), ipv6: parseCidr('fd77::/64') }
const NETWORK: Record<Family, Cidr> = { ipv4: parseCidr('10.42.0.0/16'), ipv6: parseCidr('2001:cafe:42::/56') }
const FIRST_POD = 10

export function planLab(options: {
  nodes: number
  pods: number
  families: readonly Family[]
  backend?: LabBackend
}): LabPlan {
  const { families, backend = 'vxlan' } = options
  const overhead = (family: Family): number => (backend === 'host-gw' ? 0 : vxlanOverhead(family))
  const labAddresses = families.map((family) => firstHost(UNDERLAY[family]))
  const [apiAddress] = labAddresses
  if (apiAddress === undefined) throw new RangeError('a lab needs at least one address family')
  return {
    backend,
    families,
    labAddresses,
    apiAddress,
    underlayPrefixLengths: { ipv4: 16, ipv6: 64 },
    networks: families.map((family) => NETWORK[family]),
    overlayMtu: Math.min(...families.map((family) => UNDERLAY_MTU - overhead(family))),
    nodes: Array.from({ length: options.nodes }, (_, index) => planNode(index + 1, options.pods, families)),
    floating: families.map((family) => addressAt(UNDERLAY[family], [9, 9])),
    unbuilt: [planNode(options.nodes + 1, 0, families), planNode(options.nodes + 2, 0, families)],
  }
}

/** Path of a namespace by its name. */
export function netnsPath(name: string): string {
  return `${NETNS_FOLDER}/${name}`
}

/** `flannel.1` or `flannel-v6.1`: the name of the VXLAN device of the family (flannel-contract 5). */
export function deviceName(family: Family): string {
  return family === 'ipv4' ? 'flannel.1' : 'flannel-v6.1'
}

function planNode(number: number, pods: number, families: readonly Family[]): NodePlan {
  const name = `node${number}`
  const subnets = families.map((family) => subnetOf(family, number))
  return {
    name,
    underlayIfname: name,
    lladdr: lladdrFromBytes(Uint8Array.of(0x0a, 0x76, 0, 0, 0, number)),
    underlay: families.map((family) => addressAt(UNDERLAY[family], [1, number])),
    subnets,
    gateways: subnets.map(firstHost),
    pods: Array.from({ length: pods }, (_, index) => ({
      name: `${name}-pod${index + 1}`,
      node: name,
      hostIfname: `pod${index + 1}`,
      addresses: subnets.map((subnet) => podAddress(subnet, FIRST_POD + index)),
    })),
  }
}

function subnetOf(family: Family, number: number): Cidr {
  const text = family === 'ipv4' ? `10.42.${number}.0/24` : `2001:cafe:42:${number.toString(16)}::/64`
  return parseCidr(text)
}

/** The host number is written in decimal digits in both families, so that pod 10 of a subnet is ….10 and …::10. */
function podAddress(subnet: Cidr, host: number): Ip {
  if (cidrFamily(subnet) === 'ipv6') return parseIp(`${networkAddress(subnet)}${host}`)
  return addressAt(subnet, [host])
}

/** The network's address with its last 16-bit (IPv6) or 8-bit (IPv4) groups replaced by `tail`. */
function addressAt(network: Cidr, tail: readonly number[]): Ip {
  const bytes = ipToBytes(networkAddress(network))
  const width = bytes.length === 4 ? 1 : 2
  tail.forEach((value, index) => {
    const end = bytes.length - (tail.length - 1 - index) * width - 1
    bytes[end] = value & 0xff
    if (width === 2) bytes[end - 1] = value >> 8
  })
  return ipFromBytes(bytes)
}
