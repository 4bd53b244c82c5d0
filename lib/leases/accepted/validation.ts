/**
 * Whether a claim can be accepted for all that it says itself, and beside our own (design decision 10).
 * Must not: compare claims of different nodes (conflicts.ts).
 */

import type { FamilyLease } from '../../cluster/lease.ts'
import { type Cidr, contains, networkAddress, overlaps, prefixLength } from '../../net/cidr.ts'
import { type Family, familyOf, type Ip, isLinkLocal, isUnicastHost, samePrefix } from '../../net/ip.ts'
import { isUnicastLladdr, type Lladdr } from '../../net/lladdr.ts'
import { type Fault, loop } from './conflicts.ts'

type PerFamily<T> = Readonly<Record<Family, T | undefined>>

/** What is ours and therefore nobody else's; what is not known yet is undefined. */
export interface OwnClaim {
  readonly node: string
  readonly subnets: PerFamily<Cidr>
  readonly lladdrs: PerFamily<Lladdr>
  readonly underlays: PerFamily<Ip>
}

/** Of a node's subnet where the network itself sets no bound: beyond it a claim would take most of the world. */
const LEAST_PREFIX_LENGTH: Readonly<Record<Family, number>> = { ipv4: 8, ipv6: 16 }

/** The fault of a claim by itself; `network` is that of the claim's family. */
export function createValidation(network: Cidr): (claim: FamilyLease) => Fault | undefined {
  const length = prefixLength(network)
  const address = networkAddress(network)
  const inNetwork = (ip: Ip): boolean => samePrefix(ip, address, length)
  return ({ subnet, underlay, lladdr }) => {
    const start = networkAddress(subnet)
    if (prefixLength(subnet) < length || !inNetwork(start))
      return { kind: 'outside_network', field: 'subnet', reason: `${subnet} is outside the network ${network}` }
    if (!isUnicastHost(start) || isLinkLocal(start))
      return { kind: 'not_unicast', field: 'subnet', reason: `${subnet} is not a unicast network` }
    if (length === 0 && prefixLength(subnet) < LEAST_PREFIX_LENGTH[familyOf(start)])
      return { kind: 'too_large', field: 'subnet', reason: `${subnet} is more than one node can need` }
    if (lladdr !== undefined && !isUnicastLladdr(lladdr))
      return { kind: 'not_unicast', field: 'lladdr', reason: `${lladdr} is not a unicast MAC address` }
    if (!isUnicastHost(underlay))
      return { kind: 'underlay_unusable', field: 'underlay', reason: `${underlay} is no address that a host can have` }
    // An FDB entry names no interface, which an fe80:: address would need.
    if (underlay.startsWith('fe') && isLinkLocal(underlay))
      return {
        kind: 'underlay_unusable',
        field: 'underlay',
        reason: `${underlay} is link-local, reachable only through a named interface`,
      }
    if (length > 0) return inNetwork(underlay) ? loop(underlay, network) : undefined
    return contains(subnet, underlay) ? loop(underlay, subnet) : undefined
  }
}

/**
 * What speaks against it beside our own. `sameLength`: as our own subnet, so that nearly all need no arithmetic. `open`: the
 * network sets no bound, so that a subnet may lie around an underlay address.
 */
export function besideOwn(
  claim: FamilyLease,
  family: Family,
  own: OwnClaim,
  { sameLength, open }: { readonly sameLength: boolean; readonly open: boolean },
): Fault | undefined {
  const { subnet, lladdr, underlay } = claim
  const [ours, ourUnderlay] = [own.subnets[family], own.underlays[family]]
  const isOurUnderlay = underlay === ourUnderlay
  if (lladdr !== undefined && lladdr === own.lladdrs[family]) {
    if (!isOurUnderlay) return { kind: 'ours', field: 'lladdr', reason: `${lladdr} is our own`, contested: true }
    const reason = `is this machine under another name (${lladdr}, ${underlay}): nothing is installed for it`
    return { kind: 'ours', field: 'lladdr', reason, sameMachine: true }
  }
  if (ours !== undefined && (sameLength ? ours === subnet : overlaps(ours, subnet)))
    return { kind: 'ours', field: 'subnet', reason: `${subnet} overlaps our own ${ours}`, contested: true }
  if (isOurUnderlay) return { kind: 'ours', field: 'underlay', reason: `${underlay} is our own`, contested: true }
  if (!open) return undefined
  if (ours !== undefined && contains(ours, underlay)) return loop(underlay, ours)
  if (ourUnderlay === undefined || !contains(subnet, ourUnderlay)) return undefined
  return { kind: 'loop', field: 'subnet', reason: `${subnet} holds our own underlay address ${ourUnderlay}` }
}
