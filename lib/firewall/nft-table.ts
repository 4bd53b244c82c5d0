/**
 * Reads what `nft list table` prints, as far as is needed to see whether a table of ours is as it was written. Pure.
 * Must not: understand a rule; one that is printed otherwise than it was written is another one.
 */
import type { NftChain } from './render-nftables.ts'

export interface NftListing {
  /** By name: its lines, the one of the hook first; no comments. */
  readonly chains: ReadonlyMap<string, readonly string[]>
  /** What is no chain: flags, sets, … */
  readonly others: readonly string[]
}

const CHAIN = /^chain (\S+) \{$/
const COMMENT = /^comment ".*"$/
const ECHOED_RULE = /^add rule \S+ \S+ (\S+) (?:handle \d+ )?(.*?)(?: # handle \d+)?$/
/** What nft before 0.9.2, and any nft where a number was written, prints for the priorities that we use. */
const PRIORITIES: readonly (readonly [RegExp, string])[] = [
  [/ priority 100;/, ' priority srcnat;'],
  [/ priority 0;/, ' priority filter;'],
]

/** `text`: of one table. What is not understood ends up in `others`, or in a chain's lines. */
export function parseNftListing(text: string): NftListing {
  const chains = new Map<string, string[]>()
  const others: string[] = []
  let chain: string[] | undefined
  let depth = 0
  for (const line of text.split('\n').map((each) => each.trim())) {
    const before = depth
    depth += line.split('{').length - line.split('}').length
    if (line === '' || COMMENT.test(line) || before === 0) continue
    const name = before === 1 ? CHAIN.exec(line)?.[1] : undefined
    if (name !== undefined) {
      chain = []
      chains.set(name, chain)
    } else if (chain !== undefined && depth === 1) chain = undefined
    else if (depth > 0) (chain ?? others).push(PRIORITIES.reduce((now, [from, to]) => now.replace(from, to), line))
  }
  return { chains, others }
}

/** Whether these chains and nothing else are there, each with these rules. */
export function isAsWritten(listing: NftListing, wanted: readonly NftChain[]): boolean {
  return canKeepChains(listing, wanted) && wanted.every((chain) => hasRulesOf(listing, chain))
}

/** Whether these chains and nothing else are there, each at its hook: then their rules can be exchanged in place. */
export function canKeepChains({ chains, others }: NftListing, wanted: readonly NftChain[]): boolean {
  return (
    others.length === 0 &&
    chains.size === wanted.length &&
    wanted.every(({ name, base }) => chains.get(name)?.[0] === base)
  )
}

function hasRulesOf({ chains }: NftListing, { name, rules }: NftChain): boolean {
  const [, ...there] = chains.get(name) ?? []
  return there.length === rules.length && there.every((line, index) => line === rules[index])
}

/** Why it is not as written, in words. */
export function differenceOf(listing: NftListing, wanted: readonly NftChain[]): string {
  const { chains, others } = listing
  const missing = wanted.find(({ name }) => !chains.has(name))
  if (missing !== undefined) return `the chain ${missing.name} was missing`
  const foreign = [...chains.keys()].find((name) => !wanted.some((chain) => chain.name === name))
  if (foreign !== undefined) return `there was a chain ${foreign}`
  const changed = wanted.find((chain) => chains.get(chain.name)?.[0] !== chain.base || !hasRulesOf(listing, chain))
  return changed === undefined ? `there was '${others[0]}'` : `the chain ${changed.name} was not as wanted`
}

/**
 * The wanted chains with their rules as this nft prints them, from what `nft --echo` said when it wrote them: the kernel's own
 * answer, in which nobody else's change can be. undefined: it did not echo each of them.
 */
export function asEchoed(stdout: string, wanted: readonly NftChain[]): readonly NftChain[] | undefined {
  const rules = new Map<string, string[]>(wanted.map(({ name }) => [name, []]))
  for (const line of stdout.split('\n')) {
    const [, chain = '', rule = ''] = ECHOED_RULE.exec(line.trim()) ?? []
    rules.get(chain)?.push(rule)
  }
  const echoed = wanted.map((chain) => ({ ...chain, rules: rules.get(chain.name) ?? [] }))
  return echoed.every((chain, index) => chain.rules.length === wanted[index]?.rules.length) ? echoed : undefined
}
