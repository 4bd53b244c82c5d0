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
import { isForeignBridge } from './host-checks.ts'
import { MAIN, type Packet, refuses, ruleBefore, ruleBehind, ruleForRefusal, ruleForTable } from './rules.ts'

/** The kernel's answer, or the name of the errno that it gave instead. */
export type Answer = ResolvedRoute | { readonly refused: string }

export interface Asked {
  readonly packet: Packet
  readonly answer: Answer
}

/** The way to one peer. */
export interface PeerWay {
  readonly node: string
  readonly subnet: Cidr
  readonly underlay: Ip
  /** To an address of the peer's subnet, from a pod of ours; undefined: there is no link of pods yet. */
  readonly forwarded: Asked | undefined
  /** To the same, from this host. */
  readonly host: Asked
  /** UDP to the peer's underlay address, as the device sends it. */
  readonly outer: Asked
}

export interface WayFacts {
  readonly family: Family
  readonly device: Device
  readonly underlay: Underlay
  /** UDP port of the outer packets; undefined: there are none (host-gw). */
  readonly udpPort: number | undefined
  /** The overlay network; undefined: it sets no bound (length 0). */
  readonly network: Cidr | undefined
  /** Peers on our link have a route of their own past the device. */
  readonly directRouting: boolean
  readonly links: readonly Link[]
  readonly rules: readonly Rule[]
  readonly peers: readonly PeerWay[]
  /** This node's own pods: the link that they are behind, if any, and the way of this host's packets to them. */
  readonly own: { readonly subnet: Cidr; readonly link: Link | undefined; readonly asked: Asked }
}

export function judgeWay(facts: WayFacts): readonly Fault[] {
  const inner = judgeInner(facts)
  // What catches packets to peers often catches those to our own pods as well.
  const own = inner.length > 0 ? [] : judgeOwnPods(facts)
  const outer = facts.udpPort === undefined ? [] : [...judgeOuter(facts, facts.udpPort), ...judgeUplink(facts)]
  return [...inner, ...outer, ...own]
}

/** What goes past the bridge of the pods; a CNI without one has a route for each pod. */
function judgeOwnPods(facts: WayFacts): readonly Fault[] {
  const { own, links } = facts
  const { link: pods, subnet, asked } = own
  const link = links.find(({ ifindex }) => !('refused' in asked.answer) && ifindex === asked.answer.oif)
  const astray =
    pods?.kind === 'bridge'
      ? link?.ifindex !== pods.ifindex
      : pods === undefined && link !== undefined && isForeignBridge(link)
  if (!astray) return []
  const sentence = `packets to this node's own pods (${subnet}) ${wayOf(facts, asked)}${pods === undefined ? '' : ` instead of ${pods.ifname}`}${remedy(facts, asked, `to ${subnet}`)}`
  return [{ name: 'host.pod-cidr-taken', sentence, stops: false }]
}

function judgeInner(facts: WayFacts): readonly Fault[] {
  const astray = facts.peers.flatMap((peer) =>
    [
      { peer, who: 'pods', asked: peer.forwarded },
      { peer, who: 'this host', asked: peer.host },
    ].filter(({ asked }) => asked !== undefined && !isOnItsWay(facts, peer, asked.answer)),
  )
  const [first] = astray
  if (first?.asked === undefined) return []
  const { peer, who, asked } = first
  const { network, device } = facts
  const sentence = `packets of ${who} to ${peer.subnet} (${peer.node}) ${wayOf(facts, asked)} instead of ${facts.udpPort === undefined ? `to ${peer.underlay}` : device.ifname}${remedy(facts, asked, `to ${network ?? peer.subnet}`)}`
  return [{ name: 'way.inner', node: peer.node, sentence, stops: isMost(facts, astray) }]
}

function isOnItsWay(
  { device, directRouting, udpPort }: WayFacts,
  { outer, underlay }: PeerWay,
  answer: Answer,
): boolean {
  if ('refused' in answer) return false
  // By the link alone, the default route would do as well.
  if (udpPort === undefined) return answer.gateway === underlay
  return (
    answer.oif === device.ifindex || (directRouting && !('refused' in outer.answer) && answer.oif === outer.answer.oif)
  )
}

function judgeOuter(facts: WayFacts, udpPort: number): readonly Fault[] {
  const { peers } = facts
  const lost = peers
    .filter(({ outer: { answer } }) => 'refused' in answer || isHere(facts, answer) || overlayAt(facts, answer))
    .map((peer) => ({ peer }))
  const [first] = lost
  if (first === undefined) return []
  const { node, underlay, outer } = first.peer
  const into = overlayAt(facts, outer.answer)
  const sentence = isHere(facts, outer.answer)
    ? `VXLAN packets to ${underlay} (${node}) stay on this host, which has that address too: \`${ipOf(facts)} address show to ${underlay}\` tells where`
    : `VXLAN packets to ${underlay} (${node}) ${'refused' in outer.answer ? wayOf(facts, outer) : `go into ${into?.ifname} itself${by(facts, outer)}`}${remedy(facts, outer, `ipproto udp dport ${udpPort}`)}`
  return [{ name: 'way.outer', node, sentence, stops: isMost(facts, lost) }]
}

