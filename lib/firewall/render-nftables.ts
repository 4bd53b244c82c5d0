/**
 * The wanted rules as `nft list table` prints them (flannel-contract 11): what nft reads, and what its answer is compared
 * with. Pure. Must not: say how they get into the kernel (nftables.ts).
 */
import type { Family } from '../net/ip.ts'
import type { WantedRules } from './port.ts'
import { type FilterRule, MASQUERADE_MARK, type PrefixMatch, rulesetOf } from './ruleset.ts'

/** nft's word for a family. */
export const NFT_FAMILY: Record<Family, 'ip' | 'ip6'> = { ipv4: 'ip', ipv6: 'ip6' }

/** flannel's names: its own clean-up and other tools' know them. */
export const NFT_TABLE: Record<Family, string> = { ipv4: 'flannel-ipv4', ipv6: 'flannel-ipv6' }

export interface NftChain {
  readonly name: string
  readonly comment: string
  /** `type … hook … priority …; policy …;` */
  readonly base: string
  readonly rules: readonly string[]
}

/** Only chains that have rules. */
export function renderNftChains(wanted: WantedRules): readonly NftChain[] {
  const { family, postrouting, forward, fullyRandom } = rulesetOf(wanted, wanted.style === 'flannel')
  const render = (rule: FilterRule): string => renderRule(rule, family, fullyRandom)
  const chains: readonly NftChain[] = [
    {
      name: 'postrtg',
      comment: 'chain to manage traffic masquerading by flannel',
      base: 'type nat hook postrouting priority srcnat; policy accept;',
      rules: postrouting.map(render),
    },
    {
      name: 'forward',
      comment: 'chain to accept flannel traffic',
      base: 'type filter hook forward priority filter; policy accept;',
      rules: forward.map(render),
    },
  ]
  return chains.filter(({ rules }) => rules.length > 0)
}

/** The whole table, byte for byte as nft 1.0.1 and later print it. */
export function renderNftTable(family: Family, chains: readonly NftChain[]): string {
  const blocks = chains.map(({ name, comment, base, rules }) => {
    const lines = [`comment "${comment}"`, base, ...rules]
    return `\tchain ${name} {\n${lines.map((line) => `\t\t${line}\n`).join('')}\t}\n`
  })
  const comment = `\tcomment "rules for ${NFT_TABLE[family]}"\n`
  return `table ${NFT_FAMILY[family]} ${NFT_TABLE[family]} {\n${comment}${blocks.join('\n')}}\n`
}

function renderRule({ marked, saddr, daddr, verdict }: FilterRule, family: Family, fullyRandom: boolean): string {
  const mark = `0x${MASQUERADE_MARK.toString(16).padStart(8, '0')}`
  const matches = {
    bit: [`meta mark & ${mark} == ${mark}`],
    whole: [`meta mark ${mark}`],
    none: [],
  }
  return [
    ...matches[marked ?? 'none'],
    ...(saddr === undefined ? [] : [renderMatch(family, 'saddr', saddr)]),
    ...(daddr === undefined ? [] : [renderMatch(family, 'daddr', daddr)]),
    verdict,
    ...(verdict === 'masquerade' && fullyRandom ? ['fully-random'] : []),
  ].join(' ')
}

function renderMatch(family: Family, field: 'saddr' | 'daddr', { negated, prefix }: PrefixMatch): string {
  return `${NFT_FAMILY[family]} ${field} ${negated ? '!= ' : ''}${prefix}`
}
