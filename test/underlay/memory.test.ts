/**
 * The underlay is chosen once, and left only for a reason: histories of what a host's addresses do, each look by itself, and
 * what carries the overlay after it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCidr } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { type Family, type Ip, parseIp } from '../../lib/net/ip.ts'
import { packEntries } from '../../lib/rtnl/entries.ts'
import type { Address, AddressFlags, Link, ResolvedRoute } from '../../lib/rtnl/port.ts'
import type { UnderlayChoice } from '../../lib/underlay/choice.ts'
import type { UnderlayKnowledge } from '../../lib/underlay/knowledge.ts'
import { NO_MEMORY, type UnderlayMemory } from '../../lib/underlay/memory.ts'
import { chooseUnderlay } from '../../lib/underlay/underlay.ts'
import { addressOf, linkOf } from '../overlay/support/host.ts'
import { underlayChoice } from '../support/config.ts'

const CHOICE: UnderlayChoice = underlayChoice({ ifaces: [] })

/** `eth0 192.168.0.2/24` and, behind a blank, flags. */
type Spec = string

/** A host whose addresses a test changes, looked at as time goes by. */
function hostOf(family: Family, choice: Partial<UnderlayChoice> = {}) {
  let memory: UnderlayMemory = NO_MEMORY
  let now = 0
  let addresses: readonly Address[] = []
  let defaults: readonly (readonly [ifname: string, metric: number])[] = [['eth0', 100]]
  let reach: ResolvedRoute | undefined
  let links: readonly Link[] = ['lo', 'eth0', 'eth1', 'br0'].map((name, i) =>
    linkOf(i + 1, name, { loopback: i === 0 }),
  )
  let known: Omit<UnderlayKnowledge, 'now'> = {}
  const host = {
    /** Known beside the kernel. */
    knows(what: Omit<UnderlayKnowledge, 'now'>) {
      known = { ...known, ...what }
    },
    has(...specs: readonly Spec[]) {
      addresses = specs.map((spec) => addressFrom(links, spec))
    },
    defaultBy(...routes: readonly (readonly [string, number])[]) {
      defaults = routes
    },
    reaches(through: Ip | undefined) {
      reach = through && { ...REACH, source: through, oif: parseIfindex(2) }
    },
    links(change: (links: readonly Link[]) => readonly Link[]) {
      links = change(links)
    },
    /** What an agent that starts anew finds: what was kept, and the device as it is. */
    restarts(kept: Ip | undefined = memory.founded) {
      memory = { ...NO_MEMORY, founded: kept }
      known = { ...known, deviceLocal: lastLocal }
    },
    founded: () => memory.founded,
    /** `192.168.0.2 on eth0`, or the sentence. */
    look(afterMs = 10): string {
      now += afterMs
      const routes = packEntries(
        defaults.map(([ifname, metric]) => ({
          kind: 'route' as const,
          dst: parseCidr(family === 'ipv4' ? '0.0.0.0/0' : '::/0'),
          metric,
          gateway: parseIp(family === 'ipv4' ? '192.168.0.254' : 'fe80::1'),
          oif: links.find((link) => link.ifname === ifname)?.ifindex,
          onlink: false,
          protocol: 16,
          type: 1,
          scope: 0,
          extras: false,
          multipath: false,
          dead: false,
        })),
      )
      const decision = chooseUnderlay(
        family,
        { ...CHOICE, ...choice },
        { links, addresses, routes, reach },
        { ...known, now },
        memory,
      )
      memory = decision.memory
      const { answer } = decision
      if ('waiting' in answer) return answer.waiting
      lastLocal = answer.local
      return `${answer.local} on ${answer.ifname}`
    },
  }
  let lastLocal: Ip | undefined
  return host
}

const REACH = { gateway: undefined, table: 254, mtu: undefined }

