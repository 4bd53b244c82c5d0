/**
 * What may be deleted: the entries that vtepd or flannel made on our device (flannel-contract 9). Everything else belongs
 * to someone else and is never touched, unless it stands in the place of a desired entry.
 * Must not: decide whether an entry is still wanted.
 */

import * as abi from '../../addon/abi.ts'
import { type Cidr, networkAddress, prefixLength } from '../../net/cidr.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import { ipToBytes } from '../../net/ip.ts'
import { DST, HEAD, IFINDEX, sameAddress, TAIL, VIA, word, wordOf } from '../packed/words.ts'

/** Set by a control plane such as FRR or Open vSwitch on what it owns (NTF_EXT_LEARNED); neither flannel nor we set it. */
const NTF_EXT_LEARNED = 0x10

export interface Ownership {
  /** Each takes the words of a table and the word offset of one entry. */
  neighbour(words: Int32Array, at: number): boolean
  fdb(words: Int32Array, at: number): boolean
  route(words: Int32Array, at: number): boolean
  /** A route inside the network that is neither ours nor flannel's: it may stand in the way of a peer's. */
  foreignRoute(words: Int32Array, at: number): boolean
}

/** `ifindex` of our own device; undefined: there is none (host-gw), and only direct routes can be ours. */
export function ownershipOf(network: Cidr, ifindex: Ifindex | undefined): Ownership {
  const inside = insideOf(network)
  const owned: Ownership = {
    // PERMANENT, of protocol 118 (ours, also of a network that was wider), or inside the network of none (flannel's; `ip neigh
    // add` without one).
    neighbour(words, at) {
      if (word(words, at + IFINDEX) !== ifindex) return false
      const tail = word(words, at + TAIL)
      const protocol = tail & PROTOCOL
      if (!isPermanent(tail) || (tail & EXT_LEARNED) !== 0) return false
      return protocol === PROTOCOL_VTEPD || (protocol === 0 && inside(words, at))
    },
    // `self permanent` with a remote and a unicast lladdr; a VNI, port or VLAN of its own was written by neither of us.
    fdb(words, at) {
      if (word(words, at + IFINDEX) !== ifindex || (word(words, at + HEAD) & FAMILY) === 0) return false
      const first = word(words, at + DST)
      if ((first & GROUP_BIT) !== 0 || (first === 0 && word(words, at + DST + 1) === 0)) return false
      const tail = word(words, at + TAIL)
      return isPermanent(tail) && (tail & (SELF | EXT_LEARNED | EXTRAS)) === SELF
    },
    // Ours: protocol 118, out of our device, or a direct or blackhole route inside our network. flannel's: the form that no other
    // program writes. Neither has what ENTRY_EXTRAS stands for (TOS, metrics), and a delete cannot name it: it would hit
    // nothing, or another route.
    route(words, at) {
      const tail = word(words, at + TAIL)
      const protocol = tail & PROTOCOL
      if ((tail & (TYPE | EXTRAS)) === TYPE_BLACKHOLE) return protocol === PROTOCOL_VTEPD && inside(words, at)
      if ((tail & (TYPE | EXTRAS)) !== TYPE_UNICAST) return false
      const ourLink = word(words, at + IFINDEX) === ifindex
      // An onlink route of another device is another vtepd's.
      if (protocol === PROTOCOL_VTEPD) return ourLink || ((tail & (ONLINK | GATEWAY)) === GATEWAY && inside(words, at))
      if (!ourLink || protocol !== PROTOCOL_BOOT || (tail & (ONLINK | GATEWAY)) !== (ONLINK | GATEWAY)) return false
      return inside(words, at) && sameAddress(words, at + DST, words, at + VIA)
    },
    foreignRoute: (words, at) => inside(words, at) && !owned.route(words, at),
  }
  return owned
}

const FAMILY = wordOf(0, 0, 0xff, 0)
const GROUP_BIT = wordOf(0x01, 0, 0, 0)
const PROTOCOL = wordOf(0xff, 0, 0, 0)
const PROTOCOL_VTEPD = wordOf(abi.RTPROT_VTEPD, 0, 0, 0)
const PROTOCOL_BOOT = wordOf(abi.RTPROT_BOOT, 0, 0, 0)
const TYPE = wordOf(0, 0xff, 0, 0)
const TYPE_BLACKHOLE = wordOf(0, abi.RTN_BLACKHOLE, 0, 0)
const TYPE_UNICAST = wordOf(0, abi.RTN_UNICAST, 0, 0)
const PERMANENT = wordOf(0, abi.NUD_PERMANENT, 0, 0)
const SELF = wordOf(0, 0, abi.NTF_SELF, 0)
const EXT_LEARNED = wordOf(0, 0, NTF_EXT_LEARNED, 0)
const ONLINK = wordOf(0, 0, 0, abi.ENTRY_ONLINK)
const GATEWAY = wordOf(0, 0, 0, abi.ENTRY_GATEWAY)
const EXTRAS = wordOf(0, 0, 0, abi.ENTRY_EXTRAS)

function isPermanent(tail: number): boolean {
  return (tail & PERMANENT) !== 0
}

/** Whether `dst` lies inside the network; a route's prefix may not be shorter than the network's either. */
function insideOf(network: Cidr): (words: Int32Array, at: number) => boolean {
  const length = prefixLength(network)
  const bytes = ipToBytes(networkAddress(network))
  const base = new Uint8Array(16)
  base.set(bytes)
  const mask = Uint8Array.from({ length: 16 }, (_, i) => 0xff << (8 - Math.min(8, Math.max(0, length - i * 8))))
  const baseWords = new Int32Array(base.buffer)
  const maskWords = new Int32Array(mask.buffer)
  const family = wordOf(0, 0, bytes.length === 4 ? abi.AF_INET : abi.AF_INET6, 0)
  const kindMask = wordOf(0, 0xff, 0, 0)
  const route = wordOf(0, abi.KIND_ROUTE, 0, 0)
  const dstLength = new Uint8Array(4)
  const dstLengthWord = new Int32Array(dstLength.buffer)
  return (words, at) => {
    const head = word(words, at + HEAD)
    if ((head & FAMILY) !== family) return false
    for (let i = 0; i < 4; i += 1) {
      if ((word(words, at + DST + i) & word(maskWords, i)) !== baseWords[i]) return false
    }
    if ((head & kindMask) !== route) return true
    dstLengthWord[0] = head
    return (dstLength[abi.OFFSET_DST_LENGTH] ?? 0) >= length
  }
}
