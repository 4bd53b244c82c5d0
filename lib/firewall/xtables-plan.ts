/**
 * From what iptables shows of our chains and of those that jump into them to what iptables-restore shall do. Pure. Must not:
 * name any rule but ours; whatever else is in the kernel's chains is only counted, to find our place among it.
 */
import type { IptablesChain } from './render-iptables.ts'
import { canonicalRule, dropsEverything, isOldFlannelRule } from './xtables-text.ts'

/** What was seen of one chain. Rules are lines of `iptables -S`, in order. */
export type ChainLook =
  | { readonly state: 'rules'; readonly rules: readonly string[] }
  /** There is no such chain. */
  | { readonly state: 'absent' }
  /**
   * This iptables cannot print it (a rule of nft's in it, or more than is read), or it is absent: iptables-nft 1.8.9 says the
   * same of both.
   */
  | { readonly state: 'unprintable' }

export interface Look {
  readonly own: ChainLook
  /** The kernel's chain that jumps into ours. */
  readonly from: ChainLook
  /** Whether our jump is in it, asked for by itself; counts where `from` is unprintable. */
  readonly jumps: boolean
  /** Chains of others, reached from `from`, in which all that comes is dropped. */
  readonly dropping?: ReadonlySet<string>
}

export interface Plan {
  /** Of one table, between `*nat` and `COMMIT`. */
  readonly lines: readonly string[]
  /** What is not as it should be, in words. */
  readonly because: string
}

/** undefined: all is as wanted. With empty `wanted.rules` the chain, its jumps and flannel's old rules shall not be there. */
export function planChain(wanted: IptablesChain, look: Look): Plan | undefined {
  const steps = wanted.rules.length === 0 ? removalOf(wanted, look) : repairOf(wanted, look)
  if (steps.length === 0) return undefined
  return { lines: steps.flatMap(({ lines }) => lines), because: steps.map(({ because }) => because).join(', ') }
}

/** The input of iptables-restore: each table is one transaction, and what is not named in it stays. */
export function restoreText(plans: ReadonlyMap<IptablesChain['table'], Plan>): string {
  return [...plans].map(([table, { lines }]) => `*${table}\n${lines.join('\n')}\nCOMMIT\n`).join('')
}

/** The same as words of iptables, without the table: `-N FLANNEL-FWD`. */
export function commandsOf({ lines, because }: Plan): readonly string[] {
  return lines.map((line) => {
    const [, chain] = /^:(\S+) /.exec(line) ?? []
    if (chain === undefined) return line
    return because.includes(`${chain} was not in`) ? `-N ${chain}` : `-F ${chain}`
  })
}

function repairOf(wanted: IptablesChain, look: Look): readonly Plan[] {
  return [...contentStep(wanted, look.own), ...jumpStep(wanted, look), ...oldRules(look.from)]
}

// Declaring a chain that is there empties it; both happen in one transaction with its rules.
function contentStep({ table, chain, rules }: IptablesChain, own: ChainLook): readonly Plan[] {
  if (own.state === 'rules' && sameRules(own.rules, rules)) return []
  const because = own.state === 'rules' ? `the rules of ${chain} were other ones` : `${chain} was not in table ${table}`
  return [{ lines: [`:${chain} - [0:0]`, ...rules], because }]
}

function jumpStep({ chain, from, jump }: IptablesChain, { from: look, jumps, dropping }: Look): readonly Plan[] {
  const missing = `${from} did not lead to ${chain}`
  if (look.state === 'unprintable') return jumps ? [] : [{ lines: [jump], because: missing }]
  const rules = look.state === 'rules' ? look.rules : []
  const ours = rules.flatMap((rule, at) => (isJump(rule, jump) ? [at] : []))
  const isBarrier = (rule: string): boolean => from === 'FORWARD' && dropsEverything(rule, dropping)
  const barrier = rules.findIndex(isBarrier)
  const place = ours[0]
  if (ours.length === 1 && place !== undefined && (barrier < 0 || place < barrier)) return []
  const others = rules.filter((rule) => !isJump(rule, jump))
  const at = others.findIndex(isBarrier)
  const add = at < 0 ? jump : jump.replace(`-A ${from}`, `-I ${from} ${at + 1}`)
  const because =
    ours.length === 0 ? missing : ours.length > 1 ? `${from} led to ${chain} twice` : `${from} dropped before ${chain}`
  return [{ lines: [...ours.map(() => deletionOf(jump)), add], because }]
}

function removalOf({ table, chain, from, jump }: IptablesChain, look: Look): readonly Plan[] {
  const count =
    look.from.state === 'rules' ? look.from.rules.filter((rule) => isJump(rule, jump)).length : Number(look.jumps)
  const isThere = look.own.state === 'rules' || count > 0
  const lines = [...Array<string>(count).fill(deletionOf(jump)), ...(isThere ? [`-F ${chain}`, `-X ${chain}`] : [])]
  const own = isThere ? [{ lines, because: `${chain} was in table ${table}, reached from ${from}` }] : []
  return [...oldRules(look.from), ...own]
}

function oldRules(from: ChainLook): readonly Plan[] {
  const old = from.state === 'rules' ? from.rules.filter(isOldFlannelRule) : []
  return old.length === 0
    ? []
    : [{ lines: old.map(deletionOf), because: `${old.length} rules of an old flannel were there` }]
}

function deletionOf(rule: string): string {
  return rule.replace(/^-A/, '-D')
}

function isJump(rule: string, jump: string): boolean {
  return (
    rule === jump || (rule.includes(jump.slice(jump.lastIndexOf(' '))) && canonicalRule(rule) === canonicalRule(jump))
  )
}

function sameRules(actual: readonly string[], wanted: readonly string[]): boolean {
  return (
    actual.length === wanted.length &&
    actual.every((rule, at) => rule === wanted[at] || canonicalRule(rule) === canonicalRule(wanted[at] ?? ''))
  )
}
