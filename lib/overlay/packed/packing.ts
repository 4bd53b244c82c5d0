/**
 * A peer → its rows in the three packed tables, without an object in between: 100,000 peers take milliseconds instead of
 * tenths of a second. Must not: check; its input is branded, so it is canonical already.
 */

import * as abi from '../../addon/abi.ts'
import type { FamilyLease } from '../../cluster/lease.ts'
import type { Cidr } from '../../net/cidr.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import { addressBits, type Family } from '../../net/ip.ts'
import { readAddress } from '../../net/ip-text.ts'
import type { Lladdr } from '../../net/lladdr.ts'
import { hexDigit } from '../../util/hex-digit.ts'
import { IPV6_METRIC, ipv4Base, ipv4Metric } from '../route-metric.ts'
import { DST, HEAD, IFINDEX, PRIORITY, TAIL, VIA, WORDS, word, wordOf } from './words.ts'

export interface RowWriter {
  /** `via`: the link of a direct route. */
  route(row: number, claim: FamilyLease, via: Ifindex | undefined): void
  /** What is for our own subnet and leads to no pod goes nowhere, instead of back to where it came from. */
  blackhole(row: number, subnet: Cidr): void
  /** Neighbour and FDB entry at `pairRow`; the overlay address is taken from route `row`. */
  pair(row: number, pairRow: number, claim: FamilyLease): void
}

const SLASH = 47
const NEIGHBOUR_TAIL = wordOf(abi.RTPROT_VTEPD, abi.NUD_PERMANENT, 0, 0)
const FDB_TAIL = wordOf(0, abi.NUD_PERMANENT, abi.NTF_SELF, 0)
const TUNNEL_TAIL = wordOf(abi.RTPROT_VTEPD, abi.RTN_UNICAST, 0, abi.ENTRY_ONLINK | abi.ENTRY_GATEWAY)
const BLACKHOLE_TAIL = wordOf(abi.RTPROT_VTEPD, abi.RTN_BLACKHOLE, 0, 0)
const DIRECT_TAIL = wordOf(abi.RTPROT_VTEPD, abi.RTN_UNICAST, 0, abi.ENTRY_GATEWAY)

/** Addresses are written byte by byte from their text, everything else word by word: the tables begin as zeros. */
export function createRowWriter(
  { family, network, ifindex }: { readonly family: Family; readonly network: Cidr; readonly ifindex: Ifindex },
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
  /** Destination and metric. */
  const prefix = (row: number, subnet: Cidr): void => {
    const at = row * WORDS
    const text = subnet.length
    let slash = text - 2
    while (subnet.charCodeAt(slash) !== SLASH) slash -= 1
    let length = 0
    for (let i = slash + 1; i < text; i += 1) length = length * 10 + subnet.charCodeAt(i) - 48
    const dst = row * abi.ENTRY_BYTES + abi.OFFSET_DST
    readAddress(subnet, bytes.routes, dst, slash)
    routes[at + HEAD] = word(routeHeads, length)
    routes[at + PRIORITY] = base === undefined ? IPV6_METRIC : ipv4Metric(base, readUint32(bytes.routes, dst), length)
  }
  return {
    route(row, { subnet, underlay }, via) {
      const at = row * WORDS
      prefix(row, subnet)
      if (via === undefined) for (let i = 0; i < addressWords; i += 1) routes[at + VIA + i] = word(routes, at + DST + i)
      else readAddress(underlay, bytes.routes, row * abi.ENTRY_BYTES + abi.OFFSET_VIA)
      routes[at + IFINDEX] = via ?? ifindex
      routes[at + TAIL] = via === undefined ? TUNNEL_TAIL : DIRECT_TAIL
    },
    blackhole(row, subnet) {
      prefix(row, subnet)
      routes[row * WORDS + TAIL] = BLACKHOLE_TAIL
    },
    pair(row, pairRow, { lladdr, underlay }) {
      const from = row * WORDS + DST
      const at = pairRow * WORDS
      neighbours[at + HEAD] = neighbourHead
      for (let i = 0; i < addressWords; i += 1) neighbours[at + DST + i] = word(routes, from + i)
      if (lladdr !== undefined) writeLladdr(bytes.neighbours, pairRow * abi.ENTRY_BYTES + abi.OFFSET_VIA, lladdr)
      neighbours[at + IFINDEX] = ifindex
      neighbours[at + TAIL] = NEIGHBOUR_TAIL

      fdb[at + HEAD] = fdbHead
      fdb[at + DST] = word(neighbours, at + VIA)
      fdb[at + DST + 1] = word(neighbours, at + VIA + 1)
      readAddress(underlay, bytes.fdb, pairRow * abi.ENTRY_BYTES + abi.OFFSET_VIA)
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

/** Six bytes at `at`. */
export function writeLladdr(bytes: Uint8Array, at: number, lladdr: Lladdr): void {
  for (let i = 0; i < 6; i += 1) {
    bytes[at + i] = (hexDigit(lladdr.charCodeAt(i * 3)) << 4) | hexDigit(lladdr.charCodeAt(i * 3 + 1))
  }
}
