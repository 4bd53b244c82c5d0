/**
 * RTM_*ROUTE as codecs: struct rtmsg, RTA_* and struct rtnexthop (linux/rtnetlink.h). Attributes have the names that the values
 * of route.ts have. Must not: judge what they say together.
 */

import { type Ip, ipFromBytes } from '../../net/ip.ts'
import { type AttributeValues, attributes } from '../../netlink/attributes.ts'
import { asInteger, asObject } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import { message } from '../../netlink/message.ts'
import { be16, bytes, ip, oneOf, s32, u8, u16, u32 } from '../../netlink/scalars.ts'
import { struct } from '../../netlink/structs.ts'
import { shown } from '../../util/wrong-input.ts'
import { family8, scope8, type8 } from '../inet.ts'
import { encapBytes, encapType } from './encap.ts'
import { metrics } from './metrics.ts'

export const RTM_NEWROUTE = 24
export const RTM_DELROUTE = 25
export const RTM_GETROUTE = 26

export const RTNH_F_DEAD = 0x1
export const RTNH_F_PERVASIVE = 0x2
export const RTNH_F_ONLINK = 0x4
export const RTNH_F_OFFLOAD = 0x8
export const RTNH_F_LINKDOWN = 0x10
export const RTNH_F_UNRESOLVED = 0x20
export const RTNH_F_TRAP = 0x40
export const RTM_F_CLONED = 0x200
export const RTM_F_LOOKUP_TABLE = 0x1000
export const RTM_F_FIB_MATCH = 0x2000
export const RTM_F_OFFLOAD = 0x4000
export const RTM_F_TRAP = 0x8000
export const RTM_F_OFFLOAD_FAILED = 0x20000000

/** RTA_VIA (struct rtvia): a gateway with its family, which is not the route's. */
const via: Codec<Ip> = {
  write(out, value, name) {
    out.u16(value.includes(':') ? 10 : 2)
    ip.write(out, value, name)
  },
  read(view, start, end) {
    const length = end - start - 2
    if (length !== 4 && length !== 16) return undefined
    return ipFromBytes(new Uint8Array(view.buffer, view.byteOffset + start + 2, length))
  },
}

/** struct rta_cacheinfo, which is read where it stands. */
export const CACHEINFO_BYTES = 32

const preference = oneOf(u8, { medium: 0, high: 1, low: 3 })

/** What both a route and each of its paths may have. */
const OF_A_PATH = {
  gateway: [5, ip],
  realm: [11, u32],
  via: [18, via],
  encapType: [21, encapType],
  encap: [22, encapBytes],
} as const

const pathAttributes = attributes(OF_A_PATH)

export interface RawPath extends AttributeValues<typeof OF_A_PATH> {
  readonly flags: number
  /** Weight less one. */
  readonly hops: number
  readonly oif: number
}

const RTNEXTHOP_BYTES = 8

/** RTA_MULTIPATH: each struct rtnexthop with its attributes, the next one aligned to four bytes. */
const multipath: Codec<readonly RawPath[]> = {
  write(out, value, name) {
    if (!Array.isArray(value)) throw new TypeError(`${name}: ${shown(value)} is not an array`)
    for (const [i, one] of (value as readonly RawPath[]).entries()) {
      const { flags, hops, oif, ...rest } = asObject(`${name}[${i}]`, one) as unknown as RawPath
      const start = out.length
      out.u16(0)
      out.u8(flags)
      out.u8(hops)
      out.u32(asInteger(`${name}[${i}].oif`, oif, 0, 0x7fffffff))
      pathAttributes.write(out, rest, `${name}[${i}]`)
      out.patchU16(start, out.length - start)
    }
  },
  read(view, start, end, name, faults) {
    const value: RawPath[] = []
    for (let at = start; at + RTNEXTHOP_BYTES <= end; ) {
      const length = u16.read(view, at, at + 2, name, faults) ?? 0
      if (length < RTNEXTHOP_BYTES || at + length > end) return undefined
      const rest = pathAttributes.read(view, at + RTNEXTHOP_BYTES, at + length, `${name}[${value.length}]`, faults)
      const oif = s32.read(view, at + 4, at + 8, name, faults) ?? 0
      value.push({ ...rest, flags: view.getUint8(at + 2), hops: view.getUint8(at + 3), oif })
      at += (length + 3) & ~3
    }
    return value
  },
}

const rtmsg = struct({
  family: family8,
  dstLength: u8,
  srcLength: u8,
  tos: u8,
  shortTable: u8,
  protocol: u8,
  scope: scope8,
  type: type8,
  flags: u32,
})

/** Where each field of struct rtmsg stands. */
export const RTMSG = {
  family: 0,
  dstLength: 1,
  srcLength: 2,
  tos: 3,
  table: 4,
  protocol: 5,
  scope: 6,
  type: 7,
  flags: 8,
} as const
export const RTMSG_BYTES = 12

export const routeAttributes = attributes({
  ...OF_A_PATH,
  dst: [1, ip],
  src: [2, ip],
  iif: [3, u32],
  oif: [4, u32],
  metric: [6, u32],
  prefsrc: [7, ip],
  metrics: [8, metrics],
  multipath: [9, multipath],
  cacheinfo: [12, bytes],
  table: [15, u32],
  mark: [16, u32],
  pref: [20, preference],
  expires: [23, u32],
  uid: [25, u32],
  ipProtocol: [27, oneOf(u8, { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 })],
  sport: [28, be16],
  dport: [29, be16],
  nhid: [30, u32],
})

export const routeMessage = message(rtmsg, routeAttributes)
export type RawRoute = typeof routeMessage extends Codec<infer T> ? T : never
