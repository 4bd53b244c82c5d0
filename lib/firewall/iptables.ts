/**
 * The packet filter by iptables, one family: our two chains and the rules that lead to them, in the variant that the host uses,
 * each table in one transaction. What flannel or we left in the other variant goes. Must not: name anybody else's rule, nor take
 * a failed look for an absence.
 */
import type { RunProgram } from '../host/exec.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import type { OpenNftMonitor } from '../rtnl/nft-monitor.ts'
import type { Clock } from '../util/clock.ts'
import { type Applied, applyChains, compareChains } from './iptables-apply.ts'
import { createIptablesEars, type IptablesEars, type ReadSizes } from './iptables-ears.ts'
import { findTools, type IptablesTool } from './iptables-tool.ts'
import { type LegacyTables, legacyTables, rankTools } from './iptables-variant.ts'
import type { FilterNote, FilterResult, PacketFilter, WantedRules } from './port.ts'
import { IPTABLES, type IptablesChain, renderIptables } from './render-iptables.ts'

export interface IptablesParts {
  readonly family: Family
  readonly run: RunProgram
  readonly clock: Clock
  readonly openMonitor: OpenNftMonitor
  readonly readSizes: ReadSizes
  /** Default: of this process' network namespace. */
  readonly tables?: LegacyTables
}

/** The tools, the one in force first. */
interface Ranked {
  readonly tools: readonly IptablesTool[]
  readonly existing: readonly string[]
  readonly notes: readonly FilterNote[]
}

type Failure = Extract<FilterResult, { outcome: 'failed' | 'unsupported' }>

/** Both chains, without a rule: what `remove` wants. The network names no family there. */
const NOTHING: readonly IptablesChain[] = renderIptables({
  network: '0.0.0.0/0' as Cidr,
  subnet: '0.0.0.0/0' as Cidr,
  masquerade: false,
  forward: false,
  fullyRandom: false,
  style: 'corrected',
})

export function createIptables(parts: IptablesParts): PacketFilter {
  const { family, run, tables = legacyTables } = parts
  const refusedRandom = new Set<string>()
  let known: Ranked | undefined
  let ears: IptablesEars | undefined

  const heard = (): readonly FilterNote[] => (known?.tools[0]?.variant === 'nft' ? (ears?.notes ?? []) : [])
  const rank = async (): Promise<Ranked> => {
    const existing = await tables(family)
    const ranked = await rankTools(await findTools(family, run), existing, known?.tools[0]?.variant)
    return { ...ranked, existing }
  }

  /** What was lost is put back with the tools that are known; which they are is asked again when nothing presses. */
  const ensure = async (wanted: WantedRules): Promise<FilterResult> => {
    const before = known
    const hurried = before === undefined ? undefined : await ensureWith(before, wanted)
    if (before !== undefined && hurried?.outcome === 'written') return withNotes(hurried, [...heard(), ...before.notes])
    if (hurried?.outcome === 'failed') {
      // Most likely a lock is held, which would be waited for once more.
      known = undefined
      return hurried
    }
    known = await rank()
    const isSame = before?.tools[0]?.program === known.tools[0]?.program
    const result = hurried?.outcome === 'right' && isSame ? hurried : await ensureWith(known, wanted)
    return withNotes(result, [...heard(), ...known.notes])
  }

  const ensureWith = async (
    { tools, existing }: Pick<Ranked, 'tools' | 'existing'>,
    wanted: WantedRules,
  ): Promise<FilterResult> => {
    const [tool, ...others] = tools
    if (tool === undefined) return noTool(family)
    const random = wanted.fullyRandom && tool.knowsRandomFully && !refusedRandom.has(tool.program)
    const applied = await applyChains(tool, renderIptables({ ...wanted, fullyRandom: random }))
    if (applied.outcome === 'unsupported' && others.length > 0) return ensureWith({ tools: others, existing }, wanted)
    if ('missing' in applied) {
      if (!random || !/random-fully/.test(applied.because)) return applied
      refusedRandom.add(tool.program)
      return ensureWith({ tools, existing }, wanted)
    }
    const lacking = wanted.masquerade && wanted.fullyRandom && !random ? [withoutRandom(tool)] : []
    const left = await removeFrom(others, existing)
    return { ...applied, notes: [...lacking, ...left.flatMap(leftover)] }
  }

  const remove = async (dryRun = false): Promise<FilterResult> => {
    const tools = await findTools(family, run)
    if (tools.length === 0) return noTool(family)
    const done = await removeFrom(tools, await tables(family), dryRun)
    const failed = done.find(({ applied }) => applied.outcome === 'failed')?.applied
    if (failed?.outcome === 'failed') return failed
    const written = done.flatMap(({ applied }) => (applied.outcome === 'written' ? [applied.because] : []))
    return written.length === 0
      ? { outcome: 'right', notes: [] }
      : { outcome: 'written', because: written.join(', '), notes: [] }
  }

  return {
    kind: 'iptables',
    ensure: (wanted) => (wanted.masquerade || wanted.forward ? ensure(wanted) : remove()),
    remove: (options) => remove(options?.dryRun),
    async compare(wanted) {
      const [tool] = (known ?? (await rank())).tools
      if (tool === undefined) return { commands: [], unknown: noTool(family).because }
      const random = wanted.fullyRandom && tool.knowsRandomFully && !refusedRandom.has(tool.program)
      const isKept = wanted.masquerade || wanted.forward
      return compareChains(tool, isKept ? renderIptables({ ...wanted, fullyRandom: random }) : NOTHING)
    },
    watch(onDamage) {
      ears ??= createIptablesEars({ ...parts, tables, onDamage })
    },
    async close() {
      ears?.close()
    },
  }
}

function withNotes(result: FilterResult, notes: readonly FilterNote[]): FilterResult {
  return 'notes' in result ? { ...result, notes: [...notes, ...result.notes] } : result
}

/** Legacy tables that do not exist hold nothing of ours, and would be made by a look. */
async function removeFrom(
  tools: readonly IptablesTool[],
  existing: readonly string[],
  dryRun = false,
): Promise<readonly { readonly tool: IptablesTool; readonly applied: Applied }[]> {
  const done = []
  for (const tool of tools) {
    const chains = NOTHING.filter(({ table }) => tool.variant === 'nft' || existing.includes(table))
    done.push({ tool, applied: await applyChains(tool, chains, dryRun) })
  }
  return done
}

function leftover({ tool, applied }: { tool: IptablesTool; applied: Applied }): readonly FilterNote[] {
  if (applied.outcome !== 'failed') return []
  return [
    { key: 'filter.leftovers', text: `rules of flannel's names may be left in ${tool.program}: ${applied.because}` },
  ]
}

function withoutRandom({ program, version }: IptablesTool): FilterNote {
  return {
    key: 'filter.not-fully-random',
    text: `${program} ${version} does not know --random-fully, so two connections that are masqueraded at once may claim the same port, and the first packet of one is lost; iptables 1.6.2 or newer knows it`,
  }
}

function noTool(family: Family): Failure {
  return { outcome: 'unsupported', because: `${IPTABLES[family]} is not installed (Debian's package is iptables)` }
}
