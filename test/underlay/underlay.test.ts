/** The choice of the interface and its address: flannel's order, and what each sentence says when something is missing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { type Family, type Ip, parseIp } from '../../lib/net/ip.ts'
import { packEntries, type RouteEntry } from '../../lib/rtnl/entries.ts'
import type { AddressFlags } from '../../lib/rtnl/port.ts'
import type { UnderlayChoice } from '../../lib/underlay/choice.ts'
import { NO_MEMORY } from '../../lib/underlay/memory.ts'
import { chooseUnderlay, type UnderlayFacts } from '../../lib/underlay/underlay.ts'
import { addressOf, linkOf } from '../overlay/support/host.ts'
import { underlayChoice } from '../support/config.ts'

const NO_CHOICE: UnderlayChoice = underlayChoice({ ifaces: [] })
const LINKS = [linkOf(1, 'lo', { loopback: true, mtu: 65536 }), linkOf(2, 'mgmt0'), linkOf(3, 'wlan0', { mtu: 1400 })]
const ADDRESSES = [
  addressOf(1, '127.0.0.1', 8, {}, 254),
  addressOf(2, '192.168.0.2', 24),
  addressOf(3, '10.0.0.3', 24),
  addressOf(2, 'fd00::2', 64),
  addressOf(3, 'fd01::3', 64),
]

function defaultRoute(
  family: Family,
  oif: number | undefined,
  metric: number,
  overrides: Partial<RouteEntry> = {},
): RouteEntry {
  return {
    kind: 'route',
    dst: parseCidr(family === 'ipv4' ? '0.0.0.0/0' : '::/0'),
    metric,
    gateway: parseIp(family === 'ipv4' ? '192.168.0.254' : 'fe80::1'),
    oif: oif === undefined ? undefined : parseIfindex(oif),
    onlink: false,
    protocol: 16,
    type: 1,
    scope: 0,
    extras: oif === undefined,
    dead: false,
    multipath: false,
    ...overrides,
  }
}

type Facts = UnderlayFacts & { readonly hint?: Ip }

function facts(overrides: Partial<Facts> = {}): Facts {
  return { links: LINKS, addresses: ADDRESSES, routes: packEntries([]), reach: undefined, ...overrides }
}

/** `mgmt0 192.168.0.2 192.168.0.2 1500`, or the sentence. */
function chosen(family: Family, choice: Partial<UnderlayChoice>, with_: Partial<Facts> = {}): string {
  const { hint, ...seen } = facts(with_)
  const { answer } = chooseUnderlay(family, { ...NO_CHOICE, ...choice }, seen, { now: 0, hint }, NO_MEMORY)
  return 'waiting' in answer ? answer.waiting : `${answer.ifname} ${answer.local} ${answer.publicIp} ${answer.mtu}`
}

const publicIp = (ip: string) => ({ publicIp: { ipv4: parseIp(ip), ipv6: undefined } })

test('--iface takes a name, or the address of an interface', () => {
  assert.equal(chosen('ipv4', { ifaces: ['wlan0'] }), 'wlan0 10.0.0.3 10.0.0.3 1400')
  assert.equal(chosen('ipv4', { ifaces: ['10.0.0.3'] }), 'wlan0 10.0.0.3 10.0.0.3 1400')
  assert.equal(chosen('ipv6', { ifaces: ['wlan0'] }), 'wlan0 fd01::3 fd01::3 1400')
})

test('an address of the other family names the interface too', () => {
  assert.equal(chosen('ipv6', { ifaces: ['10.0.0.3'] }), 'wlan0 fd01::3 fd01::3 1400')
})

test('the address that was named is used, though another one would be preferred', () => {
  const addresses = [...ADDRESSES, addressOf(2, '192.168.0.77', 24, { permanent: false, deprecated: true })]
  assert.equal(chosen('ipv4', { ifaces: ['192.168.0.77'] }, { addresses }), 'mgmt0 192.168.0.77 192.168.0.77 1500')
})

