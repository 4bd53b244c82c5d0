/** Multicast groups of bridges (MDB): who wants what. Must not: retry, decide or log. */

import { type Ifindex, toIfindex } from '../../net/ifindex.ts'
import { familyOf, type Ip, ipFromBytes, ipToBytes } from '../../net/ip.ts'
import { type Lladdr, lladdrFromBytes, lladdrToBytes, parseLladdr } from '../../net/lladdr.ts'
import type { CallOptions } from '../../netlink/call.ts'
import { asIfindex, asInteger, asIp, copyOf } from '../../netlink/check.ts'
import type { Codec } from '../../netlink/codec.ts'
import type { Dump } from '../../netlink/dump.ts'
import { NLM_F_CREATE, NLM_F_EXCL } from '../../netlink/message.ts'
import type { Netlink } from '../../netlink/netlink.ts'
import { oneOf, u8 } from '../../netlink/scalars.ts'
import { shown } from '../../util/wrong-input.ts'
import * as inet from '../inet.ts'
import * as schema from './schema.ts'

/** `temporary`: it ages, as one that was heard. */
export type MdbState = 'temporary' | 'permanent'

export interface MdbSpec {
  readonly bridge: Ifindex
  /** The port; the bridge itself, where this host wants it. */
  readonly port: Ifindex
  /** A multicast group: IPv4, IPv6, or a MAC address, which is permanent always. */
  readonly group: Ip | Lladdr
  /** VLAN, 1 … 4094; undefined: none. */
  readonly vid?: number | undefined
  /** Default `permanent`. */
  readonly state?: MdbState | number | undefined
  /** Packets of this sender alone. */
  readonly source?: Ip | undefined
  /** Whether `sources` are those that are wanted, or those that are not (Linux 6.2, as `sources`). */
  readonly filterMode?: 'include' | 'exclude' | number | undefined
  /** The kernel tells for each how many seconds it stays; it is not written. */
  readonly sources?: readonly { readonly source: Ip; readonly timer?: number | undefined }[] | undefined
  /** RTPROT_*: who made it (Linux 6.2; before, the kernel says 4, RTPROT_STATIC, of its own accord). */
  readonly protocol?: number | undefined
}

/** An entry as the kernel has it. */
export interface MdbEntry extends MdbSpec {
  readonly state: MdbState | number
  /** Seconds that it stays if nobody asks again; 0: for ever. */
  readonly timer?: number | undefined
  readonly offloaded: boolean
  readonly fastLeave: boolean
  /** Made for a port that wants all but some senders. */
  readonly starExclude: boolean
  /** Made in order that this sender is not forwarded. */
  readonly blocked: boolean
}

