/**
 * A Node's facts → what it claims, and what we know of our own Node. Each family is read by itself: a fault in one
 * leaves the other's claim standing. Must not: compare claims of different nodes (lib/leases/accepted).
 */

import type { OwnNode } from '../../cluster/lease.ts'
import { isVxlan, type Network } from '../../cluster/network.ts'
import { LeaseError } from '../../errors.ts'
import { type Cidr, cidrFamily, containsCidr, parseCidr } from '../../net/cidr.ts'
import { type Family, type Ip, parseIpOf } from '../../net/ip.ts'
import type { Lladdr } from '../../net/lladdr.ts'
import { flatText } from '../../util/flat-text.ts'
import type { Claim, FamilyClaim } from '../accepted/claim.ts'
import { type AnnotationKeys, parseBackendData } from '../annotations.ts'
import type { NodeFacts } from '../wire/node-facts.ts'

/** `claim` is undefined when nothing of it can be read; each fault names its annotation. */
export interface NodeClaim {
  readonly claim: Claim | undefined
  readonly faults: readonly LeaseError[]
}

const NO_FAULTS: readonly LeaseError[] = []

/** undefined: the node does not take part (not marked as flannel's), which is no fault. Never throws. */
export function readClaim(node: NodeFacts, keys: AnnotationKeys, network: Network): NodeClaim | undefined {
  if (node.annotations[keys.subnetManager] !== 'true') return undefined
  const type = node.annotations[keys.backendType]
  if (type !== network.backend.type) {
    const reason = `${type === undefined ? 'missing' : `"${type}"`}: only "${network.backend.type}" can be a peer`
    return {
      claim: undefined,
      faults: [new LeaseError(node.name, keys.backendType, reason, { fault: 'other_backend' })],
    }
  }
  const faults: LeaseError[] = []
  const read = (family: Family): FamilyClaim | undefined =>
    network[family] === undefined ? undefined : readFamily(family, { node, keys, network }, faults)
  const ipv4 = read('ipv4')
  const ipv6 = read('ipv6')
  if (ipv4 === undefined && ipv6 === undefined) {
    if (faults.length === 0)
      faults.push(
        new LeaseError(node.name, 'annotations', 'no claim in any family that we have', { fault: 'incomplete' }),
      )
    return { claim: undefined, faults }
  }
  return {
    claim: { ...identityOf(node), ipv4, ipv6 },
    faults: faults.length === 0 ? NO_FAULTS : faults,
  }
}

/** Faults are those of our own annotations and podCIDRs; the part that cannot be read counts as absent. Never throws. */
export function readOwn(
  node: NodeFacts,
  keys: AnnotationKeys,
  network: Network,
): { readonly own: OwnNode; readonly faults: readonly LeaseError[] } {
  const faults: LeaseError[] = []
  const both = <T>(read: (family: Family) => T | undefined): { ipv4: T | undefined; ipv6: T | undefined } => ({
    ipv4: attempt(faults, () => (network.ipv4 === undefined ? undefined : read('ipv4'))),
    ipv6: attempt(faults, () => (network.ipv6 === undefined ? undefined : read('ipv6'))),
  })
  const own: OwnNode = {
    ...identityOf(node),
    subnets: both((family) => readOwnSubnet(family, node, network)),
    lladdrs: both((family) => (isVxlan(network) ? readOwnLladdr(family, node, keys) : undefined)),
    publishInstead: both((family) => readIp(family, node, keys[family].publicIpOverwrite)),
    underlayHint: both((family) => readIp(family, node, keys[family].nodePublicIp)),
    internalIps: both((family) => node.internalIps[family]),
    // What cannot be read there is no fault: we are about to write it.
    published: both((family) => attempt([], () => readIp(family, node, keys[family].publicIp))),
  }
  return { own, faults }
}

/** A server that sent no UID made no Node that could hold anything. */
function identityOf({ name, uid, creationTimestamp }: NodeFacts): Pick<Claim, 'node' | 'uid' | 'seniority'> {
  return { node: name, uid: uid === '' ? undefined : flatText(uid), seniority: flatText(creationTimestamp) }
}