test('the first --iface that works is taken; else each one says what it lacks', () => {
  assert.equal(chosen('ipv4', { ifaces: ['eth7', 'mgmt0', 'wlan0'] }), 'mgmt0 192.168.0.2 192.168.0.2 1500')
  assert.equal(
    chosen('ipv4', { ifaces: ['eth7', '10.9.9.9'] }),
    'no interface is named eth7 (--iface); no interface has the address 10.9.9.9 (--iface)',
  )
})

test('each --iface comes before each --iface-regex, that before --iface-can-reach, and the default route is not asked', () => {
  const reach = { oif: parseIfindex(3), gateway: undefined, source: undefined }
  const choice = { ifaces: ['eth7'], regexes: [/^mg/], canReach: parseIp('10.0.0.9') }
  assert.equal(chosen('ipv4', choice, { reach }), 'mgmt0 192.168.0.2 192.168.0.2 1500')
  assert.equal(chosen('ipv4', { ...choice, regexes: [/^x/] }, { reach }), 'wlan0 10.0.0.3 10.0.0.3 1400')
  const routes = packEntries([defaultRoute('ipv4', 2, 0)])
  assert.equal(chosen('ipv4', { ifaces: ['eth7'] }, { routes }), 'no interface is named eth7 (--iface)')
})

test('--iface-regex looks at addresses before names, and a pattern with a memory is asked afresh each time', () => {
  const links = [...LINKS, linkOf(4, '10.0.0-net')]
  const addresses = [addressOf(4, '172.16.0.4', 24), ...ADDRESSES]
  for (const regex of [/^10\.0\.0/, /^10\.0\.0/g]) {
    for (let i = 0; i < 2; i += 1)
      assert.equal(chosen('ipv4', { regexes: [regex] }, { links, addresses }), 'wlan0 10.0.0.3 10.0.0.3 1400')
  }
  assert.equal(chosen('ipv6', { regexes: [/^10\.0\.0\.3/] }), 'wlan0 fd01::3 fd01::3 1400')
})

test('--iface-regex passes over an interface without an address of the family', () => {
  const addresses = ADDRESSES.filter((address) => address.ip !== '192.168.0.2')
  assert.equal(chosen('ipv4', { regexes: [/0$/] }, { addresses }), 'wlan0 10.0.0.3 10.0.0.3 1400')
  assert.equal(chosen('ipv4', { regexes: [/^mgmt/] }, { addresses }), 'mgmt0 has no IPv4 address')
})

test('the sentence of --iface-regex names what was looked at', () => {
  assert.equal(
    chosen('ipv4', { regexes: [/^eth/] }),
    'no interface matches --iface-regex ^eth: 3 interfaces looked at: lo, mgmt0, wlan0',
  )
  assert.equal(
    chosen('ipv4', { regexes: [/^eth/] }, { links: [] }),
    'no interface matches --iface-regex ^eth: 0 interfaces looked at',
  )
})

test('--iface-can-reach takes the interface that owns the source address, else the output interface', () => {
  const canReach = parseIp('10.0.0.9')
  const reach = { oif: parseIfindex(2), gateway: undefined, source: parseIp('10.0.0.3') }
  assert.equal(chosen('ipv4', { canReach }, { reach }), 'wlan0 10.0.0.3 10.0.0.3 1400')
  assert.equal(
    chosen('ipv4', { canReach }, { reach: { ...reach, source: undefined } }),
    'mgmt0 192.168.0.2 192.168.0.2 1500',
  )
  assert.equal(chosen('ipv4', { canReach }), 'no route to 10.0.0.9 (--iface-can-reach)')
  const lo = { ...reach, oif: parseIfindex(1), source: undefined }
  assert.match(chosen('ipv4', { canReach }, { reach: lo }), /leaves through no interface that can carry the overlay/)
})

