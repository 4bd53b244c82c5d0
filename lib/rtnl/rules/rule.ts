/** A policy rule as a value: what the kernel tells of one, and what can be asked of it. Must not: know the bytes. */
import type { Cidr } from '../../net/cidr.ts'
import type { Family } from '../../net/ip.ts'

/** FR_ACT_*: look up in `table`, go on at `goto`, or end the search. */
export type RuleAction = 'lookup' | 'goto' | 'nop' | 'blackhole' | 'unreachable' | 'prohibit' | number

export interface NumberRange {
  readonly start: number
  readonly end: number
}

export interface Masked {
  readonly value: number
  /** Default: all bits. */
  readonly mask?: number | undefined
}

/** What a rule shall be: its selectors, all of which a packet must match, and what is done with it. */
export interface RuleSpec {
  /** Default: that of `src` or `dst`. */
  readonly family?: Family | undefined
  /** In this order rules are asked. Without it the kernel takes the least that is below the second rule. */
  readonly priority?: number | undefined
  /** Default: `goto` where a target is given, else `lookup`. */
  readonly action?: RuleAction | undefined
  /** 1 … 2^32-1; what `lookup` needs (255 local, 254 main, 253 default), unless `l3mdev` knows it. */
  readonly table?: number | undefined
  /** Priority of the rule to go on at. */
  readonly goto?: number | undefined
  /** "not": for the packets that the selectors do not match. */
  readonly inverted?: boolean | undefined
  readonly src?: Cidr | undefined
  readonly dst?: Cidr | undefined
  /** Names of links, which need not exist; `lo` as input link is this host itself. */
  readonly iif?: string | undefined
  readonly oif?: string | undefined
  readonly fwmark?: Masked | undefined
  readonly tos?: number | undefined
  /** 0 … 63 (Linux 6.13); not beside `tos`. The mask is Linux 6.15's. */
  readonly dscp?: Masked | undefined
  /** IPv6 (Linux 6.14). */
  readonly flowLabel?: Masked | undefined
  /** Key of the tunnel that the packet came in by; exact up to 2^53. */
  readonly tunnelId?: number | undefined
  /** The link is enslaved to a VRF: look up in its table. */
  readonly l3mdev?: boolean | undefined
  readonly uidRange?: NumberRange | undefined
  readonly ipProtocol?: 'tcp' | 'udp' | 'icmp' | 'icmpv6' | number | undefined
  /** Ports in host byte order; masks (Linux 6.15) instead of ranges. */
  readonly sport?: NumberRange | undefined
  readonly dport?: NumberRange | undefined
  readonly sportMask?: number | undefined
  readonly dportMask?: number | undefined
  /** Routes found with a prefix of this length or a shorter one are passed over. */
  readonly suppressPrefixLength?: number | undefined
  /** So are those over links of this group. */
  readonly suppressInterfaceGroup?: number | undefined
  /** IPv4, as routes have it. */
  readonly realm?: number | undefined
  /** RTPROT_*: who made it. Default 3 (boot), as `ip` has it. */
  readonly protocol?: number | undefined
}

export interface RuleStatus {
  /** The rule that `goto` names is not there. */
  readonly unresolved: boolean
  /** The link of `iif`, of `oif`, is not there. */
  readonly iifDetached: boolean
  readonly oifDetached: boolean
  readonly permanent: boolean
}

/** A rule as the kernel has it. It can be written back as it is. */
export interface RuleDetails extends RuleSpec {
  readonly family: Family
  readonly priority: number
  readonly action: RuleAction
  readonly inverted: boolean
  readonly l3mdev: boolean
  readonly tos: number
  readonly protocol: number
  readonly status: RuleStatus
}
