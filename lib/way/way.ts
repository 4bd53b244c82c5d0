/**
 * Whether a packet would get through: what the kernel answers for a few peers, for pods' packets as they are forwarded, for
 * the host's own, and for the outer packets, against what should be. Pure. Must not: ask the kernel (look.ts).
 */

import type { Device } from '../device/types.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import type { Family, Ip } from '../net/ip.ts'
import { vxlanOverhead } from '../net/mtu.ts'
import type { Link, ResolvedRoute, Rule } from '../rtnl/port.ts'
import type { Underlay } from '../underlay/underlay.ts'
import type { Fault } from './fault.ts'

/** The kernel's answer, or the name of the errno that it gave instead. */
export type Answer = ResolvedRoute | { readonly refused: string }

/** The way to one peer. */
export interface PeerWay {
  readonly node: string
  readonly subnet: Cidr
  readonly underlay: Ip
  /** To an address of the peer's subnet, from a pod of ours; undefined: there is no link of pods yet. */
  readonly forwarded: Answer | undefined
  /** To the same, from this host. */
  readonly host: Answer
  /** UDP to the peer's underlay address, as the device sends it. */
  readonly outer: Answer
}

export interface WayFacts {
  readonly family: Family
  readonly device: Device
  readonly underlay: Underlay
  /** Peers on our link have a route of their own past the device. */
  readonly directRouting: boolean
  readonly links: readonly Link[]
  readonly rules: readonly Rule[]
  readonly peers: readonly PeerWay[]
}

export function judgeWay(facts: WayFacts): readonly Fault[] {
  return [...judgeInner(facts), ...judgeOuter(facts)]
}

function judgeInner(facts: WayFacts): readonly Fault[] {
  const astray = facts.peers.flatMap((peer) =>
    [
      { peer, who: 'pods', answer: peer.forwarded },
      { peer, who: 'this host', answer: peer.host },
    ].filter(({ answer }) => answer !== undefined && !isOnItsWay(facts, peer, answer)),
  )
  const [first] = astray
  if (first?.answer === undefined) return []
  const { peer, who, answer } = first
  const sentence = `packets of ${who} to ${peer.subnet} (${peer.node}) ${wayOf(facts, answer)} instead of ${facts.device.ifname}${remedy(facts, answer)}`
  return [{ name: 'way.inner', sentence, stops: isMost(facts, astray) }]
}

function isOnItsWay({ device, directRouting }: WayFacts, { outer }: PeerWay, answer: Answer): boolean {
  if ('refused' in answer) return false
  return answer.oif === device.ifindex || (directRouting && !('refused' in outer) && answer.oif === outer.oif)
}

function judgeOuter(facts: WayFacts): readonly Fault[] {
  const { device, underlay, peers, links, family } = facts
  const lost = peers.filter(({ outer }) => 'refused' in outer || outer.oif === device.ifindex).map((peer) => ({ peer }))
  const [first] = lost
  const faults: Fault[] = []
  if (first !== undefined) {
    const { peer } = first
    const where =
      'refused' in peer.outer ? wayOf(facts, peer.outer) : `go into ${device.ifname} itself${by(facts, peer.outer)}`
    const sentence = `VXLAN packets to ${peer.underlay} (${peer.node}) ${where}${remedy(facts, peer.outer)}`
    faults.push({ name: 'way.outer', sentence, stops: isMost(facts, lost) })
  }
  for (const { outer, node, underlay: remote } of peers) {
    if ('refused' in outer || outer.oif === device.ifindex) continue
    const link = links.find(({ ifindex }) => ifindex === outer.oif)
    if (link === undefined) continue
    if (link.ifindex !== underlay.ifindex && !faults.some(({ name }) => name === 'way.uplink'))
      faults.push({
        name: 'way.uplink',
        sentence: `VXLAN packets to ${remote} (${node}) leave through ${link.ifname}${kindOf(link)}, not through ${underlay.ifname}, which was chosen${by(facts, outer)}: name the interface with --iface if it is the wrong one`,
        stops: false,
      })
    const mtu = outer.mtu ?? link.mtu
    if (mtu > 0 && mtu - vxlanOverhead(family) < device.mtu && !faults.some(({ name }) => name === 'way.mtu'))
      faults.push({
        name: 'way.mtu',
        sentence: `the way to ${remote} (${node}) through ${link.ifname} has an MTU of ${mtu}, too small for ${device.ifname}'s ${device.mtu} bytes and VXLAN's ${vxlanOverhead(family)}: large packets are lost; set Backend.MTU to ${mtu}, or raise the MTU of ${link.ifname}`,
        stops: false,
      })
  }
  return faults
}

/** A single peer that claims an address which cannot be reached must not make a node unready. */
function isMost({ peers }: WayFacts, hit: readonly { readonly peer: PeerWay }[]): boolean {
  return new Set(hit.map(({ peer }) => peer)).size * 2 >= peers.length
}

const REFUSALS: Readonly<Record<string, string>> = {
  EHOSTUNREACH: 'are refused as unreachable',
  ENETUNREACH: 'have no route',
  EINVAL: 'are dropped (a blackhole, or a source that rp_filter does not accept there)',
  EACCES: 'are prohibited',
}

function wayOf(facts: WayFacts, answer: Answer): string {
  if ('refused' in answer)
    return `${REFUSALS[answer.refused] ?? `are refused (${answer.refused})`} by a route or a policy rule`
  return `leave through ${nameOf(facts, answer.oif)}${by(facts, answer)}`
}

/** Which table answered, and the rule that asks it. */
function by(facts: WayFacts, answer: Answer): string {
  if ('refused' in answer || answer.table === MAIN) return ''
  const rule = ruleOf(facts, answer.table)
  return rule === undefined
    ? ` (table ${answer.table})`
    : ` (table ${answer.table}, by the policy rule of priority ${rule.priority})`
}

function remedy(facts: WayFacts, answer: Answer): string {
  const ip = facts.family === 'ipv4' ? 'ip' : 'ip -6'
  if ('refused' in answer) return `: look at \`${ip} rule\` and at \`${ip} route show table all\``
  const rule = ruleOf(facts, answer.table)
  if (rule === undefined) return `: look at \`${ip} route show table ${answer.table}\``
  return `: add a rule before it, as \`${ip} rule add to NETWORK priority ${Math.max(1, rule.priority - 10)} lookup main\``
}

const MAIN = 254
const LEAST_OF_KERNEL = 32_766

function ruleOf({ rules }: WayFacts, table: number): Rule | undefined {
  return rules.find((rule) => rule.table === table && rule.priority > 0 && rule.priority < LEAST_OF_KERNEL)
}

function nameOf({ links }: WayFacts, ifindex: Ifindex | undefined): string {
  return (
    links.find((link) => link.ifindex === ifindex)?.ifname ??
    (ifindex === undefined ? 'no interface' : `interface ${ifindex}`)
  )
}

function kindOf({ kind }: Link): string {
  return kind === '' ? '' : ` (${kind})`
}
