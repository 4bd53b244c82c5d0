/**
 * Keeps one family's packet filter rules as they should be: there before pods are let in, and put back when somebody removes
 * them. Owns which tool keeps them, and what is said of them. Must not: know a rule (lib/firewall), say when it is looked
 * (filter-pace.ts), nor remove anything at the end (design decision 14).
 */
import type { FilterChoice } from '../firewall/choice.ts'
import type {
  CommandDifference,
  FilterKind,
  FilterResult,
  FindForeignDrops,
  PacketFilter,
  WantedRules,
} from '../firewall/port.ts'
import type { Family } from '../net/ip.ts'
import type { Clock } from '../util/clock.ts'
import type { Log } from '../util/log.ts'
import { createFilterPace } from './filter-pace.ts'
import { createFilterSurroundings } from './filter-surroundings.ts'

/** `certain`: a person said so, and no other tool is tried where this one is not there. */
type Choice = FilterChoice & { readonly certain: boolean }

/** What one family has to do it with. */
export interface FamilyFilters {
  readonly tools: Readonly<Partial<Record<FilterKind, PacketFilter>>>
  /** Asked once. */
  readonly choose: () => Promise<Choice>
  readonly findForeignDrops?: FindForeignDrops
}

export interface PacketFilterKeeper {
  readonly family: Family
  /** Which tool keeps them; undefined: that is not decided yet. */
  readonly kind: FilterKind | undefined
  /** Why pods' packets may not be masqueraded or forwarded as they should, in words; undefined: the rules stand. */
  readonly unready: string | undefined
  /** The rules were tried once, whatever became of it: pods may start. */
  readonly tried: boolean
  setWanted(wanted: WantedRules): void
  /** A fresh look beside what is wanted; undefined: that is not known yet, or no tool is chosen. */
  compare(): Promise<CommandDifference | undefined>
  stop(): Promise<void>
}

export interface PacketFilterParts {
  readonly family: Family
  readonly filters: FamilyFilters
  /** FilterPaceParts. */
  readonly auditMs?: number | undefined
  readonly clock: Clock
  readonly log: Log
  /** `unready` or `tried` changed. */
  readonly onChange: () => void
}

export function createPacketFilterKeeper(parts: PacketFilterParts): PacketFilterKeeper {
  const { family, filters } = parts
  const pace = createFilterPace({ ...parts, name: 'packet filter', look: () => look() })
  const { log, standing } = pace
  const surroundings = createFilterSurroundings({ ...pace, findForeignDrops: filters.findForeignDrops })
  let wanted: WantedRules | undefined
  let choice: Choice | undefined
  const told = new Set<string>()
  let watched: PacketFilter | undefined
  let tried = false
  let unready: string | undefined = 'its packet filter rules are to be written'

  const settle = (reason: string | undefined): void => {
    if (tried && reason === unready) return
    tried = true
    unready = reason
    parts.onChange()
  }
  const choose = (next: Choice): Choice => {
    choice = next
    const sentence = `packet filter rules are kept in ${next.kind}: ${next.because}`
    log[told.has(sentence) ? 'debug' : 'info']('filter.chosen', sentence)
    told.add(sentence)
    return next
  }
  const toolFor = (kind: FilterKind): PacketFilter | undefined => {
    const tool = filters.tools[kind]
    // Before the first look, so that nothing is missed between them.
    if (tool !== watched) tool?.watch(pace.touched)
    watched = tool
    return tool
  }
  const stand = (now: WantedRules, kind: FilterKind, result: Extract<FilterResult, { notes: unknown }>): void => {
    if (result.outcome === 'written') {
      const level = pace.wrote(() => `the packet filter rules of ${now.network}`)
      log[level]('filter.written', `packet filter rules written: ${result.because}`)
    } else pace.right()
    standing.over('filter.failed', 'the packet filter rules stand')
    pace.tellNotes(result.notes)
    settle(undefined)
    surroundings.stand(now, filters.tools[otherThan(kind)])
  }
  const fall = (sentence: string): void => {
    standing.stands('filter.failed', sentence)
    pace.failed()
  }

  const look = async (): Promise<void> => {
    const now = wanted
    if (now === undefined) return
    const { kind, certain } = choice ?? choose(await filters.choose())
    const result = await (toolFor(kind)?.ensure(now) ?? notBuiltIn(kind))
    if (result.outcome === 'right' || result.outcome === 'written') stand(now, kind, result)
    else if (result.outcome === 'failed') {
      fall(`the packet filter rules cannot be ${result.missing ? 'written' : 'looked at'}: ${result.because}`)
      // What stood at the last look stands still, for all that is known.
      if (result.missing || !tried) settle(`its packet filter rules may be missing: ${result.because}`)
    } else if (!certain && filters.tools[otherThan(kind)] !== undefined) {
      choose({ kind: otherThan(kind), because: result.because, certain: true })
      pace.mark()
    } else {
      fall(`there are no packet filter rules: ${result.because}`)
      // What is there by then is seen then.
      choice = undefined
      settle(`it has no packet filter rules: ${result.because}`)
    }
  }

  return {
    family,
    get kind() {
      return choice?.kind
    },
    get unready() {
      return unready
    },
    get tried() {
      return tried
    },
    setWanted(next) {
      if (JSON.stringify(next) === JSON.stringify(wanted)) return
      wanted = next
      pace.mark()
    },
    async compare() {
      const tool = choice && filters.tools[choice.kind]
      return wanted === undefined ? undefined : tool?.compare(wanted)
    },
    async stop() {
      await surroundings.stop()
      await pace.stop()
      await Promise.all(Object.values(filters.tools).map((tool) => tool.close()))
    },
  }
}

function otherThan(kind: FilterKind): FilterKind {
  return kind === 'nftables' ? 'iptables' : 'nftables'
}

function notBuiltIn(kind: FilterKind): FilterResult {
  return { outcome: 'unsupported', because: `this vtepd has no adapter for ${kind}` }
}