/**
 * No claim (undefined) is a node without that family: neither a podCIDR nor an annotation of it. What of it can be read is
 * claimed although the rest cannot: what it holds stays its own.
 */
function readFamily(
  family: Family,
  { node, keys, network }: { readonly node: NodeFacts; readonly keys: AnnotationKeys; readonly network: Network },
  faults: LeaseError[],
): FamilyClaim | undefined {
  const { backendData, publicIp } = keys[family]
  const hasData = isVxlan(network)
  // flannel's host-gw writes the text `null`; what an earlier backend wrote there says nothing any more.
  const text = hasData ? node.annotations[backendData] : undefined
  const found: LeaseError[] = []
  const subnet = attempt(found, () => readSubnet(family, node))
  const underlay = attempt(found, () => readIp(family, node, publicIp))
  const data = attempt(found, () => (text === undefined ? undefined : parseBackendData(node.name, backendData, text)))
  const isSilent = subnet === undefined && underlay === undefined && text === undefined
  if (found.length === 0 && !isSilent) {
    const missing = (field: string, reason = 'missing') =>
      found.push(new LeaseError(node.name, field, reason, { fault: 'incomplete' }))
    if (subnet === undefined) missing('spec.podCIDRs', `no ${family} podCIDR is assigned`)
    else if (underlay === undefined) missing(publicIp)
    else if (hasData && text === undefined) missing(backendData)
  }
  for (const fault of found) addFault(faults, fault)
  return isSilent ? undefined : { subnet, underlay, lladdr: data?.lladdr, vni: data?.vni }
}

/** Kubernetes allows one podCIDR a family; more are refused, as flannel does. */
function readSubnet(family: Family, node: NodeFacts): Cidr | undefined {
  const wrong = (reason: string, cause?: unknown): LeaseError =>
    new LeaseError(node.name, 'spec.podCIDRs', reason, { cause })
  if (node.podCidrs.length > 2) throw wrong(`${node.podCidrs.length} podCIDRs: one a family is allowed`)
  let found: Cidr | undefined
  for (const text of node.podCidrs) {
    let cidr: Cidr
    try {
      cidr = parseCidr(text)
    } catch (cause) {
      throw wrong(`"${text}" is not a CIDR`, cause)
    }
    if (cidrFamily(cidr) !== family) continue
    if (found !== undefined) throw wrong(`two ${family} podCIDRs, ${found} and ${cidr}: one a family is allowed`)
    found = cidr
  }
  return found
}

function readOwnSubnet(family: Family, node: NodeFacts, network: Network): Cidr | undefined {
  const subnet = readSubnet(family, node)
  const whole = network[family]
  if (subnet === undefined || whole === undefined || containsCidr(whole, subnet)) return subnet
  const reason = `our own podCIDR ${subnet} is outside the network ${whole}: net-conf and the cluster's CIDR must agree`
  throw new LeaseError(node.name, 'spec.podCIDRs', reason, { fault: 'outside_network' })
}

function readOwnLladdr(family: Family, node: NodeFacts, keys: AnnotationKeys): Lladdr | undefined {
  const key = keys[family].backendData
  const text = node.annotations[key]
  // An IPv6-only flannel writes the text `null` for the family that it does not run.
  return text === undefined || text === 'null' ? undefined : parseBackendData(node.name, key, text).lladdr
}

/** An empty annotation counts as absent. */
function readIp(family: Family, node: NodeFacts, key: string): Ip | undefined {
  const text = node.annotations[key]
  if (text === undefined || text === '') return undefined
  try {
    return parseIpOf(family, text)
  } catch (cause) {
    throw new LeaseError(node.name, key, `"${text}" is not an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`, {
      cause,
    })
  }
}

function attempt<T>(faults: LeaseError[], read: () => T | undefined): T | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof LeaseError)) throw error
    addFault(faults, error)
    return undefined
  }
}

/** Both families read the same podCIDRs: one fault there is one line. */
function addFault(faults: LeaseError[], fault: LeaseError): void {
  if (!faults.some(({ message }) => message === fault.message)) faults.push(fault)
}
