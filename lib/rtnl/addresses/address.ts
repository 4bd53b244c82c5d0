/** An address of a link as a value: what the kernel tells of one, and what can be asked of it. Must not: know the bytes. */
import type { Ifindex } from '../../net/ifindex.ts'
import type { Family, Ip } from '../../net/ip.ts'
import type { Scope } from '../inet.ts'

/** Seconds that are left; `forever`: the kernel never counts them down. */
export type Lifetime = number | 'forever'

/** What an address shall be. */
export interface AddressRequest {
  readonly ifindex: Ifindex
  readonly ip: Ip
  /** Of `peer` where there is one. */
  readonly prefixLength: number
  /** The other end of a point-to-point link (IFA_ADDRESS). */
  readonly peer?: Ip | undefined
  /** IPv4 only. */
  readonly broadcast?: Ip | undefined
  /** IPv4 only: up to 15 bytes, by custom the link's name, a colon and more. Default: the link's name. */
  readonly label?: string | undefined
  /** IPv4; default `universe`. IPv6 takes it from the address and passes over what is given. */
  readonly scope?: Scope | undefined
  /** Default `forever`. `preferred` is at most `valid`; 0 makes it deprecated. */
  readonly valid?: Lifetime | undefined
  readonly preferred?: Lifetime | undefined
  /** Metric of the route to its network (IFA_RT_PRIORITY). Default: the kernel's own. */
  readonly metric?: number | undefined
  /** IFAPROT_*: who added it; kernels before 5.18 pass over it. */
  readonly protocol?: number | undefined
  /** IPv6: skip duplicate address detection, usable at once. Ignored for IPv4. */
  readonly noDad?: boolean | undefined
  /** No route to its network. */
  readonly noPrefixRoute?: boolean | undefined
  /** Joins multicast groups of this address by IGMP or MLD. */
  readonly mcAutoJoin?: boolean | undefined
  /** IPv6: a template for temporary addresses (RFC 8981). */
  readonly manageTempAddr?: boolean | undefined
  /** IPv6: Mobile IPv6 home address. */
  readonly home?: boolean | undefined
  /** IPv6: used during duplicate address detection already (RFC 4429). */
  readonly optimistic?: boolean | undefined
}

/** IFA_F_* that the kernel sets. One object for all addresses that have the same. */
export interface AddressStatus {
  readonly permanent: boolean
  /** IPv6 duplicate address detection has not finished: the kernel does not send from it. */
  readonly tentative: boolean
  readonly dadFailed: boolean
  readonly deprecated: boolean
  /** IPv4: another address of the same network came first. */
  readonly secondary: boolean
  /** IPv6 privacy address; the same bit. */
  readonly temporary: boolean
  readonly stablePrivacy: boolean
}

/** An address as the kernel has it. It can be written back as it is: what only the kernel says is passed over. */
export interface AddressDetails extends AddressRequest {
  readonly family: Family
  readonly scope: Scope
  readonly valid: Lifetime
  readonly preferred: Lifetime
  readonly noDad: boolean
  readonly noPrefixRoute: boolean
  readonly mcAutoJoin: boolean
  readonly manageTempAddr: boolean
  readonly home: boolean
  readonly optimistic: boolean
  readonly status: AddressStatus
  /** IPv6 anycast address that goes with it (IFA_ANYCAST). */
  readonly anycast?: Ip | undefined
  /** Seconds after the system's start at which it was made and last changed. */
  readonly created?: number | undefined
  readonly updated?: number | undefined
}

/** Each narrows what is listed. */
export interface AddressFilter {
  readonly family?: Family | undefined
  readonly ifindex?: Ifindex | undefined
  readonly scope?: Scope | undefined
}
