/**
 * Which tables can be watched, and how each is told of. Must not: follow one by itself (live-table.ts).
 */
import type { Ifindex } from '../../net/ifindex.ts'
import { FAMILIES, type Family, type Ip } from '../../net/ip.ts'
import { asFamily, asIfindex, asInteger, asIp, asObject, fieldsOf, oneOf, optional } from '../../netlink/check.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { unreachable } from '../../util/unreachable.ts'
import type { AddressDetails } from '../addresses/address.ts'
import { addressesOver } from '../addresses/addresses.ts'
import type { FdbRecord } from '../fdb/fdb-record.ts'
import type { LinkDetails } from '../links/link.ts'
import { linksOver } from '../links/links.ts'
import type { Neighbour } from '../neighbours/neighbour.ts'
import type { Route } from '../routes/route.ts'
import type { RuleDetails } from '../rules/rule.ts'
import { rulesOver } from '../rules/rules.ts'
import { type FdbAt, fdbKind } from './fdb-kind.ts'
import type { Owner } from './follow.ts'
import { type LiveTable, openLiveTable, WATCH_KEYS, type WatchOptions } from './live-table.ts'
import { type NeighbourAt, neighbourKind } from './neighbour-kind.ts'
import { createRecordBody } from './record-body.ts'
import { type RouteKey, routeKind } from './route-kind.ts'
import type { Hint } from './table-body.ts'
import { createValueBody, type ValueKind } from './value-body.ts'

/** What each table holds, by what it is asked, and what narrows it. */
export interface WatchedTables {
  readonly links: { value: LinkDetails; key: Ifindex; scope: object }
  readonly addresses: { value: AddressDetails; key: AddressAt; scope: OfFamily }
  readonly rules: { value: RuleDetails; key: number; scope: OfFamily }
  readonly routes: { value: Route; key: RouteKey; scope: OfFamily & { readonly table?: number } }
  readonly fdb: { value: FdbRecord; key: FdbAt; scope: { readonly ifindex?: Ifindex } }
  readonly neighbours: { value: Neighbour; key: NeighbourAt; scope: OfFamily & { readonly ifindex?: Ifindex } }
}

export interface AddressAt {
  readonly ifindex: Ifindex
  readonly ip: Ip
}

interface OfFamily {
  /** Default: both. */
  readonly family?: Family
}

export type WatchedTable = keyof WatchedTables

export interface Watches {
  /**
   * A live copy of a table: it dumps, hears what changes, and dumps again after lost messages, after what the kernel does not tell
   * (IPv4 routes of a link that goes down, and others: triggers.ts), and every `auditMs`. Resolves after the first dump; see
   * `synced` and `settled` for when it can be believed.
   *
   * Links are asked for by ifindex, rules by priority, addresses and neighbours by link and IP, routes by network, table, TOS and
   * metric. Links, addresses and rules are values, dumped whenever one of them changes. Routes and neighbours are kept as the
   * kernel's bytes, and each is read when it is asked for: IPv4 routes cost some 140 bytes each, IPv6 routes some 210, and while a
   * dump is taken in as much again.
   *
   * Rejects with TypeError or RangeError before anything is opened, else as the other calls do. It hears on a socket and a thread
   * of its own, and dumps over the request socket, where other calls wait meanwhile.
   */
  watchTable<T extends WatchedTable>(
    table: T,
    options?: WatchOptions<WatchedTables[T]['value']> & WatchedTables[T]['scope'],
  ): Promise<LiveTable<WatchedTables[T]['value'], WatchedTables[T]['key']>>
}

const TABLES = ['links', 'addresses', 'rules', 'routes', 'fdb', 'neighbours'] as const

/** RTNLGRP_*. */
const GROUPS = {
  link: 1,
  neighbour: 3,
  address: { ipv4: 5, ipv6: 9 },
  route: { ipv4: 7, ipv6: 11 },
  rule: { ipv4: 8, ipv6: 19 },
  nexthop: 32,
} as const

// biome-ignore lint/suspicious/noExplicitAny: which values a callback takes is for watchTable's own type to say
type AnyOptions = WatchOptions<any>

interface Scope {
  readonly families: readonly Family[]
  readonly family: Family | undefined
  readonly table: number | undefined
  readonly ifindex: Ifindex | undefined
}

