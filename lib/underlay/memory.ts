/**
 * What is remembered of the underlay from look to look, and what makes an address well founded. Pure. Must not: decide what is
 * taken next (underlay.ts).
 */
import { familyOf, type Ip } from '../net/ip.ts'
import { hasRealPrefix, rankAddress } from './address-rank.ts'
import type { UnderlayChoice } from './choice.ts'
import type { UnderlayKnowledge } from './knowledge.ts'
import type { Candidate, Places, Search } from './places.ts'

interface InUse {
  readonly ip: Ip
  readonly ifname: string
  readonly since: number
  readonly rank: number
  /** Whether it has a real prefix, beside which a /32 or /128 is a lesser address. */
  readonly real: boolean
  readonly fallback: Fallback
}

/**
 * What stands in for the address that belongs to this node, and is left as soon as that one is there: a `replacement` came
 * in its place (a new DHCP lease) and may become well founded; a `lesser` address never does.
 */
export type Fallback = 'none' | 'replacement' | 'lesser'

export interface UnderlayMemory {
  readonly inUse: InUse | undefined
  /** The address that belongs to this node. Worth keeping over a restart. */
  readonly founded: Ip | undefined
  /** Since when none of those that belong to this node is there. */
  readonly absentSince: number | undefined
  /** When each address that could serve was first seen. */
  readonly seen: ReadonlyMap<Ip, number>
  /** Where --iface-can-reach leads instead of what is in use, and since when. */
  readonly elsewhere: { readonly ip: Ip; readonly since: number } | undefined
}

export const NO_MEMORY: UnderlayMemory = {
  inUse: undefined,
  founded: undefined,
  absentSince: undefined,
  seen: new Map(),
  elsewhere: undefined,
}

/** A first choice that stood this long is well founded. */
const FOUNDED_AFTER_MS = 60_000
/** Routes flap: --iface-can-reach is followed when it has led elsewhere for this long. */
const ELSEWHERE_MS = 500
/** What is in use is well founded: it is left only when it goes, or a person says so. */
export function isFounded({ inUse, founded }: UnderlayMemory, known: Omit<UnderlayKnowledge, 'deviceLocal'>): boolean {
  if (inUse === undefined || inUse.fallback === 'lesser') return false
  const { ip, since, fallback, real } = inUse
  if (ip === founded || ip === known.internalIp || known.now - since >= FOUNDED_AFTER_MS) return true
  // What may float, as it has no real prefix, is not ours for good because we have just told others of it.
  return fallback === 'none' && ip === known.published && (real || ip === known.publishedBefore)
}

/** One look at the host. */
export interface Look {
  readonly search: Search
  readonly choice: UnderlayChoice
  readonly places: Places
  readonly known: UnderlayKnowledge
}

/** What is known before this look decides: which addresses are there since when, and what an earlier life used. */
export function recall(look: Look, before: UnderlayMemory): UnderlayMemory {
  const memory = recallUse(look, before)
  return { ...memory, elsewhere: ledElsewhere(look, memory) }
}

/** Another address of the same interface is none that a person asked for. */
function ledElsewhere(
  { places, choice, known }: Look,
  { inUse, elsewhere }: UnderlayMemory,
): UnderlayMemory['elsewhere'] {
  const [first] = choice.canReach === undefined ? [] : places.candidates
  if (first === undefined || inUse === undefined || first.link.ifname === inUse.ifname) return undefined
  if (places.candidates.some(({ address }) => address.ip === inUse.ip)) return undefined
  const { ip } = first.address
  return elsewhere?.ip === ip ? elsewhere : { ip, since: known.now }
}

/** Milliseconds until --iface-can-reach is to be followed; 0: now; undefined: it leads nowhere else. */
export function followAfterMs({ elsewhere }: UnderlayMemory, now: number): number | undefined {
  return elsewhere && Math.max(0, elsewhere.since + ELSEWHERE_MS - now)
}

function recallUse({ search, places, known }: Look, before: UnderlayMemory): UnderlayMemory {
  const seen = new Map<Ip, number>()
  // What is there at the first look has been there before.
  const since = before.seen.size === 0 && before.inUse === undefined ? Number.NEGATIVE_INFINITY : known.now
  for (const address of search.addresses)
    if (familyOf(address.ip) === search.family && places.allows(address))
      seen.set(address.ip, before.seen.get(address.ip) ?? since)
  // Nobody may have looked since it became that.
  if (before.inUse !== undefined)
    return { ...before, seen, founded: isFounded(before, known) ? before.inUse.ip : before.founded }
  const owner = search.addresses.find(({ ip }) => ip === known.deviceLocal)
  const link = search.links.find(({ ifindex }) => ifindex === owner?.ifindex)
  if (owner === undefined || link === undefined || !places.allows(owner)) return { ...before, seen }
  const fallback = before.founded === undefined || before.founded === owner.ip ? 'none' : 'lesser'
  return { ...before, seen, inUse: inUseOf(search, { link, address: owner }, known.now, fallback) }
}

/** What was decided upon. `founded`: whatever becomes of it, it belongs to this node. */
export interface Taken {
  readonly candidate: Candidate
  readonly fallback: Fallback
  readonly founded: boolean
}

export function remember(
  memory: UnderlayMemory,
  { candidate, fallback, founded }: Taken,
  { search, known }: Look,
): UnderlayMemory {
  const { ip } = candidate.address
  const since = memory.inUse?.ip === ip ? memory.inUse.since : known.now
  const inUse = inUseOf(search, candidate, since, fallback)
  const now = { ...memory, inUse, absentSince: fallback === 'none' ? undefined : memory.absentSince }
  return founded || isFounded(now, known) ? { ...now, inUse: { ...inUse, fallback: 'none' }, founded: ip } : now
}

function inUseOf(
  { addresses, family }: Search,
  { link, address }: Pick<Candidate, 'link' | 'address'>,
  since: number,
  fallback: Fallback,
): InUse {
  const { ip, ifindex } = address
  const besideReal = addresses.some(
    (other) => other.ifindex === ifindex && familyOf(other.ip) === family && hasRealPrefix(other),
  )
  const rank = rankAddress(address, besideReal)
  return { ip, ifname: link.ifname, since, rank, real: hasRealPrefix(address), fallback }
}
