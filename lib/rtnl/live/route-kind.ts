/**
 * Routes as records: what is replaced together (network, table, TOS, metric), what tells several of one key apart, and what the
 * kernel changes without a word. Must not: read a route into a value by itself.
 *
 * IPv4 puts several routes under one key (`ip route append`), IPv6 makes one route of several paths of them; both name the new one
 * with NLM_F_REPLACE and not the old one. An IPv6 walk that finds another tree than before begins anew and skips as many routes as it
 * had told: beside somebody who adds and deletes 4,000 routes, 33 of 60 dumps lacked some of 20,000 that never changed, at worst
 * 4,212, and none was marked as interrupted. An IPv4 walk counts among the routes to one address alone, and lacked none.
 */

import { getUint16, getUint32, setUint32, viewOf } from '../../addon/host-order.ts'
import { type Cidr, networkAddress, prefixLength } from '../../net/cidr.ts'
import { FAMILIES, type Family, familyOf, ipToBytes } from '../../net/ip.ts'
import { attributeIndex } from '../../netlink/attribute-index.ts'
import { eachAttribute } from '../../netlink/attributes.ts'
import { asCidr, asInteger, fieldsOf, optional } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { latin1Of } from '../../util/latin1.ts'
import * as inet from '../inet.ts'
import { routeReader } from '../routes/read-route.ts'
import type { Route } from '../routes/route.ts'
import * as schema from '../routes/schema.ts'
import { createCutter, fromLatin1, toLatin1 } from './latin1.ts'
import type { Place, RecordKind } from './record-kind.ts'
import { createTriggers } from './triggers.ts'

/** What routes are asked for by. */
export interface RouteKey {
  readonly dst: Cidr
  /** Default 254, the main table. */
  readonly table?: number
  /** Default 0. */
  readonly tos?: number
  /** Default, as the kernel has it: 0 of IPv4, 1024 of IPv6. */
  readonly metric?: number
  /** IPv6. */
  readonly src?: Cidr
}

export interface RouteScope {
  /** Default: both. */
  readonly family?: Family | undefined
  /** Default: all tables. */
  readonly table?: number | undefined
}

const { RTMSG, RTMSG_BYTES } = schema
const RTA_MULTIPATH = 9
const RTA_CACHEINFO = 12
const RTNEXTHOP_FLAGS = 2
const DEFAULT_METRIC = { ipv4: 0, ipv6: 1024 } as const
const MAIN = 254

/** Key: family, lengths and TOS, table, metric, destination, source. */
const KEY_DST = 12
const DST_BYTES = { [inet.AF.ipv4]: 4, [inet.AF.ipv6]: 16 } as const
const body = schema.routeMessage

