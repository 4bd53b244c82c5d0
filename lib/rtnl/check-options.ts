/**
 * The options of openRtnl, monitor, applyEntries and openNftMonitor, from anything to checked copies with their limits.
 * Must not: open anything.
 */
import { FAMILIES, type Family } from '../net/ip.ts'
import { type CallOptions, checkCallOptions } from '../netlink/call.ts'
import {
  asBoolean,
  asFamily,
  asFunction,
  asInteger,
  asList,
  asString,
  fieldsOf,
  oneOf,
  optional,
} from '../netlink/check.ts'
import { netnsPath } from '../netlink/netns-path.ts'
import type { NftMonitorOptions, NftWatched } from './nft-monitor.ts'
import type { ApplyOptions, MonitorGroup, MonitorOptions } from './port.ts'

const INT_MAX = 0x7fffffff
const LEAST_BUFFER = 16
/** Of `bufferBytes`. */
export const LARGEST_BUFFER = 16 << 20
/** Of `receiveBufferBytes`. */
export const LARGEST_RECEIVE_BUFFER = 64 << 20
/** Of `chunkEntries`. */
export const LARGEST_CHUNK = 65_536

const GROUPS: readonly MonitorGroup[] = ['link', 'address', 'neighbour', 'route', 'rule']
/** They have one group for each family. */
const OF_A_FAMILY: readonly MonitorGroup[] = ['address', 'route', 'rule']

/** What the addon is opened with. */
export interface SocketOptions {
  /** A path; '': our own. */
  readonly netns: string
  readonly timeoutMs: number | undefined
  readonly chunkEntries: number | undefined
  readonly bufferBytes: number | undefined
  readonly receiveBufferBytes: number | undefined
}

export function asRtnlOptions(value: unknown): SocketOptions {
  const of = fieldsOf('options', value, ['netns', 'timeoutMs', 'chunkEntries', 'bufferBytes', 'receiveBufferBytes'])
  const limited = (name: Exclude<keyof typeof of, 'netns'>, least: number, most: number): number | undefined =>
    optional(name, of[name], (field, number) => asInteger(field, number, least, most))
  return {
    netns: optional('netns', of.netns, netnsPath) ?? '',
    timeoutMs: limited('timeoutMs', 1, INT_MAX),
    chunkEntries: limited('chunkEntries', 1, LARGEST_CHUNK),
    bufferBytes: limited('bufferBytes', LEAST_BUFFER, LARGEST_BUFFER),
    receiveBufferBytes: limited('receiveBufferBytes', 1, LARGEST_RECEIVE_BUFFER),
  }
}

export interface CheckedMonitorOptions {
  readonly groups: readonly MonitorGroup[]
  readonly families: readonly Family[]
  readonly addressFamilies: readonly Family[]
  readonly onNotifications: MonitorOptions['onNotifications']
  readonly ignoreOwn: boolean
  readonly receiveBufferBytes: number | undefined
}

const MONITOR_KEYS = [
  ...(['groups', 'families', 'addressFamilies', 'onNotifications', 'ignoreOwn'] as const),
  'receiveBufferBytes',
] as const

/** A group that would hear nothing for want of a family is refused; links and neighbours need none. */
export function asMonitorOptions(value: unknown): CheckedMonitorOptions {
  const of = fieldsOf('options', value, MONITOR_KEYS)
  const groups = asList('groups', of.groups, (field, group) => oneOf(field, group, GROUPS))
  if (groups.length === 0) throw new RangeError('groups: none is named, so nothing would be heard')
  const families = optional('families', of.families, (field, list) => asList(field, list, asFamily)) ?? FAMILIES
  const addressFamilies = optional('addressFamilies', of.addressFamilies, (field, list) =>
    asList(field, list, asFamily),
  )
  for (const group of OF_A_FAMILY.filter((each) => groups.includes(each))) {
    const own = group === 'address' ? addressFamilies : undefined
    if ((own ?? families).length === 0)
      throw new RangeError(
        `${own === undefined ? 'families' : 'addressFamilies'}: none is named, so nothing would be heard of group ${group}`,
      )
  }
  return {
    groups,
    families,
    addressFamilies: addressFamilies ?? families,
    onNotifications: asFunction('onNotifications', of.onNotifications) as MonitorOptions['onNotifications'],
    ignoreOwn: optional('ignoreOwn', of.ignoreOwn, asBoolean) ?? true,
    receiveBufferBytes: optional('receiveBufferBytes', of.receiveBufferBytes, (field, number) =>
      asInteger(field, number, 1, LARGEST_RECEIVE_BUFFER),
    ),
  }
}

export function asApplyOptions(value: unknown): ApplyOptions & { readonly throwOnFailure: boolean } {
  const of = fieldsOf('options', value, ['throwOnFailure', 'signal', 'timeoutMs'])
  const throwOnFailure = optional('throwOnFailure', of.throwOnFailure, asBoolean) ?? false
  return { ...checkCallOptions({ signal: of.signal, timeoutMs: of.timeoutMs } as CallOptions), throwOnFailure }
}

/** `watched`: as they were checked, beside the objects that news name. */
export function asNftMonitorOptions(value: unknown): {
  readonly netns: string
  readonly watched: readonly { readonly given: NftWatched; readonly checked: NftWatched }[]
  readonly onNews: NftMonitorOptions['onNews']
} {
  const of = fieldsOf('options', value, ['netns', 'watched', 'onNews'])
  return {
    netns: optional('netns', of.netns, netnsPath) ?? '',
    watched: asList('watched', of.watched, (field, given) => ({
      given: given as NftWatched,
      checked: asWatched(field, given),
    })),
    onNews: asFunction('onNews', of.onNews) as NftMonitorOptions['onNews'],
  }
}

function asWatched(field: string, value: unknown): NftWatched {
  const of = fieldsOf(field, value, ['family', 'table', 'chain'])
  const chain = optional(`${field}.chain`, of.chain, asNftName)
  return {
    family: asFamily(`${field}.family`, of.family),
    table: asNftName(`${field}.table`, of.table),
    ...(chain === undefined ? {} : { chain }),
  }
}

/** NFT_NAME_MAXLEN is 256 with its zero byte. */
function asNftName(field: string, value: unknown): string {
  const name = asString(field, value)
  if (name === '' || Buffer.byteLength(name) > 255 || name.includes('\0'))
    throw new RangeError(`${field}: 1 to 255 bytes, none of them zero, are a name`)
  return name
}