function addressFrom(links: readonly Link[], spec: Spec): Address {
  const [ifname = '', cidr = '', ...words] = spec.split(' ')
  const [ip = '', length = ''] = cidr.split('/')
  const flags: Partial<AddressFlags> = Object.fromEntries(
    words.map((word) => (word === 'dynamic' ? ['permanent', false] : [word, true])),
  )
  const link = links.find((one) => one.ifname === ifname)
  const address = addressOf(link?.ifindex ?? 99, ip, Number(length), flags)
  return words.includes('keepalived') ? { ...address, protocol: 18 } : address
}

const ip = parseIp
const OURS = 'eth0 192.168.0.2/24 dynamic'
const FLOATING = 'eth0 192.168.0.100/32'
const US = '192.168.0.2 on eth0'
const GONE = /^192\.168\.0\.2, the address of this node, is gone; unless it returns within 30 s, /

/** One that has published 192.168.0.2. */
function published(choice: Partial<UnderlayChoice> = {}) {
  const host = hostOf('ipv4', choice)
  host.has(OURS)
  assert.equal(host.look(), US)
  host.knows({ published: ip('192.168.0.2') })
  host.look()
  return host
}

/** One whose address is well founded. */
function founded(choice: Partial<UnderlayChoice> = {}) {
  const host = published(choice)
  host.look(60_000)
  assert.equal(host.founded(), '192.168.0.2')
  return host
}

test('the better of two default routes may go and come: the overlay stays where it is published', () => {
  const host = hostOf('ipv4')
  host.has(OURS, 'eth1 10.0.0.2/24')
  host.defaultBy(['eth0', 100], ['eth1', 200])
  assert.equal(host.look(), US)
  host.defaultBy(['eth1', 200])
  assert.equal(host.look(), US)
  host.defaultBy(['eth0', 100], ['eth1', 200])
  assert.equal(host.look(), US)
  host.knows({ published: ip('192.168.0.2') })
  host.defaultBy(['eth1', 50], ['eth0', 100])
  assert.equal(host.look(), US)
})

test('within its first minute a choice that nobody was told of gives way to a better one', () => {
  const host = hostOf('ipv4')
  host.has('eth1 10.0.0.2/24')
  host.defaultBy(['eth1', 200])
  assert.equal(host.look(), '10.0.0.2 on eth1')
  host.has(OURS, 'eth1 10.0.0.2/24')
  host.defaultBy(['eth0', 100], ['eth1', 200])
  assert.equal(host.look(), US)
  host.defaultBy(['eth1', 50], ['eth0', 100])
  assert.equal(host.look(60_000), US)
})

for (const [what, floating] of [
  ['a /32 beside a real prefix', FLOATING],
  ['a secondary address', 'eth0 192.168.0.100/24 secondary'],
  ['an address of keepalived', 'eth0 192.168.0.100/24 keepalived'],
] as const) {
  test(`${what} is nobody's endpoint: not at the first choice, not when ours goes, not when it was there first`, () => {
    const host = hostOf('ipv4')
    host.has(floating, OURS)
    assert.equal(host.look(), US)
    host.look(60_000)
    host.has(floating)
    assert.match(host.look(), GONE)
    assert.match(host.look(29_000), GONE)
    host.has(floating, OURS)
    assert.equal(host.look(), US)
  })

  test(`${what} that stands in is left when ours is back, also after a restart`, () => {
    const host = founded()
    host.has(OURS, floating)
    host.look(60_000)
    host.has(floating)
    host.look()
    assert.equal(host.look(31_000), '192.168.0.100 on eth0')
    host.knows({ published: ip('192.168.0.100') })
    assert.equal(host.look(3_600_000), '192.168.0.100 on eth0')
    assert.equal(host.founded(), '192.168.0.2')
    host.restarts()
    host.knows({ publishedBefore: ip('192.168.0.100') })
    assert.equal(host.look(), '192.168.0.100 on eth0')
    host.has(floating, OURS)
    assert.equal(host.look(), US)
  })
}

