/** Peers for tests: node i has subnet i of the network, lladdr …:i and underlay address i. */
import type { Lease } from '../../../lib/cluster/lease.ts'
import { type Cidr, parseCidr } from '../../../lib/net/cidr.ts'
import { parseIfindex } from '../../../lib/net/ifindex.ts'
import { type Family, parseIp } from '../../../lib/net/ip.ts'
import { parseLladdr } from '../../../lib/net/lladdr.ts'
import { type DesiredTables, desiredTables } from '../../../lib/overlay/desired.ts'
import { type Peer, peersOf } from '../../../lib/overlay/peers.ts'
import type { Rule } from '../../../lib/rtnl/port.ts'

export const DEVICE = parseIfindex(7)
export const OTHER_LINK = parseIfindex(3)
export const NETWORKS: Readonly<Record<Family, Cidr>> = {
  ipv4: parseCidr('10.42.0.0/16'),
  ipv6: parseCidr('fd42:0:0:4200::/56'),
}

export function leaseOf(index: number, overrides: Partial<Lease> = {}): Lease {
  const hex = index.toString(16).padStart(2, '0')
  const lladdr = parseLladdr(`0e:2a:00:00:00:${hex}`)
  return {
    node: `node${index}`,
    uid: undefined,
    seniority: `000${index}`,
    ipv4: { subnet: parseCidr(`10.42.${index}.0/24`), underlay: parseIp(`192.168.0.${index}`), lladdr, vni: undefined },
    ipv6: { subnet: parseCidr(`fd42:0:0:42${hex}::/64`), underlay: parseIp(`fd00::${hex}`), lladdr, vni: undefined },
    ...overrides,
  }
}

export function viewOf(...leases: readonly Lease[]): ReadonlyMap<string, Lease> {
  return new Map(leases.map((lease) => [lease.node, lease]))
}

export function peersNamed(family: Family, ...indexes: readonly number[]): readonly Peer[] {
  return peersOf(viewOf(...indexes.map((index) => leaseOf(index))), family).peers
}

export function desiredOf(family: Family, ...indexes: readonly number[]): DesiredTables {
  const peers = peersNamed(family, ...indexes)
  return desiredTables({ family, network: NETWORKS[family], ifindex: DEVICE, peers })
}

/** A policy rule without selectors. */
export function ruleOf(rule: Pick<Rule, 'priority' | 'table'> & Partial<Rule>): Rule {
  return {
    action: 1,
    inverted: false,
    src: undefined,
    dst: undefined,
    iif: undefined,
    oif: undefined,
    fwmark: undefined,
    more: false,
    ...rule,
  }
}
