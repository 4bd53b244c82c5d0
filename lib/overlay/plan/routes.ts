/**
 * The difference of the route table. Routes differ from the other tables: one prefix can have several (by metric), and what
 * stands at a lower metric shadows ours. Must not: touch a route that is neither ours nor flannel's, unless it occupies the
 * very slot (prefix and metric) of a desired one: there the kernel's replace has no other meaning.
 */

import * as abi from '../../addon/abi.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import type { Family } from '../../net/ip.ts'
import type { EntryTable } from '../../rtnl/entries.ts'
import { SLICE_ROWS, type Slices } from '../../util/slices.ts'
import type { DesiredTable } from '../desired.ts'
import { BLOCK, BLOCKS_A_SLICE } from '../packed/key-index.ts'
import { IFINDEX, PRIORITY, sameAddress, TAIL, VIA, WORDS, word, wordOf, wordsOf } from '../packed/words.ts'
import type { BatchWriter } from './batch.ts'
import { coveringOf } from './covering.ts'

export interface RoutesInput {
  readonly family: Family
  readonly desired: DesiredTable
  /** The whole main table of the family, in the kernel's order. */
  readonly actual: EntryTable
  readonly ifindex: Ifindex | undefined
  readonly owned: (words: Int32Array, at: number) => boolean
  /** Inside the network, and neither ours nor flannel's. */
  readonly foreign: (words: Int32Array, at: number) => boolean
  /** Owned, and to be left alone for now where no peer needs its prefix. */
  readonly spared: (words: Int32Array, at: number) => boolean
  readonly complete: boolean
}

export interface RouteWriters {
  readonly writes: BatchWriter
  readonly deletes: BatchWriter
  /** Owned routes that shadow or double one of ours that the dump has shown to stand. */
  readonly leftovers: BatchWriter
}

/** `by`: index of the route in the actual table; `desired`: of the one that it shadows, `stands`: which is there itself. */
export interface ShadowedRow {
  readonly desired: number
  readonly by: number
  readonly stands: boolean
}

export interface RoutesOutcome {
  readonly shadowed: readonly ShadowedRow[]
  /** Leftovers that wait until a dump shows our own route: another round is due. */
  readonly deferred: number
}

const PROTOCOL = wordOf(0xff, 0, 0, 0)
const PROTOCOL_BOOT = wordOf(abi.RTPROT_BOOT, 0, 0, 0)
const PROTOCOL_KERNEL = wordOf(abi.RTPROT_KERNEL, 0, 0, 0)
const TYPE = wordOf(0, 0xff, 0, 0)
const TYPE_BLACKHOLE = wordOf(0, abi.RTN_BLACKHOLE, 0, 0)
const TYPE_UNICAST = wordOf(0, abi.RTN_UNICAST, 0, 0)
/** Of linux/rtnetlink.h: sends a packet on to the next table, so it catches nothing. */
const RTN_THROW = 9
const TYPE_THROW = wordOf(0, RTN_THROW, 0, 0)
const DEAD = wordOf(0, 0, 0, abi.ENTRY_DEAD)
const GATEWAY = wordOf(0, 0, 0, abi.ENTRY_GATEWAY)
const MULTIPATH = wordOf(0, 0, 0, abi.ENTRY_MULTIPATH)
const ONLINK = wordOf(0, 0, 0, abi.ENTRY_ONLINK)

/** Lower metric than ours; our metric, and not behind ours in the dump; anything else. */
type Place = 'lower' | 'slot' | 'behind'

/** What the dump shows at the desired prefixes. */
interface Findings {
  /** 1: ours stands there, and is alive. */
  readonly right: Uint8Array
  /** Word offset plus one of the first other route of the same metric, the one that a replace would hit; 0: none. */
  readonly occupant: Int32Array
  /**
   * The same of a dead route equal to ours. It is deleted before ours is written, in the same batch: the kernel would take
   * it for already there, and leave it as it is.
   */
  readonly dead: Int32Array
  /** Routes beside ours that may matter: word offset, desired row, and where they stand. */
  readonly rivals: { readonly at: number; readonly row: number; readonly place: Place }[]
  /** Routes of others that take a part of a desired prefix. */
  readonly parts: { readonly at: number; readonly row: number }[]
}

