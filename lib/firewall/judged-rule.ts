/**
 * What a rule of somebody else does to one packet of ours, as far as it can be told: a typical packet is put to the rule's tests,
 * each of which answers yes, no or unknown. Pure. Must not: guess; what cannot be told is unknown.
 */

import { type Cidr, cidrFamily, contains, containsCidr, prefixLength } from '../net/cidr.ts'
import { addressBits, type Family, familyOf, type Ip, ipToBigInt } from '../net/ip.ts'

export type Answer = 'yes' | 'no' | 'unknown'
export type Test = (packet: Packet) => Answer

/** `typical`: some address that no rule names by itself; `exact`: this very one; `outside`: any but those of a network. */
export type AddressFact =
  | { readonly kind: 'typical' | 'exact'; readonly ip: Ip }
  | { readonly kind: 'outside'; readonly network: Cidr }
  | { readonly kind: 'any' }

/** `pod`: whatever carries pods; `uplink`: whatever leads out of the host; `none`: it is this host's own packet. */
export type LinkFact =
  | { readonly kind: 'is'; readonly ifname: string }
  | { readonly kind: 'pod' | 'uplink' | 'none' | 'any' }

/** The first of a connection; it bears no mark. */
export interface Packet {
  readonly family: Family
  readonly saddr: AddressFact
  readonly daddr: AddressFact
  readonly iif: LinkFact
  readonly oif: LinkFact
  readonly protocol: 'tcp' | 'udp'
  readonly sport: number
  readonly dport: number
  /** Whether `daddr` is an address of this host. */
  readonly isLocal: boolean
  /** A rule that it may have met sets marks: none is known then. */
  readonly marked: boolean
}

export type Action =
  /** `translate`: the source address becomes another one, by a rule of a NAT chain. */
  | { readonly type: 'accept' | 'drop' | 'translate' | 'return' | 'unknown' }
  | { readonly type: 'jump' | 'goto'; readonly chain: string }
  | { readonly type: 'next'; readonly marks: boolean }

export interface JudgedRule {
  /** All have to say yes. */
  readonly tests: readonly Test[]
  readonly action: Action
  /** As its tool shows it, for people. */
  readonly text: string
  /** nft's, by which it can be named. */
  readonly handle?: number
}

export const unknown: Test = () => 'unknown'

export function both(answers: readonly Answer[]): Answer {
  return answers.includes('no') ? 'no' : answers.includes('unknown') ? 'unknown' : 'yes'
}

export function either(answers: readonly Answer[]): Answer {
  return answers.includes('yes') ? 'yes' : answers.includes('unknown') ? 'unknown' : 'no'
}

export function unless(negated: boolean, answer: Answer): Answer {
  return negated ? (answer === 'yes' ? 'no' : answer === 'no' ? 'yes' : 'unknown') : answer
}

export function isTrue(condition: boolean): Answer {
  return condition ? 'yes' : 'no'
}

/** Of `prefix`, a single address too, whether `fact` is in it. */
export function inPrefix(fact: AddressFact, prefix: Cidr): Answer {
  const length = prefixLength(prefix)
  if (fact.kind === 'any') return length === 0 ? 'yes' : 'unknown'
  if (cidrFamily(prefix) !== (fact.kind === 'outside' ? cidrFamily(fact.network) : familyOf(fact.ip))) return 'no'
  if (length === 0) return 'yes'
  if (fact.kind === 'outside') return containsCidr(fact.network, prefix) ? 'no' : 'unknown'
  const namesOne = length === addressBits(familyOf(fact.ip))
  return isTrue((fact.kind === 'exact' || !namesOne) && contains(prefix, fact.ip))
}

export function inRange(fact: AddressFact, first: Ip, last: Ip): Answer {
  if (fact.kind === 'any' || fact.kind === 'outside') return 'unknown'
  if (familyOf(fact.ip) !== familyOf(first)) return 'no'
  const value = ipToBigInt(fact.ip)
  const namesOne = first === last
  return isTrue((fact.kind === 'exact' || !namesOne) && ipToBigInt(first) <= value && value <= ipToBigInt(last))
}

/** Links of container engines and hypervisors, which carry none of our packets, and what Docker's are called together. */
const FOREIGN = /^(?:lo$|docker|br-[0-9a-f]{12}$|br-\*$|virbr|lxcbr|lxdbr|podman)/

/** `pattern` ends in `*` where any name with that beginning is meant. */
export function isLink(fact: LinkFact, pattern: string): Answer {
  const isPrefix = pattern.endsWith('*')
  const name = isPrefix ? pattern.slice(0, -1) : pattern
  if (pattern === '*') return 'yes'
  if (fact.kind === 'none') return 'no'
  if (fact.kind === 'is') return isTrue(isPrefix ? fact.ifname.startsWith(name) : fact.ifname === name)
  return fact.kind !== 'any' && FOREIGN.test(pattern) ? 'no' : 'unknown'
}

/** `states` in lower case, as `new`. */
export function hasState(states: readonly string[]): Answer {
  return isTrue(states.includes('new'))
}

/** What conntrack says of a connection that is neither translated nor answered yet. */
export function hasStatus(statuses: readonly string[]): Answer {
  const isNever = statuses.every((status) => /^(?:dnat|snat|assured|seen-reply|seen_reply|expected)$/.test(status))
  return isNever ? 'no' : 'unknown'
}

/** Whether its mark, under any mask, is `value`. */
export function hasMark({ marked }: Packet, value: number): Answer {
  return marked ? 'unknown' : isTrue(value === 0)
}