/** `owner`: what is in it ends every table that is open. */
export function watchesOver(netlink: Netlink, owner: Owner): Watches {
  const source = { netlink, owner }
  const values = <V, K>(kind: ValueKind<V, K>, groups: readonly number[], options: WatchOptions<V>) =>
    openLiveTable<V, K>(source, groups, options, (push) => createValueBody(kind, push))
  const open = (table: WatchedTable, scope: Scope, options: AnyOptions): Promise<unknown> => {
    const { families, family } = scope
    switch (table) {
      case 'links':
        return values(linkKind(netlink), [GROUPS.link], options)
      case 'addresses':
        return values(
          addressKind(netlink, family),
          [GROUPS.link, ...families.map((one) => GROUPS.address[one])],
          options,
        )
      case 'rules':
        return values(
          ruleKind(netlink, family),
          families.map((one) => GROUPS.rule[one]),
          options,
        )
      case 'routes': {
        const groups = families.flatMap((one) => [GROUPS.route[one], GROUPS.address[one]])
        return openLiveTable<Route, RouteKey>(source, [GROUPS.link, GROUPS.nexthop, ...groups], options, (push) =>
          createRecordBody(routeKind(netlink, scope), push),
        )
      }
      case 'fdb':
        return openLiveTable<FdbRecord, FdbAt>(source, [GROUPS.link, GROUPS.neighbour], options, (push) =>
          createRecordBody(fdbKind(netlink, scope), push),
        )
      case 'neighbours':
        return openLiveTable<Neighbour, NeighbourAt>(source, [GROUPS.link, GROUPS.neighbour], options, (push) =>
          createRecordBody(neighbourKind(netlink, scope), push),
        )
      default:
        return unreachable(table)
    }
  }
  return {
    async watchTable(table, options) {
      const name = oneOf('table', table, TABLES)
      const { scope, rest } = asScoped(name, options === undefined ? {} : options)
      return (await open(name, scope, rest)) as never
    },
  }
}

const SCOPE_KEYS = {
  links: [],
  addresses: ['family'],
  rules: ['family'],
  routes: ['family', 'table'],
  fdb: ['ifindex'],
  neighbours: ['family', 'ifindex'],
} as const satisfies Record<WatchedTable, readonly string[]>

function asScoped(table: WatchedTable, options: object): { scope: Scope; rest: AnyOptions } {
  asObject('options', options)
  const of = fieldsOf<string>('options', options, [...WATCH_KEYS, ...SCOPE_KEYS[table]])
  const family = optional('family', of.family, asFamily)
  const number = optional('table', of.table, (field, value) => asInteger(field, value, 1, 0xffffffff))
  const ifindex = optional('ifindex', of.ifindex, asIfindex)
  const families = family === undefined ? FAMILIES : [family]
  const rest = Object.fromEntries(WATCH_KEYS.map((key) => [key, of[key]])) as AnyOptions
  return { scope: { families, family, table: number, ifindex }, rest }
}

/** Whatever is heard of the groups asks for a dump. */
const any = (): Hint => 'dump-behind-barrier'

function linkKind(netlink: Netlink): ValueKind<LinkDetails, Ifindex> {
  const { listLinks } = linksOver(netlink)
  return {
    key: ({ ifindex }) => `${ifindex}`,
    keyOf: (asked) => `${asIfindex('key', asked)}`,
    visible: ({ statistics, ...rest }) => rest,
    hint: any,
    dump: (options) => listLinks({}, options),
  }
}

function addressKind(netlink: Netlink, family: Family | undefined): ValueKind<AddressDetails, AddressAt> {
  const { listAddresses } = addressesOver(netlink)
  return {
    key: ({ ifindex, ip }) => `${ifindex} ${ip}`,
    keyOf(asked) {
      const of = fieldsOf('key', asked, ['ifindex', 'ip'])
      return `${asIfindex('key.ifindex', of.ifindex)} ${asIp('key.ip', of.ip)}`
    },
    visible: ({ valid, preferred, updated, ...rest }) => ({
      ...rest,
      isForever: [valid, preferred].map((lifetime) => lifetime === 'forever'),
    }),
    hint: any,
    dump: (options) => listAddresses({ family }, options),
  }
}

function ruleKind(netlink: Netlink, family: Family | undefined): ValueKind<RuleDetails, number> {
  const { listRules } = rulesOver(netlink)
  return {
    key: ({ priority }) => `${priority ?? 0}`,
    keyOf: (asked) => `${asInteger('key', asked, 0, 0xffffffff)}`,
    visible: (rule) => rule,
    hint: any,
    dump: (options) => listRules(family === undefined ? {} : { family }, options),
  }
}
