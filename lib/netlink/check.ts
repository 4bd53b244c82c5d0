/**
 * What a caller hands over, from anything to values that can be believed: every check names the field. Each value is looked at
 * once, and what was looked at is what is used. Must not: coerce; '1' is no number.
 */
import { types } from 'node:util'
import { type Cidr, cidrOf } from '../net/cidr.ts'
import { type Ifindex, toIfindex } from '../net/ifindex.ts'
import { addressBits, FAMILIES, type Family, familyOf, type Ip, toIp } from '../net/ip.ts'
import { type Lladdr, parseLladdr } from '../net/lladdr.ts'
import { nearest, shown, wrongType, wrongValue } from '../util/wrong-input.ts'
import type { Codec } from './codec.ts'

const IFNAME_BYTES = 16
const UTF8 = new TextEncoder()
/** No list of ours is as long. */
const LONGEST_LIST = 1000

export function asString(field: string, value: unknown): string {
  if (typeof value !== 'string') throw wrongType(field, 'a string', value)
  return value
}

/** An integer from `least` to `most`. */
export function asInteger(field: string, value: unknown, least: number, most: number): number {
  if (typeof value !== 'number') throw wrongType(field, 'a number', value)
  if (!Number.isInteger(value) || value < least || value > most)
    throw wrongValue(field, value, `is no integer from ${least} to ${most}`)
  return value
}

export function asBoolean(field: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw wrongType(field, 'true or false', value)
  return value
}

/** A boolean that may be left out. */
export function asFlag(field: string, value: unknown): boolean | undefined {
  return optional(field, value, asBoolean)
}

/** It can be written and read by; what it does then is its own. */
export function asCodec(field: string, value: unknown): Codec<unknown> {
  const codec = value as Partial<Codec<unknown>> | null | undefined
  if (typeof codec !== 'object' || typeof codec?.write !== 'function' || typeof codec.read !== 'function')
    throw wrongType(field, 'a codec', value)
  return codec as Codec<unknown>
}

export function asBytes(field: string, value: unknown): Uint8Array {
  // What only inherits from one has no bytes.
  if (!types.isUint8Array(value)) throw wrongType(field, 'a Uint8Array', value)
  return value
}

/** It is called as it is; what it takes and returns is the caller's. */
export function asFunction<T>(field: string, value: T): T {
  if (typeof value !== 'function') throw wrongType(field, 'a function', value)
  return value
}

/** In canonical form. */
export function asIp(field: string, value: unknown): Ip {
  const text = asString(field, value)
  const ip = toIp(text)
  if (ip === undefined) throw wrongValue(field, text, 'is not an IP address')
  return ip
}

/** Of one family. */
export function asIpOf(field: string, value: unknown, family: Family): Ip {
  const ip = asIp(field, value)
  if (familyOf(ip) !== family) throw wrongValue(field, ip, `is not an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`)
  return ip
}

/** A network; bits behind the prefix are cleared. */
export function asNetwork(field: string, value: unknown): Cidr {
  const text = asString(field, value)
  const [address = '', length = ''] = text.split('/', 3)
  const ip = toIp(address)
  if (ip === undefined || text.lastIndexOf('/') !== address.length || !/^(?:0|[1-9][0-9]{0,2})$/.test(length))
    throw wrongValue(field, text, 'is not a network, ADDRESS/LENGTH')
  if (Number(length) > addressBits(familyOf(ip))) throw wrongValue(field, text, 'has a prefix longer than an address')
  return cidrOf(ip, Number(length))
}

/** Without bits behind the prefix. */
export function asCidr(field: string, value: unknown): Cidr {
  const cidr = asNetwork(field, value)
  const [address = ''] = (value as string).split('/')
  if (cidr !== `${toIp(address)}/${cidr.slice(cidr.indexOf('/') + 1)}`)
    throw wrongValue(field, value, `has bits behind its prefix; its network is ${cidr}`)
  return cidr
}

export function asFamily(field: string, value: unknown): Family {
  return oneOf(field, value, FAMILIES)
}

export function asLladdr(field: string, value: unknown): Lladdr {
  const text = asString(field, value)
  try {
    return parseLladdr(text)
  } catch {
    throw wrongValue(field, text, 'is not a MAC address')
  }
}

