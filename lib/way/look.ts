/**
 * Asks the kernel for the way to a few peers, as a packet of a pod, of this host and of the device itself would take it, and
 * has the answers judged. Must not: mend, wait, or remember anything.
 */
import type { Lease } from '../cluster/lease.ts'
import { type Network, routesDirectly } from '../cluster/network.ts'
import type { Device } from '../device/types.ts'
import { KERNEL_VXLAN_PORT } from '../device/vtep.ts'
import { NetlinkError } from '../errors.ts'
import { type Cidr, hostAt, prefixLength } from '../net/cidr.ts'
import type { Family, Ip } from '../net/ip.ts'
import type { Link, Rtnl } from '../rtnl/port.ts'
import type { Underlay } from '../underlay/underlay.ts'
import type { Fault } from './fault.ts'
import { checkHost, podLinkOf } from './host-checks.ts'
import { type Asked, judgeWay, type PeerWay } from './way.ts'

const PEERS = 3
/** What a CNI plugin may give to a pod: neither ours nor the bridge's. */
const A_POD = 2

/** What carries the overlay of one family at this moment. */
export interface Carrying {
  readonly device: Device
  readonly underlay: Underlay
  /** Our own podCIDR. */
  readonly subnet: Cidr
}

export interface LookParts {
  readonly family: Family
  readonly network: Network
  /** Keys with slashes; undefined: there is no such key. */
  readonly readSysctl: (key: string) => Promise<string | undefined>
  /** undefined: the device is not ready any more, and what is seen means nothing. */
  readonly carrying: () => Carrying | undefined
  readonly peers: Iterable<Lease>
  /** Nodes that are looked at in any case, and first. */
  readonly again: ReadonlySet<string>
}

/** Rejects with NetlinkSocketError; undefined: the device went meanwhile, so nothing was learnt. */
export async function lookAtWay(
  rtnl: Rtnl,
  { family, network, readSysctl, carrying, peers, again }: LookParts,
): Promise<readonly Fault[] | undefined> {
  const now = carrying()
  if (now === undefined) return undefined
  const { device, underlay, subnet } = now
  const [links, addresses, rules] = await Promise.all([
    rtnl.dumpLinks(),
    rtnl.dumpAddresses(family),
    rtnl.dumpRules(family),
  ])
  const whole = network[family]
  const host = {
    family,
    subnet,
    network: whole === undefined || prefixLength(whole) === 0 ? undefined : whole,
    device: device.ifindex,
    links: links.value,
    addresses: addresses.value,
  }
  const pods = podLinkOf(host)
  const forwardingOff = await forbidsForwarding(family, readSysctl, [...(pods ? [pods] : []), device])
  // Without forwarding the kernel has no way for pods' packets at all, which is a fault of its own.
  const from = forwardingOff === undefined ? pods : undefined
  const { backend } = network
  const udpPort = backend.type === 'vxlan' ? (backend.port ?? KERNEL_VXLAN_PORT) : undefined
  const outer = { source: device.local, udpPort, oif: outerLink(now, links.value) }
  const asking = (dst: Ip, how: How): Promise<Asked> => ask(rtnl, dst, how)
  const ways: PeerWay[] = []
  for (const { node, [family]: claim } of aFew(peers, again)) {
    if (claim === undefined) continue
    if (carrying()?.device.ifindex !== device.ifindex) return undefined
    const pod = hostAt(claim.subnet, A_POD)
    ways.push({
      node,
      subnet: claim.subnet,
      underlay: claim.underlay,
      forwarded: from && (await asking(pod, { source: hostAt(subnet, A_POD), iif: from })),
      host: await asking(pod, {}),
      outer: await asking(claim.underlay, outer),
    })
  }
  const own = { subnet, link: pods, asked: await asking(hostAt(subnet, A_POD), {}) }
  const facts = {
    family,
    device,
    underlay,
    udpPort,
    network: host.network,
    directRouting: routesDirectly(backend),
    own,
  }
  const faults = [
    ...checkHost({ ...host, forwardingOff }),
    ...judgeWay({ ...facts, links: links.value, rules: rules.value, peers: ways }),
  ]
  return faults.filter(({ name }, i) => faults.findIndex((other) => other.name === name) === i)
}

/** The sysctl that keeps packets between these links from being forwarded. IPv4 asks each link that they come in by. */
export async function forbidsForwarding(
  family: Family,
  readSysctl: LookParts['readSysctl'],
  links: readonly { readonly ifname: string }[],
): Promise<string | undefined> {
  const ofLinks = (key: string): readonly string[] => links.map(({ ifname }) => `net/${family}/conf/${ifname}/${key}`)
  if (family === 'ipv4') {
    for (const key of ['net/ipv4/ip_forward', ...ofLinks('forwarding')]) if ((await readSysctl(key)) === '0') return key
    return undefined
  }
  const all = 'net/ipv6/conf/all/forwarding'
  if ((await readSysctl(all)) !== '0') return undefined
  // Since Linux 6.17 a link may forward all the same.
  const forced = await Promise.all(ofLinks('force_forwarding').map(readSysctl))
  return forced.every((value) => value === '1') ? undefined : all
}

/** A pinned device sends through its parent alone, one in a VRF by the VRF's table. */
function outerLink({ device, underlay }: Carrying, links: readonly Link[]): Link | undefined {
  const linkOf = (of: number | undefined) => links.find(({ ifindex }) => ifindex === of)
  if (device.pinned) return linkOf(underlay.ifindex)
  const master = linkOf(linkOf(device.ifindex)?.master)
  return master?.kind === 'vrf' ? master : undefined
}

interface How {
  readonly source?: Ip
  readonly iif?: Link
  readonly oif?: Link | undefined
  readonly udpPort?: number | undefined
}

async function ask(rtnl: Rtnl, dst: Ip, { source, iif, oif, udpPort }: How): Promise<Asked> {
  const packet = { dst, source, iif: iif?.ifname, oif: oif?.ifname }
  const query = {
    ...(source && { source }),
    ...(iif && { iif: iif.ifindex }),
    ...(oif && { oif: oif.ifindex }),
    ...(udpPort && { udpPort }),
  }
  try {
    return { packet, answer: await rtnl.resolveRoute(dst, query) }
  } catch (error) {
    if (error instanceof NetlinkError) return { packet, answer: { refused: error.errnoName } }
    throw error
  }
}

/** Beside those that are looked at again, at random, so that in time each one is. */
function aFew(peers: Iterable<Lease>, again: ReadonlySet<string>): readonly Lease[] {
  const kept: Lease[] = []
  const few: Lease[] = []
  let count = 0
  for (const lease of peers) {
    if (again.has(lease.node)) {
      kept.push(lease)
      continue
    }
    count += 1
    if (few.length < PEERS) few.push(lease)
    else {
      const at = Math.floor(Math.random() * count)
      if (at < PEERS) few[at] = lease
    }
  }
  return [...kept, ...few]
}
