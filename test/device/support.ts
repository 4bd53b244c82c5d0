/** Values for tests of the device machine: an IPv4 node with mgmt0, and its device as it should be. */

import type { VxlanNetwork } from '../../lib/cluster/network.ts'
import type { DeviceSettings, Observation, Wanted } from '../../lib/device/types.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import type { Address, Link, VxlanAttributes } from '../../lib/rtnl/port.ts'
import type { Underlay } from '../../lib/underlay/underlay.ts'
import { vxlanBackend } from '../support/config.ts'

export const LLADDR = parseLladdr('12:00:00:00:00:01')
export const OTHER_LLADDR = parseLladdr('12:00:00:00:00:99')
export const DEVICE = parseIfindex(7)
export const PARENT = parseIfindex(2)

export const network: VxlanNetwork = {
  ipv4: parseCidr('10.42.0.0/16'),
  ipv6: undefined,
  enableNftables: false,
  backend: vxlanBackend(),
}

export const settings: DeviceSettings = { family: 'ipv4', network }
export const pinnedSettings: DeviceSettings = {
  family: 'ipv4',
  network: { ...network, backend: { ...network.backend, pinDevice: true } },
}

export const wanted: Wanted = {
  subnet: parseCidr('10.42.1.0/24'),
  lladdr: { value: LLADDR, authority: 'remembered' },
}

export const underlay: Underlay = {
  ifindex: PARENT,
  ifname: 'mgmt0',
  mtu: 1500,
  local: parseIp('192.168.1.1'),
  publicIp: parseIp('192.168.1.1'),
  lladdr: parseLladdr('02:00:00:00:00:02'),
  standsIn: false,
}

const flags = {
  permanent: true,
  tentative: false,
  optimistic: false,
  dadFailed: false,
  deprecated: false,
  temporary: false,
  secondary: false,
  noDad: false,
}

export const overlayAddress: Address = {
  ifindex: DEVICE,
  ip: parseIp('10.42.1.0'),
  prefixLength: 32,
  scope: 0,
  protocol: 0,
  flags,
}

export function vxlanLink(change: Partial<Link> = {}, vxlan: Partial<VxlanAttributes> = {}): Link {
  return {
    ifindex: DEVICE,
    ifname: 'flannel.1',
    kind: 'vxlan',
    mtu: 1450,
    lladdr: LLADDR,
    up: true,
    carrier: true,
    loopback: false,
    noArp: false,
    altnames: [],
    master: undefined,
    parent: undefined,
    txQueueLength: 0,
    vxlan: {
      vni: 1,
      underlay: 'ipv4',
      local: underlay.local,
      parent: undefined,
      port: 8472,
      learning: false,
      gbp: false,
      metadata: false,
      l2miss: false,
      l3miss: false,
      group: undefined,
      ...vxlan,
    },
    ...change,
  }
}

/** Everything as it should be. */
export function healthy(change: Partial<Observation> = {}): Observation {
  return {
    underlay,
    device: vxlanLink(),
    bridged: false,
    addresses: [overlayAddress],
    acceptRa: 0,
    txChecksum: undefined,
    swallowed: (prefix) => prefix === '192.168.0.0/16',
    holder: undefined,
    interrupted: false,
    ...change,
  }
}

/** No device yet, the rest as it should be. */
export function bare(change: Partial<Observation> = {}): Observation {
  return healthy({ device: undefined, addresses: [], acceptRa: undefined, ...change })
}
