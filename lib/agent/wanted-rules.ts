/** Which packet filter rules the configuration asks for, once our subnet is known. Pure. */
import type { WantedRules } from '../firewall/port.ts'
import { type Cidr, prefixLength } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import type { AgentConfig } from './config.ts'

/** undefined: not known yet. A network without bounds (length 0) has no outside, and accepting it would accept everything. */
export function wantedRules(config: AgentConfig, family: Family, subnet: Cidr | undefined): WantedRules | undefined {
  const network = config.network[family]
  if (network === undefined || subnet === undefined) return undefined
  const isBounded = prefixLength(network) > 0
  return {
    network,
    subnet,
    masquerade: isBounded && config.ipMasq && (family === 'ipv4' || config.ipv6Masquerade !== false),
    forward: isBounded && config.iptablesForwardRules,
    fullyRandom: config.firewall?.fullyRandom ?? true,
    style: config.firewall?.style ?? 'corrected',
  }
}