export function routeKind(netlink: Netlink, { family, table }: RouteScope): RecordKind<Route, RouteKey> {
  const index = attributeIndex(schema.routeAttributes)
  const address = { [inet.AF.ipv4]: new Uint8Array(4), [inet.AF.ipv6]: new Uint8Array(16) } as const
  const key = Buffer.alloc(KEY_DST + 32)
  const keyView = viewOf(key)
  const page = Buffer.allocUnsafe(0x10000)
  const families = family === undefined ? FAMILIES : [family]
  const afs = new Set<number>(families.map((one) => inet.AF[one]))
  const faults: string[] = []
  const { cut, forget } = createCutter()

  const writeKey = (
    af: 2 | 10,
    dstLength: number,
    srcLength: number,
    tos: number,
    of: number,
    metric: number,
  ): void => {
    key[0] = af
    key[1] = dstLength
    key[2] = srcLength
    key[3] = tos
    setUint32(keyView, 4, of)
    setUint32(keyView, 8, metric)
  }
  /** The record with what changes by itself set to zero. */
  const cleared = (record: string, withFlags: boolean): string => {
    const bytes = fromLatin1(record, page)
    const view = viewOf(bytes)
    if (!withFlags) setUint32(view, RTMSG.flags, getUint32(view, RTMSG.flags) & schema.RTNH_F_ONLINK)
    eachAttribute(view, RTMSG_BYTES, bytes.length, (id, from, to) => {
      if (id === RTA_CACHEINFO) bytes.fill(0, from, to)
      else if (id === RTA_MULTIPATH && !withFlags) clearPaths(bytes, from, to)
    })
    return toLatin1(bytes)
  }
  const place = (view: DataView, start: number, end: number): Place | undefined => {
    if (end - start < RTMSG_BYTES) return undefined
    const af = view.getUint8(start + RTMSG.family) as 2 | 10
    if (!afs.has(af) || (getUint32(view, start + RTMSG.flags) & schema.RTM_F_CLONED) !== 0) return undefined
    index.find(view, start + RTMSG_BYTES, end)
    const of = index.read(view, 'table', faults) ?? view.getUint8(start + RTMSG.table)
    if (table !== undefined && of !== table) return undefined
    const srcLength = view.getUint8(start + RTMSG.srcLength)
    const metric = index.read(view, 'metric', faults) ?? 0
    writeKey(af, view.getUint8(start + RTMSG.dstLength), srcLength, view.getUint8(start + RTMSG.tos), of, metric)
    const bytes = address[af]
    key.set(index.copy(view, 'dst', bytes) ? bytes : bytes.fill(0), KEY_DST)
    let keyEnd = KEY_DST + bytes.length
    if (srcLength > 0) {
      key.set(index.copy(view, 'src', bytes) ? bytes : bytes.fill(0), keyEnd)
      keyEnd += bytes.length
    }
    return { key: latin1Of(key, 0, keyEnd), record: cut(view, start, end) }
  }
  return {
    setType: schema.RTM_NEWROUTE,
    deletedType: schema.RTM_DELROUTE,
    place,
    forget,
    keyOf(asked) {
      const of = fieldsOf('key', asked, ['dst', 'table', 'tos', 'metric', 'src'])
      const dst = asCidr('key.dst', of.dst)
      const src = optional('key.src', of.src, asCidr)
      const number = (field: 'table' | 'tos' | 'metric', most: number): number | undefined =>
        optional(`key.${field}`, of[field], (name, value) => asInteger(name, value, 0, most))
      const one = familyOf(networkAddress(dst))
      const af = inet.AF[one]
      const metric = number('metric', 0xffffffff) ?? DEFAULT_METRIC[one]
      const inTable = number('table', 0xffffffff) ?? table ?? MAIN
      writeKey(
        af,
        prefixLength(dst),
        src === undefined ? 0 : prefixLength(src),
        number('tos', 255) ?? 0,
        inTable,
        metric,
      )
      key.set(ipToBytes(networkAddress(dst)), KEY_DST)
      const end = KEY_DST + DST_BYTES[af]
      if (src === undefined) return latin1Of(key, 0, end)
      const source = ipToBytes(networkAddress(src))
      key.set(source, end)
      return latin1Of(key, 0, end + source.length)
    },
    read: (payload) => readWith(routeReader, payload),
    visible: (record) => cleared(record, true),
    several: {
      identity: (record) => cleared(record, false),
      isMerged: (record) => record.charCodeAt(RTMSG.family) === inet.AF.ipv6 && hasPaths(record, page),
      tellsAlone: true,
    },
    group: (of) => (of.charCodeAt(0) === inet.AF.ipv6 ? `6${of.slice(4, 8)}` : of.slice(4, 8) + of.slice(KEY_DST)),
    shiftsOnAdd: false,
    isPartial: () => false,
    hint: createTriggers(),
    async dump(options) {
      const places: Place[] = []
      let interrupted = false
      for (const one of families) {
        const value = { family: one, table }
        const query = {
          type: schema.RTM_GETROUTE,
          body,
          value,
          answer: placeReader(place),
          op: 'route.dump',
          subject: one,
        }
        const answers = { answerType: schema.RTM_NEWROUTE, answerFamily: inet.AF[one] }
        const dump = await netlink.dump({ ...query, ...answers }, options).catch(nothing)
        for (const found of dump.value) places.push(found)
        interrupted ||= dump.interrupted
      }
      return { value: places, interrupted, unreadable: undefined }
    },
  }
}

/** Reads messages of a dump as where they belong. */
export function placeReader(place: RecordKind<unknown, unknown>['place']): Codec<Place> {
  return {
    write() {
      throw new TypeError('a place is only read')
    },
    read: (view, start, end) => place(view, start, end),
  }
}

/** A table that was never used, and a family that is switched off, have none. */
export function nothing(error: unknown): typeof inet.NOTHING {
  if (inet.isNothing(error)) return inet.NOTHING
  throw error
}

export function readWith<V>(reader: Pick<Codec<V>, 'read'>, payload: Uint8Array): V | undefined {
  return reader.read(viewOf(payload), 0, payload.length, '', [])
}

function hasPaths(record: string, page: Buffer): boolean {
  const bytes = fromLatin1(record, page)
  let found = false
  eachAttribute(viewOf(bytes), RTMSG_BYTES, bytes.length, (id) => {
    found ||= id === RTA_MULTIPATH
  })
  return found
}

/** RTNH_F_* of each path, but for ONLINK. */
function clearPaths(bytes: Uint8Array, start: number, end: number): void {
  for (let at = start; at + 8 <= end; ) {
    const size = getUint16(viewOf(bytes), at)
    if (size < 8) return
    bytes[at + RTNEXTHOP_FLAGS] = (bytes[at + RTNEXTHOP_FLAGS] ?? 0) & schema.RTNH_F_ONLINK
    at += (size + 3) & ~3
  }
}
