/**
 * The tables as they should be: a neighbour, an FDB entry and a route for each peer, packed (flannel-contract 6), and the
 * index of their keys. Must not: know what the kernel has (lib/overlay/plan).
 */

import * as abi from '../addon/abi.ts'
import type { FamilyLease, Lease } from '../cluster/lease.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import type { Family } from '../net/ip.ts'
import type { EntryTable } from '../rtnl/entries.ts'
import { atOnce, SLICE_ROWS, type Slices } from '../util/slices.ts'
import type { OnLink } from './direct.ts'
import { indexKeys, type KeyIndex } from './packed/key-index.ts'
import { createRowWriter } from './packed/packing.ts'
import { HEAD_MASK, KIND_MASK, WORDS, wordsOf } from './packed/words.ts'
import type { Peer } from './peers.ts'

/** Entries with op 0; entry i belongs to peer `peers[i]`, an index into `nodes` of DesiredTables; -1: it is for ourselves. */
export interface DesiredTable extends EntryTable {
  readonly peers: Int32Array
  readonly index: KeyIndex
  /** By the row that the index finds: the rows that say exactly the same, of other names of one machine. FDB entries only. */
  readonly twins: ReadonlyMap<number, readonly number[]>
  /** A row with the key of another and a different value, so that the table can never be reached; -1: there is none. */
  readonly duplicate: number
}

export interface DesiredTables {
  /** Overlay address → lladdr: PERMANENT, protocol 118 (a mark for people; see plan/ownership for what may be deleted). */
  readonly neighbours: DesiredTable
  /** lladdr → underlay address: PERMANENT, self. */
  readonly fdb: DesiredTable
  /** Subnet via its own network address, onlink, protocol 118. */
  readonly routes: DesiredTable
  /** Node name of each peer. */
  readonly nodes: readonly string[]
}

const OURSELVES = -1

/** What the tables are made for; `ifindex` is our own device. */
export interface TablesOf {
  readonly family: Family
  readonly network: Cidr
  readonly ifindex: Ifindex
  /** Undefined: no direct routing. */
  readonly onLink?: OnLink | undefined
  /** host-gw: who is not on-link gets nothing, since there is no device. */
  readonly noTunnel?: boolean | undefined
  /** Our own subnet, when it shall have a blackhole route; its row is of no peer (-1). */
  readonly blackhole?: Cidr | undefined
}

/** As packTables, in one go. */
export function desiredTables(of: TablesOf & { readonly peers: readonly Peer[] }): DesiredTables {
  return atOnce(
    packTables(
      of,
      of.peers.map((peer) => peer.node),
      of.peers,
    ),
  )
}

/** Every entry of these leases, conflicts and all: to look up keys, not to be planned. */
export function tablesOfAll(of: TablesOf, leases: readonly Lease[]): DesiredTables {
  const claims = leases.flatMap(({ node, [of.family]: claim }) => (claim === undefined ? [] : [{ node, claim }]))
  const nodes = claims.map(({ node }) => node)
  return atOnce(
    packTables(
      of,
      nodes,
      claims.map(({ claim }) => claim),
    ),
  )
}

/**
 * One row a node, `claims[i]` that of `nodes[i]`. A peer that is `onLink` gets one route to its underlay address, at the
 * same metric, and neither neighbour nor FDB entry (flannel-contract 6). Two nodes with one lladdr and one underlay address share their FDB entry; whether a key is there twice otherwise is for the caller to
 * look up (`duplicate`): such tables cannot be planned.
 */
export function* packTables(
  of: TablesOf,
  nodes: readonly string[],
  claims: readonly FamilyLease[],
): Slices<DesiredTables> {
  const { onLink, noTunnel = false, blackhole } = of
  const identity = new Int32Array(nodes.length)
  for (let row = 0; row < identity.length; row += 1) identity[row] = row
  const direct: (Ifindex | undefined)[] = []
  if (onLink !== undefined)
    for (const { underlay } of claims) {
      direct.push(onLink(underlay))
      if (direct.length % SLICE_ROWS === 0) yield
    }
  const isTunnelled = (row: number): boolean => direct[row] === undefined && !noTunnel
  const tunnelled = onLink === undefined && !noTunnel ? identity : identity.filter(isTunnelled)
  const reached = noTunnel ? identity.filter((row) => direct[row] !== undefined) : identity
  const routed = blackhole === undefined ? reached : withOurselves(reached)
  const bytes = {
    neighbours: new Uint8Array(tunnelled.length * abi.ENTRY_BYTES),
    fdb: new Uint8Array(tunnelled.length * abi.ENTRY_BYTES),
    routes: new Uint8Array(routed.length * abi.ENTRY_BYTES),
  }
  const writer = createRowWriter(of, bytes)
  let pairRow = 0
  let routeRow = 0
  for (const [row, claim] of claims.entries()) {
    if (row % SLICE_ROWS === SLICE_ROWS - 1) yield
    if (direct[row] === undefined && noTunnel) continue
    writer.route(routeRow, claim, direct[row])
    if (isTunnelled(row)) {
      writer.pair(routeRow, pairRow, claim)
      pairRow += 1
    }
    routeRow += 1
  }
  if (blackhole !== undefined) writer.blackhole(routeRow, blackhole)
  return {
    neighbours: yield* indexed(bytes.neighbours, tunnelled, HEAD_MASK),
    fdb: yield* indexed(bytes.fdb, tunnelled, KIND_MASK),
    routes: yield* indexed(bytes.routes, routed, HEAD_MASK),
    nodes,
  }
}

/** Nodes that got no route: with host-gw those that are not on-link. */
export function unroutedOf({ routes, nodes }: DesiredTables): readonly string[] {
  const routed = new Set(routes.peers)
  return nodes.filter((_, row) => !routed.has(row))
}

function withOurselves(peers: Int32Array): Int32Array {
  const all = new Int32Array(peers.length + 1)
  all.set(peers)
  all[peers.length] = OURSELVES
  return all
}

function* indexed(bytes: Uint8Array, peers: Int32Array, headMask: number): Slices<DesiredTable> {
  const table = { bytes, length: peers.length, peers }
  const words = wordsOf(table)
  const index = yield* indexKeys(words, table.length, headMask)
  const twins = new Map<number, number[]>()
  let duplicate = -1
  for (const row of index.duplicates) {
    const first = index.find(words, row * WORDS)
    if (headMask !== KIND_MASK || !isSameRow(words, first, row)) duplicate = row
    else if (twins.get(first)?.push(row) === undefined) twins.set(first, [row])
  }
  return { ...table, index, twins, duplicate }
}

function isSameRow(words: Int32Array, a: number, b: number): boolean {
  for (let i = 0; i < WORDS; i += 1) if (words[a * WORDS + i] !== words[b * WORDS + i]) return false
  return true
}
