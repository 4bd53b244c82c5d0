/** Our device as it should be, and what an existing link lacks to be it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { VxlanBackend, VxlanNetwork } from '../../lib/cluster/network.ts'
import { compatible, mendingChange, planAddresses, type WantedDevice, wantedDevice } from '../../lib/device/vtep.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { type Family, parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { parseMtu } from '../../lib/net/mtu.ts'
import { parseVni } from '../../lib/net/vni.ts'
import type { Address, Link, VxlanAttributes } from '../../lib/rtnl/port.ts'
import type { Underlay } from '../../lib/underlay/underlay.ts'
import { addressOf, linkOf } from '../overlay/support/host.ts'
import { vxlanBackend } from '../support/config.ts'

const LLADDR = parseLladdr('0e:2a:00:00:00:01')
const UNDERLAYS: Readonly<Record<Family, Underlay>> = {
  ipv4: {
    ifindex: parseIfindex(3),
    ifname: 'mgmt0',
    lladdr: undefined,
    standsIn: false,
    mtu: 1500,
    local: parseIp('192.168.0.1'),
    publicIp: parseIp('203.0.113.1'),
  },
  ipv6: {
    ifindex: parseIfindex(3),
    ifname: 'mgmt0',
    lladdr: undefined,
    standsIn: false,
    mtu: 1500,
    local: parseIp('fd00::1'),
    publicIp: parseIp('fd00::1'),
  },
}

function networkWith(backend: Partial<VxlanBackend> = {}): VxlanNetwork {
  return {
    ipv4: parseCidr('10.42.0.0/16'),
    ipv6: parseCidr('fd42::/56'),
    enableNftables: false,
    backend: vxlanBackend(backend),
  }
}

function wanted(
  family: Family = 'ipv4',
  backend: Partial<VxlanBackend> = {},
  underlay = UNDERLAYS[family],
): WantedDevice {
  const device = wantedDevice(networkWith(backend), family, underlay, LLADDR)
  assert.ok(!('waiting' in device))
  return device
}

/** The link that a creation of `wish` would give, set up. */
function made({ spec, family }: WantedDevice, vxlan: Partial<VxlanAttributes> = {}, link: Partial<Link> = {}): Link {
  const { vni, local, parent, learning, gbp, ifname, mtu, lladdr } = spec
  const attributes = { vni, underlay: family, local, parent, port: spec.port ?? 8472, learning, gbp, metadata: false }
  return linkOf(9, ifname, {
    kind: 'vxlan',
    mtu,
    lladdr,
    vxlan: { ...attributes, l2miss: false, l3miss: false, group: undefined, ...vxlan },
    ...link,
  })
}

const brief = (link: Link, wish: WantedDevice): string[] =>
  compatible(link, wish).map((d) => `${d.mend} ${d.attribute}: ${d.actual}, not ${d.wanted}`)

test("the device has flannel's name and the interface's MTU less 50 over IPv4, 70 over IPv6", () => {
  assert.deepEqual(wanted('ipv4').spec, {
    ifname: 'flannel.1',
    vni: 1,
    local: '192.168.0.1',
    parent: undefined,
    lladdr: LLADDR,
    mtu: 1450,
    port: undefined,
    learning: false,
    gbp: false,
  })
  const { ifname, mtu, local } = wanted('ipv6', { vni: parseVni(4096) }).spec
  assert.deepEqual([ifname, mtu, local], ['flannel-v6.4096', 1430, 'fd00::1'])
})

test('Backend.MTU is the outer MTU, and a pinned device cannot have more than its parent allows', () => {
  const mtu = parseMtu(9000)
  assert.equal(wanted('ipv4', { mtu }).spec.mtu, 8950)
  const pinned = wanted('ipv4', { mtu, pinDevice: true }).spec
  assert.deepEqual([pinned.mtu, pinned.parent], [1450, 3])
})

test('an MTU that leaves too little is waited for, with the number that is needed', () => {
  const narrow = { ...UNDERLAYS.ipv6, mtu: 1349 }
  assert.deepEqual(wantedDevice(networkWith(), 'ipv6', narrow, LLADDR), {
    waiting:
      'MTU 1349 of mgmt0 is too small for VXLAN over IPv6: at least 1350 is needed, so there is no IPv6 in the overlay of this node',
  })
  assert.deepEqual(wantedDevice(networkWith({ mtu: parseMtu(100) }), 'ipv4', UNDERLAYS.ipv4, LLADDR), {
    waiting:
      'Backend.MTU 100 is too small for VXLAN over IPv4: at least 118 is needed, so there is no IPv4 in the overlay of this node',
  })
  assert.equal(wanted('ipv6', {}, { ...UNDERLAYS.ipv6, mtu: 1350 }).spec.mtu, 1280)
})

test('the link that its own creation gives differs in nothing', () => {
  for (const family of ['ipv4', 'ipv6'] as const) {
    for (const pinDevice of [false, true]) {
      const wish = wanted(family, { pinDevice, learning: true, gbp: true, port: 4789 })
      assert.deepEqual(compatible(made(wish), wish), [])
    }
  }
})

