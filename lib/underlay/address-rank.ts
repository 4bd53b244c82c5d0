/**
 * Which address of an interface the outer packets leave from. Owns the order of preference and what makes an address
 * unusable. Must not: choose the interface (lib/overlay/underlay).
 */
import type { Ifindex } from '../net/ifindex.ts'
import { type Family, familyOf, type Ip, isLinkLocal, isUnicastHost } from '../net/ip.ts'
import type { Address } from '../rtnl/port.ts'

const SCOPE_UNIVERSE = 0
const SCOPE_HOST = 254

/** The kernel does not send from an address that duplicate address detection has not passed (kernel-facts 2). */
export function isReady(address: Address): boolean {
  return !address.flags.tentative && !address.flags.dadFailed
}

/**
 * The address of `ifindex` that flannel would take, or undefined: global before link-local, permanent before dynamic,
 * non-temporary before temporary, then the kernel's order (primary before secondary). Left out: deprecated, tentative,
 * failed, host-scope and IPv6 link-local ones, and what `usable` refuses.
 */
export function bestAddress(
  addresses: readonly Address[],
  ifindex: Ifindex,
  family: Family,
  usable: (ip: Ip) => boolean,
): Address | undefined {
  let best: Address | undefined
  for (const address of addresses) {
    if (address.ifindex !== ifindex || familyOf(address.ip) !== family || !mayServe(address) || !usable(address.ip))
      continue
    if (best === undefined || rank(address) < rank(best)) best = address
  }
  return best
}

/** Why no address of the family qualifies: the tail of a sentence that begins with the interface's name. */
export function whyNoAddress(addresses: readonly Address[], ifindex: Ifindex, family: Family): string {
  const own = addresses.filter((address) => address.ifindex === ifindex && familyOf(address.ip) === family)
  const name = family === 'ipv4' ? 'IPv4' : 'IPv6'
  if (own.length === 0) return `has no ${name} address`
  return `has no usable ${name} address (${own.map((address) => `${address.ip} ${fault(address)}`).join(', ')})`
}

function mayServe(address: Address): boolean {
  return (
    isReady(address) &&
    !address.flags.deprecated &&
    address.scope < SCOPE_HOST &&
    isUnicastHost(address.ip) &&
    !needsALink(address.ip)
  )
}

/** fe80:: means nothing to other nodes without an interface, and the kernel refuses it as `local` of an unpinned device. */
function needsALink(ip: Ip): boolean {
  return familyOf(ip) === 'ipv6' && isLinkLocal(ip)
}

function rank(address: Address): number {
  const { permanent, temporary } = address.flags
  const far = address.scope === SCOPE_UNIVERSE && !isLinkLocal(address.ip)
  return (far ? 0 : 4) + (permanent ? 0 : 2) + (temporary ? 1 : 0)
}

function fault(address: Address): string {
  if (address.flags.dadFailed) return 'failed duplicate address detection'
  if (address.flags.tentative) return 'is tentative'
  if (address.flags.deprecated) return 'is deprecated'
  if (address.scope >= SCOPE_HOST) return 'has host scope'
  if (needsALink(address.ip)) return 'is link-local'
  return isUnicastHost(address.ip) ? 'lies inside the overlay network' : 'is no unicast address'
}