test('an address without a real prefix that a new node has before its own gives way, unless it has stood for a minute', () => {
  for (const [stoodMs, expected] of [
    [10, US],
    [60_000, '192.168.0.100 on eth0'],
  ] as const) {
    const host = hostOf('ipv4')
    host.has(FLOATING)
    assert.equal(host.look(), '192.168.0.100 on eth0')
    host.knows({ published: ip('192.168.0.100') })
    assert.equal(host.look(stoodMs), '192.168.0.100 on eth0')
    host.has(FLOATING, OURS)
    assert.equal(host.look(), expected)
  }
})

test('an address that takes the place of ours on its link, as DHCP gives it, is followed at once and may become ours', () => {
  const host = founded()
  host.has('eth0 192.168.7.7/24 dynamic')
  assert.equal(host.look(), '192.168.7.7 on eth0')
  host.knows({ published: ip('192.168.7.7') })
  host.has('eth0 192.168.7.7/24 dynamic', OURS)
  assert.equal(host.look(), US)
  host.has('eth0 192.168.8.8/24 dynamic')
  assert.equal(host.look(), '192.168.8.8 on eth0')
  host.look(60_000)
  host.has('eth0 192.168.8.8/24 dynamic', OURS)
  assert.equal(host.look(), '192.168.8.8 on eth0')
})

test('the new address may come just before the old one goes', () => {
  const host = founded()
  host.has(OURS, 'eth0 192.168.7.7/24 dynamic')
  assert.equal(host.look(), US)
  host.has('eth0 192.168.7.7/24 dynamic')
  assert.equal(host.look(), '192.168.7.7 on eth0')
})

test('another uplink is no replacement: it is taken after the time that the flag says', () => {
  const host = founded({ fallbackAfterMs: 5000 })
  host.has('eth1 10.0.0.2/24')
  host.defaultBy(['eth1', 200])
  assert.match(host.look(), /is gone; unless it returns within 5 s, 10\.0\.0\.2 on eth1 is used/)
  assert.equal(host.look(5000), '10.0.0.2 on eth1')
})

test('an address outranks its interface: it is followed into a bridge, unless --iface forbids', () => {
  const host = founded()
  host.has('br0 192.168.0.2/24 dynamic')
  assert.equal(host.look(), '192.168.0.2 on br0')
  const named = founded({ ifaces: ['eth0'] })
  named.has('br0 192.168.0.2/24 dynamic')
  assert.equal(named.look(), 'eth0 has no IPv4 address')
})

test('a person’s flag moves it: an interface that forbids what was published, an address by name', () => {
  const host = hostOf('ipv4', { ifaces: ['eth1'] })
  host.knows({ publishedBefore: ip('192.168.0.2'), published: ip('192.168.0.2') })
  host.has(OURS, 'eth1 10.0.0.2/24')
  assert.equal(host.look(), '10.0.0.2 on eth1')
  const exact = hostOf('ipv4', { ifaces: ['192.168.0.100/32'] })
  exact.knows({ publishedBefore: ip('192.168.0.2') })
  exact.has(OURS, FLOATING)
  assert.equal(exact.look(), '192.168.0.100 on eth0')
})

test('what is in use goes before what was published, that before the InternalIP, that before flannel’s order', () => {
  const all = ['eth0 10.1.0.1/24', 'eth0 10.1.0.2/24', 'eth0 10.1.0.3/24', 'eth0 10.1.0.4/24'] as const
  const known = { internalIp: ip('10.1.0.2'), publishedBefore: ip('10.1.0.3') }
  const running = hostOf('ipv4')
  running.has(...all)
  running.knows({ ...known, published: ip('10.1.0.4'), deviceLocal: ip('10.1.0.4') })
  assert.equal(running.look(), '10.1.0.4 on eth0')
  const host = hostOf('ipv4')
  host.has(...all.slice(0, 3))
  host.knows(known)
  assert.equal(host.look(), '10.1.0.3 on eth0')
  host.has(...all.slice(0, 2))
  assert.equal(host.look(), '10.1.0.2 on eth0')
  host.has(...all.slice(0, 1))
  assert.match(host.look(), /unless it returns within 30 s, 10\.1\.0\.1 on eth0 is used/)
})

