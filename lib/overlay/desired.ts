/**
 * The tables as they should be: a neighbour, an FDB entry and a route for each peer, packed (flannel-contract 6), and the
 * index of their keys. Must not: know what the kernel has (lib/overlay/plan).
 */
import type { FamilyLease } from '../leases/lease.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { addressBits, type Family } from '../net/ip.ts'
import * as abi from '../rtnl/abi.ts'
import type { EntryTable } from '../rtnl/entries.ts'
import { atOnce, SLICE_ROWS, type Slices } from '../util/slices.ts'
import type { OnLink } from './direct.ts'
import { writeIp, writeLladdr } from './packing.ts'
import { IPV6_METRIC, ipv4Base, ipv4Metric, type Peer } from './peers.ts'
import { indexKeys, type KeyIndex } from './plan/key-index.ts'
import {
  DST,
  HEAD,
  HEAD_MASK,
  IFINDEX,
  KIND_MASK,
  PRIORITY,
  TAIL,
  VIA,
  WORDS,
  word,
  wordOf,
  wordsOf,
} from './plan/words.ts'

/** Entries with op 0; entry i belongs to peer `peers[i]`, an index into `nodes` of DesiredTables. */
export interface DesiredTable extends EntryTable {
  readonly peers: Int32Array
  readonly index: KeyIndex
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

/** What the tables are made for; `ifindex` is our own device. */
export interface TablesOf {
  readonly family: Family
  readonly network: Cidr
  readonly ifindex: Ifindex
  /** Undefined: no direct routing. */
  readonly onLink?: OnLink | undefined
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

/**
 * One row a node, `claims[i]` that of `nodes[i]`. A peer that is `onLink` gets one route to its underlay address, at the
 * same metric, and neither neighbour nor FDB entry (flannel-contract 6). Whether a key is there twice (two nodes with one
 * lladdr) is for the caller to look up in the indexes: such tables cannot be planned.
 */
export function* packTables(
  of: TablesOf,
  nodes: readonly string[],
  claims: readonly FamilyLease[],
): Slices<DesiredTables> {
  const { onLink } = of
  const identity = new Int32Array(nodes.length)
  for (let row = 0; row < identity.length; row += 1) identity[row] = row
  const direct: (Ifindex | undefined)[] = []
  if (onLink !== undefined)
    for (const { underlay } of claims) {
      direct.push(onLink(underlay))
      if (direct.length % SLICE_ROWS === 0) yield
    }
  const tunnelled = onLink === undefined ? identity : identity.filter((row) => direct[row] === undefined)
  const bytes = {
    neighbours: new Uint8Array(tunnelled.length * abi.ENTRY_BYTES),
    fdb: new Uint8Array(tunnelled.length * abi.ENTRY_BYTES),
    routes: new Uint8Array(identity.length * abi.ENTRY_BYTES),
  }
  const writer = createRowWriter(of, bytes)
  let pairRow = 0
  for (const [row, claim] of claims.entries()) {
    writer.route(row, claim, direct[row])
    if (direct[row] === undefined) {
      writer.pair(row, pairRow, claim)
      pairRow += 1
    }
    if (row % SLICE_ROWS === SLICE_ROWS - 1) yield
  }
  return {
    neighbours: yield* indexed(bytes.neighbours, tunnelled, HEAD_MASK),
    fdb: yield* indexed(bytes.fdb, tunnelled, KIND_MASK),
    routes: yield* indexed(bytes.routes, identity, HEAD_MASK),
    nodes,
  }
}

function* indexed(bytes: Uint8Array, peers: Int32Array, headMask: number): Slices<DesiredTable> {
  const table = { bytes, length: peers.length, peers }
  return { ...table, index: yield* indexKeys(wordsOf(table), table.length, headMask) }
}

interface RowWriter {
  /** `via`: the link of a direct route. */
  route(row: number, claim: FamilyLease, via: Ifindex | undefined): void
  /** Neighbour and FDB entry at `pairRow`; the overlay address is taken from route `row`. */
  pair(row: number, pairRow: number, claim: FamilyLease): void
}

const SLASH = 47
const NEIGHBOUR_TAIL = wordOf(abi.RTPROT_VTEPD, abi.NUD_PERMANENT, 0, 0)
const FDB_TAIL = wordOf(0, abi.NUD_PERMANENT, abi.NTF_SELF, 0)
const TUNNEL_TAIL = wordOf(abi.RTPROT_VTEPD, abi.RTN_UNICAST, 0, abi.ENTRY_ONLINK | abi.ENTRY_GATEWAY)
const DIRECT_TAIL = wordOf(abi.RTPROT_VTEPD, abi.RTN_UNICAST, 0, abi.ENTRY_GATEWAY)

/** Addresses are written byte by byte from their text, everything else word by word: the tables begin as zeros. */
function createRowWriter(
  { family, network, ifindex }: TablesOf,
  bytes: { readonly neighbours: Uint8Array; readonly fdb: Uint8Array; readonly routes: Uint8Array },
): RowWriter {
  const base = family === 'ipv4' ? ipv4Base(network) : undefined
  const addressWords = addressBits(family) / 32
  const af = family === 'ipv4' ? abi.AF_INET : abi.AF_INET6
  const routeHeads = Int32Array.from({ length: 129 }, (_, length) => wordOf(0, abi.KIND_ROUTE, af, length))
  const neighbourHead = wordOf(0, abi.KIND_NEIGHBOUR, af, 0)
  const fdbHead = wordOf(0, abi.KIND_FDB, af, 0)
  const neighbours = new Int32Array(bytes.neighbours.buffer)
  const fdb = new Int32Array(bytes.fdb.buffer)
  const routes = new Int32Array(bytes.routes.buffer)
  return {
    route(row, { subnet, underlay }, via) {
      const at = row * WORDS
      const text = subnet.length
      let slash = text - 2
      while (subnet.charCodeAt(slash) !== SLASH) slash -= 1
      let length = 0
      for (let i = slash + 1; i < text; i += 1) length = length * 10 + subnet.charCodeAt(i) - 48
      const dst = row * abi.ENTRY_BYTES + abi.OFFSET_DST
      writeIp(bytes.routes, dst, subnet, slash)
      if (via === undefined) for (let i = 0; i < addressWords; i += 1) routes[at + VIA + i] = word(routes, at + DST + i)
      else writeIp(bytes.routes, row * abi.ENTRY_BYTES + abi.OFFSET_VIA, underlay)
      routes[at + HEAD] = word(routeHeads, length)
      routes[at + PRIORITY] = base === undefined ? IPV6_METRIC : ipv4Metric(base, readUint32(bytes.routes, dst), length)
      routes[at + IFINDEX] = via ?? ifindex
      routes[at + TAIL] = via === undefined ? TUNNEL_TAIL : DIRECT_TAIL
    },
    pair(row, pairRow, { lladdr, underlay }) {
      const from = row * WORDS + DST
      const at = pairRow * WORDS
      neighbours[at + HEAD] = neighbourHead
      for (let i = 0; i < addressWords; i += 1) neighbours[at + DST + i] = word(routes, from + i)
      writeLladdr(bytes.neighbours, pairRow * abi.ENTRY_BYTES + abi.OFFSET_VIA, lladdr)
      neighbours[at + IFINDEX] = ifindex
      neighbours[at + TAIL] = NEIGHBOUR_TAIL

      fdb[at + HEAD] = fdbHead
      fdb[at + DST] = word(neighbours, at + VIA)
      fdb[at + DST + 1] = word(neighbours, at + VIA + 1)
      writeIp(bytes.fdb, pairRow * abi.ENTRY_BYTES + abi.OFFSET_VIA, underlay)
      fdb[at + IFINDEX] = ifindex
      fdb[at + TAIL] = FDB_TAIL
    },
  }
}

/** Four bytes in network order. */
function readUint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  return ((high << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)) >>> 0
}