/** Appends to `writes` what is missing or different, to `deletes` what no peer needs, to `leftovers` see RouteWriters. */
export function* planRoutes(input: RoutesInput, writers: RouteWriters): Slices<RoutesOutcome> {
  const { desired, complete } = input
  const wanted = wordsOf(desired)
  const words = wordsOf(input.actual)
  const findings = yield* compare(input, wanted, words, writers.deletes)
  for (let row = 0; row < desired.length; row += 1) {
    if (row % SLICE_ROWS === SLICE_ROWS - 1) yield
    if (findings.right[row] === 1) continue
    const peer = desired.peers[row] ?? -1
    const occupant = (findings.occupant[row] ?? 0) - 1
    const dead = (findings.dead[row] ?? 0) - 1
    if (occupant < 0 && dead < 0) {
      writers.writes.push(complete ? abi.OP_REPLACE : abi.OP_CREATE, wanted, row * WORDS, peer)
    } else if (complete && (occupant < 0 || !isKernels(words, occupant))) {
      if (dead >= 0) writers.writes.push(abi.OP_DELETE, words, dead, peer)
      if (occupant >= 0 && coversGateway(input, wanted, row * WORDS, words, occupant))
        writers.writes.push(abi.OP_DELETE, words, occupant, peer)
      writers.writes.push(abi.OP_REPLACE, wanted, row * WORDS, peer)
    }
  }
  return judgeRivals(input, wanted, words, findings, writers.leftovers)
}

function* compare(
  { desired, owned, foreign, spared, complete }: RoutesInput,
  wanted: Int32Array,
  words: Int32Array,
  deletes: BatchWriter,
): Slices<Findings> {
  const right = new Uint8Array(desired.length)
  const occupant = new Int32Array(desired.length)
  const dead = new Int32Array(desired.length)
  const rivals: Findings['rivals'] = []
  const parts: Findings['parts'] = []
  const covering = coveringOf(desired)
  const visit = (at: number, row: number): void => {
    const there = row * WORDS
    const metric = word(words, at + PRIORITY) >>> 0
    const ours = word(wanted, there + PRIORITY) >>> 0
    if (metric === ours && isSame(words, at, wanted, there, 0)) {
      right[row] = 1
      return
    }
    if (metric === ours && isSame(words, at, wanted, there, DEAD)) {
      dead[row] = at + 1
      return
    }
    if (metric === ours && occupant[row] === 0) occupant[row] = at + 1
    // Of our own subnet: what leads to its pods shall win.
    if (isBlackhole(wanted, there) && !owned(words, at)) return
    const place = metric < ours ? 'lower' : metric === ours && right[row] === 0 ? 'slot' : 'behind'
    if (place !== 'behind' || owned(words, at)) rivals.push({ at, row, place })
  }
  const rows = new Int32Array(BLOCK)
  for (let start = 0, block = 0; start < words.length; start += BLOCK * WORDS, block += 1) {
    if (block % BLOCKS_A_SLICE === BLOCKS_A_SLICE - 1) yield
    const count = desired.index.match(words, start, rows)
    for (let i = 0, at = start; i < count; i += 1, at += WORDS) {
      const row = word(rows, i)
      if (row >= 0) visit(at, row)
      else if (owned(words, at)) {
        if (complete && !spared(words, at)) deletes.push(abi.OP_DELETE, words, at, -1)
      } else if (foreign(words, at) && (word(words, at + TAIL) & TYPE) !== TYPE_THROW) {
        const covered = covering(words, at)
        if (covered >= 0 && !isBlackhole(wanted, covered * WORDS)) parts.push({ at, row: covered })
      }
    }
  }
  return { right, occupant, dead, rivals, parts }
}

/**
 * Ours and flannel's leftovers go once the dump has shown our own route (add, verify, delete: kernel-facts 1); what belongs
 * to others and is met before ours is reported.
 */
