/**
 * Looks whether this host's packet filter masquerades and forwards pod traffic, by whoever's rules.
 * Must not: change a rule; a program that is not installed means "not known", never "absent".
 */
import type { Cidr } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import { type RunProgram, runProgram } from './exec.ts'

/** `unknown`: neither iptables-save nor nft could be asked. */
export type RulePresence = 'present' | 'absent' | 'unknown'

export interface PacketFilterLook {
  /** Rules that masquerade what leaves `network`: flannel's, or any that name the network. */
  readonly masquerade: RulePresence
  /** Rules that accept forwarded pod traffic, or a FORWARD policy that accepts everything. */
  readonly forward: RulePresence
}

/** Asks `iptables-save` (`ip6tables-save`) and `nft list ruleset`, each for at most five seconds. */
export async function packetFilterRulesExist(
  family: Family,
  network: Cidr,
  run: RunProgram = runProgram,
): Promise<PacketFilterLook> {
  const outputs: string[] = []
  for (const [program, ...args] of [
    [family === 'ipv4' ? 'iptables-save' : 'ip6tables-save'],
    ['nft', 'list', 'ruleset'],
  ] as const) {
    const result = await run(program, args, { timeoutMs: 5_000 })
    if (result.outcome === 'exited' && result.status === 0) outputs.push(result.stdout)
  }
  return outputs.length === 0
    ? { masquerade: 'unknown', forward: 'unknown' }
    : lookIntoRules(outputs.join('\n'), family, network)
}

/** The pure part: `rules` is the text of iptables-save, of `nft list ruleset`, or both. */
export function lookIntoRules(rules: string, family: Family, network: Cidr): PacketFilterLook {
  const relevant = rules.split('\n').map((line) => line.trim())
  const table = `flannel-${family}`
  const ownTable = relevant.some((line) => new RegExp(`^table ip6? ${table} \\{`).test(line))
  const masquerades = relevant.some(
    (line) => /\bmasquerade\b/i.test(line) && (line.includes('FLANNEL-POSTRTG') || line.includes(network)),
  )
  const accepts = relevant.some(
    (line) => /\baccept\b/i.test(line) && (line.includes('FLANNEL-FWD') || line.includes(network)),
  )
  const drops = relevant.some((line) => /^:FORWARD DROP\b/.test(line) || /hook forward\b.*policy drop/.test(line))
  return {
    masquerade: masquerades || (ownTable && /\bmasquerade\b/.test(rules)) ? 'present' : 'absent',
    forward: accepts || !drops ? 'present' : 'absent',
  }
}
