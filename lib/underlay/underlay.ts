/**
 * Which interface and address carry the overlay of one family (flannel-contract 2, "Interface choice").
 * Must not: look anything up itself; every fact comes in, so that the same facts always give the same answer.
 *
 * Each family chooses for itself: a dual-stack host may have IPv4 and IPv6 on different interfaces (flannel refuses that).
 * Whether the link is up or has a carrier does not count, as in flannel: an address is what matters, and a cable that is
 * pulled for a second must not move the overlay.
 */
import { type Cidr, contains } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { type Family, familyOf, type Ip, parseIp } from '../net/ip.ts'
import * as abi from '../rtnl/abi.ts'
import { type EntryTable, type RouteEntry, unpackEntry } from '../rtnl/entries.ts'
import type { Address, Link, ResolvedRoute } from '../rtnl/port.ts'
import { bestAddress, isReady, whyNoAddress } from './address-rank.ts'
import type { UnderlayChoice } from './choice.ts'

/** The chosen interface, and the two addresses that can differ behind NAT. */
export interface Underlay {
  readonly ifindex: Ifindex
  readonly ifname: string
  /** Bytes, of the interface; never 0. */
  readonly mtu: number
  /** Source of outer packets: an address that this host has. */
  readonly local: Ip
  /** What is published, unless an overwrite annotation says otherwise: --public-ip when given, else `local`. */
  readonly publicIp: Ip
}

/** One sentence for `underlay.waiting`: what is missing. All of it can become right by itself. */
export interface UnderlayWaiting {
  readonly waiting: string
}

export interface UnderlayFacts {
  readonly links: readonly Link[]
  /** Of both families where they are known: an address of the other family can name the interface. */
  readonly addresses: readonly Address[]
  /** The main table of the family; asked only for the default route. */
  readonly routes: EntryTable
  /** The kernel's answer for `choice.canReach`; undefined: not asked, or no route. */
  readonly reach: Pick<ResolvedRoute, 'oif' | 'source'> | undefined
  /** node-public-ip(v6) or the leases file's `underlay`: counts like --public-ip(v6) and wins over it, as in flannel. */
  readonly hint?: Ip | undefined
  /** The overlay network of the family: addresses inside it (cni0's, our device's) never carry it. */
  readonly network?: Cidr | undefined
  /** Links that are never taken, above all our own VXLAN devices. */
  readonly exclude?: ((link: Link) => boolean) | undefined
}

/** An interface, and the address that singled it out, if one did. */
interface Candidate {
  readonly link: Link
  readonly named: Address | undefined
}

type Found = Candidate | UnderlayWaiting

interface Search {
  readonly family: Family
  readonly facts: UnderlayFacts
  readonly links: readonly Link[]
  readonly addresses: readonly Address[]
  readonly usable: (ip: Ip) => boolean
}

/** Order: each --iface, each --iface-regex, --iface-can-reach; without any of them --public-ip; else the default route. */
export function chooseUnderlay(
  family: Family,
  choice: UnderlayChoice,
  facts: UnderlayFacts,
): Underlay | UnderlayWaiting {
  const excluded = new Set(facts.links.filter((link) => facts.exclude?.(link) === true).map((link) => link.ifindex))
  const { network } = facts
  const search: Search = {
    family,
    facts,
    links: facts.links.filter((link) => !excluded.has(link.ifindex)),
    addresses: facts.addresses.filter((address) => !excluded.has(address.ifindex)),
    usable: (ip) => network === undefined || !contains(network, ip),
  }
  const publicIp = facts.hint ?? choice.publicIp[family]
  const waiting: string[] = []
  for (const find of steps(choice, publicIp)) {
    const found = find(search)
    const underlay = 'waiting' in found ? found : complete(search, found, publicIp)
    if (!('waiting' in underlay)) return underlay
    waiting.push(underlay.waiting)
  }
  return { waiting: waiting.join('; ') }
}

function steps(choice: UnderlayChoice, publicIp: Ip | undefined): ((search: Search) => Found)[] {
  const { canReach } = choice
  const named = [
    ...choice.ifaces.map((name) => (search: Search) => byNameOrAddress(search, name)),
    ...choice.regexes.map((regex) => (search: Search) => byRegex(search, regex)),
    ...(canReach === undefined ? [] : [(search: Search) => byReach(search, canReach)]),
  ]
  if (named.length > 0) return named
  return [publicIp === undefined ? byDefaultRoute : (search) => byPublicIp(search, publicIp)]
}

function byNameOrAddress(search: Search, name: string): Found {
  const link = search.links.find((candidate) => candidate.ifname === name)
  if (link !== undefined) return { link, named: undefined }
  const ip = tryParseIp(name)
  const owner = ip === undefined ? undefined : ownerOf(search, ip)
  if (owner !== undefined) return owner
  return {
    waiting:
      ip === undefined ? `no interface is named ${name} (--iface)` : `no interface has the address ${ip} (--iface)`,
  }
}

