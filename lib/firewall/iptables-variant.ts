/**
 * Which of iptables' two variants the rules belong in: where kube-proxy has its own, else the one that the host's `iptables` is.
 * Must not: create a table of legacy iptables by asking for it, nor take a variant that cannot be asked for an empty one.
 */
import { readFile } from 'node:fs/promises'
import type { Family } from '../net/ip.ts'
import { type IptablesTool, readChain, type Table, type Trouble, type Variant } from './iptables-tool.ts'
import type { FilterNote } from './port.ts'

/** What one variant holds. */
export interface VariantFacts {
  /** Chains of kube-proxy's or kubelet's. */
  readonly kubernetes: boolean
  /** Rules of anybody's but ours. */
  readonly rules: boolean
}

export interface VariantChoice {
  readonly variant: Variant
  readonly notes: readonly FilterNote[]
}

/** Those of iptables' tables in which we have something. */
export const LEGACY_TABLES: readonly string[] = ['nat', 'filter']

/** Tables of legacy iptables that exist in this network namespace; asking iptables-legacy for another one makes it. */
export type LegacyTables = (family: Family) => Promise<readonly string[]>

export const legacyTables: LegacyTables = async (family) => {
  const file = family === 'ipv4' ? '/proc/net/ip_tables_names' : '/proc/net/ip6_tables_names'
  const names = await readFile(file, 'utf8').catch(() => '')
  return names.split('\n').filter((name) => name !== '')
}

/** `tools`, that of the host's `iptables` first; the chosen one first, then those to be tried where this kernel lacks its tables. */
export async function rankTools(
  tools: readonly IptablesTool[],
  existing: readonly string[],
  before: Variant | undefined,
): Promise<{ readonly tools: readonly IptablesTool[]; readonly notes: readonly FilterNote[] }> {
  const [host] = tools
  if (host === undefined || tools.length === 1 || (host.variant === 'nft' && existing.length === 0))
    return { tools, notes: [] }
  const facts: Partial<Record<Variant, VariantFacts>> = {}
  for (const tool of tools) {
    const found = await factsOf(tool, existing)
    if ('kubernetes' in found) facts[tool.variant] = found
    else if (found.outcome === 'failed') {
      const text = `${tool.program} could not be asked for kube-proxy's rules: ${found.because}`
      return { tools: first(tools, before ?? host.variant), notes: [{ key: 'filter.variant', text }] }
    }
  }
  const { variant, notes } = chooseVariant(host.variant, facts)
  return { tools: first(tools, variant), notes }
}

/** Pure. `host`: what the host's `iptables` is. A variant without facts is not there. */
export function chooseVariant(host: Variant, facts: Readonly<Partial<Record<Variant, VariantFacts>>>): VariantChoice {
  const { nft, legacy } = facts
  if (nft === undefined || legacy === undefined)
    return { variant: nft !== undefined ? 'nft' : legacy !== undefined ? 'legacy' : host, notes: [] }
  const kubernetes = nft.kubernetes ? 'nft' : 'legacy'
  const variant = nft.kubernetes === legacy.kubernetes ? host : kubernetes
  if (!nft.rules || !legacy.rules) return { variant, notes: [] }
  const why =
    nft.kubernetes === legacy.kubernetes ? "since this host's iptables is that one" : "since kube-proxy's are there"
  const text = `both variants of iptables hold rules, iptables-nft and iptables-legacy, and every packet passes both; vtepd's are in iptables-${variant}, ${why}. Have all programs use one variant (update-alternatives --config iptables), and empty the other`
  return { variant, notes: [{ key: 'filter.both-variants', text }] }
}

function first(tools: readonly IptablesTool[], variant: Variant): readonly IptablesTool[] {
  return [...tools.filter((tool) => tool.variant === variant), ...tools.filter((tool) => tool.variant !== variant)]
}

/** Of legacy iptables only tables that exist are asked. */
async function factsOf(tool: IptablesTool, existing: readonly string[]): Promise<VariantFacts | Trouble> {
  const isThere = (table: Table): boolean => tool.variant === 'nft' || existing.includes(table)
  let kubernetes = false
  // kubelet makes the hint for whoever has to choose, as here.
  for (const [table, chain] of [
    ['nat', 'KUBE-POSTROUTING'],
    ['mangle', 'KUBE-IPTABLES-HINT'],
  ] as const) {
    const look = isThere(table) ? await readChain(tool, table, chain) : undefined
    if (look !== undefined && 'outcome' in look) return look
    kubernetes ||= look?.state === 'rules'
  }
  // What the kernel's chains lead to counts; a chain that nothing leads to does nothing.
  let rules = kubernetes
  for (const [table, chain] of [
    ['filter', 'FORWARD'],
    ['filter', 'INPUT'],
    ['nat', 'POSTROUTING'],
    ['nat', 'PREROUTING'],
  ] as const) {
    if (rules || !isThere(table)) continue
    const look = await readChain(tool, table, chain)
    if ('outcome' in look) return look
    rules = look.state === 'unprintable' || (look.state === 'rules' && look.rules.some(isForeign))
  }
  return { kubernetes, rules }
}

function isForeign(rule: string): boolean {
  return !/ -j FLANNEL-(?:POSTRTG|FWD)$/.test(rule)
}
