/**
 * All that one fake namespace knows, as plain data, and the one way in which a change of it is announced.
 * Must not: decide what a request or a disturbance does (links, addresses, routes, neighbours, fdb do).
 */

import * as abi from '../../../lib/addon/abi.ts'
import type { Ifindex } from '../../../lib/net/ifindex.ts'
import type { Family, Ip } from '../../../lib/net/ip.ts'
import type {
  Address,
  Announcement,
  Link,
  Monitor,
  MonitorGroup,
  MonitorOptions,
  Notification,
  Rule,
} from '../../../lib/rtnl/port.ts'
import type { Fdb, Key, Neighbour, Route } from './records.ts'

/** Bytes; the loopback link has no upper limit. */
export const LEAST_MTU = 68
export const LARGEST_MTU = 65_535

/** What a link remembers besides what RTM_GETLINK shows. */
export interface LinkDetail {
  /** The other end of a veth pair in this namespace; undefined when there is none here. */
  peer: Ifindex | undefined
  /** What the cable says, for a kind '' link and for a veth whose peer is elsewhere. */
  cable: boolean
  /** IPv6 has been configured since the last `up` (IF_READY). */
  ipv6Ready: boolean
  /** Somebody chose the MTU: a bridge no longer follows its ports. */
  mtuSet: boolean
  /** tx-checksumming, on as every kind of link has it at first. */
  txChecksum: boolean
}

/** An address, and its bytes as a key. */
export interface OwnAddress extends Address {
  readonly key: Key
}

export interface OwnAddresses {
  ipv4: OwnAddress[]
  ipv6: OwnAddress[]
}

export interface RouteTable {
  readonly family: Family
  /** By destination and length (routeKey), each list in order of metric. */
  readonly byPrefix: Map<string, Route[]>
  /** How many lists there are of each prefix length: a look-up visits only these. */
  readonly lengths: Int32Array
}

export interface RouteTables {
  readonly ipv4: RouteTable
  readonly ipv6: RouteTable
}

/** A policy rule as the port shows it. */
export type FakeRule = Rule

/** One neighbour table a family, by address. */
export interface Neighbours {
  readonly ipv4: Map<Key, Neighbour>
  readonly ipv6: Map<Key, Neighbour>
}

export interface Listener {
  readonly portId: number
  readonly options: MonitorOptions
  queue: Notification[]
  scheduled: boolean
  /** As Monitor.hearEntries said last. */
  hearsEntries: boolean
  /** After `closed` or `close()` nothing more is queued. */
  ended: boolean
  readonly monitor: Monitor
}

export interface Settings {
  /** IPv6 addresses without nodad are tentative until `admin.finishDad`. */
  readonly dad: boolean
  /** Links get an fe80:: address when they come up (addr_gen_mode eui64). */
  readonly linkLocals: boolean
  readonly delivery: 'microtask' | 'manual'
  readonly traits: KernelTraits
}

/** In what kernels differ, as far as vtepd sees it; test/conformance asks the real one. */
export interface KernelTraits {
  /** IFA_PROTO is told (Linux 5.18). */
  readonly addressProtocols: boolean
  /** A link that is up can be renamed (6.2). */
  readonly renamesWhileUp: boolean
  /** A link's FDB can be flushed with one request (6.0). */
  readonly flushesFdb: boolean
  /** IPv6: an onlink gateway that another link reaches is refused (not so on 7.2). */
  readonly refusesOnlinkElsewhere: boolean
}

/** Of Linux 6.18. */
export const USUAL_TRAITS: KernelTraits = {
  addressProtocols: true,
  renamesWhileUp: true,
  flushesFdb: true,
  refusesOnlinkElsewhere: true,
}

export interface State {
  readonly settings: Settings
  nextIfindex: number
  /** net.ipv4.ip_forward. */
  forwarding: boolean
  readonly links: Map<Ifindex, Link>
  /** Alternative ones too. */
  readonly names: Map<string, Ifindex>
  readonly details: Map<Ifindex, LinkDetail>
  /** Links moved to another namespace. A VXLAN one still holds its VNI and port here (kernel-facts 2). */
  readonly away: Map<Ifindex, Link>
  readonly addresses: Map<Ifindex, OwnAddresses>
  /** Main. */
  readonly routes: RouteTables
  /** Every other table but local, by number. */
  readonly otherTables: Map<number, RouteTables>
  readonly rules: { readonly ipv4: FakeRule[]; readonly ipv6: FakeRule[] }
  /** The kernel keeps IPv4's local and main tables in one until the first rule is added. */
  unmerged: boolean
  readonly neighbours: Map<Ifindex, Neighbours>
  /** By lladdr; only VXLAN links have a table. It moves with a link that goes away. */
  readonly fdb: Map<Ifindex, Map<Key, Fdb>>
  /** What was told to links, oldest first. */
  readonly announcements: Announcement[]
  readonly listeners: Set<Listener>
}

