/**
 * Routes of every table: listed, looked up and written, one at a time, as whole values. The fast path for many is dumpRoutes and
 * applyEntries. Must not: retry, decide or log.
 */

import { NetlinkProtocolError } from '../../errors.ts'
import { type Cidr, cidrFamily } from '../../net/cidr.ts'
import { addressBits, FAMILIES, type Family, familyOf, type Ip } from '../../net/ip.ts'
import { type CallOptions, checkCallOptions } from '../../netlink/call.ts'
import { asFamily, asFlag, asIfindex, asInteger, asIp, asIpOf, asNetwork, copyOf } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Dump } from '../../netlink/dump.ts'
import { NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { AF, asRead, called, isNothing, joinDumps, NOTHING, scope8, type8 } from '../inet.ts'
import { routeReader } from './read-route.ts'
import type { ResolvedPath, Route, RouteFilter, RouteLookup, RouteSpec } from './route.ts'
import * as schema from './schema.ts'
import { RT_TABLE_MAIN, rawRoute } from './write-route.ts'

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface Routes {
  /**
   * Routes of all tables of both families, or of what the filter says: table, oif, protocol and type are looked at inside the
   * kernel, the rest here. Exceptions that were learnt are left out unless asked for. A table that was never used, a link that
   * is not there and a family that is switched off have none.
   */
  listRoutes(filter?: RouteFilter, options?: CallOptions): Promise<Dump<readonly Route[]>>
  /**
   * The route to exactly this network; of several the one with the least metric; undefined: there is none. Default: the main
   * table. Costs a dump of the table: for the route that a packet takes, ask `resolve`.
   */
  getRoute(
    dst: Cidr,
    filter?: Pick<RouteFilter, 'table' | 'oif' | 'protocol' | 'type'> & {
      readonly metric?: number
      readonly tos?: number
    },
    options?: CallOptions,
  ): Promise<Route | undefined>
  /** EEXIST: there is one of this network, table, TOS and metric (IPv6: with the same next hop). */
  addRoute(route: RouteSpec, options?: CallOptions): Promise<void>
  /** In the place of the one of the same network, table, TOS and metric, if there is one. */
  replaceRoute(route: RouteSpec, options?: CallOptions): Promise<void>
  /** Behind those of the same key. IPv6 makes one route of several paths of it. */
  appendRoute(route: RouteSpec, options?: CallOptions): Promise<void>
  /**
   * The first route that matches all that is given, of the main table unless `table` is. ESRCH: there is none. What is not given
   * matches any, with these exceptions of the kernel: `tos` must be equal (default 0); metric 0 is the same as none, and takes the
   * least one; several paths must be given all, or none; IPv6 does not look at `type`. A Route that was read deletes itself.
   */
  deleteRoute(route: RouteSpec, options?: CallOptions): Promise<void>
  /**
   * The route that a packet to `dst` would take. ENETUNREACH: none does, or a rule says unreachable. A route that refuses:
   * unreachable EHOSTUNREACH, blackhole EINVAL, prohibit EACCES; rules alike. Forwarded IPv4: EHOSTUNREACH where the input link
   * does not forward, EXDEV or EINVAL where it does not accept the source. ENODEV: a link that is asked about is not there.
   */
  resolve(dst: Ip, lookup?: RouteLookup, options?: CallOptions): Promise<ResolvedPath>
}

/** A question of one family; what is undefined is not part of it. */
type Question = schema.RawRoute

const body: Codec<schema.RawRoute> = called('route', schema.routeMessage)
const answer = { ...schema.routeMessage, ...routeReader } as unknown as Codec<Route>

const FILTER_KEYS = 'family table oif protocol type scope dst includeCached'.split(' ')
const GET_KEYS = 'table oif protocol type metric tos'.split(' ')
const LOOKUP_KEYS = 'source oif iif mark tos uid ipProtocol sport dport fibMatch'.split(' ')

export function routesOver(netlink: Netlink): Routes {
  const dumpOf = async (family: Family, filter: RouteFilter, cached: boolean, options?: CallOptions) => {
    const { table, oif, protocol, type } = filter
    const value: Question = { family, protocol, type, oif, table, flags: cached ? schema.RTM_F_CLONED : 0 }
    const query = { type: schema.RTM_GETROUTE, body: called('filter', schema.routeMessage), value, answer }
    const answers = { answerType: schema.RTM_NEWROUTE, answerFamily: AF[family] }
    const named = { ...query, ...answers, op: 'route.list', subject: family }
    try {
      const dump = await netlink.dump(named, options)
      return { ...dump, value: dump.value.filter(matcherOf(filter)) }
    } catch (error) {
      if (isNothing(error)) return NOTHING
      throw error
    }
  }
  const listRoutes = async (filter: RouteFilter = {}, options?: CallOptions) => {
    const wanted = checkFilter(filter)
    const call = checkCallOptions(options)
    const dumps: Dump<readonly Route[]>[] = []
    for (const family of familiesOf(wanted))
      for (const cached of wanted.includeCached === true ? [false, true] : [false])
        dumps.push(await dumpOf(family, wanted, cached, call))
    return joinDumps(dumps)
  }
  const write = async (op: string, type: number, flags: number, route: RouteSpec, options?: CallOptions) => {
    const value = rawRoute(route, type === schema.RTM_DELROUTE)
    const subject = `${value.dst}/${value.dstLength} of table ${value.table}`
    await netlink.request({ type, flags, body, value, op, subject }, options)
  }
  const added = (op: string, flags: number) => (route: RouteSpec, options?: CallOptions) =>
    write(op, schema.RTM_NEWROUTE, NLM_F_CREATE | flags, route, options)
  return {
    listRoutes,
    async getRoute(dst, filter = {}, options) {
      const { metric, tos, ...rest } = copyOf('filter', filter, GET_KEYS)
      if (metric !== undefined) asInteger('filter.metric', metric, 0, 0xffffffff)
      if (tos !== undefined) asInteger('filter.tos', tos, 0, 0xff)
      const { value } = await listRoutes({ table: RT_TABLE_MAIN, ...rest, dst: asNetwork('dst', dst) }, options)
      return value
        .filter((route) => (metric ?? route.metric) === route.metric && (tos ?? route.tos) === route.tos)
        .reduce<Route | undefined>(
          (best, route) => (best !== undefined && best.metric <= route.metric ? best : route),
          undefined,
        )
    },
    addRoute: added('route.add', NLM_F_EXCL),
    replaceRoute: added('route.replace', NLM_F_REPLACE),
    appendRoute: added('route.append', NLM_F_APPEND),
    deleteRoute: (route, options) => write('route.delete', schema.RTM_DELROUTE, 0, route, options),
    async resolve(dst, lookup = {}, options) {
      const value = questionOf(dst, lookup)
      const query = { type: schema.RTM_GETROUTE, body: called('lookup', schema.routeMessage), value, answer }
      const named = { ...query, answerType: schema.RTM_NEWROUTE, op: 'route.resolve', subject: dst }
      const [route] = await netlink.request(named, options)
      if (route === undefined) throw new NetlinkProtocolError(`route.resolve ${dst}: acknowledged and not answered`)
      return { ...route, source: route.prefsrc, mtu: route.metrics?.mtu }
    },
  }
}

function checkFilter(given: RouteFilter): RouteFilter {
  const filter = copyOf('filter', given, FILTER_KEYS)
  const { family, table, oif, protocol, type, scope, dst, includeCached } = filter
  const network = dst === undefined ? undefined : asNetwork('filter.dst', dst)
  if (family !== undefined) asFamily('filter.family', family)
  if (table !== undefined) asInteger('filter.table', table, 1, 0xffffffff)
  if (oif !== undefined) asIfindex('filter.oif', oif)
  if (protocol !== undefined) asInteger('filter.protocol', protocol, 0, 0xff)
  asFlag('filter.includeCached', includeCached)
  if (family !== undefined && network !== undefined && family !== cidrFamily(network))
    throw new RangeError(`filter.dst: ${network} is not of the family ${family}`)
  return {
    ...filter,
    dst: network,
    type: type === undefined ? undefined : asRead(type8, 'filter.type', type),
    scope: scope === undefined ? undefined : asRead(scope8, 'filter.scope', scope),
  }
}

function familiesOf({ family, dst }: RouteFilter): readonly Family[] {
  if (family !== undefined) return [family]
  return dst === undefined ? FAMILIES : [cidrFamily(dst)]
}

/** What the kernel does not look at; a protocol or type of 0 is no filter to it. Table and link it always looks at. */
function matcherOf({ protocol, type, scope, dst }: RouteFilter): (route: Route) => boolean {
  return (route) =>
    (protocol === undefined || route.protocol === protocol) &&
    (type === undefined || route.type === type) &&
    (scope === undefined || route.scope === scope) &&
    (dst === undefined || route.dst === dst)
}

function questionOf(dst: unknown, lookup: RouteLookup): Question {
  const { source, oif, iif, mark, tos, uid, ipProtocol, sport, dport, fibMatch } = copyOf('lookup', lookup, LOOKUP_KEYS)
  const to = asIp('dst', dst)
  const family = familyOf(to)
  const length = addressBits(family)
  const src = source === undefined ? undefined : asIpOf('lookup.source', source, family)
  const match = asFlag('lookup.fibMatch', fibMatch) === true ? schema.RTM_F_FIB_MATCH : 0
  return {
    family,
    dstLength: length,
    srcLength: src === undefined ? 0 : length,
    tos,
    // Without it IPv4 answers "main" whatever table it was; IPv6 always tells, and refuses it.
    flags: (family === 'ipv4' ? schema.RTM_F_LOOKUP_TABLE : 0) | match,
    dst: to,
    src,
    oif: oif === undefined ? undefined : asIfindex('lookup.oif', oif),
    iif: iif === undefined ? undefined : asIfindex('lookup.iif', iif),
    mark,
    uid,
    ipProtocol,
    sport: sport === undefined ? undefined : asInteger('lookup.sport', sport, 1, 0xffff),
    dport: dport === undefined ? undefined : asInteger('lookup.dport', dport, 1, 0xffff),
  }
}
