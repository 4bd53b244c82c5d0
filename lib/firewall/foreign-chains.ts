/**
 * Reads the base chains of others, and the chains that they lead to, for the judge. Single chains, each within a bound, never a
 * whole rule set; kube-proxy's chains, of which there are thousands, are known and not read. Must not: create anything by reading.
 */
import type { RunProgram } from '../host/exec.ts'
import type { Family } from '../net/ip.ts'
import type { Chain } from './chain-walk.ts'
import type { BaseChain, Hook } from './foreign-drop.ts'
import type { JudgedRule } from './judged-rule.ts'
import { parseNftRule } from './nft-rule.ts'
import { IPTABLES } from './render-iptables.ts'
import { parseXtablesRule } from './xtables-rule.ts'

export interface ChainParts {
  readonly family: Family
  readonly run: RunProgram
  /** Tables of legacy iptables that exist. */
  readonly tables: (family: Family) => Promise<readonly string[]>
}

/** Reads one chain of one table; undefined: it cannot be read, or is too long. */
type ReadChain = (name: string) => Promise<Chain | undefined>

/** Of chains that let packets pass or not, and of those that give them another source. */
export type ChainType = 'filter' | 'nat'

const HOOKS: Readonly<Record<ChainType, readonly string[]>> = {
  filter: ['prerouting', 'input', 'forward', 'output'] satisfies readonly Hook[],
  nat: ['postrouting'] satisfies readonly Hook[],
}
const OWN_TABLE = /^(?:flannel|vtepd)\b/
/** kube-proxy's and kubelet's: they accept, drop and mark only what services, ports and marks of theirs select. */
const KUBE_PROXY =
  /^KUBE-(?:SERVICES|EXTERNAL-SERVICES|NODEPORTS|PROXY-FIREWALL|FORWARD|FIREWALL|NODE-PORT|SOURCE-RANGES-FIREWALL|PROXY-CANARY|KUBELET-CANARY|IPVS-FILTER|IPVS-OUT-FILTER)$/
const MOST_LIST_BYTES = 4 << 20
const MOST_CHAIN_BYTES = 128 << 10
/** Of one base chain. */
const MOST_CHAINS = 64
const PRIORITIES: Readonly<Record<string, number>> = {
  raw: -300,
  mangle: -150,
  dstnat: -100,
  filter: 0,
  security: 50,
  srcnat: 100,
}
/** Those of iptables' tables that filter, with the hooks at which they do. */
const LEGACY: Readonly<Record<ChainType, readonly (readonly [table: string, hooks: readonly Hook[]])[]>> = {
  filter: [
    ['raw', ['prerouting', 'output']],
    ['mangle', ['prerouting', 'input', 'forward', 'output']],
    ['filter', ['input', 'forward', 'output']],
    ['security', ['input', 'forward', 'output']],
  ],
  nat: [['nat', ['postrouting']]],
}

/**
 * undefined: nftables could not be asked. Without the program nft, nftables' own tables are not seen. `withOurs`: our tables of
 * nftables are read like anybody's.
 */
export async function readBaseChains(
  parts: ChainParts,
  type: ChainType = 'filter',
  withOurs = false,
): Promise<readonly BaseChain[] | undefined> {
  const nft = await readNftBases(parts, type, withOurs)
  if (nft === undefined) return undefined
  const existing = await parts.tables(parts.family)
  const legacy: BaseChain[] = []
  for (const [table, hooks] of LEGACY[type])
    for (const hook of existing.includes(table) ? hooks : []) {
      const program = `${IPTABLES[parts.family]}-legacy`
      const base = await readBase(readXtables(parts.run, program, table), hook.toUpperCase())
      if (base !== undefined)
        legacy.push({ ...base, hook, priority: PRIORITIES[table] ?? 0, family: 'ip', table, program })
    }
  return [...nft, ...legacy]
}

async function readNftBases(
  { family, run }: ChainParts,
  type: ChainType,
  withOurs: boolean,
): Promise<readonly BaseChain[] | undefined> {
  const listed = await run('nft', ['list', 'chains'], { largestOutputBytes: MOST_LIST_BYTES })
  if (listed.outcome === 'missing') return []
  if (listed.outcome !== 'exited' || listed.status !== 0) return undefined
  const bases: BaseChain[] = []
  for (const { name, ...found } of parseBaseChains(listed.stdout, family, type, withOurs)) {
    const program = isOfIptables(found.family, found.table, name) ? `${IPTABLES[family]}-nft` : 'nft'
    const byNft = readNft(run, found.family, found.table)
    const read = program === 'nft' ? byNft : readXtables(run, program, found.table)
    // What iptables cannot print, nft can.
    const base = (await readBase(read, name)) ?? (program === 'nft' ? undefined : await readBase(byNft, name))
    if (base !== undefined) bases.push({ ...base, ...found, program })
  }
  return bases
}

