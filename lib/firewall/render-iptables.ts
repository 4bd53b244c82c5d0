/**
 * The wanted rules as iptables-save prints them (flannel-contract 10), which is what iptables-restore reads and what
 * iptables-save is compared with. Pure. Must not: say how they get into the kernel (iptables.ts).
 */
import type { Family } from '../net/ip.ts'
import type { WantedRules } from './port.ts'
import { type FilterRule, MASQUERADE_MARK, type PrefixMatch, rulesetOf } from './ruleset.ts'

/** The program of a family, of whose name all others are made (`iptables-save`, `iptables-legacy`). */
export const IPTABLES: Record<Family, 'iptables' | 'ip6tables'> = { ipv4: 'iptables', ipv6: 'ip6tables' }

/** One of ours, and how packets come into it. flannel's names: its own clean-up, k3s' and RKE2's scripts know them. */
export interface IptablesChain {
  readonly table: 'nat' | 'filter'
  readonly chain: 'FLANNEL-POSTRTG' | 'FLANNEL-FWD'
  /** The chain of the kernel's that jumps into ours. */
  readonly from: 'POSTROUTING' | 'FORWARD'
  /** As `-A POSTROUTING …`: flannel appends it. */
  readonly jump: string
  /** As `-A FLANNEL-POSTRTG …`, in order; empty: not wanted. */
  readonly rules: readonly string[]
}

/** Both chains, always; flannel's style and the corrected one are the same here. */
export function renderIptables(wanted: WantedRules): readonly IptablesChain[] {
  const { postrouting, forward, fullyRandom } = rulesetOf(wanted, false)
  const chain = (
    table: IptablesChain['table'],
    name: IptablesChain['chain'],
    from: IptablesChain['from'],
    comment: string,
    rules: readonly FilterRule[],
  ): IptablesChain => ({
    table,
    chain: name,
    from,
    jump: `-A ${from} -m comment --comment "${comment}" -j ${name}`,
    rules: rules.map((rule) => `-A ${name} ${renderRule(rule, comment, fullyRandom)}`),
  })
  return [
    chain('nat', 'FLANNEL-POSTRTG', 'POSTROUTING', 'flanneld masq', postrouting),
    chain('filter', 'FLANNEL-FWD', 'FORWARD', 'flanneld forward', forward),
  ]
}

function renderRule({ marked, saddr, daddr, verdict }: FilterRule, comment: string, fullyRandom: boolean): string {
  const mark = `0x${MASQUERADE_MARK.toString(16)}`
  return [
    ...(saddr === undefined ? [] : [renderMatch('-s', saddr)]),
    ...(daddr === undefined ? [] : [renderMatch('-d', daddr)]),
    ...(marked === undefined ? [] : [`-m mark --mark ${mark}/${mark}`]),
    `-m comment --comment "${comment}"`,
    `-j ${verdict.toUpperCase()}`,
    ...(verdict === 'masquerade' && fullyRandom ? ['--random-fully'] : []),
  ].join(' ')
}

function renderMatch(option: '-s' | '-d', { negated, prefix }: PrefixMatch): string {
  return `${negated ? '! ' : ''}${option} ${prefix}`
}