test('at a start whose published address or InternalIP is not there yet, a lesser one waits', () => {
  for (const known of [{ publishedBefore: ip('192.168.0.2') }, { internalIp: ip('192.168.0.2') }]) {
    const host = hostOf('ipv4')
    host.knows(known)
    host.has(FLOATING)
    assert.match(host.look(), GONE)
    host.has(FLOATING, OURS)
    assert.equal(host.look(1000), US)
    assert.equal(host.founded(), '192.168.0.2')
  }
})

test('an InternalIP on another interface than the one that is named is nobody’s business', () => {
  const host = hostOf('ipv4', { ifaces: ['eth1'] })
  host.knows({ internalIp: ip('192.168.0.2') })
  host.has('eth1 10.0.0.2/24')
  assert.equal(host.look(), '10.0.0.2 on eth1')
})

test('an address behind NAT that was published is not waited for on this host', () => {
  const host = hostOf('ipv4', { ifaces: ['eth0'], publicIp: { ipv4: ip('203.0.113.1'), ipv6: undefined } })
  host.knows({ publishedBefore: ip('203.0.113.1'), published: ip('203.0.113.1') })
  host.has(OURS)
  assert.equal(host.look(), US)
})

test('an InternalIP that comes late founds what is in use, and what it names is returned to', () => {
  const host = hostOf('ipv4')
  host.has('eth0 192.168.7.7/24')
  assert.equal(host.look(), '192.168.7.7 on eth0')
  host.knows({ internalIp: ip('192.168.7.7') })
  host.look()
  assert.equal(host.founded(), '192.168.7.7')
})

test('an address that another lease publishes stands behind its equals, never behind our InternalIP or what we published', () => {
  const hostile = { isPublishedByOthers: (one: Ip) => one === '10.1.0.1' }
  const host = hostOf('ipv4')
  host.knows(hostile)
  host.has('eth0 10.1.0.1/24', 'eth0 10.1.0.2/24')
  assert.equal(host.look(), '10.1.0.2 on eth0')
  for (const known of [{ internalIp: ip('10.1.0.1') }, { publishedBefore: ip('10.1.0.1') }]) {
    const victim = hostOf('ipv4')
    victim.knows({ ...hostile, ...known })
    victim.has('eth0 10.1.0.1/24', 'eth0 10.1.0.2/24')
    assert.equal(victim.look(), '10.1.0.1 on eth0')
  }
})

test('a deprecated IPv6 address stays until there is one that is ready; an expired default route takes nothing away', () => {
  const host = hostOf('ipv6')
  host.has('eth0 fd00::2/64')
  assert.equal(host.look(), 'fd00::2 on eth0')
  host.look(60_000)
  host.defaultBy()
  assert.equal(host.look(), 'fd00::2 on eth0')
  host.has('eth0 fd00::2/64 deprecated')
  assert.equal(host.look(), 'fd00::2 on eth0')
  host.defaultBy(['eth0', 1024])
  host.has('eth0 fd00::2/64 deprecated', 'eth0 fd00:1::2/64 tentative')
  assert.equal(host.look(), 'fd00::2 on eth0')
  host.has('eth0 fd00::2/64 deprecated', 'eth0 fd00:1::2/64')
  assert.equal(host.look(), 'fd00:1::2 on eth0')
})

test('our address while duplicate address detection runs is waited for, and nothing lesser is taken', () => {
  const host = hostOf('ipv6')
  host.has('eth0 fd00::2/64')
  host.look()
  host.look(60_000)
  host.has('eth0 fd00::2/64 tentative', 'eth0 fd00::100/128')
  assert.match(host.look(), /fd00::2 is still tentative/)
  assert.match(host.look(40_000), /fd00::2 is still tentative/)
})