interface FoundBase {
  readonly name: string
  readonly family: string
  readonly table: string
  readonly hook: Hook
  readonly priority: number
}

/** Of `nft list chains`: those of the type that packets of the family meet. */
export function parseBaseChains(
  text: string,
  of: Family,
  wanted: ChainType = 'filter',
  withOurs = false,
): readonly FoundBase[] {
  const found: FoundBase[] = []
  const families = ['inet', of === 'ipv4' ? 'ip' : 'ip6']
  let [family, table, name] = ['', '', '']
  for (const [, tableFamily, tableName, chain, type, hook = '', priority = ''] of text.matchAll(
    /^(?:table (\S+) (\S+) \{|\tchain (\S+) \{|\t\ttype (\w+) hook (\w+)(?: device \S+)? priority ([^;]+);.*)$/gm,
  )) {
    if (tableFamily !== undefined) [family, table] = [tableFamily, tableName ?? '']
    else if (chain !== undefined) name = chain
    else if (type === wanted && HOOKS[wanted].includes(hook) && families.includes(family)) {
      const isOurs = OWN_TABLE.test(table)
      if (withOurs || !isOurs) found.push({ name, family, table, hook: hook as Hook, priority: priorityOf(priority) })
    }
  }
  return found
}

// `filter`, `filter + 10`, `-5`.
function priorityOf(text: string): number {
  const [, word = '', sign = '+', number = '0'] = /^([a-z]*) ?([+-]?) ?(\d*)$/.exec(text.trim()) ?? []
  return (PRIORITIES[word] ?? 0) + (sign === '-' ? -1 : 1) * Number(number)
}

function isOfIptables(family: string, table: string, chain: string): boolean {
  return family !== 'inet' && /^(?:raw|mangle|filter|security|nat)$/.test(table) && /^[A-Z]+$/.test(chain)
}

/** With all chains that it leads to, as far as they can be read. */
async function readBase(read: ReadChain, name: string): Promise<(Chain & Pick<BaseChain, 'chains'>) | undefined> {
  const base = await read(name)
  if (base === undefined) return undefined
  const chains = new Map<string, Chain>()
  const asked = new Set<string>()
  const wanted = targetsOf(base.rules)
  for (let next = wanted.shift(); next !== undefined; next = wanted.shift()) {
    if (asked.has(next) || asked.size >= MOST_CHAINS) continue
    asked.add(next)
    const chain = KUBE_PROXY.test(next) ? { name: next, rules: [] } : await read(next)
    if (chain === undefined) continue
    chains.set(next, chain)
    wanted.push(...targetsOf(chain.rules))
  }
  return { ...base, chains }
}

function targetsOf(rules: readonly JudgedRule[]): string[] {
  return rules.flatMap(({ action }) => ('chain' in action ? [action.chain] : []))
}

function readXtables(run: RunProgram, program: string, table: string): ReadChain {
  return async (name) => {
    const args = ['-w', '5', '-t', table, '-S', name]
    const result = await run(program, args, { largestOutputBytes: MOST_CHAIN_BYTES })
    if (result.outcome !== 'exited' || result.status !== 0) return undefined
    const lines = result.stdout.split('\n')
    const [, policy] = /^-P \S+ (\w+)/.exec(lines[0] ?? '') ?? []
    const rules = lines.filter((line) => line.startsWith('-A ')).map(parseXtablesRule)
    return { name, rules, ...(policy === undefined ? {} : { policy: policy === 'DROP' ? 'drop' : 'accept' }) }
  }
}

function readNft(run: RunProgram, family: string, table: string): ReadChain {
  return async (name) => {
    const args = ['-j', 'list', 'chain', family, table, name]
    const result = await run('nft', args, { largestOutputBytes: MOST_CHAIN_BYTES })
    return result.outcome === 'exited' && result.status === 0 ? parseNftChain(result.stdout, name) : undefined
  }
}

/** Of `nft -j list chain`. undefined: it is not what it should be. */
export function parseNftChain(json: string, name: string): Chain | undefined {
  try {
    const { nftables } = JSON.parse(json) as { nftables: readonly Readonly<Record<string, NftObject>>[] }
    const policy = nftables.find(({ chain }) => chain !== undefined)?.chain?.policy
    const rules = nftables.flatMap(({ rule }) => {
      if (rule === undefined) return []
      const text = `handle ${rule.handle}`
      return parseNftRule(rule.expr ?? [], text, rule.handle ?? 0)
    })
    return { name, rules, ...(policy === 'accept' || policy === 'drop' ? { policy } : {}) }
  } catch {
    return undefined
  }
}

interface NftObject {
  readonly handle?: number
  readonly policy?: string
  readonly expr?: readonly unknown[]
}
