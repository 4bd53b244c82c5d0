/**
 * The desired tables of one device together with the few peers that changed since they were packed: answers whether a key
 * is taken and whether an entry is as desired without packing 100,000 peers anew. Pure but for its own memory.
 * Must not: know what the kernel has.
 */

import * as abi from '../addon/abi.ts'
import type { FamilyLease } from '../cluster/lease.ts'
import type { Peers } from '../cluster/view.ts'
import type { Lladdr } from '../net/lladdr.ts'
import { changedKeys } from '../util/layered-map.ts'
import type { Slices } from '../util/slices.ts'
import { type DesiredTable, type DesiredTables, desiredTables, packTables, type TablesOf } from './desired.ts'
import { writeLladdr } from './packed/packing.ts'
import {
  HEAD,
  HEAD_MASK,
  KIND_MASK,
  PRIORITY,
  sameAddress,
  TAIL,
  VIA,
  WORDS,
  word,
  wordOf,
  wordsOf,
} from './packed/words.ts'
import { type FamilyPeers, type Peer, peersOf } from './peers.ts'

/** What the tables are made for. */
export interface BookOf extends TablesOf {
  /** Of our own device: no peer may have it. undefined: none is known, or host-gw. */
  readonly lladdr: Lladdr | undefined
}

/** Changes of at most this many peers are planned by their keys alone; more are cheaper in one full round. */
const FEW = 32

export interface DesiredBook {
  /** The view that all answers are for. */
  readonly view: Peers
  readonly conflicts: FamilyPeers['conflicts']
  /** As they were packed; stale by the changes that were noted since. */
  readonly packed: DesiredTables
  /** Entries of each table, what was noted included. */
  readonly sizes: Readonly<Record<'neighbours' | 'fdb' | 'routes', number>>
  /** Whether any change was noted. */
  readonly noted: boolean
  /**
   * The tables of what changed from the book's view to `next`, as they were and as they shall be; undefined when that is
   * more than a few peers, or one of them claims what another has: then the whole view has to decide.
   */
  changeTo(next: Peers): Change | undefined
  /** The change was applied: `next` is the book's view from now on. */
  note(change: Change): void
  /** Whether the packed entry `bytes` of 48 bytes is exactly a desired one; false also when its key is not desired. */
  agrees(bytes: Uint8Array): boolean
  /** Whether the key of this entry is desired. */
  wants(bytes: Uint8Array): boolean
}

export interface Change {
  readonly next: Peers
  readonly nodes: readonly string[]
  readonly before: DesiredTables
  readonly after: DesiredTables
  readonly peers: readonly Peer[]
}

/**
 * Packs the whole view. Where two claim one key, or one our own lladdr, the seniority of all decides (peers.ts); in a view
 * of a lease source none do, so it is looked up in the packed tables first.
 */
export function* packBook(of: BookOf, view: Peers): Slices<DesiredBook> {
  // As long as they may become, at once: an array that grows leaves as much again behind.
  const nodes = new Array<string>(view.size)
  const claims = new Array<FamilyLease>(view.size)
  let count = 0
  for (const [node, lease] of view) {
    const claim = lease[of.family]
    if (claim === undefined) continue
    nodes[count] = node
    claims[count] = claim
    count += 1
  }
  nodes.length = count
  claims.length = count
  const packed = yield* packTables(of, nodes, claims)
  if (!isContested(packed, of.lladdr)) return bookOf(of, view, packed, [])
  const { peers, conflicts } = peersOf(view, of.family, of.lladdr)
  const kept = yield* packTables(
    of,
    peers.map((peer) => peer.node),
    peers,
  )
  return bookOf(of, view, kept, conflicts)
}

function isContested({ neighbours, fdb, routes }: DesiredTables, ours: Lladdr | undefined): boolean {
  if ([neighbours, fdb, routes].some((table) => table.duplicate >= 0)) return true
  if (ours === undefined) return false
  const own = new Uint8Array(abi.ENTRY_BYTES)
  own[abi.OFFSET_KIND] = abi.KIND_FDB
  writeLladdr(own, abi.OFFSET_DST, ours)
  return fdb.index.find(new Int32Array(own.buffer), 0) >= 0
}

