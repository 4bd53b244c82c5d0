/**
 * What the messages of rtnetlink's IP parts (addresses, routes, nexthops, rules, neighbours) have in common: families, scopes,
 * route types, and the checks of what a caller writes. Must not: know one part's attributes.
 */

import { constants } from 'node:os'
import { NetlinkError } from '../errors.ts'
import { type Cidr, cidrOf } from '../net/cidr.ts'
import { parseIfindex } from '../net/ifindex.ts'
import { type Family, familyOf, type Ip, ipFromBytes } from '../net/ip.ts'
import { readAddress } from '../net/ip-text.ts'
import { ByteWriter } from '../netlink/byte-writer.ts'
import { asObject } from '../netlink/check.ts'
import { type Codec, checkInteger, shown } from '../netlink/codec.ts'
import { oneOf, u8 } from '../netlink/scalars.ts'
import { addUnreadable } from '../netlink/unreadable.ts'
import { nearest } from '../util/wrong-input.ts'
import type { Dump } from './port.ts'

/** AF_INET and AF_INET6. */
export const AF = { ipv4: 2, ipv6: 10 } as const

/** Other families (AF_MPLS, RTNL_FAMILY_IPMR, …) are read as their number. */
export const family8 = oneOf(u8, AF)

const SCOPES = { universe: 0, site: 200, link: 253, host: 254, nowhere: 255 } as const

/** RT_SCOPE_*: how far away what is named may be. Any number between has no name, and is allowed. */
export type Scope = keyof typeof SCOPES | number
export const scope8: Codec<Scope> = oneOf(u8, SCOPES)

const ROUTE_TYPES = {
  unspec: 0,
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
  xresolve: 11,
} as const

/** RTN_*: what happens to a packet that the route matches; of a neighbour, what kind of address it is. */
export type RouteType = keyof typeof ROUTE_TYPES | number
export const type8: Codec<RouteType> = oneOf(u8, ROUTE_TYPES)

/** USER_HZ: clock_t of what the kernel tells is in hundredths of a second on every architecture that Node runs on. */
export const CLOCK_TICKS = 100

/** clock_t as seconds. */
export function ticks(codec: Codec<number>): Codec<number> {
  return {
    ...codec,
    write(out, value, name) {
      if (typeof value !== 'number') throw new TypeError(`${name}: ${shown(value)} is not a number`)
      const whole = Math.round(value * CLOCK_TICKS)
      if (Math.abs(whole - value * CLOCK_TICKS) > 1e-6) throw new RangeError(`${name}: ${value} is finer than 10 ms`)
      codec.write(out, whole, name)
    },
    read(view, start, end, name, faults) {
      const value = codec.read(view, start, end, name, faults)
      return value === undefined ? undefined : value / CLOCK_TICKS
    },
  }
}

/** A codec whose errors begin with `name`: `route.metric: …`. */
export function called<T>(name: string, codec: Codec<T>): Codec<T> {
  return { ...codec, write: (out, value) => codec.write(out, value, name) }
}

/** A copy of an object without keys beyond `keys`, each read once; throws TypeError. */
export function checkSpec<T>(name: string, value: T, keys: ReadonlySet<string>): T & Readonly<Record<string, unknown>> {
  const given = asObject(name, value)
  for (const key of Object.keys(given))
    if (!keys.has(key)) throw new TypeError(`${name}.${key}: there is no such field${nearest(key, [...keys])}`)
  return { ...given } as T & Readonly<Record<string, unknown>>
}

/** Overwritten by the next address that is checked. */
const address = new Uint8Array(16)

/**
 * The address in canonical form, IPv4-mapped IPv6 too, since the kernel has such; throws TypeError for what is no string,
 * RangeError for what is no address.
 */
