/**
 * Where the overlay may live: the interfaces that the flags, or else the default route, name, in flannel's order
 * (flannel-contract 2, "Interface choice"). Pure. Must not: know what was in use before (underlay.ts).
 *
 * Each family chooses for itself: a dual-stack host may have IPv4 and IPv6 on different interfaces (flannel refuses that).
 * Whether the link is up or has a carrier does not count, as in flannel: an address is what matters, and a cable that is
 * pulled for a second must not move the overlay.
 */

import * as abi from '../addon/abi.ts'
import { type Family, familyOf, type Ip } from '../net/ip.ts'
import { type EntryTable, type RouteEntry, unpackEntry } from '../rtnl/entries.ts'
import type { Address, Link, ResolvedRoute } from '../rtnl/port.ts'
import { isReady, rankAddresses, whyNoAddress } from './address-rank.ts'
import { readIface, type UnderlayChoice } from './choice.ts'

/** What can be seen of the host, without the links and addresses that never carry the overlay. */
export interface Search {
  readonly family: Family
  readonly links: readonly Link[]
  /** Of both families where they are known: an address of the other family can name the interface. */
  readonly addresses: readonly Address[]
  /** The main table of the family; asked only for the default route. */
  readonly routes: EntryTable
  /** The kernel's answer for `choice.canReach`; undefined: not asked, or no route. */
  readonly reach: Pick<ResolvedRoute, 'oif' | 'source'> | undefined
  /** Whether an address may be the endpoint: not inside the overlay. */
  readonly usable: (ip: Ip) => boolean
  /** Comes behind its equals: another lease publishes it. */
  readonly demoted: (ip: Ip) => boolean
}

/** A link with the address that would be used on it. */
export interface Candidate {
  readonly link: Link
  readonly address: Address
  /** A person named this very address. */
  readonly exact: boolean
}

export interface Places {
  /** The best first. */
  readonly candidates: readonly Candidate[]
  /** Those that were found, with an address to use or without. */
  readonly links: readonly Link[]
  /** Of each flag that brought none, what it lacks. */
  readonly missing: readonly string[]
  /** Whether the overlay may live on this link with an address that it has: flags name links, or leave it open. */
  readonly allows: (address: Address) => boolean
}

/** An interface, and the address that singled it out, if one did. */
interface Found {
  readonly link: Link
  readonly named: Address | undefined
  readonly exact: boolean
}

type Step = (search: Search) => readonly Found[] | string

/** Order: each --iface, each --iface-regex, --iface-can-reach; without any of them `publicIp`; else the default route. */
export function findPlaces(search: Search, choice: UnderlayChoice, publicIp: Ip | undefined): Places {
  const candidates: Candidate[] = []
  const missing: string[] = []
  const named = new Map<number, Link>()
  for (const step of steps(choice, publicIp)) {
    const found = step(search)
    if (typeof found === 'string') {
      missing.push(found)
      continue
    }
    for (const { link } of found) named.set(link.ifindex, link)
    const [best = [], ...others] = found.map((one) => candidatesOf(search, one, publicIp))
    if (best.length > 0) candidates.push(...best, ...others.flat())
    else if (found[0] !== undefined) missing.push(lack(search, found[0]))
  }
  const anywhere = !namesInterface(choice)
  const exact = candidates.find((candidate) => candidate.exact)
  return {
    candidates,
    links: [...named.values()],
    missing,
    allows: (address) => {
      if (anywhere && exact !== undefined) return address.ip === exact.address.ip
      const link = search.links.find(({ ifindex }) => ifindex === address.ifindex)
      return (
        link !== undefined && !link.loopback && (anywhere || choice.canReach !== undefined || named.has(link.ifindex))
      )
    },
  }
}

/** A person said which interface; the addresses of others do not matter then. */
export function namesInterface(choice: UnderlayChoice): boolean {
  return choice.ifaces.length > 0 || choice.regexes.length > 0 || choice.canReach !== undefined
}

function steps(choice: UnderlayChoice, publicIp: Ip | undefined): readonly Step[] {
  const { canReach } = choice
  if (namesInterface(choice))
    return [
      ...choice.ifaces.map(
        (name): Step =>
          (search) =>
            byNameOrAddress(search, name),
      ),
      ...choice.regexes.map(
        (regex): Step =>
          (search) =>
            byRegex(search, regex),
      ),
      ...(canReach === undefined ? [] : [(search: Search) => byReach(search, canReach)]),
    ]
  return [publicIp === undefined ? byDefaultRoute : (search) => byPublicIp(search, publicIp)]
}

function byNameOrAddress(search: Search, text: string): readonly Found[] | string {
  const { name, ip } = readIface(text)
  const link = linkNamed(search, text) ?? linkNamed(search, name)
  if (link !== undefined) return [{ link, named: undefined, exact: false }]
  const owner = ip === undefined ? undefined : ownerOf(search, ip)
  if (owner !== undefined) return [{ ...owner, exact: true }]
  return ip === undefined ? `no interface is named ${name} (--iface)` : `no interface has the address ${ip} (--iface)`
}

function linkNamed({ links }: Search, name: string): Link | undefined {
  return links.find(({ ifname }) => ifname === name) ?? links.find(({ altnames }) => altnames.includes(name))
}

