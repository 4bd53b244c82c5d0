/**
 * What others of this host have set so that pods are cut off although our own objects are right: forwarding, the pods' bridge,
 * who else has our podCIDR. Pure. Must not: mend any of it.
 */
import { type Cidr, cidrOf, contains, overlaps } from '../net/cidr.ts'
import { type Family, familyOf, type Ip, isLinkLocal } from '../net/ip.ts'
import type { Address, Link } from '../rtnl/port.ts'
import type { Fault } from './fault.ts'
import { sysctlName, sysctlRemedy } from './sysctls.ts'

export interface HostFacts {
  readonly family: Family
  /** Ours. */
  readonly subnet: Cidr
  /** undefined: it sets no bound (length 0). */
  readonly network: Cidr | undefined
  /** Our own device and whatever else carries the overlay address. */
  readonly device: number
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  /** The sysctl, with slashes, that keeps packets of pods from being forwarded; undefined: none is known to. */
  readonly forwardingOff: string | undefined
}

/** Bridges that container engines and hypervisors make for themselves. */
const FOREIGN_BRIDGE = /^(?:docker|br-[0-9a-f]{12}$|virbr|lxcbr|lxdbr|podman)/

export function checkHost(facts: HostFacts): readonly Fault[] {
  return [...checkForwarding(facts), ...checkPodLinks(facts)]
}

/**
 * The link with an address of our subnet behind which our pods are; undefined: none yet, or a CNI without a bridge. Without a
 * carrier there are no pods behind it, and rp_filter refuses whatever would come from there.
 */
export function podLinkOf({
  links,
  addresses,
  subnet,
  device,
}: Omit<HostFacts, 'forwardingOff' | 'network'>): Link | undefined {
  const owners = addresses.filter(({ ip, ifindex }) => ifindex !== device && contains(subnet, ip))
  const candidates = links.filter(
    ({ ifindex, ifname, up, carrier }) =>
      up && carrier && owners.some((owner) => owner.ifindex === ifindex) && !FOREIGN_BRIDGE.test(ifname),
  )
  return candidates.find(({ ifname }) => ifname === 'cni0') ?? candidates[0]
}

/** Whether a link is one that container engines or hypervisors made for themselves. */
export function isForeignBridge({ ifname }: Link): boolean {
  return FOREIGN_BRIDGE.test(ifname)
}

function checkForwarding({ family, forwardingOff }: HostFacts): readonly Fault[] {
  if (forwardingOff === undefined) return []
  const name = family === 'ipv4' ? 'IPv4' : 'IPv6'
  const remedy = sysctlRemedy({ key: forwardingOff, value: '1' })
  // It stops listening to routers, and drops what it has heard, unless it is told otherwise before.
  const before = family === 'ipv6' ? '; before, accept_ra=2 on a link whose routes come from router advertisements' : ''
  const sentence = `this host does not forward ${name} packets of pods (${sysctlName(forwardingOff)} is 0), so none reaches another node: ${remedy}${before}`
  return [{ name: 'host.forwarding', sentence, stops: false }]
}

function checkPodLinks(facts: HostFacts): readonly Fault[] {
  const { family, subnet, device, links, addresses } = facts
  const faults: Fault[] = []
  for (const { ifindex, ip, prefixLength } of addresses) {
    const link = links.find((one) => one.ifindex === ifindex)
    if (ifindex === device || link === undefined || familyOf(ip) !== family || prefixLength < 1) continue
    const prefix = cidrOf(ip, prefixLength)
    if (FOREIGN_BRIDGE.test(link.ifname) && overlaps(prefix, subnet))
      faults.push({
        name: 'host.pod-cidr-taken',
        sentence: `${link.ifname} has ${ip}/${prefixLength}, which overlaps this node's podCIDR ${subnet}: packets to pods go there; give ${link.ifname} another network`,
        stops: false,
      })
    else if (link.ifname === 'cni0' && isOldBridges(facts, ip))
      faults.push({
        name: 'host.old-bridge',
        sentence: `cni0 still has ${ip}/${prefixLength}, but this node's podCIDR is ${subnet}: its pods are not reached; drain the node and delete the bridge (ip link delete cni0), the CNI plugin makes it anew`,
        stops: false,
      })
  }
  return faults.filter(({ name }, index) => faults.findIndex((other) => other.name === name) === index)
}

/** Of another podCIDR. Where the network sets no bound, any address may be meant, as long as one of ours is beside it. */
function isOldBridges({ subnet, network, addresses, links }: HostFacts, ip: Ip): boolean {
  if (contains(subnet, ip) || (familyOf(ip) === 'ipv6' && isLinkLocal(ip))) return false
  if (network !== undefined) return contains(network, ip)
  const bridge = links.find(({ ifname }) => ifname === 'cni0')
  return !addresses.some((address) => address.ifindex === bridge?.ifindex && contains(subnet, address.ip))
}