export function checkIp(name: string, value: unknown): Ip {
  if (typeof value !== 'string') throw new TypeError(`${name}: ${shown(value)} is not an IP address`)
  const length = readAddress(value, address)
  if (length === 0) throw new RangeError(`${name}: ${shown(value)} is not an IP address`)
  return ipFromBytes(address.subarray(0, length))
}

/** As checkIp; RangeError for one of another family. */
export function checkIpOf(name: string, value: unknown, family: Family): Ip {
  const ip = checkIp(name, value)
  if (familyOf(ip) !== family) throw new RangeError(`${name}: ${ip} is not an ${nameOf(family)} address`)
  return ip
}

const PREFIX_LENGTH = /^(?:0|[1-9][0-9]{0,2})$/

/** A network; host bits are cleared. Throws as checkIp. */
export function checkCidr(name: string, value: unknown): Cidr {
  if (typeof value !== 'string') throw new TypeError(`${name}: ${shown(value)} is not a network such as 10.0.0.0/8`)
  const [ip = '', length = '', more] = value.split('/')
  if (more !== undefined || !PREFIX_LENGTH.test(length) || readAddress(ip, address) === 0)
    throw new RangeError(`${name}: ${shown(value)} is not a network such as 10.0.0.0/8`)
  try {
    return cidrOf(checkIp(name, ip), Number(length))
  } catch {
    throw new RangeError(`${name}: ${shown(value)} has more bits than an address`)
  }
}

export function checkFamily(name: string, value: unknown): Family {
  if (typeof value !== 'string') throw new TypeError(`${name}: ${shown(value)} is neither 'ipv4' nor 'ipv6'`)
  if (value !== 'ipv4' && value !== 'ipv6')
    throw new RangeError(`${name}: ${shown(value)} is neither 'ipv4' nor 'ipv6'`)
  return value
}

export function checkIfindex(name: string, value: unknown): number {
  return parseIfindex(checkInteger(name, value, 1, 0x7fffffff))
}

export function checkBoolean(name: string, value: unknown): boolean | undefined {
  if (value !== undefined && typeof value !== 'boolean')
    throw new TypeError(`${name}: ${shown(value)} is not a boolean`)
  return value
}

/** Throws RangeError where `value` says something that only the other family knows, and the kernel would pass over in silence. */
export function refuseOf(family: Family, name: string, value: unknown): void {
  if (value !== undefined && value !== false) throw new RangeError(`${name}: ${nameOf(family)} has none`)
}

/** The value as the codec would read it: a number that has a name as the name. Throws as it does for one that cannot be written. */
export function asRead<T>(codec: Codec<T>, name: string, value: T): T {
  const out = new ByteWriter()
  codec.write(out, value, name)
  const bytes = out.finish()
  return codec.read(new DataView(bytes.buffer), 0, bytes.length, name, []) ?? value
}

/**
 * A dump that the kernel refuses since there is nothing: ENOENT, a table that was never used; ENODEV, a link that is gone; the
 * others, a kernel without the family or its rules.
 */
export function isNothing(error: unknown): boolean {
  const { ENOENT, ENODEV, EOPNOTSUPP, EAFNOSUPPORT } = constants.errno
  return error instanceof NetlinkError && [ENOENT, ENODEV, EOPNOTSUPP, EAFNOSUPPORT].includes(error.errno)
}

export const NOTHING = { value: [], interrupted: false, unreadable: undefined } as const

/** Several dumps as one: interrupted where one of them was. */
export function joinDumps<T>(dumps: readonly Dump<readonly T[]>[]): Dump<readonly T[]> {
  const [first] = dumps
  if (first !== undefined && dumps.length === 1) return first
  return {
    value: dumps.flatMap(({ value }) => value),
    interrupted: dumps.some(({ interrupted }) => interrupted),
    unreadable: dumps.map(({ unreadable }) => unreadable).reduce(addUnreadable, undefined),
  }
}

function nameOf(family: Family): string {
  return family === 'ipv4' ? 'IPv4' : 'IPv6'
}
