/** What takes a packet elsewhere, or refuses it, and the command that ends that: a policy rule, or a route of the main table. */

import { RTN_UNICAST, RTPROT_VTEPD } from '../../addon/abi.ts'
import { contains, prefixLength } from '../../net/cidr.ts'
import type { Family } from '../../net/ip.ts'
import { renderCommand } from '../../overlay/entry-command.ts'
import { type RouteEntry, unpackEntries } from '../../rtnl/entries.ts'
import type { Link, Rtnl, Rule } from '../../rtnl/port.ts'
import { type Packet, ruleBefore, ruleBehind, type Taken } from '../../way/rules.ts'

export interface Astray {
  readonly rtnl: Rtnl
  readonly family: Family
  readonly links: readonly Link[]
  readonly rules: readonly Rule[]
  readonly packet: Packet
  readonly answer: Taken
}

/** A command where one is known to help, else where to look. `selector`: of a rule for the packets that go astray. */
export async function astrayRemedy(of: Astray, selector: string): Promise<string> {
  const { rules, packet, answer, family } = of
  const ip = family === 'ipv4' ? 'ip' : 'ip -6'
  const rule = ruleBehind(rules, packet, answer)
  if (rule !== undefined)
    return ruleBefore(rule, ip, selector) ?? 'give that rule a larger priority: nothing can be added before it'
  const route = await taking(of)
  if (route !== undefined) {
    const ifnameOf = (ifindex: number | undefined) => of.links.find((link) => link.ifindex === ifindex)?.ifname
    return renderCommand('delete', route, ifnameOf)
  }
  return `look at \`${ip} route get ${packet.dst}\`, \`${ip} rule\` and \`${ip} route show table all\``
}

/** The narrowest route of the main table that is nobody's of ours, and no default route; the one with the least metric. */
async function taking({ rtnl, family, packet, answer }: Astray): Promise<RouteEntry | undefined> {
  const routes = unpackEntries((await rtnl.dumpRoutes(family)).value).filter(
    (entry): entry is RouteEntry =>
      entry.kind === 'route' && prefixLength(entry.dst) > 0 && contains(entry.dst, packet.dst),
  )
  const [first] = routes.toSorted((a, b) => prefixLength(b.dst) - prefixLength(a.dst) || a.metric - b.metric)
  if (first === undefined || first.protocol === RTPROT_VTEPD) return undefined
  return 'refused' in answer && first.type === RTN_UNICAST ? undefined : first
}
