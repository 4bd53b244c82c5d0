/** Which packet filter rules the configuration asks for, once our subnet is known. Pure. */
import type { WantedRules } from '../firewall/port.ts'
import type { Cidr } from '../net/cidr.ts'
import type { Family } from '../net/ip.ts'
import type { AgentConfig } from './config.ts'

/** undefined: not known yet. */
export function wantedRules(config: AgentConfig, family: Family, subnet: Cidr | undefined): WantedRules | undefined {
  const network = config.network[family]
  if (network === undefined || subnet === undefined) return undefined
  return {
    network,
    subnet,
    masquerade: config.ipMasq && (family === 'ipv4' || config.ipv6Masquerade !== false),
    forward: config.iptablesForwardRules,
    fullyRandom: config.firewall?.fullyRandom ?? true,
    style: config.firewall?.style ?? 'corrected',
  }
}
