/**
 * The way of one packet through this host, hop by hop, as the kernel would take it: policy rule, route, neighbour, FDB entry, the
 * outer packet's route and neighbour, MTU. Must not: change anything, nor need a running agent.
 */

import { NUD_PERMANENT } from '../../addon/abi.ts'
import { KERNEL_VXLAN_PORT } from '../../device/vtep.ts'
import { NetlinkError } from '../../errors.ts'
import { type Family, familyOf, type Ip } from '../../net/ip.ts'
import type { Lladdr } from '../../net/lladdr.ts'
import { vxlanOverhead } from '../../net/mtu.ts'
import { type FdbEntry, type NeighbourEntry, packEntries, unpackEntries } from '../../rtnl/entries.ts'
import { findNeighbour } from '../../rtnl/find-neighbour.ts'
import type { Link, ResolvedRoute, RouteQuery, Rtnl, Rule } from '../../rtnl/port.ts'
import { MAIN, ruleForRefusal, ruleForTable } from '../../way/rules.ts'
import type { Around } from './around.ts'
import { astrayRemedy } from './astray.ts'
import type { Hop } from './hop.ts'
import { loopHop } from './loop-hop.ts'

export type { Hop } from './hop.ts'

/** What is to be expected, where an agent or a person has said so. */
export interface ExpectedPeer {
  readonly node: string
  readonly subnet?: string
  readonly underlay: string
  readonly lladdr: string | null
}

interface Host {
  readonly rtnl: Rtnl
  readonly links: readonly Link[]
  readonly rules: readonly Rule[]
  readonly family: Family
  readonly around: Around | undefined
  /** Of a policy rule for what is asked for: the peer's subnet, or the address alone. */
  readonly selector: string
}

/** `around`: what else is looked at on the way; undefined: the tables alone. Rejects with NetlinkSocketError. */
export async function explainWay(
  rtnl: Rtnl,
  target: Ip,
  expected: ExpectedPeer | undefined,
  around?: Around,
): Promise<readonly Hop[]> {
  const before = (await around?.before()) ?? []
  return [...before, ...(await lookUp(rtnl, target, expected, around))]
}

async function lookUp(
  rtnl: Rtnl,
  target: Ip,
  expected: ExpectedPeer | undefined,
  around: Around | undefined,
): Promise<readonly Hop[]> {
  const family = familyOf(target)
  const [links, rules] = await Promise.all([rtnl.dumpLinks(), rtnl.dumpRules(family)])
  const host = {
    rtnl,
    links: links.value,
    rules: rules.value,
    family,
    around,
    selector: `to ${expected?.subnet ?? target}`,
  }
  const first = await routeHop(host, target, {}, 'route')
  if (first.route === undefined) return [first.hop]
  const routes = [first.hop, ...((await around?.ofPods(first.route, host.selector)) ?? [])]
  const link = linkOf(host, first.route.oif)
  if (link?.vxlan === undefined) return [...routes, ...(await plainHops(host, link, first.route, target, expected))]
  return [...routes, ...(await tunnelHops(host, link, first.route.gateway ?? target, expected))]
}

async function routeHop({ rtnl, rules, links, family, selector }: Host, dst: Ip, query: RouteQuery, name: string) {
  const packet = { dst, source: query.source, iif: undefined, oif: undefined }
  try {
    const route = await rtnl.resolveRoute(dst, query)
    const link = links.find(({ ifindex }) => ifindex === route.oif)
    const rule = route.table === MAIN ? undefined : ruleForTable(rules, packet, route.table)
    const via = route.gateway === undefined ? 'directly' : `via ${route.gateway}`
    const by = rule === undefined ? '' : ` (table ${route.table}, by the policy rule of priority ${rule.priority})`
    const found = `to ${dst} ${via} on ${link?.ifname ?? 'no interface'}${by}`
    return { route, hop: { name, found, remedy: null, ends: false } }
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error
    const rule = ruleForRefusal(rules, packet, error.errnoName)
    const by = rule === undefined ? '' : `, by the policy rule of priority ${rule.priority}`
    const hop = {
      name,
      found: `none to ${dst}: the kernel says ${error.errnoName}${by}`,
      remedy: await astrayRemedy(
        { rtnl, family, links, rules, packet, answer: { refused: error.errnoName } },
        query.udpPort === undefined ? selector : `ipproto udp dport ${query.udpPort}`,
      ),
      ends: true,
    }
    return { route: undefined, hop }
  }
}

