/**
 * What a table of ours in nftables lacks and has too much, as the commands that would mend it. Pure. Must not: be what the agent runs,
 * which exchanges chains in one transaction.
 */
import type { NftChain } from './render-nftables.ts'

/** `listed`: of `nft -a list table`; undefined: there is no such table. `table`: `ip flannel-ipv4`. */
export function nftDifference(
  table: string,
  listed: string | undefined,
  wanted: readonly NftChain[],
): readonly string[] {
  const there = listed === undefined ? new Map<string, Chain>() : chainsOf(listed)
  const foreign = [...there.keys()].filter((name) => !wanted.some((chain) => chain.name === name))
  return [
    ...(listed === undefined ? [`nft add table ${table}`] : []),
    ...foreign.map((name) => `nft delete chain ${table} ${name}`),
    ...wanted.flatMap((chain) => chainCommands(table, there.get(chain.name), chain)),
  ]
}

interface Chain {
  readonly base: string
  readonly rules: readonly { readonly text: string; readonly handle: string }[]
}

function chainsOf(listed: string): Map<string, Chain> {
  const chains = new Map<string, { base: string; rules: { text: string; handle: string }[] }>()
  let chain: { base: string; rules: { text: string; handle: string }[] } | undefined
  for (const line of listed.split('\n').map((each) => each.trim())) {
    const [, name] = /^chain (\S+) \{(?: # handle \d+)?$/.exec(line) ?? []
    const [, text = '', handle = ''] = /^(.*) # handle (\d+)$/.exec(line) ?? []
    if (name !== undefined) {
      chain = { base: '', rules: [] }
      chains.set(name, chain)
    } else if (line === '}') chain = undefined
    else if (/^type \w+ hook /.test(line) && chain !== undefined) chain.base = line
    else if (handle !== '') chain?.rules.push({ text, handle })
  }
  return chains
}

function chainCommands(table: string, there: Chain | undefined, { name, base, rules }: NftChain): readonly string[] {
  const add = (rule: string): string => `nft add rule ${table} ${name} ${quoted(rule)}`
  if (there === undefined) return [`nft add chain ${table} ${name} '{ ${base} }'`, ...rules.map(add)]
  if (there.base !== '' && plain(there.base) !== plain(base))
    return [`nft delete chain ${table} ${name}`, `nft add chain ${table} ${name} '{ ${base} }'`, ...rules.map(add)]
  const kept = there.rules.filter(({ text }) => rules.includes(text))
  const missing = rules.filter((rule) => !kept.some(({ text }) => text === rule))
  // Appended, they have to end up in their places.
  const after = [...kept.map(({ text }) => text), ...missing]
  if (after.join('\n') !== rules.join('\n')) return [`nft flush chain ${table} ${name}`, ...rules.map(add)]
  const surplus = there.rules.filter((rule) => !kept.includes(rule))
  return [...surplus.map(({ handle }) => `nft delete rule ${table} ${name} handle ${handle}`), ...missing.map(add)]
}

/** As a shell takes it. */
function quoted(rule: string): string {
  return /[&!;<>$(){}*?|]/.test(rule) ? `'${rule}'` : rule
}

/** Priorities have names only with newer tools. */
function plain(base: string): string {
  return base.replace(' priority 100;', ' priority srcnat;').replace(' priority 0;', ' priority filter;')
}
