/**
 * Which interface and address carry the overlay of one family: chosen once, left only for a reason. Owns that judgement.
 * Pure: every fact comes in, what was before (memory.ts) and the time too.
 * Must not: look anything up, nor know the flags' meaning (places.ts) or an address' quality (address-rank.ts).
 *
 * An address stays while it exists and is usable. What is well founded (a person's flag, what was published before, the
 * Node's InternalIP, a first choice that has stood for a minute) is waited for when it goes, and returned to when it comes
 * back; a lesser one is taken only after `choice.fallbackAfterMs`, and never becomes well founded.
 */
import { type Cidr, contains } from '../net/cidr.ts'
import type { Ifindex } from '../net/ifindex.ts'
import { type Family, familyOf, type Ip } from '../net/ip.ts'
import type { Lladdr } from '../net/lladdr.ts'
import { LEAST_MTU, vxlanOverhead } from '../net/mtu.ts'
import type { EntryTable } from '../rtnl/entries.ts'
import type { Address, Link, ResolvedRoute } from '../rtnl/port.ts'
import { mayBeEndpoint, rankAddress } from './address-rank.ts'
import type { UnderlayChoice } from './choice.ts'
import type { UnderlayKnowledge } from './knowledge.ts'
import { followAfterMs, isFounded, type Look, recall, remember, type Taken, type UnderlayMemory } from './memory.ts'
import { type Candidate, findPlaces, namesInterface, type Places, type Search } from './places.ts'

/** The chosen interface, and the two addresses that can differ behind NAT. */
export interface Underlay {
  readonly ifindex: Ifindex
  readonly ifname: string
  /** Of the interface; undefined: no Ethernet link that asks for neighbours (kernel-facts 7). */
  readonly lladdr: Lladdr | undefined
  /** Bytes, of the interface; never 0. */
  readonly mtu: number
  /** Source of outer packets: an address that this host has. */
  readonly local: Ip
  /** What is published, unless an overwrite annotation says otherwise: --public-ip when given, else `local`. */
  readonly publicIp: Ip
  /** `local` is a lesser address that stands in for the one of this node: it may belong to whoever moves it about. */
  readonly standsIn: boolean
}

/** One sentence for `underlay.waiting`: what is missing. All of it can become right by itself. */
export interface UnderlayWaiting {
  readonly waiting: string
  /** What is missing is room: the interface is too narrow for the family. */
  readonly cannot?: true
}

export interface UnderlayFacts {
  readonly links: readonly Link[]
  /** Of both families where they are known: an address of the other family can name the interface. */
  readonly addresses: readonly Address[]
  /** The main table of the family; asked only for the default route. */
  readonly routes: EntryTable
  /** The kernel's answer for `choice.canReach`; undefined: not asked, or no route. */
  readonly reach: Pick<ResolvedRoute, 'oif' | 'source'> | undefined
  /** The overlay network of the family: addresses inside it (cni0's, our device's) never carry it. */
  readonly network?: Cidr | undefined
  /** Links that are never taken, above all our own VXLAN devices. */
  readonly exclude?: ((link: Link) => boolean) | undefined
}

/** An address that came about when the other went has taken its place; one that was there before has not. */
const NEWCOMER_MS = 5000

export interface UnderlayDecision {
  readonly answer: Underlay | UnderlayWaiting
  readonly memory: UnderlayMemory
  /** Milliseconds after which another look may decide otherwise although nothing is heard; undefined: never. */
  readonly againMs: number | undefined
}

export function chooseUnderlay(
  family: Family,
  choice: UnderlayChoice,
  facts: UnderlayFacts,
  known: UnderlayKnowledge,
  before: UnderlayMemory,
): UnderlayDecision {
  const search = searchOf(family, facts, known)
  const publicIp = known.hint ?? choice.publicIp[family]
  const places = findPlaces(search, choice, publicIp)
  const look = { search, choice, places, known }
  const memory = recall(look, before)
  const decided = decide({ ...look, publicIp }, memory)
  const followMs = followAfterMs(memory, known.now)
  if ('waiting' in decided) {
    const answer = withoutRoom(search, places, memory) ?? { waiting: decided.waiting }
    const absentSince = memory.absentSince ?? known.now
    return { answer, memory: { ...memory, absentSince }, againMs: followMs ?? decided.againMs }
  }
  const { link, address } = decided.candidate
  const { ifindex, ifname, mtu, lladdr, noArp } = link
  return {
    answer: {
      ifindex,
      ifname,
      lladdr: noArp ? undefined : lladdr,
      mtu,
      local: address.ip,
      publicIp: publicIp ?? address.ip,
      standsIn: decided.fallback === 'lesser',
    },
    memory: remember(memory, decided, look),
    againMs: followMs === 0 ? undefined : followMs,
  }
}

/** Below its least MTU a link has no addresses of the family at all: nothing else has to be waited for. */
function withoutRoom(
  { links, family }: Search,
  places: Places,
  { inUse }: UnderlayMemory,
): UnderlayWaiting | undefined {
  const meant = places.links.length > 0 ? places.links : links.filter(({ ifname }) => ifname === inUse?.ifname)
  const [link] = meant
  if (link === undefined || meant.some(({ mtu }) => mtu <= 0 || mtu >= LEAST_MTU[family])) return undefined
  return { waiting: noRoom(family, `MTU ${link.mtu} of ${link.ifname}`), cannot: true }
}

/** `source` says which MTU is meant. */
export function noRoom(family: Family, source: string): string {
  const name = family === 'ipv4' ? 'IPv4' : 'IPv6'
  const least = LEAST_MTU[family] + vxlanOverhead(family)
  return `${source} is too small for VXLAN over ${name}: at least ${least} is needed, so there is no ${name} in the overlay of this node`
}

