/**
 * The interface on which the underlay address lives is deleted, rebuilt, changed: after each time everything is right
 * again. An unpinned device keeps its entries while the interface is away, a pinned one dies with it (kernel-facts 2).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { kernelTests } from '../../support/netns.ts'
import { deviceName, type Family } from './support/cluster.ts'
import { createHealthyHost, createHost, type Host } from './support/host.ts'
import { type ParentKind, underlayPrefix } from './support/surroundings.ts'

interface Story {
  readonly name: string
  play(host: Host): Promise<void>
}

const STORIES: readonly Story[] = [
  { name: 'is rebuilt at once', play: (host) => host.whileFrozen(() => rebuild(host)) },
  { name: 'is rebuilt step by step under the eyes of the agent', play: rebuild },
  {
    name: 'is rebuilt after the agent has missed it',
    async play(host) {
      await host.ip('link del mgmt0')
      await missed(host)
      await host.buildParent()
    },
  },
  {
    name: 'is rebuilt after 200 ms',
    async play(host) {
      await host.ip('link del mgmt0')
      await delay(200)
      await host.buildParent()
    },
  },
  {
    name: 'is rebuilt with a lower MTU, and again with a higher one',
    async play(host) {
      for (const mtu of [1400, 1500]) {
        await host.ip('link del mgmt0')
        await host.buildParent({ mtu })
        host.expected = { ...host.expected, underlayMtu: mtu }
        await host.right()
      }
    },
  },
  {
    name: 'is rebuilt with another address, and again with the old one',
    async play(host) {
      const before = host.expected
      await host.ip('link del mgmt0')
      await host.buildParent({ addresses: addressesOf(host, OTHER) })
      host.expected = { ...before, underlay: underlayOf(host, OTHER) }
      await host.right()
      host.expected = before
      await rebuild(host)
    },
  },
  {
    name: 'gets a lower MTU, and the old one back',
    async play(host) {
      for (const mtu of [1400, 1500]) {
        await host.ip(`link set mgmt0 mtu ${mtu}`)
        host.expected = { ...host.expected, underlayMtu: mtu }
        await host.right()
      }
    },
  },
  {
    name: 'loses its address and gets it back',
    async play(host) {
      await host.ip('address flush dev mgmt0')
      await missed(host)
      await addAddresses(host, OWN)
    },
  },
  {
    name: 'is set down and up',
    async play(host) {
      await host.ip('link set mgmt0 down')
      await host.ip('link set mgmt0 up')
      // IPv6 addresses do not survive it.
      if (host.expected.families.includes('ipv6'))
        await host.ip(`address replace ${underlayPrefix('ipv6')} dev mgmt0 nodad`)
    },
  },
  {
    name: 'is rebuilt ten times in a row',
    async play(host) {
      for (let i = 0; i < 10; i += 1) await rebuild(host)
    },
  },
]

const CONFIGURATIONS = [
  { families: ['ipv4'], pinned: false, parent: 'macvlan' },
  { families: ['ipv4'], pinned: true, parent: 'bridge' },
  { families: ['ipv6'], pinned: true, parent: 'macvlan' },
  { families: ['ipv4', 'ipv6'], pinned: false, parent: 'bridge' },
  { families: ['ipv4', 'ipv6'], pinned: true, parent: 'macvlan' },
] as const satisfies readonly { families: readonly Family[]; pinned: boolean; parent: ParentKind }[]

for (const { families, pinned, parent } of CONFIGURATIONS) {
  const title = `${families.join(' and ')}, ${pinned ? 'pinned to' : 'unpinned over'} a ${parent}`
  test(`${title}: the overlay heals whatever becomes of its interface`, kernelTests, async (t) => {
    const host = await createHealthyHost(t, { families, pinned, parent })
    for (const { name, play } of STORIES) {
      await t.test(`the interface ${name}`, async () => {
        await play(host)
        await host.ready()
      })
    }
  })
}

test('an unpinned device keeps every entry while its interface is away, and after', kernelTests, async (t) => {
  const host = await createHealthyHost(t, { families: ['ipv4', 'ipv6'] })
  const seen = await host.events.caughtUp()
  await host.ip('link del mgmt0')
  await missed(host)
  await host.right()
  await host.buildParent()
  await host.ready()
  const lost = (await host.events.since(seen)).filter((line) => line.startsWith('Deleted') && line.includes(' flannel'))
  assert.deepEqual(lost, [])
})

test('a changed address is followed in place: no entry is lost, in either mode', kernelTests, async (t) => {
  for (const pinned of [false, true]) {
    const host = await createHealthyHost(t, { families: ['ipv4', 'ipv6'], pinned })
    const before = await host.read()
    const seen = await host.events.caughtUp()
    await addAddresses(host, OTHER)
    for (const address of addressesOf(host, OWN)) await host.ip(`address del ${address} dev mgmt0`)
    host.expected = { ...host.expected, underlay: underlayOf(host, OTHER) }
    await host.ready()
    const after = await host.read()
    for (const family of host.expected.families) {
      const { device: _was, ...entriesBefore } = before.tables[family] ?? {}
      const { device: _is, ...entriesAfter } = after.tables[family] ?? {}
      assert.deepEqual(entriesAfter, entriesBefore)
    }
    // The kernel's own link-local addresses become usable a second or two after their device.
    const isEntry = (line: string): boolean => / flannel(-v6)?\.1 /.test(line) && !line.includes('fe80::')
    const touched = (await host.events.since(seen)).filter(isEntry)
    assert.deepEqual(touched, [], 'not one entry was written')
  }
})

test('an interface that comes back under another name is found by --iface-regex', kernelTests, async (t) => {
  for (const pinned of [false, true]) {
    const host = await createHealthyHost(t, { families: ['ipv4', 'ipv6'], pinned, choice: ['--iface-regex=^mgmt'] })
    await comesBackAs(host, 'mgmt7', pinned)
  }
})

test('an interface that comes back under another name is found by --iface-can-reach', kernelTests, async (t) => {
  for (const pinned of [false, true]) {
    const choice = ['--iface-can-reach=172.16.0.99']
    const host = await createHealthyHost(t, { families: ['ipv4'], pinned, choice })
    await comesBackAs(host, 'uplink7', pinned)
  }
})

test(
  'an agent that starts before its interface exists, has an address or is up waits for it',
  kernelTests,
  async (t) => {
    for (const pinned of [false, true]) {
      const families = ['ipv4', 'ipv6'] as const
      const host = await createHost(t, { families, pinned })
      host.start()
      await missed(host)
      const seen = host.agent.lines.length
      await host.ip('link add link eth0 name mgmt0 mtu 1500 type macvlan mode bridge')
      for (const family of families)
        await host.agent.until('underlay.waiting', (line) => line.family === family && /address/.test(line.msg), seen)
      await host.ip('link set mgmt0 up')
      await addAddresses(host, OWN)
      await host.ready()
    }
  },
)

test('a family without an underlay does not hold up the other one', kernelTests, async (t) => {
  const host = await createHost(t, { families: ['ipv4', 'ipv6'] })
  host.expected = { ...host.expected, underlay: { ipv4: '172.16.0.1' } }
  await host.buildParent({ addresses: [underlayPrefix('ipv4')] })
  host.start()
  await host.right()
  await host.ip(`address add ${underlayPrefix('ipv6')} dev mgmt0 nodad`)
  host.expected = { ...host.expected, underlay: { ipv4: '172.16.0.1', ipv6: 'fd00:1::1' } }
  await host.ready()
})

const OWN: Readonly<Record<Family, string>> = { ipv4: underlayPrefix('ipv4'), ipv6: underlayPrefix('ipv6') }
const OTHER: Readonly<Record<Family, string>> = { ipv4: '192.168.2.77/24', ipv6: 'fd00:1::77/64' }

function addressesOf(host: Host, of: Readonly<Record<Family, string>>): string[] {
  return host.expected.families.map((family) => of[family])
}

function underlayOf(host: Host, of: Readonly<Record<Family, string>>): Host['expected']['underlay'] {
  return Object.fromEntries(host.expected.families.map((family) => [family, of[family].replace(/\/.*/, '')]))
}

async function addAddresses(host: Host, of: Readonly<Record<Family, string>>): Promise<void> {
  for (const address of addressesOf(host, of))
    await host.ip(`address add ${address} dev mgmt0${address.includes(':') ? ' nodad' : ''}`)
}

async function rebuild(host: Host): Promise<void> {
  await host.ip('link del mgmt0')
  await host.buildParent()
}

/** Until every family has said that its underlay is away. */
async function missed(host: Host): Promise<void> {
  for (const family of host.expected.families) {
    const said = host.agent.lines.findLastIndex((line) => line.event === 'underlay.chosen' && line.family === family)
    await host.agent.until('underlay.waiting', (line) => line.family === family, Math.max(0, said))
  }
}

async function comesBackAs(host: Host, name: string, pinned: boolean): Promise<void> {
  await host.ip('link del mgmt0')
  await missed(host)
  await host.buildParent({ name })
  if (pinned) host.expected = { ...host.expected, parents: { ipv4: name, ipv6: name } }
  await host.ready()
  for (const family of host.expected.families)
    assert.ok(
      host.agent.lines.some((line) => line.event === 'underlay.chosen' && line.ifname === name),
      deviceName(family),
    )
}