function bookOf(of: BookOf, view: Peers, packed: DesiredTables, conflicts: FamilyPeers['conflicts']): DesiredBook {
  /** Peers that changed since, by node; null: gone. */
  const changed = new Map<string, Peer | null>()
  let late = desiredTables({ ...of, peers: [] })
  let current = view
  let sizes = sizesOf(packed)

  const tableOf = (tables: DesiredTables, kind: number): DesiredTable =>
    kind === abi.KIND_NEIGHBOUR ? tables.neighbours : kind === abi.KIND_FDB ? tables.fdb : tables.routes
  /** The row of the key in what is desired now: among the late peers first, then among the packed that did not change. */
  const find = (bytes: Uint8Array): { words: Int32Array; at: number } | undefined => {
    const key = new Int32Array(bytes.slice(0, abi.ENTRY_BYTES).buffer)
    const kind = bytes[abi.OFFSET_KIND] ?? 0
    for (const tables of [late, packed]) {
      const table = tableOf(tables, kind)
      const row = rowOf(table, key, kind)
      if (row >= 0 && usersOf(tables, kind, row).length > 0) return { words: wordsOf(table), at: row * WORDS }
    }
    return undefined
  }
  /** The nodes that a row is for: of those that share an FDB entry, all that did not change since. */
  const usersOf = (tables: DesiredTables, kind: number, row: number): readonly string[] => {
    const table = tableOf(tables, kind)
    const nodes = [row, ...(table.twins.get(row) ?? [])].map((one) => tables.nodes[table.peers[one] ?? -1] ?? '')
    return tables === packed ? nodes.filter((node) => !changed.has(node)) : nodes
  }
  /** The nodes that have the key of this kind of the peer, itself among them. */
  const holdersOf = (peer: Peer, kind: number): readonly string[] => {
    const own = tableOf(desiredTables({ ...of, peers: [peer] }), kind)
    if (own.length === 0) return []
    return [late, packed].flatMap((tables) => {
      const row = rowOf(tableOf(tables, kind), wordsOf(own), kind)
      return row < 0 ? [] : usersOf(tables, kind, row)
    })
  }
  const isTaken = (peer: Peer, except: ReadonlySet<string>): boolean =>
    (peer.lladdr !== undefined && peer.lladdr === of.lladdr) ||
    [abi.KIND_NEIGHBOUR, abi.KIND_FDB, abi.KIND_ROUTE].some((kind) =>
      holdersOf(peer, kind).some((node) => !except.has(node)),
    )

  return {
    get view() {
      return current
    },
    conflicts,
    packed,
    get sizes() {
      return sizes
    },
    get noted() {
      return changed.size > 0
    },
    changeTo(next) {
      // A claim that lost before may win now: that is for the whole view to decide.
      if (conflicts.length > 0) return undefined
      const differing = changedKeys(current, next, FEW)
      if (differing === undefined) return undefined
      const pick = (from: Peers, nodes: Iterable<string>): FamilyPeers =>
        peersOf(new Map([...nodes].flatMap((node) => entryOf(from, node))), of.family, of.lladdr)
      // Whoever shares an FDB entry with one of them has it before and after, so that it stays where it is needed.
      const nodes = new Set(differing)
      for (const from of [current, next])
        for (const peer of pick(from, differing).peers)
          for (const node of holdersOf(peer, abi.KIND_FDB)) nodes.add(node)
      if (changed.size + nodes.size > FEW * 8) return undefined
      const before = pick(current, nodes)
      const after = pick(next, nodes)
      if (after.conflicts.length > 0 || after.peers.some((peer) => isTaken(peer, nodes))) return undefined
      return {
        next,
        nodes: [...nodes],
        before: desiredTables({ ...of, peers: before.peers }),
        after: desiredTables({ ...of, peers: after.peers }),
        peers: after.peers,
      }
    },
    note({ next, nodes, peers: now, before, after }) {
      sizes = plus(sizes, sizesOf(after), sizesOf(before))
      for (const node of nodes) changed.set(node, now.find((peer) => peer.node === node) ?? null)
      late = desiredTables({ ...of, peers: [...changed.values()].filter((peer) => peer !== null) })
      current = next
    },
    agrees(bytes) {
      const found = find(bytes)
      return found !== undefined && sameEntry(new Int32Array(bytes.slice(0, abi.ENTRY_BYTES).buffer), found)
    },
    wants: (bytes) => find(bytes) !== undefined,
  }
}

/** A row that says the same as another is no entry of its own. */
function sizesOf(tables: DesiredTables): DesiredBook['sizes'] {
  const size = ({ length, twins }: DesiredTable): number =>
    [...twins.values()].reduce((rest, rows) => rest - rows.length, length)
  return { neighbours: size(tables.neighbours), fdb: size(tables.fdb), routes: size(tables.routes) }
}

function plus(a: DesiredBook['sizes'], more: DesiredBook['sizes'], less: DesiredBook['sizes']): DesiredBook['sizes'] {
  return {
    neighbours: a.neighbours + more.neighbours - less.neighbours,
    fdb: a.fdb + more.fdb - less.fdb,
    routes: a.routes + more.routes - less.routes,
  }
}

function entryOf(peers: Peers, node: string) {
  const lease = peers.get(node)
  return lease === undefined ? [] : [[node, lease] as const]
}

/** The row with the key of the first entry of `key`; -1: none. Neighbours and FDB by dst, routes by prefix and metric. */
function rowOf(table: DesiredTable, key: Int32Array, kind: number): number {
  const row = table.index.find(key, 0)
  if (row < 0 || kind !== abi.KIND_ROUTE) return row
  return wordsOf(table)[row * WORDS + PRIORITY] === key[PRIORITY] ? row : -1
}

const NEIGHBOUR_TAIL = wordOf(0, abi.NUD_PERMANENT, 0, abi.ENTRY_EXTRAS)
const ROUTE_TAIL = wordOf(0xff, 0xff, 0xff, abi.ENTRY_ONLINK | abi.ENTRY_GATEWAY | abi.ENTRY_EXTRAS | abi.ENTRY_DEAD)

function sameEntry(entry: Int32Array, { words, at }: { words: Int32Array; at: number }): boolean {
  const route = (word(entry, HEAD) & KIND_MASK) === wordOf(0, abi.KIND_ROUTE, 0, 0)
  const tail = route ? ROUTE_TAIL : NEIGHBOUR_TAIL
  return (
    (word(entry, HEAD) & HEAD_MASK) === (word(words, at + HEAD) & HEAD_MASK) &&
    sameAddress(entry, VIA, words, at + VIA) &&
    entry[abi.OFFSET_IFINDEX / 4] === words[at + abi.OFFSET_IFINDEX / 4] &&
    (word(entry, TAIL) & tail) === (word(words, at + TAIL) & tail)
  )
}