/** 1 to 2^31-1. */
export function asIfindex(field: string, value: unknown): Ifindex {
  if (typeof value !== 'number') throw wrongType(field, 'a number', value)
  const ifindex = toIfindex(value)
  if (ifindex === undefined) throw wrongValue(field, value, 'is not an interface index')
  return ifindex
}

/** 1 to 15 bytes, neither `.` nor `..`, without `/`, `:` and white space: what the kernel's dev_valid_name takes. */
export function asIfname(field: string, value: unknown): string {
  const name = asString(field, value)
  const bytes = name.length < IFNAME_BYTES ? UTF8.encode(name).length : name.length
  if (bytes < 1 || bytes >= IFNAME_BYTES || name === '.' || name === '..' || /[/:\s\0]/.test(name) || !isText(name))
    throw wrongValue(field, name, 'is not an interface name')
  return name
}

/** False where half a surrogate pair is in it, which UTF-8 cannot say. */
function isText(value: string): boolean {
  return !/\p{Cs}/u.test(value)
}

export function oneOf<T extends string>(field: string, value: unknown, allowed: readonly T[]): T {
  const text = asString(field, value)
  const found = allowed.find((each) => each === text)
  if (found === undefined) throw wrongValue(field, text, `is none of ${allowed.join(', ')}${nearest(text, allowed)}`)
  return found
}

/** An array, each element read once. */
export function asList<T>(field: string, value: unknown, read: (field: string, value: unknown) => T): T[] {
  if (!Array.isArray(value)) throw wrongType(field, 'an array', value)
  const { length } = value
  if (length > LONGEST_LIST) throw new RangeError(`${field}: ${length} elements are more than ${LONGEST_LIST}`)
  return Array.from({ length }, (_, index) => read(`${field}[${index}]`, (value as unknown[])[index]))
}

/** undefined stays so; everything else, null too, is read. */
export function optional<T>(field: string, value: unknown, read: (field: string, value: unknown) => T): T | undefined {
  return value === undefined ? undefined : read(field, value)
}

/**
 * The values of an object's known keys, each read once. A key that is not known is a TypeError: it is a slip of the pen that
 * would go without effect.
 */
export function fieldsOf<K extends string>(
  field: string,
  value: unknown,
  keys: readonly K[],
): Readonly<Record<K, unknown>> {
  const given = asObject(field, value)
  refuseUnknownKeys(field, given, keys)
  return Object.fromEntries(keys.map((key) => [key, given[key]])) as Record<K, unknown>
}

/**
 * A copy of an object, each field read once, without those that `keys` does not have: that is a TypeError, as of fieldsOf.
 * What its fields hold is still to be looked at.
 */
export function copyOf<T>(field: string, value: T, keys: readonly string[]): T & Readonly<Record<string, unknown>> {
  const given = asObject(field, value)
  refuseUnknownKeys(field, given, keys)
  return { ...given } as T & Readonly<Record<string, unknown>>
}

/** Neither null nor an array nor a function. */
export function asObject(field: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrongType(field, 'an object', value)
  return value as Record<string, unknown>
}

export function refuseUnknownKeys(field: string, value: object, keys: readonly string[]): void {
  for (const key of Object.keys(value)) if (!keys.includes(key)) throw unknownKey(field, key, keys)
}

/** A key as errors begin with it: quoted where it is no plain word. */
export function keyName(key: string): string {
  return /^[\w-]+$/.test(key) ? key : shown(key)
}

/** The nearest of those that there are is named; where none is near, all. */
export function unknownKey(field: string, key: string, keys: readonly string[]): TypeError {
  const place = field === '' ? keyName(key) : `${field}.${keyName(key)}`
  const others = nearest(key, keys) || (keys.length === 0 ? '' : `; there are ${keys.map(keyName).join(', ')}`)
  return new TypeError(`${place}: there is no such field${others}`)
}

export function asSignal(field: string, value: unknown): AbortSignal {
  if (!(value instanceof AbortSignal)) throw wrongType(field, 'an AbortSignal', value)
  return value
}
