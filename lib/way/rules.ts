/**
 * Which policy rule sends a packet where the kernel says that it goes. The kernel tells the table of a route, and of a refusal
 * nothing; the rest follows from the rules' selectors. Pure. Must not: ask the kernel.
 */
import { contains } from '../net/cidr.ts'
import type { Ip } from '../net/ip.ts'
import type { Rule } from '../rtnl/port.ts'

/** What rules select by, of a packet that bears no mark. */
export interface Packet {
  readonly dst: Ip
  /** undefined: the kernel chooses it after the route. */
  readonly source: Ip | undefined
  /** Name of the link by which it came; undefined: it is this host's own. */
  readonly iif: string | undefined
  /** Name of the link that its socket is bound to. */
  readonly oif: string | undefined
}

export const MAIN = 254
/** The rules that the kernel makes: local at 0, main and default from here on. */
const LEAST_OF_KERNEL = 32_766
const FR_ACT_TO_TBL = 1
/** FR_ACT_BLACKHOLE, FR_ACT_UNREACHABLE, FR_ACT_PROHIBIT: the errno of the answer. */
const ACTION_OF: Readonly<Record<string, number>> = { EINVAL: 6, ENETUNREACH: 7, EACCES: 8 }
/** `iif lo` is what this host sends itself. */
const OWN = 'lo'

/** The rule that had `table` looked up; undefined: none of those that people add. */
export function ruleForTable(rules: readonly Rule[], packet: Packet, table: number): Rule | undefined {
  return first(rules, packet, (rule) => rule.action === FR_ACT_TO_TBL && rule.table === table)
}

/** The rule that refused with this errno, or that had a table looked up in which a route may have. */
export function ruleForRefusal(rules: readonly Rule[], packet: Packet, errno: string): Rule | undefined {
  const refusing = first(rules, packet, ({ action }) => action === ACTION_OF[errno])
  return refusing ?? first(rules, packet, ({ action, table }) => action === FR_ACT_TO_TBL && table !== MAIN)
}

/** The kernel's answer: the table that had the route, or the errno of its refusal. */
export type Taken = { readonly table: number } | { readonly refused: string }

/** The rule that people have added by which the packet goes there; undefined: none is known. */
export function ruleBehind(rules: readonly Rule[], packet: Packet, answer: Taken): Rule | undefined {
  if ('refused' in answer) return ruleForRefusal(rules, packet, answer.refused)
  return answer.table === MAIN ? undefined : ruleForTable(rules, packet, answer.table)
}

/** The command for a rule before `rule`; undefined: there is no room for one. `ip`: `ip` or `ip -6`. */
export function ruleBefore({ priority }: Rule, ip: string, selector: string): string | undefined {
  return priority < 2 ? undefined : `${ip} rule add ${selector} priority ${Math.max(1, priority - 10)} lookup main`
}

export function refuses({ action }: Rule): boolean {
  return action !== FR_ACT_TO_TBL
}

/** In the kernel's order; one with selectors that are not known only where no other fits. */
function first(rules: readonly Rule[], packet: Packet, isMeant: (rule: Rule) => boolean): Rule | undefined {
  const fitting = rules.filter(
    (rule) => rule.priority > 0 && rule.priority < LEAST_OF_KERNEL && isMeant(rule) && selects(rule, packet),
  )
  return fitting.find(({ more }) => !more) ?? fitting[0]
}

function selects({ src, dst, iif, oif, fwmark, inverted }: Rule, packet: Packet): boolean {
  const all =
    (src === undefined || (packet.source !== undefined && contains(src, packet.source))) &&
    (dst === undefined || contains(dst, packet.dst)) &&
    (iif === undefined || iif === (packet.iif ?? OWN)) &&
    (oif === undefined || oif === packet.oif) &&
    (fwmark === undefined || (fwmark.value & fwmark.mask) === 0)
  return all !== inverted
}