/** Past any VXLAN device: to a pod of this node, or by a direct route. */
async function plainHops(
  host: Host,
  link: Link | undefined,
  route: ResolvedRoute,
  target: Ip,
  expected: ExpectedPeer | undefined,
): Promise<readonly Hop[]> {
  if (link === undefined) return []
  if (link.loopback) return [{ name: 'end', found: `${target} is an address of this host`, remedy: null, ends: false }]
  const astray = expected !== undefined && route.gateway !== expected.underlay
  const direct: Hop[] = astray
    ? [
        {
          name: 'direction',
          found: `leaves through ${link.ifname}, not towards ${expected.underlay} (${expected.node})`,
          remedy: await astrayRemedy({ ...host, packet: packetTo(target), answer: route }, host.selector),
          ends: true,
        },
      ]
    : []
  return [...direct, ...(link.noArp ? [] : [await neighbourHop(host, link, route.gateway ?? target, 'neighbour')])]
}

/** Of this host's own, without a mark. */
function packetTo(dst: Ip) {
  return { dst, source: undefined, iif: undefined, oif: undefined }
}

async function tunnelHops(
  host: Host,
  device: Link,
  gateway: Ip,
  expected: ExpectedPeer | undefined,
): Promise<readonly Hop[]> {
  const { rtnl, family } = host
  const state = device.up || host.around !== undefined ? [] : [down(device)]
  const neighbour = findNeighbour((await rtnl.dumpNeighbours(family, device.ifindex)).value, gateway)
  const inner = innerHop(device, gateway, neighbour, expected)
  if (neighbour?.lladdr === undefined) return [...state, inner]
  const remotes = await fdbOf(rtnl, device, neighbour.lladdr)
  const fdb = fdbHop(device, neighbour.lladdr, remotes, expected)
  const [remote] = remotes
  const outer = remote === undefined ? [] : await outerHops(host, device, remote)
  return [...state, inner, fdb, ...outer, ...((await host.around?.inner(device)) ?? [])]
}

function down(device: Link): Hop {
  return { name: 'device', found: `${device.ifname} is down`, remedy: `ip link set ${device.ifname} up`, ends: true }
}

function innerHop(device: Link, ip: Ip, entry: NeighbourEntry | undefined, expected: ExpectedPeer | undefined): Hop {
  const name = 'neighbour'
  const lladdr = expected?.lladdr
  const command = `ip neigh replace ${ip} lladdr ${lladdr ?? 'MAC'} dev ${device.ifname} nud permanent`
  if (entry?.lladdr === undefined)
    return { name, found: `${ip} has none on ${device.ifname}, which does not ask for it`, remedy: command, ends: true }
  const found = `${ip} is at ${entry.lladdr}`
  if (lladdr && lladdr !== entry.lladdr)
    return { name, found: `${found}, but ${expected.node} has ${lladdr}`, remedy: command, ends: true }
  const lasts = (entry.state & NUD_PERMANENT) !== 0
  return lasts
    ? { name, found, remedy: null, ends: false }
    : { name, found: `${found}, for now: the entry is not permanent`, remedy: command, ends: false }
}

async function fdbOf(rtnl: Rtnl, device: Link, lladdr: Lladdr): Promise<readonly Ip[]> {
  const asked: FdbEntry = {
    kind: 'fdb',
    ifindex: device.ifindex,
    lladdr,
    remote: undefined,
    state: 0,
    flags: 0,
    extras: false,
  }
  const found = unpackEntries(await rtnl.getFdb(packEntries([asked])))
  return found.flatMap((entry) => (entry.kind === 'fdb' && entry.remote !== undefined ? [entry.remote] : []))
}

