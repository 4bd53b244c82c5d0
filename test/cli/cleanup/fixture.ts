/** Links, routes and what is known of VNIs, for the tests of `vtepd cleanup`. */
import type { KernelFacts } from '../../../lib/cli/cleanup/facts.ts'
import { type CleanupScope, decideScope, type Evidence } from '../../../lib/cli/cleanup/scope.ts'
import type { KeptDevice, KeptState } from '../../../lib/cli/cleanup/state.ts'
import { parseNetwork } from '../../../lib/cluster/net-conf.ts'
import type { Network } from '../../../lib/cluster/network.ts'
import { parseCidr } from '../../../lib/net/cidr.ts'
import { parseIfindex } from '../../../lib/net/ifindex.ts'
import { parseIp } from '../../../lib/net/ip.ts'
import { type Lladdr, parseLladdr } from '../../../lib/net/lladdr.ts'
import { packEntries, type RouteEntry } from '../../../lib/rtnl/entries.ts'
import type { Link } from '../../../lib/rtnl/port.ts'

export const lladdr = (last: number): Lladdr => parseLladdr(`0e:00:00:00:00:${last.toString(16).padStart(2, '0')}`)

/** With `vni` a VXLAN device, whose MAC address ends in its ifindex. */
export function link(ifindex: number, ifname: string, vni?: number, underlay: 'ipv4' | 'ipv6' = 'ipv4'): Link {
  return {
    ifindex: parseIfindex(ifindex),
    ifname,
    kind: vni === undefined ? 'veth' : 'vxlan',
    mtu: 1450,
    lladdr: lladdr(ifindex),
    up: true,
    carrier: true,
    loopback: false,
    master: undefined,
    parent: undefined,
    altnames: [],
    noArp: false,
    txQueueLength: 0,
    vxlan:
      vni === undefined
        ? undefined
        : {
            vni,
            underlay,
            local: parseIp(underlay === 'ipv4' ? '192.0.2.1' : '2001:db8::1'),
            parent: undefined,
            port: 8472,
            learning: false,
            gbp: false,
            metadata: false,
            l2miss: false,
            l3miss: false,
            group: undefined,
          },
  }
}

/** A route of ours through link 5, onlink. */
export function route(dst: string, fields: Partial<RouteEntry> = {}): RouteEntry {
  return {
    kind: 'route',
    dst: parseCidr(dst),
    metric: 2,
    gateway: parseIp(dst.slice(0, dst.indexOf('/'))),
    oif: parseIfindex(5),
    onlink: true,
    protocol: 118,
    type: 1,
    scope: 0,
    extras: false,
    multipath: false,
    dead: false,
    ...fields,
  }
}

/** A route of ours through the underlay's interface, link 2. */
export function direct(dst: string): RouteEntry {
  const gateway = parseIp(dst.includes(':') ? '2001:db8::9' : '192.0.2.9')
  return route(dst, { oif: parseIfindex(2), gateway, onlink: false })
}

export const NIC = link(2, 'eth0')

export function factsOf(links: readonly Link[], ...tables: readonly RouteEntry[][]): KernelFacts {
  return { links, routes: tables.map(packEntries), missed: [] }
}

/** `devices`: by name what was kept; a text is the network. */
export function stateOf(devices: Readonly<Record<string, Partial<KeptDevice> | string>> = {}): KeptState {
  const entries = Object.entries(devices).map(([name, kept]): [string, KeptDevice] => {
    if (typeof kept === 'string') return [name, { lladdr: undefined, network: parseCidr(kept) }]
    return [name, { lladdr: undefined, network: undefined, ...kept }]
  })
  return { folder: '/state', devices: new Map(entries), unreadable: undefined, notes: [] }
}

export function netConf(vni: number, ipv4?: string, ipv6?: string): Network {
  const conf = {
    EnableIPv4: ipv4 !== undefined,
    Network: ipv4,
    EnableIPv6: ipv6 !== undefined,
    IPv6Network: ipv6,
    Backend: { Type: 'vxlan', VNI: vni },
  }
  return parseNetwork(JSON.stringify(conf), 'net-conf.json').network
}

export function evidence(parts: Partial<Evidence> = {}): Evidence {
  return {
    asked: undefined,
    netConf: undefined,
    state: stateOf(),
    locked: new Set(),
    facts: factsOf([NIC]),
    ...parts,
  }
}

export function scopeOf(parts: Partial<Evidence> = {}, options: { routesOnly?: boolean } = {}): CleanupScope {
  return decideScope(evidence(parts), { routesOnly: options.routesOnly ?? false, force: false }).scope
}