/** Our device, or that of the other family, where an answer leads there: VXLAN into VXLAN. */
function overlayAt({ links, device }: WayFacts, answer: Answer): Link | undefined {
  const vni = links.find(({ ifindex }) => ifindex === device.ifindex)?.vxlan?.vni
  const link = 'refused' in answer ? undefined : links.find(({ ifindex }) => ifindex === answer.oif)
  return link?.ifindex === device.ifindex || (vni !== undefined && link?.vxlan?.vni === vni) ? link : undefined
}

/** Delivered here instead of sent. */
function isHere({ links }: WayFacts, answer: Answer): boolean {
  return !('refused' in answer) && links.some(({ ifindex, loopback }) => loopback && ifindex === answer.oif)
}

/** What may be meant, or will do for small packets. */
function judgeUplink(facts: WayFacts): readonly Fault[] {
  const { device, underlay, peers, links, family } = facts
  const uplink: Fault[] = []
  const mtu: Fault[] = []
  const chosen = links.find(({ ifindex }) => ifindex === underlay.ifindex)
  // What holds an address for routing protocols never carries a packet itself.
  const carries = chosen !== undefined && !chosen.loopback && chosen.kind !== 'dummy'
  for (const { outer, node, underlay: remote } of peers) {
    const { answer } = outer
    const link = 'refused' in answer ? undefined : links.find(({ ifindex }) => ifindex === answer.oif)
    if ('refused' in answer || link === undefined || overlayAt(facts, answer) || link.loopback) continue
    if (carries && link.ifindex !== underlay.ifindex)
      uplink.push({
        name: 'way.uplink',
        node,
        sentence: `VXLAN packets to ${remote} (${node}) leave through ${link.ifname}${kindOf(link)}, not through ${underlay.ifname}, which was chosen${by(facts, outer)}: name the interface with --iface if it is the wrong one`,
        stops: false,
      })
    const most = answer.mtu ?? link.mtu
    if (most > 0 && most - vxlanOverhead(family) < device.mtu)
      mtu.push({
        name: 'way.mtu',
        node,
        sentence: `the way to ${remote} (${node}) through ${link.ifname} has an MTU of ${most}, too small for ${device.ifname}'s ${device.mtu} bytes and VXLAN's ${vxlanOverhead(family)}: large packets are lost; set Backend.MTU to ${most}, or raise the MTU of ${link.ifname}`,
        stops: false,
      })
  }
  return [...uplink.slice(0, 1), ...mtu.slice(0, 1)]
}

/** A single peer that claims an address which cannot be reached must not make a node unready. */
function isMost({ peers }: WayFacts, hit: readonly { readonly peer: PeerWay }[]): boolean {
  return new Set(hit.map(({ peer }) => peer)).size * 2 > peers.length
}

const REFUSALS: Readonly<Record<string, string>> = {
  EHOSTUNREACH: 'are refused as unreachable',
  ENETUNREACH: 'have no route',
  EINVAL: 'are dropped as by a blackhole',
  EACCES: 'are prohibited',
  EXDEV: 'are dropped by rp_filter',
}

function wayOf(facts: WayFacts, asked: Asked): string {
  const { answer } = asked
  if ('refused' in answer) return `${REFUSALS[answer.refused] ?? `are refused (${answer.refused})`}${by(facts, asked)}`
  return `leave through ${nameOf(facts, answer.oif)}${by(facts, asked)}`
}

/** Which table answered, and the rule that asks it. */
function by({ rules }: WayFacts, { packet, answer }: Asked): string {
  if ('refused' in answer) {
    const rule = ruleForRefusal(rules, packet, answer.refused)
    if (rule === undefined) return ''
    const words = `the policy rule of priority ${rule.priority}`
    return refuses(rule) ? ` by ${words}` : ` by a route (table ${rule.table}, by ${words})`
  }
  if (answer.table === MAIN) return ''
  const rule = ruleForTable(rules, packet, answer.table)
  return ` (table ${answer.table}${rule === undefined ? '' : `, by the policy rule of priority ${rule.priority}`})`
}

/** `selector`: of a rule for the packets that go astray. */
function remedy(facts: WayFacts, { packet, answer }: Asked, selector: string): string {
  const { rules } = facts
  const ip = ipOf(facts)
  const rule = ruleBehind(rules, packet, answer)
  if (rule !== undefined) {
    const command = ruleBefore(rule, ip, selector)
    return command === undefined
      ? `: give that rule a larger priority, as nothing can be added before it`
      : `: add a rule before it, as \`${command}\``
  }
  const ours = overlayAt(facts, answer)
  return ours
    ? `: delete the route or the address that takes them there (\`${ip} route show dev ${ours.ifname}\`)`
    : `: look at \`${ip} route get ${packet.dst}\`, at \`${ip} rule\` and at \`${ip} route show table all\``
}

function ipOf({ family }: WayFacts): string {
  return family === 'ipv4' ? 'ip' : 'ip -6'
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