function fdbHop(device: Link, lladdr: Lladdr, remotes: readonly Ip[], expected: ExpectedPeer | undefined): Hop {
  const name = 'FDB entry'
  const [remote] = remotes
  const command = `bridge fdb replace ${lladdr} dev ${device.ifname} dst ${expected?.underlay ?? 'ADDRESS'} self permanent`
  if (remote === undefined)
    return { name, found: `none for ${lladdr}: ${device.ifname} drops the packet`, remedy: command, ends: true }
  const found = `${lladdr} is behind ${remote}`
  return expected !== undefined && expected.underlay !== remote
    ? { name, found: `${found}, but ${expected.node} is at ${expected.underlay}`, remedy: command, ends: true }
    : { name, found, remedy: null, ends: false }
}

async function outerHops(host: Host, device: Link, remote: Ip): Promise<readonly Hop[]> {
  const { local, port = KERNEL_VXLAN_PORT, parent } = device.vxlan ?? {}
  const outer: Host = { ...host, family: familyOf(remote), rules: (await host.rtnl.dumpRules(familyOf(remote))).value }
  const query = { ...(local && { source: local }), ...(parent && { oif: parent }), udpPort: port }
  const { route, hop } = await routeHop(outer, remote, query, 'outer route')
  const link = linkOf(host, route?.oif)
  if (route === undefined || link === undefined) return [hop]
  if (link.loopback)
    return [hop, { name: 'outer end', found: `${remote} is an address of this host`, remedy: null, ends: true }]
  if (link.ifindex === device.ifindex) return [hop, await loopHop(host.rtnl, device, remote)]
  const most = route.mtu ?? link.mtu
  const overhead = vxlanOverhead(familyOf(remote))
  const mtu: Hop =
    most - overhead < device.mtu
      ? {
          name: 'MTU',
          found: `${link.ifname} takes ${most} bytes, ${device.ifname}'s ${device.mtu} and ${overhead} of VXLAN are more: large packets are lost`,
          remedy: `set Backend.MTU of net-conf to ${most}, or raise the MTU of ${link.ifname}${
            most < link.mtu ? `: of ${link.mtu}, but a route or path MTU discovery says ${most} for ${remote}` : ''
          }`,
          ends: false,
        }
      : { name: 'MTU', found: `${device.mtu} inside, ${most} outside`, remedy: null, ends: false }
  const next = link.noArp ? [] : [await neighbourHop(outer, link, route.gateway ?? remote, 'outer neighbour')]
  return [hop, ...next, mtu, ...((await host.around?.outer({ device, link, remote })) ?? [])]
}

/** Of a link where the kernel asks by itself: none is no fault until it has asked in vain. */
async function neighbourHop({ rtnl, family }: Host, link: Link, ip: Ip, name: string): Promise<Hop> {
  const NUD_FAILED = 0x20
  const entry = findNeighbour((await rtnl.dumpNeighbours(family, link.ifindex)).value, ip)
  if (entry?.lladdr !== undefined)
    return { name, found: `${ip} is at ${entry.lladdr} on ${link.ifname}`, remedy: null, ends: false }
  if (entry !== undefined && (entry.state & NUD_FAILED) !== 0)
    return {
      name,
      found: `${ip} does not answer on ${link.ifname}`,
      remedy: `the machine is down, the link between is broken, or ${ip} is not its address any more (kubectl get node -o wide)`,
      ends: true,
    }
  return { name, found: `${ip} was not asked for on ${link.ifname} lately`, remedy: null, ends: false }
}

function linkOf({ links }: Pick<Host, 'links'>, ifindex: number | undefined): Link | undefined {
  return links.find((link) => link.ifindex === ifindex)
}