/** Addresses first (our family's, then the other's), then names; `search` keeps no state in the pattern, `test` would. */
function byRegex(search: Search, regex: RegExp): readonly Found[] | string {
  const links = search.links.filter((link) => !link.loopback)
  const matches = (text: string): boolean => text.search(regex) >= 0
  const bestOf = (link: Link, usable: (ip: Ip) => boolean): Address | undefined =>
    rankAddresses(search.addresses, link.ifindex, search.family, usable, search.demoted)[0]
  const byAddress = links.flatMap((link) => {
    const named = bestOf(link, (ip) => search.usable(ip) && matches(ip))
    return named === undefined ? [] : [{ link, named, exact: false }]
  })
  const byOtherFamily = links.filter((link) =>
    search.addresses.some(
      ({ ifindex, ip }) => ifindex === link.ifindex && familyOf(ip) !== search.family && matches(ip),
    ),
  )
  const byName = links.filter((link) => [link.ifname, ...link.altnames].some(matches))
  const rest = [...byOtherFamily, ...byName].map((link) => ({ link, named: undefined, exact: false }))
  const found = [...byAddress, ...rest.filter(({ link }) => bestOf(link, search.usable) !== undefined)]
  if (found.length > 0) return found
  if (rest.length > 0) return rest.slice(0, 1)
  return `no interface matches --iface-regex ${regex.source}: ${lookedAt(search.links.map(({ ifname }) => ifname))}`
}

/** The interface that owns the source address of the route, as in flannel; the output link where the kernel names none. */
function byReach(search: Search, target: Ip): readonly Found[] | string {
  const { reach } = search
  if (reach === undefined) return `no route to ${target} (--iface-can-reach)`
  const owner = reach.source === undefined ? undefined : ownerOf(search, reach.source)
  if (owner !== undefined && !owner.link.loopback) return [{ ...owner, exact: false }]
  const link = search.links.find((candidate) => candidate.ifindex === reach.oif && !candidate.loopback)
  if (link !== undefined) return [{ link, named: undefined, exact: false }]
  return `the route to ${target} (--iface-can-reach) leaves through no interface that can carry the overlay`
}

function byPublicIp(search: Search, publicIp: Ip): readonly Found[] | string {
  const owner = ownerOf(search, publicIp)
  if (owner !== undefined) return [{ ...owner, exact: true }]
  return `no interface has the public address ${publicIp}; if it belongs to a router before this host, name the interface with --iface`
}

/**
 * The default routes by metric, in dump order among equals: the first is flannel's "first in the dump", because the kernel
 * keeps the routes of one prefix sorted by metric. One of several next hops counts as its first.
 */
function byDefaultRoute(search: Search): readonly Found[] | string {
  const routes = defaultRoutes(search)
  const links = routes.flatMap(({ oif }) =>
    search.links.filter(({ ifindex, loopback }) => ifindex === oif && !loopback),
  )
  if (links.length > 0) return [...new Set(links)].map((link) => ({ link, named: undefined, exact: false }))
  const name = search.family === 'ipv4' ? 'IPv4' : 'IPv6'
  if (routes.length === 0) return `no ${name} default route, and no --iface says which interface to use`
  return `the ${name} default route leaves through no interface that can carry the overlay; say which with --iface`
}

function defaultRoutes({ routes, family }: Search): RouteEntry[] {
  const found: RouteEntry[] = []
  for (let index = 0; index < routes.length; index += 1) {
    if (routes.bytes[index * abi.ENTRY_BYTES + abi.OFFSET_DST_LENGTH] !== 0) continue
    const entry = unpackEntry(routes, index)
    if (entry.kind !== 'route' || entry.type !== abi.RTN_UNICAST) continue
    if (entry.dst === (family === 'ipv4' ? '0.0.0.0/0' : '::/0')) found.push(entry)
  }
  return found.sort((a, b) => a.metric - b.metric)
}

/** The addresses that could be used on a link that was found. `publicIp`: used wherever this host has it. */
function candidatesOf(search: Search, { link, named, exact }: Found, publicIp: Ip | undefined): readonly Candidate[] {
  if (link.mtu <= 0) return []
  const owned = publicIp === undefined ? undefined : search.addresses.find(({ ip }) => ip === publicIp)
  const ours = named !== undefined && familyOf(named.ip) === search.family ? named : undefined
  const fixed = owned ?? ours
  if (fixed !== undefined) {
    if (!isReady(fixed) || !search.usable(fixed.ip)) return []
    return [{ link, address: fixed, exact: owned !== undefined || exact }]
  }
  const ranked = rankAddresses(search.addresses, link.ifindex, search.family, search.usable, search.demoted)
  return (ranked.length > 0 ? ranked : loopbackAddresses(search, link)).map((address) => ({
    link,
    address,
    exact: false,
  }))
}

/** Loopback is taken only by name; then any address on it that is not of host scope has been found before. */
function loopbackAddresses(search: Search, link: Link): readonly Address[] {
  if (!link.loopback) return []
  return search.addresses.filter(
    ({ ifindex, ip }) => ifindex === link.ifindex && familyOf(ip) === search.family && search.usable(ip),
  )
}

/** Why a link that was found brings no candidate. */
function lack(search: Search, { link, named }: Found): string {
  if (link.mtu <= 0) return `${link.ifname} has MTU 0`
  if (named === undefined || familyOf(named.ip) !== search.family)
    return `${link.ifname} ${whyNoAddress(search.addresses, link.ifindex, search.family)}`
  return isReady(named)
    ? `${named.ip} lies inside the overlay network`
    : `${named.ip} is still tentative or failed duplicate address detection`
}

function ownerOf(search: Search, ip: Ip): { readonly link: Link; readonly named: Address } | undefined {
  const named = search.addresses.find((address) => address.ip === ip)
  const link = search.links.find((candidate) => candidate.ifindex === named?.ifindex)
  return link === undefined || named === undefined ? undefined : { link, named }
}

function lookedAt(names: readonly string[]): string {
  const shown = names.length > 8 ? [...names.slice(0, 8), '…'] : names
  return `${names.length} ${names.length === 1 ? 'interface' : 'interfaces'} looked at${names.length === 0 ? '' : `: ${shown.join(', ')}`}`
}