function judgeRivals(
  input: RoutesInput,
  wanted: Int32Array,
  words: Int32Array,
  findings: Findings,
  leftovers: BatchWriter,
): RoutesOutcome {
  const shadowed: ShadowedRow[] = findings.parts.map(({ at, row }) => ({
    desired: row,
    by: at / WORDS,
    stands: findings.right[row] === 1,
  }))
  let deferred = 0
  for (const { at, row, place } of findings.rivals) {
    const stands = findings.right[row] === 1
    const isOccupant = findings.occupant[row] === at + 1
    if (!stands && isOccupant && !isKernels(words, at)) continue
    if (!input.owned(words, at) && !isFlannelsDirect(words, at, wanted, row * WORDS)) {
      if (place === 'lower' || (place === 'slot' && (stands || isOccupant)))
        shadowed.push({ desired: row, by: at / WORDS, stands })
    } else if (input.complete) {
      const wouldHitOurs = place === 'behind' && isTwin(words, at, wanted, row * WORDS)
      if (stands && !wouldHitOurs) leftovers.push(abi.OP_DELETE, words, at, -1)
      else if (!stands && !isHeldByKernel(findings, words, row)) deferred += 1
    }
  }
  return { shadowed, deferred }
}

/** flannel's direct route to the same peer: protocol boot, the very gateway of ours, not onlink (flannel-contract 6). */
function isFlannelsDirect(words: Int32Array, at: number, wanted: Int32Array, there: number): boolean {
  const tail = word(words, at + TAIL)
  if ((tail & (PROTOCOL | TYPE)) !== (PROTOCOL_BOOT | TYPE_UNICAST)) return false
  if ((tail & (GATEWAY | ONLINK | MULTIPATH)) !== GATEWAY || (word(wanted, there + TAIL) & ONLINK) !== 0) return false
  return sameAddress(words, at + VIA, wanted, there + VIA)
}

/** Whether a delete could take ours for the other: it compares neither flags nor scope, nor a gateway that is not given. */
function isTwin(words: Int32Array, at: number, wanted: Int32Array, there: number): boolean {
  const tail = word(words, at + TAIL)
  const differs = (tail ^ word(wanted, there + TAIL)) & (PROTOCOL | TYPE)
  if (words[at + PRIORITY] !== wanted[there + PRIORITY] || differs !== 0) return false
  return (tail & GATEWAY) === 0 || sameAddress(words, at + VIA, wanted, there + VIA)
}

/** `ignored`: bits of the last word that may differ. */
function isSame(words: Int32Array, at: number, wanted: Int32Array, there: number, ignored: number): boolean {
  if (((word(words, at + TAIL) ^ word(wanted, there + TAIL)) & ~ignored) !== 0) return false
  // In IPv6 the kernel gives it the loopback link.
  if (isBlackhole(wanted, there)) return true
  return words[at + IFINDEX] === wanted[there + IFINDEX] && sameAddress(words, at + VIA, wanted, there + VIA)
}

function isBlackhole(wanted: Int32Array, there: number): boolean {
  return (word(wanted, there + TAIL) & TYPE) === TYPE_BLACKHOLE
}

/** Nothing of ours will ever stand there while the connected route does, so nothing is worth waiting for. */
function isHeldByKernel({ occupant }: Findings, words: Int32Array, row: number): boolean {
  const at = (occupant[row] ?? 0) - 1
  return at >= 0 && isKernels(words, at)
}

/** A connected route, of an address that this host has: overwriting it would cut the host off from that subnet. */
function isKernels(words: Int32Array, at: number): boolean {
  return (word(words, at + TAIL) & PROTOCOL) === PROTOCOL_KERNEL
}

/**
 * IPv6: a route over another link covers the gateway of our onlink route, and the kernel refuses ours with EINVAL until it
 * is deleted (kernel-facts 4).
 */
function coversGateway(input: RoutesInput, wanted: Int32Array, there: number, words: Int32Array, at: number): boolean {
  if (input.family === 'ipv4' || (word(words, at + TAIL) & TYPE) !== TYPE_UNICAST) return false
  const throughAnother = words[at + IFINDEX] !== input.ifindex || (word(words, at + TAIL) & MULTIPATH) !== 0
  return (word(wanted, there + TAIL) & ONLINK) !== 0 && throughAnother
}
