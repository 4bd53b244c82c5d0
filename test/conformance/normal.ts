/**
 * What both kernels must agree on, as lines of text: names instead of ifindexes, and without what the real kernel learns
 * by itself (multicast neighbours, the tables of bridges). Must not: hide anything else.
 */

import type { Ifindex } from '../../lib/net/ifindex.ts'
import { familyOf } from '../../lib/net/ip.ts'
import { type Entry, unpackEntries } from '../../lib/rtnl/entries.ts'
import type { Address, Link, Notification, Rtnl } from '../../lib/rtnl/port.ts'

const KINDS = ['vxlan', 'veth', 'bridge', 'macvlan']
const NUD_PERMANENT = 0x80
const NUD_FAILED = 0x20

/** The names of one namespace's links; those of links that have gone are remembered. */
export interface Names {
  of(ifindex: Ifindex | undefined): string
  indexOf(ifname: string): Ifindex | undefined
  learn(link: Link): void
}

export function createNames(): Names {
  const byIndex = new Map<Ifindex, string>()
  const byName = new Map<string, Ifindex>()
  return {
    of: (ifindex) => (ifindex === undefined ? '-' : (byIndex.get(ifindex) ?? 'unknown')),
    indexOf: (ifname) => byName.get(ifname),
    learn(link) {
      byIndex.set(link.ifindex, link.ifname)
      byName.set(link.ifname, link.ifindex)
    },
  }
}

/** Everything in the namespace; the order of addresses on one link counts, no other. */
export async function observe(rtnl: Rtnl, names: Names): Promise<string[]> {
  const links = (await rtnl.dumpLinks()).value.filter(isOurs)
  for (const link of links) names.learn(link)
  const lines = links.map((link) => renderLink(link, names))
  for (const family of ['ipv4', 'ipv6'] as const) {
    const addresses = (await rtnl.dumpAddresses(family)).value
    for (const link of links) {
      const own = addresses.filter((address) => address.ifindex === link.ifindex)
      own.forEach((address, index) => {
        lines.push(`${renderAddress(address, names)} #${index}`)
      })
    }
    lines.push(...renderEntries(unpackEntries((await rtnl.dumpRoutes(family)).value), names))
    lines.push(...(await rtnl.dumpRules(family)).value.map((rule, at) => `rule ${family} #${at} ${stable(rule)}`))
    for (const { ifindex } of links)
      lines.push(...renderEntries(unpackEntries((await rtnl.dumpNeighbours(family, ifindex)).value), names))
  }
  for (const { ifindex, kind } of links)
    if (kind === 'vxlan') lines.push(...renderEntries(unpackEntries((await rtnl.dumpFdb(ifindex)).value), names))
  return lines.sort()
}

/** What is known of the links and addresses already: a notification that repeats it says nothing. */
export interface Heard {
  readonly links: Map<string, string>
  readonly addresses: Map<string, string>
}

/**
 * The news of one step, sorted: each link and address once, with its last word, when that is new; every entry, with who
 * caused it (`own`, `other` or `kernel`).
 */
export function renderNews(
  notifications: readonly Notification[],
  names: Names,
  heard: Heard,
  portId: number,
): string[] {
  const links = new Map<string, string>()
  const addresses = new Map<string, string>()
  const entries: string[] = []
  for (const news of notifications) {
    if (news.type === 'link' && isOurs(news.link) && !news.link.loopback) {
      names.learn(news.link)
      links.set(news.link.ifname, news.action === 'deleted' ? 'deleted' : renderLink(news.link, names))
    } else if (news.type === 'address') {
      const key = `${names.of(news.address.ifindex)} ${news.address.ip}`
      addresses.set(key, news.action === 'deleted' ? 'deleted' : renderAddress(news.address, names))
    } else if (news.type === 'entry') {
      const cause = causeOf(news.pid, portId)
      for (const line of renderEntries(unpackEntries(news.entry), names))
        entries.push(`${news.action} ${line} by ${cause}`)
    } else if (news.type === 'rule') {
      entries.push(`${news.action} rule by ${causeOf(news.pid, portId)}`)
    } else if (news.type === 'overrun' || news.type === 'closed') entries.push(news.type)
  }
  return [...newsOf('link', links, heard.links), ...newsOf('address', addresses, heard.addresses), ...entries.sort()]
}

function causeOf(pid: number, portId: number): string {
  return pid === 0 ? 'kernel' : pid === portId ? 'own' : 'other'
}

function newsOf(what: string, now: Map<string, string>, heard: Map<string, string>): string[] {
  const lines: string[] = []
  for (const [key, word] of now) {
    if ((heard.get(key) ?? 'deleted') === word) continue
    heard.set(key, word)
    lines.push(word === 'deleted' ? `deleted ${what} ${key}` : `set ${word}`)
  }
  return lines.sort()
}

function isOurs(link: Link): boolean {
  return link.loopback || KINDS.includes(link.kind)
}

function renderLink(link: Link, names: Names): string {
  const { vxlan } = link
  const own = {
    ...link,
    ifindex: undefined,
    ifname: undefined,
    // lo's MTU is what the run is marked with.
    mtu: link.loopback ? undefined : link.mtu,
    master: names.of(link.master),
    parent: names.of(link.parent),
    vxlan: vxlan === undefined ? undefined : { ...vxlan, parent: names.of(vxlan.parent) },
  }
  return `link ${link.ifname} ${stable(own)}`
}

function renderAddress(address: Address, names: Names): string {
  return `address ${names.of(address.ifindex)} ${address.ip}/${address.prefixLength} ${address.scope} by ${address.protocol} ${flagsOf(address.flags)}`
}

function flagsOf(flags: object): string {
  return Object.entries(flags)
    .filter(([, set]) => set === true)
    .map(([name]) => name)
    .sort()
    .join(',')
}

function renderEntries(entries: readonly Entry[], names: Names): string[] {
  return entries.filter(isWritten).map((entry) => {
    if (entry.kind === 'route') return `route ${stable({ ...entry, oif: names.of(entry.oif) })}`
    return `${entry.kind} ${stable({ ...entry, ifindex: names.of(entry.ifindex) })}`
  })
}

/** What somebody wrote, not what the kernel found out: multicast neighbours and resolutions under way are left out. */
function isWritten(entry: Entry): boolean {
  if (entry.kind === 'route') return true
  if (entry.kind === 'fdb') return (Number.parseInt(entry.lladdr.slice(0, 2), 16) & 1) === 0
  const multicast = familyOf(entry.ip) === 'ipv6' && entry.ip.startsWith('ff')
  return !multicast && (entry.state & (NUD_PERMANENT | NUD_FAILED)) !== 0
}

/** Keys in order, without those that are undefined, so that two makers of one value render alike. */
function stable(value: object): string {
  const sorted = Object.entries(value)
    .filter(([, each]) => each !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, each]) => `${key}=${typeof each === 'object' && each !== null ? stable(each) : String(each)}`)
  return `{${sorted.join(' ')}}`
}