test('--iface-can-reach chooses, and then its answer may flap', () => {
  const host = hostOf('ipv4', { canReach: ip('198.51.100.1') })
  host.has(OURS, 'eth1 10.0.0.2/24')
  host.reaches(ip('192.168.0.2'))
  assert.equal(host.look(), US)
  host.knows({ published: ip('192.168.0.2') })
  host.reaches(ip('10.0.0.2'))
  assert.equal(host.look(), US)
  host.reaches(undefined)
  assert.equal(host.look(), US)
})

test('--iface-can-reach that leads elsewhere for half a second is followed, and belongs to this node from then on', () => {
  const host = hostOf('ipv4', { canReach: ip('198.51.100.1') })
  host.has(OURS, 'eth1 10.0.0.2/24')
  host.reaches(ip('192.168.0.2'))
  host.look()
  host.knows({ published: ip('192.168.0.2') })
  host.look()
  for (let i = 0; i < 10; i += 1) {
    host.reaches(ip('10.0.0.2'))
    assert.equal(host.look(400), US)
    host.reaches(ip('192.168.0.2'))
    assert.equal(host.look(400), US)
  }
  host.reaches(ip('10.0.0.2'))
  assert.equal(host.look(), US)
  assert.equal(host.look(500), '10.0.0.2 on eth1')
  assert.equal(host.founded(), '10.0.0.2')
})

test('--iface-can-reach that leads to a lesser address of the same interface is no wish of a person', () => {
  const host = hostOf('ipv4', { canReach: ip('198.51.100.1') })
  host.has(OURS, FLOATING)
  host.reaches(ip('192.168.0.2'))
  host.look()
  host.look(60_000)
  host.has(FLOATING)
  host.reaches(ip('192.168.0.100'))
  assert.match(host.look(), GONE)
  assert.match(host.look(1000), GONE)
})

test('an altname counts as a name, name@parent and address/length are taken as meant', () => {
  const host = hostOf('ipv4', { ifaces: ['enp3s0'] })
  host.has(OURS)
  assert.equal(host.look(), 'no interface is named enp3s0 (--iface)')
  host.links((links) => links.map((link) => (link.ifname === 'eth0' ? { ...link, altnames: ['enp3s0'] } : link)))
  assert.equal(host.look(), US)
  for (const iface of ['eth0@if3', '192.168.0.2/24']) {
    const meant = hostOf('ipv4', { ifaces: [iface] })
    meant.has(OURS)
    assert.equal(meant.look(), US)
  }
})

test('an address of 240.0.0.0/4 is one that a host can have', () => {
  const host = hostOf('ipv4')
  host.has('eth0 250.1.2.3/24')
  assert.equal(host.look(), '250.1.2.3 on eth0')
})

test('whatever the addresses do: as long as ours is there and usable, it carries the overlay', () => {
  const others = [
    'eth0 192.168.0.100/32',
    'eth0 192.168.0.77/24 secondary',
    'eth1 10.0.0.2/24',
    'eth0 172.16.0.1/12',
    'br0 10.9.0.1/24',
  ]
  const step = fc.record({
    ours: fc.boolean(),
    others: fc.subarray(others),
    defaults: fc.subarray(['eth0', 'eth1', 'br0']),
    ms: fc.constantFrom(0, 50, 5000, 31_000, 3_600_000),
    restart: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const host = founded()
      for (const { ours, others: there, defaults, ms, restart } of steps) {
        host.has(...there, ...(ours ? [OURS] : []))
        host.defaultBy(...defaults.map((name, index) => [name, index * 100] as const))
        if (restart) host.restarts()
        const seen = host.look(ms)
        // A replacement that stood for a minute has become ours.
        if (ours && host.founded() === '192.168.0.2') assert.equal(seen, US)
      }
    }),
    { numRuns: 2000 },
  )
})