/** Promises reject with TypeError or RangeError before anything is sent, with NetlinkError where the kernel refused. */
export interface Mdb {
  /** Of all bridges, or of one; those of VXLAN links are not told. Empty where the kernel has no multicast snooping. */
  listMdb(filter?: { readonly bridge?: Ifindex }, options?: CallOptions): Promise<Dump<readonly MdbEntry[]>>
  /** EEXIST: it is there. EINVAL: the bridge is down, or does not snoop. */
  addMdb(entry: MdbSpec, options?: CallOptions): Promise<void>
  /** By bridge, port, group, VLAN and source. EINVAL or ENOENT: there is none. */
  deleteMdb(entry: MdbSpec, options?: CallOptions): Promise<void>
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

const KEYS = [
  ...'bridge port group vid state source filterMode sources protocol'.split(' '),
  // Only told by the kernel: passed over.
  ...'timer offloaded fastLeave starExclude blocked'.split(' '),
]
const RTPROT_STATIC = 4
const ETH_P_IP = 0x0800
const ETH_P_IPV6 = 0x86dd
const FLAGS = { offloaded: 0x1, fastLeave: 0x2, starExclude: 0x4, blocked: 0x8 } as const
const state8: Codec<MdbState | number> = oneOf(u8, { temporary: 0, permanent: 1 })
const body = inet.called('mdb', schema.mdbRequest)

export function mdbOver(netlink: Netlink): Mdb {
  return {
    async listMdb(filter = {}, options) {
      const { bridge } = copyOf('filter', filter, ['bridge'])
      if (bridge !== undefined) asIfindex('filter.bridge', bridge)
      const query = { type: schema.RTM_GETMDB, body: schema.mdbRequest, value: { family: schema.AF_BRIDGE } }
      // Bridges answer with the type of the question, and no family; VXLAN links, which are asked too, with RTM_NEWMDB.
      const named = { answer: schema.mdbAnswer, answerType: schema.RTM_GETMDB, op: 'mdb.list', subject: 'all' }
      try {
        const dump = await netlink.dump({ ...query, ...named }, options)
        const wanted = dump.value.filter((one) => (bridge ?? one.bridge) === one.bridge)
        return { ...dump, value: wanted.flatMap((one) => (one.entries ?? []).flat().flatMap(entryOf(one.bridge ?? 0))) }
      } catch (error) {
        if (inet.isNothing(error)) return inet.NOTHING
        throw error
      }
    },
    async addMdb(entry, options) {
      const spec = copyOf('mdb', entry, KEYS)
      const request = { type: schema.RTM_NEWMDB, flags: NLM_F_CREATE | NLM_F_EXCL, body, value: rawEntry(spec, true) }
      await netlink.request({ ...request, op: 'mdb.add', subject: subjectOf(spec) }, options)
    },
    async deleteMdb(entry, options) {
      const spec = copyOf('mdb', entry, KEYS)
      const request = { type: schema.RTM_DELMDB, body, value: rawEntry(spec, false) }
      await netlink.request({ ...request, op: 'mdb.delete', subject: subjectOf(spec) }, options)
    },
  }
}

function subjectOf({ group, port, bridge }: MdbSpec): string {
  return `${group} of port ${port} of bridge ${bridge}`
}

function entryOf(bridgeIndex: number): (raw: schema.RawMdbEntry) => MdbEntry[] {
  return (raw) => {
    const [bridge, port, group] = [toIfindex(bridgeIndex), toIfindex(raw.port ?? 0), groupOf(raw)]
    if (bridge === undefined || port === undefined || group === undefined) return []
    const { flags = 0, vid = 0, state = 0, timer, source, filterMode, sources, origin } = raw
    const has = (flag: number): boolean => (flags & flag) !== 0
    const value: Mutable<MdbEntry> = {
      bridge,
      port,
      group,
      state,
      offloaded: has(FLAGS.offloaded),
      fastLeave: has(FLAGS.fastLeave),
      starExclude: has(FLAGS.starExclude),
      blocked: has(FLAGS.blocked),
    }
    if (vid !== 0) value.vid = vid
    if (timer !== undefined) value.timer = timer
    if (source !== undefined) value.source = source
    if (filterMode !== undefined) value.filterMode = filterMode
    if (origin !== undefined) value.protocol = origin
    if (sources !== undefined)
      value.sources = sources.flatMap((one) =>
        one.source === undefined ? [] : [{ source: one.source, timer: one.timer ?? 0 }],
      )
    return [value]
  }
}

function groupOf({ protocol, address }: schema.RawMdbEntry): Ip | Lladdr | undefined {
  if (address === undefined) return undefined
  if (protocol === ETH_P_IP) return ipFromBytes(address.subarray(0, 4))
  if (protocol === ETH_P_IPV6) return ipFromBytes(address)
  return protocol === 0 ? lladdrFromBytes(address.subarray(0, 6)) : undefined
}

function rawEntry(spec: MdbSpec, isNew: boolean): schema.RawMdbRequest {
  const { bridge, port, vid, state, source, filterMode, protocol } = spec
  const group = rawGroup(spec.group)
  const isLocalTo = (one: Ip | undefined): boolean => one === undefined || familyOf(one) === group.family
  const from = source === undefined ? undefined : asIp('mdb.source', source)
  const sources = rawSources(spec.sources)
  if (![from, ...(sources ?? []).map((one) => one.source)].every(isLocalTo))
    throw new RangeError('mdb.source: senders are of the family of the group, and a MAC address has none')
  const entry = {
    port: asIfindex('mdb.port', port),
    state: inet.asRead(state8, 'mdb.state', state === undefined ? 'permanent' : state),
    vid: vid === undefined ? 0 : asInteger('mdb.vid', vid, 1, 4094),
    address: group.address,
    protocol: group.protocol,
  }
  if (typeof entry.state === 'number') throw new RangeError(`mdb.state: ${entry.state} is no state`)
  const attributes = {
    source: from,
    ...(isNew && sources !== undefined && sources.length > 0 ? { sources } : {}),
    filterMode: isNew ? modeOf(filterMode, source === undefined ? 'exclude' : 'include') : undefined,
    origin: isNew ? originOf(protocol) : undefined,
  }
  const isNeeded = Object.values(attributes).some((one) => one !== undefined)
  return {
    family: schema.AF_BRIDGE,
    bridge: asIfindex('mdb.bridge', bridge),
    entry,
    attributes: isNeeded ? attributes : undefined,
  }
}

/** What the kernel takes of its own accord is not said: before Linux 6.2 it refuses the attribute. */
function modeOf(mode: MdbSpec['filterMode'], usual: string) {
  const checked = mode === undefined ? usual : inet.asRead(schema.filterMode, 'mdb.filterMode', mode)
  return checked === usual ? undefined : (checked as typeof mode)
}

function originOf(protocol: number | undefined): number | undefined {
  const checked = protocol === undefined ? RTPROT_STATIC : asInteger('mdb.protocol', protocol, 0, 255)
  return checked === RTPROT_STATIC ? undefined : checked
}

function rawSources(sources: unknown): { readonly source: Ip }[] | undefined {
  if (sources === undefined) return undefined
  if (!Array.isArray(sources)) throw new TypeError(`mdb.sources: ${shown(sources)} is not an array`)
  return sources.map((one: unknown, i) => {
    const { source } = copyOf(`mdb.sources[${i}]`, one, ['source', 'timer'])
    return { source: asIp(`mdb.sources[${i}].source`, source) }
  })
}

function rawGroup(group: unknown) {
  if (typeof group !== 'string')
    throw new TypeError(`mdb.group: ${shown(group)} is neither an IP address nor a MAC address`)
  if (/^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){5}$/i.test(group)) {
    const address = lladdrToBytes(parseLladdr(group))
    if (((address[0] ?? 0) & 1) === 0) throw new RangeError(`mdb.group: ${shown(group)} is no multicast address`)
    return { address, protocol: 0, family: undefined }
  }
  const ip = asIp('mdb.group', group)
  const address = ipToBytes(ip)
  const [first = 0] = address
  const family = familyOf(ip)
  if (family === 'ipv4' ? first >> 4 !== 0xe : first !== 0xff)
    throw new RangeError(`mdb.group: ${shown(group)} is no multicast address`)
  return { address, protocol: family === 'ipv4' ? ETH_P_IP : ETH_P_IPV6, family }
}
