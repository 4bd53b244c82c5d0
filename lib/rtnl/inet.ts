/**
 * What the messages of rtnetlink's IP parts (addresses, routes, nexthops, rules, neighbours) have in common: families, scopes,
 * route types. Must not: know one part's attributes.
 */

import { constants } from 'node:os'
import { NetlinkError } from '../errors.ts'
import type { Family } from '../net/ip.ts'
import { ByteWriter } from '../netlink/byte-writer.ts'
import type { Codec } from '../netlink/codec.ts'
import { oneOf, u8 } from '../netlink/scalars.ts'
import { addUnreadable } from '../netlink/unreadable.ts'
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

/** A codec whose errors begin with `name`: `route.metric: …`. */
export function called<T>(name: string, codec: Codec<T>): Codec<T> {
  return { ...codec, write: (out, value) => codec.write(out, value, name) }
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
