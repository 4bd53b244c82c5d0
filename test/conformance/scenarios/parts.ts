/** The overlay that most scenarios start from: an underlay link u0, a VXLAN device v1 on it, two peers programmed. */

import type { Family } from '../../../lib/net/ip.ts'
import type { EntrySpec } from '../entry-specs.ts'
import type { Stage } from '../stage.ts'

export const U0 = '02:00:00:00:00:10'
export const P0 = '02:00:00:00:00:20'
export const V1 = '0e:2a:00:00:00:01'
export const PEER2 = '0e:2a:00:00:00:02'
export const PEER3 = '0e:2a:00:00:00:03'

/** Addresses of one family in the scenarios. */
export interface Plan {
  readonly local: string
  readonly underlay: string
  readonly own: string
  readonly peers: readonly {
    readonly subnet: string
    readonly gateway: string
    readonly remote: string
    readonly lladdr: string
  }[]
}

export const PLANS: Record<Family, Plan> = {
  ipv4: {
    local: '192.0.2.1',
    underlay: '192.0.2.1/24',
    own: '10.42.1.0/32',
    peers: [
      { subnet: '10.42.2.0/24', gateway: '10.42.2.0', remote: '192.0.2.2', lladdr: PEER2 },
      { subnet: '10.42.3.0/24', gateway: '10.42.3.0', remote: '192.0.2.3', lladdr: PEER3 },
    ],
  },
  ipv6: {
    local: '2001:db8::1',
    underlay: '2001:db8::1/64',
    own: 'fd00:42:1::/128',
    peers: [
      { subnet: 'fd00:42:2::/64', gateway: 'fd00:42:2::', remote: '2001:db8::2', lladdr: PEER2 },
      { subnet: 'fd00:42:3::/64', gateway: 'fd00:42:3::', remote: '2001:db8::3', lladdr: PEER3 },
    ],
  },
}

/** u0, a veth whose other end p0 is up too, with the family's address. */
export async function underlay(stage: Stage, family: Family): Promise<void> {
  await stage.admin.addVeth('u0', 'p0', { lladdr: U0, peerLladdr: P0 })
  await stage.admin.setUp('p0')
  await stage.admin.setUp('u0')
  await stage.admin.addAddress('u0', PLANS[family].underlay)
}

/** v1, up, with its overlay address. */
export async function device(stage: Stage, family: Family, options: { readonly pinned?: boolean } = {}): Promise<void> {
  const plan = PLANS[family]
  await stage.createVxlan('v1', {
    local: plan.local,
    lladdr: V1,
    mtu: family === 'ipv4' ? 1450 : 1430,
    ...(options.pinned === true ? { parent: 'u0' } : {}),
  })
  await stage.change('v1', { up: true })
  await stage.addAddress('v1', plan.own)
}

/** The three entries of every peer. */
export function peerEntries(family: Family, dev = 'v1'): EntrySpec[] {
  return PLANS[family].peers.flatMap(({ subnet, gateway, remote, lladdr }, at): EntrySpec[] => [
    { neigh: gateway, lladdr, dev },
    { fdb: lladdr, dst: remote, dev },
    { route: subnet, via: gateway, dev, onlink: true, metric: at + 3 },
  ])
}

export async function overlay(
  stage: Stage,
  family: Family,
  options: { readonly pinned?: boolean } = {},
): Promise<void> {
  await underlay(stage, family)
  await device(stage, family, options)
  await stage.apply(...peerEntries(family))
}
