/**
 * The desired tables of one device together with the few peers that changed since they were packed: answers whether a key
 * is taken and whether an entry is as desired without packing 100,000 peers anew. Pure but for its own memory.
 * Must not: know what the kernel has.
 */
import type { Peers } from '../leases/source.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import type { Family } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import * as abi from '../rtnl/abi.ts'
import { type DesiredTable, type DesiredTables, desiredTables } from './desired.ts'
import type { OnLink } from './direct.ts'
import { type FamilyPeers, type Peer, peersOf } from './peers.ts'
import { DST, HEAD, HEAD_MASK, KIND_MASK, sameAddress, TAIL, VIA, WORDS, word, wordOf, wordsOf } from './plan/words.ts'

/** What the tables are made for. */
export interface BookOf {
  readonly family: Family
  readonly network: Cidr
  readonly ifindex: Ifindex
  /** Of our own device: no peer may have it. */
  readonly lladdr: Lladdr
  /** Undefined: no direct routing. */
  readonly onLink?: OnLink | undefined
}

/** Changes of at most this many peers are planned by their keys alone; more are cheaper in one full round. */
const FEW = 32

export interface DesiredBook {
  /** The view that all answers are for. */
  readonly view: Peers
  readonly conflicts: FamilyPeers['conflicts']
  /** As they were packed; stale by the changes that were noted since. */
  readonly packed: DesiredTables
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

export function createDesiredBook(of: BookOf, view: Peers): DesiredBook {
  const { peers, conflicts } = peersOf(view, of.family, of.lladdr)
  const packed = desiredTables({ ...of, peers })
  /** Peers that changed since, by node; null: gone. */
  const changed = new Map<string, Peer | null>()
  let late = desiredTables({ ...of, peers: [] })
  let current = view

  const tableOf = (tables: DesiredTables, kind: number): DesiredTable =>
    kind === abi.KIND_NEIGHBOUR ? tables.neighbours : kind === abi.KIND_FDB ? tables.fdb : tables.routes
  /** The row of the key in what is desired now: among the late peers first, then among the packed that did not change. */
  const find = (bytes: Uint8Array): { words: Int32Array; at: number } | undefined => {
    const key = new Int32Array(bytes.slice(0, abi.ENTRY_BYTES).buffer)
    const kind = bytes[abi.OFFSET_KIND] ?? 0
    for (const tables of [late, packed]) {
      const table = tableOf(tables, kind)
      const words = wordsOf(table)
      const row = rowOf(words, table.length, key, kind)
      if (row < 0) continue
      if (tables === packed && changed.has(tables.nodes[table.peers[row] ?? -1] ?? '')) continue
      return { words, at: row * WORDS }
    }
    return undefined
  }
  const isTaken = (peer: Peer, except: ReadonlySet<string>): boolean => {
    if (peer.lladdr === of.lladdr) return true
    const own = desiredTables({ ...of, peers: [peer] })
    for (const kind of [abi.KIND_NEIGHBOUR, abi.KIND_FDB]) {
      for (const tables of [late, packed]) {
        const table = tableOf(tables, kind)
        const row = rowOf(wordsOf(table), table.length, wordsOf(tableOf(own, kind)), kind)
        const holder = row < 0 ? undefined : tables.nodes[table.peers[row] ?? -1]
        if (holder === undefined || except.has(holder) || (tables === packed && changed.has(holder))) continue
        return true
      }
    }
    return false
  }

  return {
    get view() {
      return current
    },
    conflicts,
    packed,
    get noted() {
      return changed.size > 0
    },
    changeTo(next) {
      // A claim that lost before may win now: that is for the whole view to decide.
      if (conflicts.length > 0) return undefined
      const nodes = changedNodes(current, next, FEW)
      if (nodes === undefined || changed.size + nodes.length > FEW * 8) return undefined
      const pick = (from: Peers): FamilyPeers =>
        peersOf(new Map(nodes.flatMap((node) => entryOf(from, node))), of.family, of.lladdr)
      const before = pick(current)
      const after = pick(next)
      const except = new Set(nodes)
      if (after.conflicts.length > 0 || after.peers.some((peer) => isTaken(peer, except))) return undefined
      return {
        next,
        nodes,
        before: desiredTables({ ...of, peers: before.peers }),
        after: desiredTables({ ...of, peers: after.peers }),
        peers: after.peers,
      }
    },
    note({ next, nodes, peers: now }) {
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

function entryOf(peers: Peers, node: string) {
  const lease = peers.get(node)
  return lease === undefined ? [] : [[node, lease] as const]
}

/**
 * Nodes whose lease is another object; undefined when there are more than `most`. Views keep the order of their nodes, so
 * both are walked side by side; where they part, the rest is looked up.
 */
export function changedNodes(before: Peers, after: Peers, most: number): readonly string[] | undefined {
  if (before === after) return []
  if (Math.abs(before.size - after.size) > most) return undefined
  const nodes: string[] = []
  const old = before.entries()
  let aside = false
  for (const [node, lease] of after) {
    if (!aside) {
      const [name, was] = old.next().value ?? []
      if (name === node) {
        if (was !== lease) nodes.push(node)
        continue
      }
      aside = true
    }
    if (before.get(node) !== lease) nodes.push(node)
    if (nodes.length > most) return undefined
  }
  if (aside || before.size > after.size) {
    for (const node of before.keys()) if (!after.has(node)) nodes.push(node)
  }
  return nodes.length > most ? undefined : nodes
}

/** The first row with the key of `key` (its first entry); -1: none. Neighbours and FDB by dst, routes by prefix and metric. */
function rowOf(words: Int32Array, length: number, key: Int32Array, kind: number): number {
  const mask = kind === abi.KIND_FDB ? KIND_MASK : HEAD_MASK
  const head = word(key, HEAD) & mask
  const first = word(key, DST)
  for (let row = 0, at = 0; row < length; row += 1, at += WORDS) {
    if (words[at + DST] !== first || !sameAddress(words, at + DST, key, DST)) continue
    if ((word(words, at + HEAD) & mask) !== head) continue
    if (kind === abi.KIND_ROUTE && words[at + abi.OFFSET_PRIORITY / 4] !== key[abi.OFFSET_PRIORITY / 4]) continue
    return row
  }
  return -1
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
