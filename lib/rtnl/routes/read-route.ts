/** From what the kernel says to a route as a value. Must not: fail on anything that a kernel can hold. */

import { LITTLE_ENDIAN } from '../../addon/host-order.ts'
import { type Cidr, cidrFromBytes } from '../../net/cidr.ts'
import { toIfindex } from '../../net/ifindex.ts'
import type { Family } from '../../net/ip.ts'
import { attributeIndex } from '../../netlink/attribute-index.ts'
import type { Codec } from '../../netlink/codec.ts'
import { CLOCK_TICKS } from '../../netlink/derived.ts'
import { AF, scope8, type8 } from '../inet.ts'
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

const index = attributeIndex(schema.routeAttributes)
const ADDRESS: Readonly<Record<Family, Uint8Array>> = { ipv4: new Uint8Array(4), ipv6: new Uint8Array(16) }
/** Names of all 256 numbers, so that a table of them is not asked by a string for each route. */
const SCOPES = numbered(scope8)
const TYPES = numbered(type8)

/**
 * Reads routes of IPv4 and IPv6; undefined for what is none, those of other families included. Straight from the bytes, not by way
 * of routeMessage: half the time for 100,000 routes.
 */
export const routeReader: Pick<Codec<Route>, 'read'> = {
  read(view, start, end, _name, faults) {
    const { RTMSG, RTMSG_BYTES } = schema
    if (end - start < RTMSG_BYTES) return undefined
    const family = familyAt(view, start)
    if (family === undefined) return undefined
    index.find(view, start + RTMSG_BYTES, end)
    const dst = networkAt(view, 'dst', family, view.getUint8(start + RTMSG.dstLength))
    if (dst === undefined) return undefined
    const flags = view.getUint32(start + RTMSG.flags, LITTLE_ENDIAN)
    const route: Mutable<Route> = {
      family,
      dst,
      table: index.read(view, 'table', faults) ?? view.getUint8(start + RTMSG.table),
      type: TYPES[view.getUint8(start + RTMSG.type)] ?? 0,
      protocol: view.getUint8(start + RTMSG.protocol),
      scope: SCOPES[view.getUint8(start + RTMSG.scope)] ?? 0,
      tos: view.getUint8(start + RTMSG.tos),
      metric: index.read(view, 'metric', faults) ?? 0,
      oif: toIfindex(index.read(view, 'oif', faults) ?? 0),
      gateway: index.read(view, 'gateway', faults) ?? index.read(view, 'via', faults),
      prefsrc: index.read(view, 'prefsrc', faults),
      onlink: (flags & schema.RTNH_F_ONLINK) !== 0,
      status: statusOf(flags),
      pref: index.read(view, 'pref', faults),
    }
    const srcLength = view.getUint8(start + RTMSG.srcLength)
    if (srcLength > 0) route.src = networkAt(view, 'src', family, srcLength)
    addCache(route, view)
    if (index.hasAny(RARE)) addRare(route, view, faults)
    return route
  },
}

/** What most routes have not. */
const RARE = index.maskOf('metrics', 'multipath', 'nhid', 'realm', 'mark', 'uid', 'iif', 'encapType')

function addRare(route: Mutable<Route>, view: DataView, faults: string[]): void {
  if (index.at('metrics') !== 0) route.metrics = index.read(view, 'metrics', faults)
  if (index.at('multipath') !== 0) route.multipath = index.read(view, 'multipath', faults)?.map(pathOf)
  if (index.at('nhid') !== 0) route.nhid = index.read(view, 'nhid', faults)
  if (index.at('realm') !== 0) route.realm = index.read(view, 'realm', faults)
  if (index.at('mark') !== 0) route.mark = index.read(view, 'mark', faults)
  if (index.at('uid') !== 0) route.uid = index.read(view, 'uid', faults)
  if (index.at('iif') !== 0) route.iif = toIfindex(index.read(view, 'iif', faults) ?? 0)
  if (index.at('encapType') !== 0)
    route.encap = encapOf(index.read(view, 'encapType', faults), index.read(view, 'encap', faults))
}

function familyAt(view: DataView, start: number): Family | undefined {
  const number = view.getUint8(start)
  return number === AF.ipv4 ? 'ipv4' : number === AF.ipv6 ? 'ipv6' : undefined
}

/** Without an address the kernel means all zeros. */
function networkAt(view: DataView, key: 'dst' | 'src', family: Family, length: number): Cidr | undefined {
  const bytes = ADDRESS[family]
  if (!index.copy(view, key, bytes)) bytes.fill(0)
  return cidrFromBytes(bytes, length)
}

function numbered<T>(codec: Codec<T>): readonly (T | undefined)[] {
  return Array.from({ length: 256 }, (_, number) =>
    codec.read(new DataView(Uint8Array.of(number).buffer), 0, 1, '', []),
  )
}

/** struct rta_cacheinfo: IPv6 sends one with every route, zeros but for the time that is left. */
function addCache(route: Mutable<Route>, view: DataView): void {
  const at = index.at('cacheinfo', schema.CACHEINFO_BYTES)
  if (at === 0) return
  const references = view.getUint32(at, LITTLE_ENDIAN)
  const lastUsed = view.getUint32(at + 4, LITTLE_ENDIAN)
  const expires = view.getInt32(at + 8, LITTLE_ENDIAN)
  const error = view.getInt32(at + 12, LITTLE_ENDIAN)
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