export function createState(settings: Settings): State {
  return {
    settings,
    nextIfindex: 1,
    forwarding: true,
    links: new Map(),
    names: new Map(),
    details: new Map(),
    away: new Map(),
    addresses: new Map(),
    routes: createTables(),
    otherTables: new Map(),
    rules: { ipv4: firstRules([255, 254, 253]), ipv6: firstRules([255, 254]) },
    unmerged: false,
    neighbours: new Map(),
    fdb: new Map(),
    announcements: [],
    listeners: new Set(),
  }
}

export function createTables(): RouteTables {
  const table = (family: Family): RouteTable => ({ family, byPrefix: new Map(), lengths: new Int32Array(129) })
  return { ipv4: table('ipv4'), ipv6: table('ipv6') }
}

/** What every namespace begins with: local, main and, IPv4 only, default. */
function firstRules(tables: readonly number[]): FakeRule[] {
  return tables.map((table, at) => ({ ...PLAIN_RULE, priority: at === 0 ? 0 : 32_765 + at, table }))
}

export const PLAIN_RULE: FakeRule = {
  priority: 0,
  table: 254,
  action: abi.FR_ACT_TO_TBL,
  inverted: false,
  src: undefined,
  dst: undefined,
  iif: undefined,
  oif: undefined,
  fwmark: undefined,
  more: false,
}

/** Queues `notification` for every monitor that has joined the group. `family` matters for addresses, routes and rules only. */
export function emit(state: State, group: MonitorGroup, family: Family | undefined, notification: Notification): void {
  for (const listener of state.listeners) {
    const { groups, ignoreOwn = true } = listener.options
    const { families, addressFamilies = families } = listener.options
    if (listener.ended || !groups.includes(group)) continue
    if (family !== undefined && !(group === 'address' ? addressFamilies : families).includes(family)) continue
    if (notification.type === 'entry' && !listener.hearsEntries) continue
    if (ignoreOwn && notification.type === 'entry' && notification.pid === listener.portId) continue
    enqueue(state, listener, notification)
  }
}

export function enqueue(state: State, listener: Listener, notification: Notification): void {
  listener.queue.push(notification)
  if (state.settings.delivery === 'manual' || listener.scheduled) return
  listener.scheduled = true
  queueMicrotask(() => deliverTo(listener))
}

/** Hands over what is queued, in one call. */
export function deliverTo(listener: Listener): number {
  listener.scheduled = false
  const { queue } = listener
  if (queue.length === 0) return 0
  listener.queue = []
  listener.options.onNotifications(queue)
  return queue.length
}

/** Whether a route's output link is up without carrier: shown as ENTRY_DEAD. */
export function isDead(state: State, route: Route): boolean {
  const link = state.links.get(route.oif as Ifindex)
  return link?.up === true && !link.carrier
}

/** The record of a route, with ENTRY_DEAD if it is. Copies only then. */
export function routeBytes(route: Route, dead: boolean): Uint8Array {
  if (!dead) return route.bytes
  const bytes = route.bytes.slice()
  bytes[abi.OFFSET_FLAGS] = (bytes[abi.OFFSET_FLAGS] ?? 0) | abi.ENTRY_DEAD
  return bytes
}

export function emitRoute(
  state: State,
  action: 'set' | 'deleted',
  route: Route,
  pid: number,
  dead = isDead(state, route),
): void {
  if (state.listeners.size === 0) return
  emitEntry(state, 'route', route.family, action, routeBytes(route, dead), pid)
}

export function emitEntry(
  state: State,
  group: 'neighbour' | 'route',
  family: Family | undefined,
  action: 'set' | 'deleted',
  bytes: Uint8Array,
  pid: number,
): void {
  if (state.listeners.size === 0) return
  emit(state, group, family, { type: 'entry', action, entry: { bytes, length: 1 }, pid })
}

export function emitLink(state: State, action: 'set' | 'deleted', link: Link, pid: number): void {
  emit(state, 'link', undefined, { type: 'link', action, link: { ...link, altnames: [] }, pid })
}

export function emitAddress(state: State, action: 'set' | 'deleted', own: OwnAddress, pid: number): void {
  if (state.listeners.size === 0) return
  emit(state, 'address', own.key.length === 4 ? 'ipv4' : 'ipv6', {
    type: 'address',
    action,
    address: publicAddress(own),
    pid,
  })
}

/** The address as the port shows it. */
export function publicAddress(own: OwnAddress): Address {
  const { ifindex, ip, prefixLength, scope, protocol, flags } = own
  return { ifindex, ip, prefixLength, scope, protocol, flags }
}

/** Whether any link here has this address. The kernel counts those of links that are down too. */
export function isLocal(state: State, family: Family, key: Key): boolean {
  for (const own of state.addresses.values()) for (const address of own[family]) if (address.key === key) return true
  return false
}

export function ownAddresses(state: State, ifindex: Ifindex): OwnAddresses {
  let own = state.addresses.get(ifindex)
  if (own === undefined) {
    own = { ipv4: [], ipv6: [] }
    state.addresses.set(ifindex, own)
  }
  return own
}

export type { Address, Family, Ifindex, Ip, Link }
