/**
 * Which rules the overlay needs, in a form that is no tool's: what is masqueraded, what is left alone, what is accepted.
 * Pure. render-nftables.ts and render-iptables.ts write it down. Must not: know chains, tables or a tool's syntax.
 *
 * Of connections (only their first packet meets these rules), with N the network and P our own subnet:
 *
 *   what                                        is
 *   marked by kube-proxy (0x4000)               left to kube-proxy, which masquerades it itself
 *   from P to N, from N to P                    left alone: pods, and this node under its overlay address, see each other
 *   from outside to P                           left alone: a pod sees its client's address (externalTrafficPolicy: Local)
 *   from N to anywhere but multicast            masqueraded: outside nobody knows the way to a pod
 *   from outside to a pod of another node       masqueraded: the answer has to come back through this node
 *
 * flannel's rules for nftables have two mistakes, which `corrected` repairs: the third row asks for "not P to N", so that the
 * last one is never reached; and the mark is compared as a whole, so that another program's bit beside kube-proxy's hides it.
 * Its rules for iptables have neither; there both styles are the same.
 */
import { type Cidr, cidrFamily } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import type { WantedRules } from './port.ts'

/** kube-proxy's masquerade mark (its --iptables-masquerade-bit, 14 by default). */
export const MASQUERADE_MARK = 0x4000

const MULTICAST: Record<Family, Cidr> = { ipv4: '224.0.0.0/4' as Cidr, ipv6: 'ff00::/8' as Cidr }

export interface PrefixMatch {
  /** Everything but the prefix. */
  readonly negated: boolean
  readonly prefix: Cidr
}

/** All that is given has to match. */
export interface FilterRule {
  /** undefined: whatever mark. `bit`: MASQUERADE_MARK is set; `whole`: the mark is nothing but that. */
  readonly marked?: 'bit' | 'whole'
  readonly saddr?: PrefixMatch
  readonly daddr?: PrefixMatch
  readonly verdict: 'return' | 'accept' | 'masquerade'
}

/** In order; an empty list needs no chain. */
export interface Ruleset {
  readonly family: Family
  /** Of the first packets of connections that leave this host, behind everybody's routing decision. */
  readonly postrouting: readonly FilterRule[]
  readonly forward: readonly FilterRule[]
  /** Of every `masquerade`. */
  readonly fullyRandom: boolean
}

/** `mistakes`: with flannel's, which only its rules for nftables have. */
export function rulesetOf(wanted: WantedRules, mistakes: boolean): Ruleset {
  return {
    family: cidrFamily(wanted.network),
    postrouting: wanted.masquerade ? masqueradeRules(wanted, mistakes) : [],
    forward: wanted.forward ? forwardRules(wanted.network) : [],
    fullyRandom: wanted.fullyRandom,
  }
}

function masqueradeRules({ network, subnet }: WantedRules, mistakes: boolean): readonly FilterRule[] {
  return [
    { marked: mistakes ? 'whole' : 'bit', verdict: 'return' },
    { saddr: is(subnet), daddr: is(network), verdict: 'return' },
    { saddr: is(network), daddr: is(subnet), verdict: 'return' },
    mistakes
      ? { saddr: isNot(subnet), daddr: is(network), verdict: 'return' }
      : { saddr: isNot(network), daddr: is(subnet), verdict: 'return' },
    { saddr: is(network), daddr: isNot(MULTICAST[cidrFamily(network)]), verdict: 'masquerade' },
    { saddr: isNot(network), daddr: is(network), verdict: 'masquerade' },
  ]
}

function forwardRules(network: Cidr): readonly FilterRule[] {
  return [
    { saddr: is(network), verdict: 'accept' },
    { daddr: is(network), verdict: 'accept' },
  ]
}

function is(prefix: Cidr): PrefixMatch {
  return { negated: false, prefix }
}

function isNot(prefix: Cidr): PrefixMatch {
  return { negated: true, prefix }
}
