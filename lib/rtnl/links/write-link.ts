/** From what a caller wants to what the kernel is asked, with the checks that codecs cannot make. Must not: talk to the kernel. */
import { lladdrToBytes } from '../../net/lladdr.ts'
import {
  asBoolean,
  asIfindex,
  asIfname,
  asInteger,
  asIp,
  asLladdr,
  asObject,
  fieldsOf,
  oneOf,
  optional,
  refuseUnknownKeys,
} from '../../netlink/check.ts'
import { netnsPath } from '../../netlink/netns-path.ts'
import { wrongValue } from '../../util/wrong-input.ts'
import { keyOfKind, type LinkInfo } from './kinds.ts'
import * as schema from './schema.ts'

const INT_MAX = 0x7fffffff
const UINT_MAX = 0xffffffff
const LONGEST_ALIAS = 255

type Fields = Readonly<Record<string, unknown>>
type Read<T> = (field: string, value: unknown) => T
type Raw = { -readonly [K in keyof schema.RawLink]: schema.RawLink[K] }

/** What can be created. */
const KINDS =
  'bridge dummy ifb wireguard nlmon team veth vxlan vlan macvlan macvtap ipvlan ipvtap bond vrf geneve'.split(' ')
/** What the attributes of some cannot be without. */
const NEEDS: Readonly<Record<string, readonly string[]>> = { veth: ['peer'], vlan: ['id'], vrf: ['table'] }
const WITH_PARENT = new Set(['vlan', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap'])
/** Devices of one of the two belong to no network of their own: their VNI comes with each packet. */
const WITH_VNI = new Set(['vxlan', 'geneve'])

const FLAGS = {
  up: schema.IFF_UP,
  noArp: schema.IFF_NOARP,
  multicast: schema.IFF_MULTICAST,
  promiscuous: schema.IFF_PROMISC,
  allMulticast: schema.IFF_ALLMULTI,
}

const asUint: Read<number> = (field, value) => asInteger(field, value, 0, UINT_MAX)
const asQueues: Read<number> = (field, value) => asInteger(field, value, 1, 4096)
const asBytes: Read<Uint8Array> = (field, value) => lladdrToBytes(asLladdr(field, value))
const asBit: Read<number> = (field, value) => (asBoolean(field, value) ? 1 : 0)

/** Attributes that a new link may have. */
const CREATED: Readonly<Record<string, readonly [keyof Raw, Read<unknown>]>> = {
  lladdr: ['address', asBytes],
  broadcast: ['broadcast', asBytes],
  mtu: ['mtu', (field, value) => asInteger(field, value, 0, INT_MAX)],
  txQueueLength: ['txQueueLength', asUint],
  group: ['group', asUint],
}
const CREATED_ONLY: typeof CREATED = {
  ifindex: ['ifindex', asIfindex],
  ifname: ['ifname', asNewName],
  txQueues: ['txQueues', asQueues],
  rxQueues: ['rxQueues', asQueues],
}
const CHANGED: typeof CREATED = {
  ...CREATED,
  ifname: ['ifname', asNewName],
  alias: ['alias', asAlias],
  operstate: ['operstate', (field, value) => oneOf(field, value, ['testing', 'dormant', 'up'])],
  linkMode: ['linkMode', (field, value) => oneOf(field, value, ['default', 'dormant'])],
  carrier: ['carrier', asBit],
  gsoMaxSize: ['gsoMaxSize', asUint],
  gsoMaxSegs: ['gsoMaxSegs', asUint],
  groMaxSize: ['groMaxSize', asUint],
}
/** Keys of a change that hold attributes of a kind; the other end of a veth pair is a link of its own. */
const CHANGED_KINDS = ['vxlan', 'bridge', 'vlan', 'macvlan', 'ipvlan', 'bond', 'geneve'] as const

/** Of a link of any kind, `master` apart. */
export const COMMON_KEYS: readonly string[] = [
  'netns',
  ...Object.keys(CREATED),
  ...Object.keys(CREATED_ONLY),
  ...Object.keys(FLAGS),
]
const CHANGE_KEYS = [
  ...['master', 'addrGenMode', 'token', 'bondPort', ...CHANGED_KINDS],
  ...Object.keys(CHANGED),
  ...Object.keys(FLAGS),
]

/** What to ask, and the namespaces that are to be opened for it: of the link, and of the other end of a veth pair. */
export interface Creation {
  readonly raw: schema.RawLink
  readonly ifname: string
  readonly home: string | undefined
  readonly peerHome: string | undefined
  /** The same with descriptors of both. */
  withNetns(fd: number | undefined, peerFd: number | undefined): schema.RawLink
}

/** Errors begin as `naming` says. */
export function creationOf(spec: unknown, naming: schema.Naming = schema.LINK): Creation {
  const { link } = naming
  const given = { ...asObject(link, spec) }
  const kind = oneOf(`${link}.kind`, given.kind, KINDS)
  const needs = NEEDS[kind] ?? []
  // The other end of a veth pair is a link of its own.
  const key = kind === 'veth' ? kind : keyOfKind(kind)
  const keys = ['kind', 'master', ...COMMON_KEYS, ...(key === undefined ? [] : [key])]
  const of = fieldsOf(link, given, WITH_PARENT.has(kind) ? [...keys, 'parent'] : keys)
  const raw = commonOf(link, of)
  const master = optional(`${link}.master`, of.master, asIfindex)
  if (master !== undefined) raw.master = master
  if (WITH_PARENT.has(kind)) raw.parent = asIfindex(`${link}.parent`, of.parent)
  const settings = key === undefined ? undefined : of[key]
  const place = naming.kind(key ?? kind)
  const data = settings === undefined && needs.length === 0 ? {} : { ...asObject(place, settings) }
  for (const name of needs) if (data[name] === undefined) throw new TypeError(`${place}.${name}: it is missing`)
  if (WITH_VNI.has(kind) && data.metadata !== true && data.vni === undefined)
    throw new TypeError(`${place}.vni: it is missing`)
  const peer = kind === 'veth' ? peerOf(place, data) : undefined
  return {
    raw,
    ifname: raw.ifname ?? '',
    home: optional(`${link}.netns`, of.netns, netnsPath),
    peerHome: optional(`${place}.peer.netns`, peer?.netns, netnsPath),
    withNetns(fd, peerFd) {
      const info: LinkInfo = {
        kind,
        ...(peer === undefined ? (key === undefined ? {} : { data }) : { data: { peer: within(peer.raw, peerFd) } }),
      }
      return { ...within(raw, fd), linkinfo: info }
    },
  }
}

/** Every error begins with `change.`. */
export function changeOf(ifindex: number, change: unknown): schema.RawLink {
  const of = fieldsOf('change', change, CHANGE_KEYS)
  const raw: Raw = { ...flagsOf('change', of), ...valuesOf('change', of, CHANGED), ifindex }
  if (of.master !== undefined) raw.master = of.master === null ? 0 : asIfindex('change.master', of.master)
  const modes = ['eui64', 'none', 'stable-privacy', 'random'] as const
  const addrGenMode = optional('change.addrGenMode', of.addrGenMode, (field, value) => oneOf(field, value, modes))
  const token = optional('change.token', of.token, asIp)
  if (addrGenMode !== undefined || token !== undefined) raw.afSpec = { inet6: { addrGenMode, token } }
  const [first, second] = CHANGED_KINDS.filter((key) => of[key] !== undefined)
  if (second !== undefined) throw new TypeError(`change.${second}: a link that is a ${first} is none`)
  const info: LinkInfo = {
    ...(first === undefined ? {} : { kind: first, data: of[first] }),
    ...(of.bondPort === undefined ? {} : { portKind: 'bond', port: of.bondPort }),
  }
  if (Object.keys(info).length > 0) raw.linkinfo = info
  return raw
}

function peerOf(place: string, { peer, ...rest }: Fields): { readonly raw: Raw; readonly netns: unknown } {
  refuseUnknownKeys(place, rest, ['peer'])
  const of = fieldsOf(`${place}.peer`, peer, COMMON_KEYS)
  return { raw: commonOf(`${place}.peer`, of), netns: of.netns }
}

function commonOf(field: string, of: Fields): Raw {
  const { ifname } = of
  const named = { ...of, ifname: asNewName(`${field}.ifname`, ifname) }
  return { ...flagsOf(field, of), ...valuesOf(field, named, { ...CREATED, ...CREATED_ONLY }) }
}

function valuesOf(field: string, of: Fields, table: typeof CREATED): Raw {
  const raw: Record<string, unknown> = {}
  for (const [key, [attribute, read]] of Object.entries(table)) {
    const value = optional(`${field}.${key}`, of[key], read)
    if (value !== undefined) raw[attribute] = value
  }
  return raw as Raw
}

function flagsOf(field: string, of: Fields): Raw {
  let [flags, change] = [0, 0]
  for (const [key, flag] of Object.entries(FLAGS)) {
    const value = optional(`${field}.${key}`, of[key], asBoolean)
    if (value === undefined) continue
    change |= flag
    if (value) flags |= flag
  }
  return change === 0 ? {} : { flags, change }
}

function within<T extends schema.RawPeer>(raw: T, fd: number | undefined): T {
  return fd === undefined ? raw : { ...raw, netnsFd: fd }
}

/** The kernel takes `%d` in a name as a number that it chooses: then nobody would know what the link is called. */
function asNewName(field: string, value: unknown): string {
  const name = asIfname(field, value)
  if (name.includes('%')) throw wrongValue(field, name, 'is not an interface name, but a pattern of names')
  return name
}

function asAlias(field: string, value: unknown): string {
  if (typeof value !== 'string') throw new TypeError(`${field}: it is not a string`)
  if (Buffer.byteLength(value) > LONGEST_ALIAS || /[\0\p{Cs}]/u.test(value))
    throw wrongValue(field, value, `is longer than ${LONGEST_ALIAS} bytes, or no text`)
  return value
}
