/**
 * The tables as they should be: a neighbour, an FDB entry and a route for each peer, packed (flannel-contract 6).
 * Must not: know what the kernel has (lib/overlay/plan).
 */
import { type Cidr, prefixLength } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { addressBits, type Family } from '../net/ip.ts'
import * as abi from '../rtnl/abi.ts'
import type { EntryTable } from '../rtnl/entries.ts'
import type { OnLink } from './direct.ts'
import { writeIp, writeLladdr } from './packing.ts'
import { IPV6_METRIC, ipv4Base, ipv4Metric, type Peer } from './peers.ts'

/** Entries with op 0, each key once; entry i belongs to peer `peers[i]`, an index into `nodes` of DesiredTables. */
export interface DesiredTable extends EntryTable {
  readonly peers: Int32Array
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

/**
 * `peers` as peersOf made them (each overlay address and lladdr once); `ifindex` of our own device. A peer that is `onLink`
 * gets one route to its underlay address, at the same metric, and neither neighbour nor FDB entry (flannel-contract 6).
 */
export function desiredTables(own: {
  readonly family: Family
  readonly network: Cidr
  readonly ifindex: Ifindex
  readonly peers: readonly Peer[]
  readonly onLink?: OnLink | undefined
}): DesiredTables {
  const { family, network, ifindex, peers, onLink } = own
  const identity = Int32Array.from(peers.keys())
  const direct = onLink === undefined ? [] : peers.map((peer) => onLink(peer.underlay))
  const tunnelled = onLink === undefined ? identity : identity.filter((row) => direct[row] === undefined)
  const table = (rows: Int32Array): DesiredTable => ({
    bytes: new Uint8Array(rows.length * abi.ENTRY_BYTES),
    length: rows.length,
    peers: rows,
  })
  const tables = {
    neighbours: table(tunnelled),
    fdb: table(tunnelled),
    routes: table(identity),
    nodes: peers.map((peer) => peer.node),
  }
  const base = family === 'ipv4' ? ipv4Base(network) : undefined
  const write = peerWriter(tables, family === 'ipv4' ? abi.AF_INET : abi.AF_INET6, ifindex, base)
  let pairRow = 0
  for (let row = 0; row < peers.length; row += 1) {
    const peer = peers[row]
    if (peer === undefined) continue
    write.route(row, peer, direct[row])
    if (direct[row] !== undefined) continue
    write.pair(row, pairRow, peer)
    pairRow += 1
  }
  return tables
}

interface PeerWriter {
  /** `via`: the link of a direct route. */
  route(row: number, peer: Peer, via: Ifindex | undefined): void
  /** Neighbour and FDB entry at `pairRow`; the overlay address is taken from route `row`. */
  pair(row: number, pairRow: number, peer: Peer): void
}

/** `base`: the IPv4 network's lowest address; undefined: IPv6. */
function peerWriter(
  { neighbours, fdb, routes }: DesiredTables,
  af: number,
  ifindex: number,
  base: number | undefined,
): PeerWriter {
  const bits = addressBits(base === undefined ? 'ipv6' : 'ipv4')
  const ipv4Address = new DataView(routes.bytes.buffer)
  const neighbourNumbers = new Uint32Array(neighbours.bytes.buffer)
  const fdbNumbers = new Uint32Array(fdb.bytes.buffer)
  const routeNumbers = new Uint32Array(routes.bytes.buffer)
  return {
    route(row, { subnet, underlay }, via) {
      const at = row * abi.ENTRY_BYTES
      const slash = subnet.lastIndexOf('/')
      const length = prefixLength(subnet)
      writeIp(routes.bytes, at + abi.OFFSET_DST, subnet, slash)
      if (via === undefined)
        routes.bytes.copyWithin(at + abi.OFFSET_VIA, at + abi.OFFSET_DST, at + abi.OFFSET_DST + bits / 8)
      else writeIp(routes.bytes, at + abi.OFFSET_VIA, underlay)
      const metric =
        base === undefined ? IPV6_METRIC : ipv4Metric(base, ipv4Address.getUint32(at + abi.OFFSET_DST), length)
      routeNumbers[(at + abi.OFFSET_PRIORITY) / 4] = metric
      routeNumbers[(at + abi.OFFSET_IFINDEX) / 4] = via ?? ifindex
      head(routes.bytes, at, abi.KIND_ROUTE, af, length)
      const flags = via === undefined ? abi.ENTRY_ONLINK | abi.ENTRY_GATEWAY : abi.ENTRY_GATEWAY
      tail(routes.bytes, at, abi.RTPROT_VTEPD, abi.RTN_UNICAST, 0, flags)
    },
    pair(row, pairRow, { lladdr, underlay }) {
      const from = row * abi.ENTRY_BYTES + abi.OFFSET_DST
      const at = pairRow * abi.ENTRY_BYTES
      neighbours.bytes.set(routes.bytes.subarray(from, from + bits / 8), at + abi.OFFSET_DST)
      writeLladdr(neighbours.bytes, at + abi.OFFSET_VIA, lladdr)
      neighbourNumbers[(at + abi.OFFSET_IFINDEX) / 4] = ifindex
      head(neighbours.bytes, at, abi.KIND_NEIGHBOUR, af, 0)
      tail(neighbours.bytes, at, abi.RTPROT_VTEPD, abi.NUD_PERMANENT, 0, 0)

      writeLladdr(fdb.bytes, at + abi.OFFSET_DST, lladdr)
      writeIp(fdb.bytes, at + abi.OFFSET_VIA, underlay)
      fdbNumbers[(at + abi.OFFSET_IFINDEX) / 4] = ifindex
      head(fdb.bytes, at, abi.KIND_FDB, af, 0)
      tail(fdb.bytes, at, 0, abi.NUD_PERMANENT, abi.NTF_SELF, 0)
    },
  }
}

function head(bytes: Uint8Array, at: number, kind: number, family: number, dstLength: number): void {
  bytes[at + abi.OFFSET_KIND] = kind
  bytes[at + abi.OFFSET_FAMILY] = family
  bytes[at + abi.OFFSET_DST_LENGTH] = dstLength
}

function tail(bytes: Uint8Array, at: number, protocol: number, type: number, scope: number, flags: number): void {
  bytes[at + abi.OFFSET_PROTOCOL] = protocol
  bytes[at + abi.OFFSET_TYPE] = type
  bytes[at + abi.OFFSET_SCOPE] = scope
  bytes[at + abi.OFFSET_FLAGS] = flags
}