test('without a flag the default route of the lowest metric decides, each family for itself', () => {
  const routes = packEntries([defaultRoute('ipv4', 2, 600), defaultRoute('ipv4', 3, 100)])
  assert.equal(chosen('ipv4', {}, { routes }), 'wlan0 10.0.0.3 10.0.0.3 1400')
  assert.equal(
    chosen('ipv6', {}, { routes: packEntries([defaultRoute('ipv6', 2, 1024)]) }),
    'mgmt0 fd00::2 fd00::2 1500',
  )
  const equal = packEntries([defaultRoute('ipv4', 3, 0), defaultRoute('ipv4', 2, 0)])
  assert.equal(chosen('ipv4', {}, { routes: equal }), 'wlan0 10.0.0.3 10.0.0.3 1400')
})

test('a default route that names no interface is passed over', () => {
  const several = defaultRoute('ipv4', undefined, 0)
  const blackhole = defaultRoute('ipv4', 1, 0, { type: 6 })
  assert.equal(
    chosen('ipv4', {}, { routes: packEntries([several, blackhole, defaultRoute('ipv4', 2, 5)]) }),
    'mgmt0 192.168.0.2 192.168.0.2 1500',
  )
  assert.match(
    chosen('ipv4', {}, { routes: packEntries([several]) }),
    /leaves through no interface .*; say which with --iface/,
  )
  assert.equal(chosen('ipv4', {}), 'no IPv4 default route, and no --iface says which interface to use')
})

test('a public address is published; it is the source of packets only where this host has it', () => {
  const nat = publicIp('203.0.113.1')
  assert.equal(chosen('ipv4', { ifaces: ['mgmt0'], ...nat }), 'mgmt0 192.168.0.2 203.0.113.1 1500')
  assert.equal(chosen('ipv4', { ifaces: ['mgmt0'], ...publicIp('10.0.0.3') }), 'mgmt0 10.0.0.3 10.0.0.3 1500')
})

test('without another flag the public address finds the interface', () => {
  const routes = packEntries([defaultRoute('ipv4', 2, 0)])
  assert.equal(chosen('ipv4', publicIp('10.0.0.3'), { routes }), 'wlan0 10.0.0.3 10.0.0.3 1400')
  assert.equal(
    chosen('ipv4', publicIp('203.0.113.1'), { routes }),
    'no interface has the public address 203.0.113.1; if it belongs to a router before this host, name the interface with --iface',
  )
})

test("the annotation's address wins over the flag's", () => {
  const hint = parseIp('10.0.0.3')
  assert.equal(chosen('ipv4', publicIp('192.168.0.2'), { hint }), 'wlan0 10.0.0.3 10.0.0.3 1400')
})

test('our own devices, and addresses inside the overlay network, never carry the overlay', () => {
  const links = [...LINKS, linkOf(8, 'flannel.1', { kind: 'vxlan' }), linkOf(9, 'cni0')]
  const addresses = [addressOf(8, '192.168.7.7', 32), addressOf(9, '10.42.1.1', 24), ...ADDRESSES]
  const with_ = {
    links,
    addresses,
    network: parseCidr('10.42.0.0/16'),
    exclude: (link: { kind: string }) => link.kind === 'vxlan',
  }
  assert.equal(chosen('ipv4', { ifaces: ['flannel.1'] }, with_), 'no interface is named flannel.1 (--iface)')
  assert.equal(chosen('ipv4', { regexes: [/^192/] }, with_), 'mgmt0 192.168.0.2 192.168.0.2 1500')
  assert.equal(
    chosen('ipv4', { ifaces: ['cni0'] }, with_),
    'cni0 has no usable IPv4 address (10.42.1.1 lies inside the overlay network)',
  )
  assert.equal(chosen('ipv4', { ifaces: ['10.42.1.1'] }, with_), '10.42.1.1 lies inside the overlay network')
})

