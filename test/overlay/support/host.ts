/** Links and addresses of an imagined host, for tests that choose among them. */
import { parseIfindex } from '../../../lib/net/ifindex.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import type { Address, AddressFlags, Link } from '../../../lib/rtnl/port.ts'

export function linkOf(ifindex: number, ifname: string, overrides: Partial<Link> = {}): Link {
  return {
    ifindex: parseIfindex(ifindex),
    ifname,
    kind: '',
    mtu: 1500,
    lladdr: undefined,
    up: true,
    carrier: true,
    loopback: false,
    noArp: false,
    altnames: [],
    master: undefined,
    parent: undefined,
    txQueueLength: 1000,
    vxlan: undefined,
    ...overrides,
  }
}

/** Permanent and of universe scope, unless `flags` or `scope` say otherwise. */
export function addressOf(
  ifindex: number,
  ip: string,
  prefixLength: number,
  flags: Partial<AddressFlags> = {},
  scope = 0,
): Address {
  const none = {
    tentative: false,
    optimistic: false,
    dadFailed: false,
    deprecated: false,
    temporary: false,
    secondary: false,
    noDad: false,
  }
  return {
    ifindex: parseIfindex(ifindex),
    ip: parseIp(ip),
    prefixLength,
    scope,
    protocol: 0,
    flags: { permanent: true, ...none, ...flags },
  }
}
