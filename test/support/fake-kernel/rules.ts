/**
 * Policy rules: how they are added and removed, and which of them select a packet. Must not: look anything up in a table
 * (resolve.ts does), nor know goto, and of what a rule has `more` it knows nothing: such a rule selects nothing here.
 */
import { contains } from '../../../lib/net/cidr.ts'
import type { Family, Ip } from '../../../lib/net/ip.ts'
import type { RouteQuery, Rule } from '../../../lib/rtnl/port.ts'
import { type Answer, EEXIST, ENOENT, refuse } from './errnos.ts'
import { emit, type State } from './state.ts'

/** Behind those of the same priority. */
export function addRule(state: State, family: Family, rule: Rule, pid: number): Answer {
  const rules = state.rules[family]
  if (rules.some((old) => sameRule(old, rule))) return refuse(EEXIST)
  const at = rules.findIndex((old) => old.priority > rule.priority)
  rules.splice(at < 0 ? rules.length : at, 0, rule)
  if (family === 'ipv4') state.unmerged = true
  emit(state, 'rule', family, { type: 'rule', action: 'set', pid })
  return undefined
}

export function deleteRule(state: State, family: Family, rule: Rule, pid: number): Answer {
  const rules = state.rules[family]
  const at = rules.findIndex((old) => sameRule(old, rule))
  if (at < 0) return refuse(ENOENT)
  rules.splice(at, 1)
  emit(state, 'rule', family, { type: 'rule', action: 'deleted', pid })
  return undefined
}

/** Those that select the packet, in order. */
export function rulesFor(state: State, family: Family, dst: Ip, query: RouteQuery): Rule[] {
  const nameOf = (ifindex: RouteQuery['oif']) => (ifindex === undefined ? undefined : state.links.get(ifindex)?.ifname)
  // What this host sends itself comes in by lo.
  const iif = query.iif === undefined ? 'lo' : nameOf(query.iif)
  const oif = nameOf(query.oif)
  return state.rules[family].filter((rule) => {
    if (rule.more) return false
    const { src, fwmark } = rule
    const selected =
      (rule.dst === undefined || contains(rule.dst, dst)) &&
      (src === undefined || (query.source !== undefined && contains(src, query.source))) &&
      (rule.iif === undefined || rule.iif === iif) &&
      (rule.oif === undefined || rule.oif === oif) &&
      (fwmark === undefined || (((query.mark ?? 0) ^ fwmark.value) & fwmark.mask) === 0)
    return selected !== rule.inverted
  })
}

function sameRule(a: Rule, b: Rule): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