test('loopback is taken only by name', () => {
  const addresses = [...ADDRESSES, addressOf(1, '192.0.2.1', 32)]
  const routes = packEntries([defaultRoute('ipv4', 1, 0)])
  assert.equal(chosen('ipv4', { ifaces: ['lo'] }, { addresses }), 'lo 192.0.2.1 192.0.2.1 65536')
  assert.equal(chosen('ipv4', { ifaces: ['192.0.2.1'] }, { addresses }), 'lo 192.0.2.1 192.0.2.1 65536')
  assert.match(chosen('ipv4', { regexes: [/^lo$/] }, { addresses }), /no interface matches/)
  assert.match(chosen('ipv4', {}, { addresses, routes }), /leaves through no interface/)
})

test('a link that is down or without carrier may be chosen: its address is what matters', () => {
  const links = [linkOf(2, 'mgmt0', { up: false, carrier: false })]
  assert.equal(chosen('ipv4', { ifaces: ['mgmt0'] }, { links }), 'mgmt0 192.168.0.2 192.168.0.2 1500')
})

test('an MTU of 0 is waited for', () => {
  assert.equal(chosen('ipv4', { ifaces: ['mgmt0'] }, { links: [linkOf(2, 'mgmt0', { mtu: 0 })] }), 'mgmt0 has MTU 0')
})

test('an interface below IPv6’s least MTU has no room for it, whatever else could be waited for', () => {
  const narrow = [linkOf(2, 'mgmt0', { mtu: 1279 }), linkOf(3, 'wlan0', { mtu: 1400 })]
  const addresses = ADDRESSES.filter(({ ip }) => ip.includes('.'))
  const because = 'MTU 1279 of mgmt0 is too small for VXLAN over IPv6: at least 1350 is needed, so there is no IPv6'
  assert.ok(chosen('ipv6', { ifaces: ['mgmt0'] }, { links: narrow, addresses }).startsWith(because))
  // Another one that may be used still may get an address.
  assert.equal(
    chosen('ipv6', { ifaces: ['mgmt0', 'wlan0'] }, { links: narrow, addresses }),
    'mgmt0 has no IPv6 address; wlan0 has no IPv6 address',
  )
})

test('addresses in order of preference: global, permanent, not temporary; then the kernel’s order', () => {
  const order: readonly [string, Partial<AddressFlags>, number][] = [
    ['fd00::a', {}, 0],
    ['fd00::b', {}, 0],
    ['fd00::c', { temporary: true }, 0],
    ['fd00::d', { permanent: false }, 0],
    ['fd00::e', { permanent: false, temporary: true }, 0],
  ]
  const all = order.map(([ip, flags, scope]) => addressOf(2, ip, 64, flags, scope))
  for (let first = 0; first < all.length; first += 1) {
    // The best of those that are left, wherever it stands; equals in the kernel's order.
    const left = first === 0 ? all : all.slice(first).reverse()
    assert.match(chosen('ipv6', { ifaces: ['mgmt0'] }, { addresses: left }), new RegExp(`^mgmt0 ${order[first]?.[0]} `))
  }
})

test('an IPv6 link-local address is never taken: it means nothing to other nodes', () => {
  const addresses = [addressOf(2, 'fe80::f', 64, {}, 253)]
  assert.match(chosen('ipv6', { ifaces: ['mgmt0'] }, { addresses }), /no usable IPv6 address \(fe80::f is link-local\)/)
})

test('an IPv6 address that is tentative, failed or deprecated is not used, and the sentence says which', () => {
  const addresses = [
    addressOf(2, 'fd00::a', 64, { tentative: true }),
    addressOf(2, 'fd00::b', 64, { dadFailed: true }),
    addressOf(2, 'fd00::c', 64, { deprecated: true }),
  ]
  assert.equal(
    chosen('ipv6', { ifaces: ['mgmt0'] }, { addresses }),
    'mgmt0 has no usable IPv6 address (fd00::a is tentative, fd00::b failed duplicate address detection, fd00::c is deprecated)',
  )
  assert.equal(
    chosen('ipv6', { ifaces: ['fd00::a'] }, { addresses }),
    'fd00::a is still tentative or failed duplicate address detection',
  )
})