test('what the kernel refuses to change needs re-creation, and only that is said', () => {
  const wish = wanted()
  const cases: readonly [Partial<VxlanAttributes>, string][] = [
    [{ vni: 2 }, 're-create vni: 2, not 1'],
    [{ underlay: 'ipv6' }, 're-create underlay family: ipv6, not ipv4'],
    [{ port: 4789 }, 're-create port: 4789, not 8472'],
    [{ gbp: true }, 're-create gbp: true, not false'],
    [{ l2miss: true }, 're-create l2miss: true, not false'],
    [{ l3miss: true }, 're-create l3miss: true, not false'],
    [{ group: parseIp('239.1.1.1') }, 're-create group: 239.1.1.1, not none'],
    [{ metadata: true }, 're-create external: true, not false'],
  ]
  for (const [attributes, difference] of cases) {
    const link = made(wish, attributes, { mtu: 1400 })
    assert.deepEqual(brief(link, wish), [difference])
    assert.equal(mendingChange(compatible(link, wish)), undefined)
  }
  assert.deepEqual(brief(linkOf(9, 'flannel.1', { kind: 'dummy' }), wish), ['re-create kind: dummy, not vxlan'])
  assert.deepEqual(brief(made(wish), wanted('ipv4', { pinDevice: true })), ['re-create pinned: false, not true'])
})

test('what the kernel changes in place is one change', () => {
  const wish = wanted()
  const link = made(
    wish,
    { local: parseIp('192.168.0.9'), learning: true },
    { ifname: 'renamed', mtu: 1400, up: false, lladdr: parseLladdr('0e:00:00:00:00:09') },
  )
  assert.deepEqual(brief(link, wish), [
    'in-place name: renamed, not flannel.1',
    'in-place local: 192.168.0.9, not 192.168.0.1',
    'in-place learning: true, not false',
    'in-place mtu: 1400, not 1450',
    'in-place lladdr: 0e:00:00:00:00:09, not 0e:2a:00:00:00:01',
    'in-place up: false, not true',
  ])
  assert.deepEqual(mendingChange(compatible(link, wish)), {
    ifname: 'flannel.1',
    mtu: 1450,
    lladdr: LLADDR,
    up: true,
    vxlan: { local: '192.168.0.1', learning: false },
  })
  assert.equal(mendingChange([]), undefined)
})

test("flannel's pinned device stays as it is, follows a new parent, and is asked for no more than the parent allows", () => {
  const wish = wanted('ipv4', { mtu: parseMtu(9000) })
  const flannels = made(wish, { parent: parseIfindex(3) }, { mtu: 1450 })
  assert.deepEqual(compatible(flannels, wish), [])
  const orphan = made(wish, { parent: parseIfindex(2) }, { mtu: 1450 })
  assert.deepEqual(mendingChange(compatible(orphan, wish)), { vxlan: { parent: 3, local: '192.168.0.1' } })
})

const OWN = { ifindex: parseIfindex(9), network: parseCidr('10.42.0.0/16'), subnet: parseCidr('10.42.1.0/24') }
const OWN_IPV6 = { ifindex: parseIfindex(9), network: parseCidr('fd42::/56'), subnet: parseCidr('fd42:0:0:1::/64') }

test('the device lacks its overlay address', () => {
  assert.deepEqual(planAddresses({ swallowed: () => false, ...OWN, addresses: [] }), {
    add: [{ ifindex: 9, ip: '10.42.1.0', prefixLength: 32, noDad: true }],
    remove: [],
  })
  assert.deepEqual(planAddresses({ swallowed: () => false, ...OWN_IPV6, addresses: [] }).add, [
    { ifindex: 9, ip: 'fd42:0:0:1::', prefixLength: 128, noDad: true },
  ])
})

test('IPv4: other addresses inside the network go, the wrong length of the right one too, others stay', () => {
  const addresses: Address[] = [
    addressOf(9, '10.42.1.0', 24),
    addressOf(9, '10.42.7.0', 32),
    addressOf(9, '172.16.0.1', 24),
    addressOf(9, 'fe80::1', 64),
    addressOf(3, '10.42.8.0', 32),
  ]
  const plan = planAddresses({ swallowed: () => false, ...OWN, addresses })
  assert.deepEqual(plan.add.length, 1)
  assert.deepEqual(plan.remove, [
    { ifindex: 9, ip: '10.42.1.0', prefixLength: 24 },
    { ifindex: 9, ip: '10.42.7.0', prefixLength: 32 },
  ])
  assert.deepEqual(planAddresses({ swallowed: () => false, ...OWN, addresses: [addressOf(9, '10.42.1.0', 32)] }), {
    add: [],
    remove: [],
  })
})

test('IPv6: every other address that is not link-local goes', () => {
  const addresses = ['fd42:0:0:1::', '2001:db8::1', 'fe80::1'].map((ip) => addressOf(9, ip, 128))
  assert.deepEqual(planAddresses({ swallowed: () => false, ...OWN_IPV6, addresses }), {
    add: [],
    remove: [{ ifindex: 9, ip: '2001:db8::1', prefixLength: 128 }],
  })
})

test('an address of the other family goes as well when its connected route would take outer packets, and only then', () => {
  const addresses = ['fd00:1::99', 'fd00:2::99', 'fe80::1'].map((ip) => addressOf(9, ip, 64))
  const own = { ...OWN, addresses: [addressOf(9, '10.42.1.0', 32), ...addresses] }
  const swallowed = (prefix: string): boolean => prefix === 'fd00:1::/64' || prefix === 'fe80::/64'
  assert.deepEqual(planAddresses({ ...own, swallowed }), {
    add: [],
    remove: [{ ifindex: 9, ip: 'fd00:1::99', prefixLength: 64 }],
  })
})

test('an address outside the network goes when its connected route would take outer packets into the device', () => {
  const addresses = [
    addressOf(9, '10.42.1.0', 32),
    addressOf(9, '192.168.7.7', 16),
    addressOf(9, '192.168.0.9', 32),
    addressOf(9, '172.16.0.1', 12),
  ]
  const swallowed = (prefix: string): boolean => prefix === '192.168.0.0/16'
  assert.deepEqual(planAddresses({ ...OWN, addresses, swallowed }).remove, [
    { ifindex: 9, ip: '192.168.7.7', prefixLength: 16 },
  ])
})
