/**
 * Which address of an interface the outer packets leave from. Owns the order of preference and what makes an address
 * unusable. Must not: choose the interface (places.ts) or remember what was in use (underlay.ts).
 */
import type { Ifindex } from '../net/ifindex.ts'
import { addressBits, type Family, familyOf, type Ip, isLinkLocal, isUnicastHost } from '../net/ip.ts'
import type { Address } from '../rtnl/port.ts'

const SCOPE_UNIVERSE = 0
const SCOPE_HOST = 254
/** IFA_PROTO of an address that VRRP moves between hosts: keepalived's number of iproute2's rt_protos. */
const PROTOCOL_KEEPALIVED = 18

/** The kernel does not send from an address that duplicate address detection has not passed (kernel-facts 2). */
export function isReady(address: Address): boolean {
  return !address.flags.tentative && !address.flags.dadFailed
}

/**
 * The usable addresses of `ifindex`, the best first; left out: deprecated, tentative, failed, host-scope and IPv6 link-local
 * ones, and what `usable` refuses. flannel's order (global before link-local, permanent before dynamic, non-temporary before
 * temporary, then the kernel's), but before it: what floats between hosts is nobody's endpoint. Such are addresses of VRRP,
 * /32 and /128 beside an address with a real prefix, and IPv4 secondaries. `demoted`: behind its equals.
 */
export function rankAddresses(
  addresses: readonly Address[],
  ifindex: Ifindex,
  family: Family,
  usable: (ip: Ip) => boolean,
  demoted: (ip: Ip) => boolean = () => false,
): readonly Address[] {
  const own = addresses.filter((address) => address.ifindex === ifindex && familyOf(address.ip) === family)
  const serving = own.filter((address) => mayServe(address) && usable(address.ip))
  if (serving.length < 2) return serving
  const besideReal = own.some(hasRealPrefix)
  const ranks = new Map(
    serving.map((address) => [address, rankAddress(address, besideReal) * 2 + (demoted(address.ip) ? 1 : 0)]),
  )
  return serving.toSorted((a, b) => (ranks.get(a) ?? 0) - (ranks.get(b) ?? 0))
}

/** Of the kind that a subnet has: neither /32 nor /128. */
export function hasRealPrefix({ ip, prefixLength }: Address): boolean {
  return prefixLength < addressBits(familyOf(ip))
}

/** Lower is better. `besideReal`: its link has, or had, an address of the family with a real prefix. */
export function rankAddress(address: Address, besideReal: boolean): number {
  const { permanent, temporary, secondary } = address.flags
  const far = address.scope === SCOPE_UNIVERSE && !isLinkLocal(address.ip)
  return (
    (mayWander(address, besideReal) ? 16 : 0) +
    (far ? 0 : 8) +
    (secondary ? 4 : 0) +
    (permanent ? 0 : 2) +
    (temporary ? 1 : 0)
  )
}

function mayWander(address: Address, besideReal: boolean): boolean {
  return (besideReal && !hasRealPrefix(address)) || address.protocol === PROTOCOL_KEEPALIVED
}

/** Whether it is of those that move between hosts. `beside`: all of its family on its link, itself too. */
export function floats(address: Address, beside: readonly Address[]): boolean {
  return mayWander(address, beside.some(hasRealPrefix)) || address.flags.secondary
}

/** Why no address of the family qualifies: the tail of a sentence that begins with the interface's name. */
export function whyNoAddress(addresses: readonly Address[], ifindex: Ifindex, family: Family): string {
  const own = addresses.filter((address) => address.ifindex === ifindex && familyOf(address.ip) === family)
  const name = family === 'ipv4' ? 'IPv4' : 'IPv6'
  if (own.length === 0) return `has no ${name} address`
  return `has no usable ${name} address (${own.map((address) => `${address.ip} ${fault(address)}`).join(', ')})`
}

function mayServe(address: Address): boolean {
  return isReady(address) && !address.flags.deprecated && mayBeEndpoint(address)
}

/** Whatever its state of the moment, packets of other hosts can be meant for it. */
export function mayBeEndpoint(address: Address): boolean {
  return address.scope < SCOPE_HOST && isUnicastHost(address.ip) && !needsALink(address.ip)
}

/** fe80:: means nothing to other nodes without an interface, and the kernel refuses it as `local` of an unpinned device. */
function needsALink(ip: Ip): boolean {
  return familyOf(ip) === 'ipv6' && isLinkLocal(ip)
}

function fault(address: Address): string {
  if (address.flags.dadFailed) return 'failed duplicate address detection'
  if (address.flags.tentative) return 'is tentative'
  if (address.flags.deprecated) return 'is deprecated'
  if (address.scope >= SCOPE_HOST) return 'has host scope'
  if (needsALink(address.ip)) return 'is link-local'
  return isUnicastHost(address.ip) ? 'lies inside the overlay network' : 'is no unicast address'
}