interface Question extends Look {
  readonly publicIp: Ip | undefined
}

type Decided = Taken | { readonly waiting: string; readonly againMs?: number }

function decide(question: Question, memory: UnderlayMemory): Decided {
  const { places, known, choice, publicIp } = question
  const { inUse } = memory
  const [first] = places.candidates
  if (first !== undefined && (first.exact || followAfterMs(memory, known.now) === 0))
    return { candidate: first, fallback: 'none', founded: true }
  if (publicIp !== undefined && !namesInterface(choice)) return { waiting: places.missing.join('; ') }
  const belonging = addressesOfOurs(question, memory)
  let tentative: Ip | undefined
  for (const ip of belonging) {
    const there = candidateOf(question, ip)
    if (there === undefined) continue
    if (there.address.flags.tentative) tentative ??= ip
    else {
      const candidate = yields(there, first)
      const founded = candidate === there && (ip !== inUse?.ip || isFounded(memory, known))
      return { candidate, fallback: 'none', founded }
    }
  }
  const current = inUse === undefined ? undefined : candidateOf(question, inUse.ip)
  if (current?.address.flags.tentative === true) tentative ??= current.address.ip
  else if (current !== undefined && inUse !== undefined) {
    // Of two first choices the better one; what stands in for the address of ours stays until that one is back.
    const isListed = places.candidates.some(({ address }) => address.ip === inUse.ip)
    const candidate = isListed && inUse.fallback === 'none' ? first : undefined
    return { candidate: candidate ?? yields(current, first), fallback: inUse.fallback, founded: false }
  }
  if (tentative !== undefined)
    return { waiting: `${tentative} is still tentative or failed duplicate address detection` }
  return fallBack(question, memory, belonging)
}

/** The address that belongs to this node is not there, or none is known to. */
function fallBack({ places, choice, known }: Question, memory: UnderlayMemory, belonging: readonly Ip[]): Decided {
  const { inUse } = memory
  const onLink = places.candidates.filter(({ link }) => link.ifname === inUse?.ifname)
  const candidate = onLink[0] ?? places.candidates[0]
  if (candidate === undefined) return { waiting: places.missing.join('; ') }
  const [ours] = belonging
  if (ours === undefined) return { candidate, fallback: 'none', founded: false }
  const absentSince = memory.absentSince ?? known.now
  const came = memory.seen.get(candidate.address.ip) ?? known.now
  const isReplacement =
    inUse !== undefined &&
    candidate.link.ifname === inUse.ifname &&
    known.isPublishedByOthers?.(candidate.address.ip) !== true &&
    rankAddress(candidate.address, inUse.real) <= inUse.rank &&
    absentSince - came < NEWCOMER_MS
  if (isReplacement) return { candidate, fallback: 'replacement', founded: false }
  const leftMs = absentSince + choice.fallbackAfterMs - known.now
  if (leftMs <= 0) return { candidate, fallback: 'lesser', founded: false }
  const seconds = Math.round(choice.fallbackAfterMs / 1000)
  const { link, address } = candidate
  return {
    waiting: `${ours}, the address of this node, is gone; unless it returns within ${seconds} s, ${address.ip} on ${link.ifname} is used`,
    againMs: leftMs,
  }
}

/**
 * In this order: what is in use (unless it only stands in), what belonged to this node before, what it published before,
 * its InternalIP. Left out: those that the flags forbid.
 */
function addressesOfOurs({ search, choice, places, known, publicIp }: Question, memory: UnderlayMemory): readonly Ip[] {
  const { inUse, founded } = memory
  const sticks = inUse !== undefined && isFounded(memory, known)
  const before = known.publishedBefore === publicIp ? undefined : known.publishedBefore
  const internal =
    namesInterface(choice) && !search.addresses.some(({ ip }) => ip === known.internalIp) ? undefined : known.internalIp
  const all = [sticks ? inUse.ip : undefined, founded, founded === undefined ? before : undefined, internal]
  return [...new Set(all)].filter(
    (ip): ip is Ip =>
      ip !== undefined &&
      familyOf(ip) === search.family &&
      search.addresses.every((address) => address.ip !== ip || places.allows(address)),
  )
}

/** `ip`, wherever it is now: addresses outrank interfaces. */
function candidateOf({ search, places }: Question, ip: Ip): Candidate | undefined {
  const address = search.addresses.find(
    (one) => one.ip === ip && !one.flags.dadFailed && mayBeEndpoint(one) && search.usable(ip) && places.allows(one),
  )
  const link = search.links.find(({ ifindex, mtu }) => ifindex === address?.ifindex && mtu > 0)
  return address === undefined || link === undefined ? undefined : { link, address, exact: false }
}

/** A deprecated address gives way to one that is ready, and only to that. */
function yields(candidate: Candidate, successor: Candidate | undefined): Candidate {
  return candidate.address.flags.deprecated && successor !== undefined ? successor : candidate
}

function searchOf(family: Family, facts: UnderlayFacts, known: UnderlayKnowledge): Search {
  const excluded = new Set(facts.links.filter((link) => facts.exclude?.(link) === true).map(({ ifindex }) => ifindex))
  const { network, routes, reach } = facts
  return {
    family,
    links: facts.links.filter(({ ifindex }) => !excluded.has(ifindex)),
    addresses: facts.addresses.filter(({ ifindex }) => !excluded.has(ifindex)),
    routes,
    reach,
    usable: (ip) => network === undefined || !contains(network, ip),
    demoted: known.isPublishedByOthers ?? (() => false),
  }
}
