/**
 * Makes our chains of one iptables be as wanted: looks, hands iptables-restore the difference, looks again. Must not: write where
 * all is right, nor believe a write before it has been seen.
 */
import { type IptablesTool, lookAt, restore, type Trouble } from './iptables-tool.ts'
import type { CommandDifference } from './port.ts'
import type { IptablesChain } from './render-iptables.ts'
import { commandsOf, type Plan, planChain, restoreText } from './xtables-plan.ts'

export type Applied =
  | { readonly outcome: 'right' }
  | { readonly outcome: 'written'; readonly because: string }
  | (Trouble & {
      /** The rules were looked at and are not as wanted. */
      readonly missing: boolean
    })

/** The look after the first write shows what somebody else did meanwhile; a third write would be a quarrel. */
const MOST_WRITES = 2

/** `dryRun`: `written` says what would be. */
export async function applyChains(
  tool: IptablesTool,
  wanted: readonly IptablesChain[],
  dryRun = false,
): Promise<Applied> {
  let because: string | undefined
  for (let writes = 0; ; writes += 1) {
    const plans = await planAll(tool, wanted)
    if ('outcome' in plans) return { ...plans, missing: false }
    if (plans.size === 0) return because === undefined ? { outcome: 'right' } : { outcome: 'written', because }
    const reason = [...plans.values()].map((plan) => plan.because).join(', ')
    if (dryRun) return { outcome: 'written', because: reason }
    if (writes === MOST_WRITES)
      return { outcome: 'failed', because: `${tool.program} took the rules, but afterwards ${reason}`, missing: true }
    because ??= reason
    const trouble = await restore(tool, restoreText(plans))
    if (trouble !== undefined) return (await emptied(tool, wanted, trouble)) ?? { ...trouble, missing: true }
  }
}

/** What `applyChains` would do, as commands. */
export async function compareChains(tool: IptablesTool, wanted: readonly IptablesChain[]): Promise<CommandDifference> {
  const plans = await planAll(tool, wanted)
  if ('outcome' in plans) return { commands: [], unknown: plans.because }
  const commands = [...plans].flatMap(([table, plan]) =>
    commandsOf(plan).map((words) => `${tool.program} -t ${table} ${words}`),
  )
  return { commands, unknown: null }
}

async function planAll(
  tool: IptablesTool,
  wanted: readonly IptablesChain[],
): Promise<Map<IptablesChain['table'], Plan> | Trouble> {
  // Looks of legacy iptables would wait for each other's lock.
  const together = tool.variant === 'nft' ? wanted.map((chain) => lookAt(tool, chain)) : []
  const plans = new Map<IptablesChain['table'], Plan>()
  for (const [at, chain] of wanted.entries()) {
    const look = await (together[at] ?? lookAt(tool, chain))
    if ('outcome' in look) return look
    const plan = planChain(chain, look)
    if (plan !== undefined) plans.set(chain.table, plan)
  }
  return plans
}

/** A chain cannot be deleted while somebody else's rule leads to it: then it is emptied, and named. */
async function emptied(
  tool: IptablesTool,
  wanted: readonly IptablesChain[],
  trouble: Trouble,
): Promise<Applied | undefined> {
  // Of two tables the first may be done.
  const plans = await planAll(tool, wanted)
  if ('outcome' in plans) return undefined
  const deleted: string[] = []
  const others = new Map<IptablesChain['table'], Plan>()
  for (const [table, { lines, because }] of plans) {
    deleted.push(...lines.filter((line) => line.startsWith('-X ')).map((line) => line.slice(3)))
    others.set(table, { lines: lines.filter((line) => !line.startsWith('-X ')), because })
  }
  if (deleted.length === 0 || (await restore(tool, restoreText(others))) !== undefined) return undefined
  const because = `${deleted.join(' and ')}: empty, but could not be deleted, perhaps since rules of others lead there: ${trouble.because}`
  return { outcome: 'failed', because, missing: false }
}
