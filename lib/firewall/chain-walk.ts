/**
 * Walks a packet through a chain and those that it leads to, and says what may become of it: where a rule cannot be judged, both
 * ways are gone. Pure. Must not: read a chain; one that was not read may do anything.
 */
import { type Action, both, type JudgedRule, type Packet } from './judged-rule.ts'

/** `pass`: it comes out at the end; `translate`: with another source address. */
export type Fate = 'accept' | 'drop' | 'translate' | 'pass'

export interface Chain {
  readonly name: string
  readonly rules: readonly JudgedRule[]
  /** Of a base chain. */
  readonly policy?: 'accept' | 'drop'
}

/** Where a packet is dropped or translated: by a rule of the chain, or by its policy. */
export interface DropPlace {
  readonly chain: Chain
  readonly rule?: JudgedRule
}

export interface Walked {
  readonly fates: ReadonlySet<Fate>
  /** The last one that was met. Where `drop` is the only fate, certainly the packet's end; `translate` likewise. */
  readonly drop: DropPlace | undefined
  /** A rule may have set a mark. */
  readonly marks: boolean
}

/** Chains lead to each other without circles; the kernel sees to it. */
export function walkBase(base: Chain, chains: ReadonlyMap<string, Chain>, packet: Packet): Walked {
  const { fates, drop, marks } = walk(base, chains, packet)
  if (!fates.has('pass') || base.policy === undefined) return { fates, drop, marks }
  const others = [...fates].filter((fate) => fate !== 'pass')
  return {
    fates: new Set([...others, base.policy]),
    drop: base.policy === 'drop' ? { chain: base } : drop,
    marks,
  }
}

function walk(chain: Chain, chains: ReadonlyMap<string, Chain>, packet: Packet): Walked {
  const fates = new Set<Fate>()
  let drop: DropPlace | undefined
  let { marked } = packet
  for (const rule of chain.rules) {
    const answer = both(rule.tests.map((test) => test({ ...packet, marked })))
    if (answer === 'no') continue
    const step = stepOf(rule.action, chains, { ...packet, marked })
    marked ||= step.marks
    for (const fate of step.ends) fates.add(fate)
    if (step.ends.has('drop') || step.ends.has('translate')) drop = step.drop ?? { chain, rule }
    if (answer === 'yes' && !step.goesOn) return { fates, drop, marks: marked }
  }
  return { fates: fates.add('pass'), drop, marks: marked }
}

interface Step {
  readonly ends: ReadonlySet<Fate>
  /** The next rule may follow. */
  readonly goesOn: boolean
  readonly drop?: DropPlace | undefined
  readonly marks: boolean
}

const ANYTHING: Step = { ends: new Set(['accept', 'drop']), goesOn: true, marks: true }

function stepOf(action: Action, chains: ReadonlyMap<string, Chain>, packet: Packet): Step {
  if (action.type === 'next') return { ends: new Set(), goesOn: true, marks: action.marks }
  if (action.type === 'jump' || action.type === 'goto') return stepInto(action, chains, packet)
  if (action.type === 'unknown') return ANYTHING
  const fate = action.type === 'return' ? 'pass' : action.type
  return { ends: new Set([fate]), goesOn: false, marks: false }
}

function stepInto(
  { type, chain: name }: Extract<Action, { chain: string }>,
  chains: ReadonlyMap<string, Chain>,
  packet: Packet,
): Step {
  const chain = chains.get(name)
  if (chain === undefined) return ANYTHING
  const { fates, drop, marks } = walk(chain, chains, packet)
  if (type === 'goto') return { ends: fates, goesOn: false, drop, marks }
  return { ends: new Set([...fates].filter((fate) => fate !== 'pass')), goesOn: fates.has('pass'), drop, marks }
}
