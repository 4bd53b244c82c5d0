/** From what the kernel says to a route as a value. Must not: fail on anything that a kernel can hold. */
import { cidrOf } from '../../net/cidr.ts'
import { toIfindex } from '../../net/ifindex.ts'
import { addressBits, type Family, type Ip } from '../../net/ip.ts'
import type { Codec } from '../../netlink/codec.ts'
import { CLOCK_TICKS } from '../inet.ts'
import { encapOf } from './encap.ts'
import type { Route, RoutePath, RouteStatus } from './route.ts'
import * as schema from './schema.ts'

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

/** Flags that are a status; ONLINK is the route's own. */
const STATUS_MASK =
  schema.RTNH_F_DEAD |
  schema.RTNH_F_PERVASIVE |
  schema.RTNH_F_OFFLOAD |
  schema.RTNH_F_LINKDOWN |
  schema.RTNH_F_UNRESOLVED |
  schema.RTNH_F_TRAP |
  schema.RTM_F_CLONED |
  schema.RTM_F_OFFLOAD |
  schema.RTM_F_TRAP |
  schema.RTM_F_OFFLOAD_FAILED

/** By flags: at most some hundred. */
const statuses = new Map<number, RouteStatus>()

/** The same object for the same flags (RTNH_F_*, RTM_F_*). */
export function statusOf(flags: number): RouteStatus {
  const key = flags & STATUS_MASK
  const known = statuses.get(key)
  if (known !== undefined) return known
  const has = (flag: number): boolean => (key & flag) !== 0
  const status = Object.freeze({
    dead: has(schema.RTNH_F_DEAD),
    linkdown: has(schema.RTNH_F_LINKDOWN),
    pervasive: has(schema.RTNH_F_PERVASIVE),
    offload: has(schema.RTNH_F_OFFLOAD | schema.RTM_F_OFFLOAD),
    offloadFailed: has(schema.RTM_F_OFFLOAD_FAILED),
    trap: has(schema.RTNH_F_TRAP | schema.RTM_F_TRAP),
    unresolved: has(schema.RTNH_F_UNRESOLVED),
    cloned: has(schema.RTM_F_CLONED),
  })
  statuses.set(key, status)
  return status
}

const ANY: Readonly<Record<Family, Ip>> = { ipv4: '0.0.0.0' as Ip, ipv6: '::' as Ip }

/** Reads routes of IPv4 and IPv6; undefined for what is none, those of other families included. */
export const routeReader: Pick<Codec<Route>, 'read'> = {
  read(view, start, end, name, faults) {
    const raw = schema.routeMessage.read(view, start, end, name, faults)
    return raw === undefined ? undefined : routeOf(raw)
  },
}

function routeOf(raw: schema.RawRoute): Route | undefined {
  const { family, dstLength = 0, srcLength = 0, flags = 0 } = raw
  if ((family !== 'ipv4' && family !== 'ipv6') || Math.max(dstLength, srcLength) > addressBits(family)) return undefined
  const route: Mutable<Route> = {
    family,
    dst: cidrOf(raw.dst ?? ANY[family], dstLength),
    table: raw.table ?? raw.shortTable ?? 0,
    type: raw.type ?? 0,
    protocol: raw.protocol ?? 0,
    scope: raw.scope ?? 0,
    tos: raw.tos ?? 0,
    metric: raw.metric ?? 0,
    oif: toIfindex(raw.oif ?? 0),
    gateway: raw.gateway ?? raw.via,
    onlink: (flags & schema.RTNH_F_ONLINK) !== 0,
    status: statusOf(flags),
  }
  if (raw.prefsrc !== undefined) route.prefsrc = raw.prefsrc
  if (srcLength > 0) route.src = cidrOf(raw.src ?? ANY[family], srcLength)
  if (raw.metrics !== undefined) route.metrics = raw.metrics
  if (raw.multipath !== undefined) route.multipath = raw.multipath.map(pathOf)
  if (raw.nhid !== undefined) route.nhid = raw.nhid
  if (raw.cacheinfo !== undefined) addCache(route, raw.cacheinfo)
  if (raw.pref !== undefined) route.pref = raw.pref
  if (raw.realm !== undefined) route.realm = raw.realm
  if (raw.encapType !== undefined) route.encap = encapOf(raw.encapType, raw.encap)
  if (raw.iif !== undefined) route.iif = toIfindex(raw.iif)
  if (raw.mark !== undefined) route.mark = raw.mark
  if (raw.uid !== undefined) route.uid = raw.uid
  return route
}

/** IPv6 sends one with every route, zeros but for the time that is left. */
function addCache(route: Mutable<Route>, info: NonNullable<schema.RawRoute['cacheinfo']>): void {
  const { references = 0, lastUsed = 0, expires = 0, error = 0 } = info
  // Rounded up: what was written is read back.
  if (expires !== 0) route.expires = Math.ceil(expires / CLOCK_TICKS)
  if (references !== 0 || lastUsed !== 0 || error !== 0 || route.status.cloned)
    route.cache = { references, lastUsed: lastUsed / CLOCK_TICKS, error }
}

function pathOf(raw: schema.RawPath): RoutePath {
  const path: Mutable<RoutePath> = {
    oif: toIfindex(raw.oif),
    gateway: raw.gateway ?? raw.via,
    weight: raw.hops + 1,
    onlink: (raw.flags & schema.RTNH_F_ONLINK) !== 0,
    status: statusOf(raw.flags),
  }
  if (raw.realm !== undefined) path.realm = raw.realm
  if (raw.encapType !== undefined) path.encap = encapOf(raw.encapType, raw.encap)
  return path
}