/** Addresses first (our family's, then the other's), then names; `search` keeps no state in the pattern, `test` would. */
function byRegex(search: Search, regex: RegExp): Found {
  const links = search.links.filter((link) => !link.loopback)
  const matches = (text: string): boolean => text.search(regex) >= 0
  const best = (link: Link): Address | undefined =>
    bestAddress(search.addresses, link.ifindex, search.family, search.usable)
  for (const link of links) {
    const named = bestAddress(search.addresses, link.ifindex, search.family, (ip) => search.usable(ip) && matches(ip))
    if (named !== undefined) return { link, named }
  }
  const byOtherFamily = links.filter((link) =>
    search.addresses.some((a) => a.ifindex === link.ifindex && matches(a.ip)),
  )
  const byName = links.filter((link) => matches(link.ifname))
  const matching = [...byOtherFamily, ...byName]
  const link = matching.find((candidate) => best(candidate) !== undefined) ?? matching[0]
  if (link !== undefined) return { link, named: undefined }
  const looked = search.facts.links.map((candidate) => candidate.ifname)
  return { waiting: `no interface matches --iface-regex ${regex.source}: ${lookedAt(looked)}` }
}

/** The interface that owns the source address of the route, as in flannel; the output link where the kernel names none. */
function byReach(search: Search, target: Ip): Found {
  const { reach } = search.facts
  if (reach === undefined) return { waiting: `no route to ${target} (--iface-can-reach)` }
  const owner = reach.source === undefined ? undefined : ownerOf(search, reach.source)
  if (owner !== undefined && !owner.link.loopback) return owner
  const link = search.links.find((candidate) => candidate.ifindex === reach.oif && !candidate.loopback)
  if (link !== undefined) return { link, named: undefined }
  return {
    waiting: `the route to ${target} (--iface-can-reach) leaves through no interface that can carry the overlay`,
  }
}

function byPublicIp(search: Search, publicIp: Ip): Found {
  const owner = ownerOf(search, publicIp)
  if (owner !== undefined) return owner
  return {
    waiting: `no interface has the public address ${publicIp}; if it belongs to a router before this host, name the interface with --iface`,
  }
}

/**
 * The default route of the lowest metric, the first in dump order among equals: the same as flannel's "first in the dump",
 * because the kernel keeps the routes of one prefix sorted by metric.
 */
function byDefaultRoute(search: Search): Found {
  const routes = defaultRoutes(search)
  for (const route of routes) {
    const link = search.links.find((candidate) => candidate.ifindex === route.oif && !candidate.loopback)
    if (link !== undefined) return { link, named: undefined }
  }
  const name = search.family === 'ipv4' ? 'IPv4' : 'IPv6'
  if (routes.length === 0) return { waiting: `no ${name} default route, and no --iface says which interface to use` }
  return {
    waiting: `the ${name} default route names no single interface that can carry the overlay; say which with --iface`,
  }
}

function defaultRoutes({ facts, family }: Search): RouteEntry[] {
  const found: RouteEntry[] = []
  for (let index = 0; index < facts.routes.length; index += 1) {
    if (facts.routes.bytes[index * abi.ENTRY_BYTES + abi.OFFSET_DST_LENGTH] !== 0) continue
    const entry = unpackEntry(facts.routes, index)
    if (entry.kind !== 'route' || entry.type !== abi.RTN_UNICAST) continue
    if (entry.dst === (family === 'ipv4' ? '0.0.0.0/0' : '::/0')) found.push(entry)
  }
  return found.sort((a, b) => a.metric - b.metric)
}

/** Adds the addresses to an interface that was found. */
function complete(search: Search, { link, named }: Candidate, publicIp: Ip | undefined): Underlay | UnderlayWaiting {
  const { family, addresses } = search
  if (link.mtu <= 0) return { waiting: `${link.ifname} has MTU 0` }
  const owned = publicIp === undefined ? undefined : addresses.find((address) => address.ip === publicIp)
  const wanted = owned ?? (named !== undefined && familyOf(named.ip) === family ? named : undefined)
  const address = wanted ?? bestAddress(addresses, link.ifindex, family, search.usable) ?? loopbackAddress(search, link)
  if (address === undefined) return { waiting: `${link.ifname} ${whyNoAddress(addresses, link.ifindex, family)}` }
  if (!isReady(address)) return { waiting: `${address.ip} is still tentative or failed duplicate address detection` }
  if (!search.usable(address.ip)) return { waiting: `${address.ip} lies inside the overlay network` }
  const { ifindex, ifname, mtu } = link
  return { ifindex, ifname, mtu, local: address.ip, publicIp: publicIp ?? address.ip }
}

/** Loopback is taken only by name; then any address on it that is not of host scope has been found before. */
function loopbackAddress(search: Search, link: Link): Address | undefined {
  if (!link.loopback) return undefined
  return search.addresses.find(
    (a) => a.ifindex === link.ifindex && familyOf(a.ip) === search.family && search.usable(a.ip),
  )
}

function ownerOf(search: Search, ip: Ip): Candidate | undefined {
  const named = search.addresses.find((address) => address.ip === ip)
  const link = search.links.find((candidate) => candidate.ifindex === named?.ifindex)
  return link === undefined ? undefined : { link, named }
}

function tryParseIp(text: string): Ip | undefined {
  try {
    return parseIp(text)
  } catch {
    return undefined
  }
}

function lookedAt(names: readonly string[]): string {
  const shown = names.length > 8 ? [...names.slice(0, 8), '…'] : names
  return `${names.length} ${names.length === 1 ? 'interface' : 'interfaces'} looked at${names.length === 0 ? '' : `: ${shown.join(', ')}`}`
}
