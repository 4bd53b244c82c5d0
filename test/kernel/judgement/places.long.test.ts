/**
 * The underlay is followed where it goes, by whatever name a person gives it: a bridge, an altname, an address of the other
 * family, a route that comes; and what only looks like its end is no reason to leave it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelTests } from '../../support/netns.ts'
import type { Family } from '../healing/support/cluster.ts'
import { createHost, type Host, type HostOptions } from '../healing/support/host.ts'
import { underlayPrefix } from '../healing/support/surroundings.ts'
import { complaints, FAMILIES, IP } from './support/pod-host.ts'
import { FORWARDING, rows, shell } from './support/shell.ts'
import { SIDE_BY_SIDE } from './support/side-by-side.ts'

const create = async (t: Parameters<typeof createHost>[0], options: Partial<HostOptions> = {}): Promise<Host> => {
  const host = await createHost(t, { families: FAMILIES, crowded: true, choice: [], ...options })
  await shell(host.netns, ...FORWARDING)
  return host
}

/** Of the entries on our devices: one an announcement that it went. */
async function lostEntries(host: Host, seen: number): Promise<string[]> {
  return (await host.events.since(seen)).filter(
    (line) => /^Deleted .* flannel(-v6)?\.1 /.test(line) && !line.includes('fe80:'),
  )
}

const addressLine = (verb: string, family: Family, link: string): string =>
  `ip address ${verb} ${underlayPrefix(family)} dev ${link}${family === 'ipv6' && verb === 'add' ? ' nodad' : ''}`
const gateway = (family: Family): string => (family === 'ipv4' ? '172.16.0.254' : 'fd00:1::fe')
const defaultLine = (family: Family, link: string): string =>
  `${IP[family]} route replace default via ${gateway(family)} dev ${link}`

for (const pinned of [false, true])
  test(
    `${pinned ? 'pinned' : 'unpinned'}: addresses that move to a bridge are followed, and back`,
    kernelTests,
    async (t) => {
      const host = await create(t, { pinned })
      const first = {
        ...host.expected,
        underlayMtu: 9000,
        parents: pinned ? { ipv4: 'eth0', ipv6: 'eth0' } : {},
      }
      const move = (from: string, to: string): Promise<unknown> =>
        shell(
          host.netns,
          ...FAMILIES.flatMap((family) => [
            addressLine('del', family, from),
            addressLine('add', family, to),
            defaultLine(family, to),
          ]),
        )
      await shell(
        host.netns,
        ...FAMILIES.flatMap((family) => [addressLine('add', family, 'eth0'), defaultLine(family, 'eth0')]),
      )
      host.expected = first
      host.start()
      await host.ready()
      const seen = await host.events.caughtUp()
      await shell(host.netns, 'ip link add br0 type bridge', 'ip link set br0 up', 'ip link set eth0 master br0')
      await move('eth0', 'br0')
      host.expected = { ...first, parents: pinned ? { ipv4: 'br0', ipv6: 'br0' } : {} }
      await host.ready()
      await move('br0', 'eth0')
      host.expected = first
      // The kernel deletes a pinned device with its parent: it must have been followed before.
      await host.ready()
      await shell(host.netns, 'ip link del br0')
      await host.ready()
      assert.deepEqual(await lostEntries(host, seen), [])
    },
  )

test('addresses that move to a bridge are not followed where --iface says which interface', kernelTests, async (t) => {
  const host = await create(t, { choice: ['--iface=mgmt0'] })
  await host.buildParent()
  host.start()
  await host.ready()
  await shell(host.netns, 'ip link add br0 type bridge', 'ip link set br0 up')
  for (const family of FAMILIES) {
    await shell(host.netns, addressLine('del', family, 'mgmt0'), addressLine('add', family, 'br0'))
    await host.agent.until(
      'underlay.waiting',
      (line) => line.family === family && /mgmt0 has no (usable )?IPv. address/.test(line.msg),
    )
  }
  for (const family of FAMILIES)
    await shell(host.netns, addressLine('del', family, 'br0'), addressLine('add', family, 'mgmt0'))
  await host.ready()
})

const NAMES: readonly { readonly name: string; readonly iface: string; readonly word?: string }[] = [
  { name: 'an altname', iface: 'enp3s0' },
  { name: 'an altname of 127 characters', iface: 'x'.repeat(127) },
  { name: 'name@parent, as ip prints it', iface: 'mgmt0@eth0', word: 'mgmt0' },
  { name: 'altname@parent', iface: 'enp3s0@if3', word: 'enp3s0' },
  { name: 'an address', iface: '172.16.0.1' },
  { name: 'an address with its length', iface: '172.16.0.1/12', word: '172.16.0.1' },
  { name: 'an address with another length', iface: '172.16.0.1/24', word: '172.16.0.1' },
  { name: 'an IPv6 address with its length, in another spelling', iface: 'FD00:1:0::1/64', word: 'fd00:1::1' },
]
test(
  '--iface takes every name of an interface and every form of an address, for both families',
  SIDE_BY_SIDE,
  async (t) => {
    const follow = async (
      t: Parameters<typeof createHost>[0],
      iface: string,
      word: string | undefined,
    ): Promise<void> => {
      const host = await create(t, { choice: [`--iface=${iface}`] })
      host.start()
      for (const each of FAMILIES)
        await host.agent.until('underlay.waiting', ({ family, msg }) => family === each && msg.includes('(--iface)'))
      await host.buildParent()
      for (const altname of ['enp3s0', 'x'.repeat(127)]) await host.ip(`link property add dev mgmt0 altname ${altname}`)
      await host.ready()
      const words = host.agent.lines.filter(({ event }) => event === 'underlay.iface').map(({ msg }) => msg)
      assert.equal(words.length, word === undefined ? 0 : 1)
      if (word !== undefined)
        assert.match(words[0] ?? '', new RegExp(`--iface=\\S+ is taken as (the address )?${word}`))
    }
    await Promise.all(NAMES.map(({ name, iface, word }) => t.test(name, (t) => follow(t, iface, word))))
  },
)

test('a pattern matches altnames too, and one that comes later', kernelTests, async (t) => {
  const host = await create(t, { choice: ['--iface-regex=^enp'] })
  await host.buildParent()
  host.start()
  await host.agent.until('underlay.waiting', ({ msg }) => msg.includes('--iface-regex'))
  await host.ip('link property add dev mgmt0 altname enp3s0')
  await host.ready()
})

test('the address of one family names the interface of the other, whenever it comes', kernelTests, async (t) => {
  for (const [iface, alone] of [
    ['fd00:1::1', 'ipv4'],
    ['172.16.0.1', 'ipv6'],
  ] as const) {
    const host = await create(t, { choice: [`--iface=${iface}`], families: [alone] })
    const other = alone === 'ipv4' ? 'ipv6' : 'ipv4'
    await host.buildParent({ addresses: [underlayPrefix(alone)] })
    host.start()
    await host.agent.until('underlay.waiting', ({ msg }) => msg.includes(`no interface has the address ${iface}`))
    await shell(host.netns, addressLine('add', other, 'mgmt0'))
    await host.ready()
  }
})

test(
  '--iface-can-reach is answered as soon as there is a route, or a rule, and follows where its address goes',
  kernelTests,
  async (t) => {
    for (const family of FAMILIES) {
      const target = family === 'ipv4' ? '192.0.2.9' : '2001:db8:9::9'
      const host = await create(t, { choice: [`--iface-can-reach=${target}`], families: [family] })
      await host.buildParent()
      await host.buildParent({ name: 'mgmt1', addresses: [family === 'ipv4' ? '192.168.7.1/24' : 'fd00:7::1/64'] })
      host.start()
      await host.agent.until('underlay.waiting', ({ msg }) => msg.includes(`no route to ${target} (--iface-can-reach)`))
      const first = host.expected
      const second = { ...first, underlay: { [family]: family === 'ipv4' ? '192.168.7.1' : 'fd00:7::1' } }
      await shell(host.netns, `${IP[family]} route add ${target} dev mgmt0 metric 9`)
      await host.ready()
      await shell(host.netns, `${IP[family]} route replace ${target} dev mgmt1 metric 5`)
      host.expected = second
      await host.ready()
      await shell(
        host.netns,
        `${IP[family]} route add ${target} dev mgmt0 table 77`,
        `${IP[family]} rule add to ${target} lookup 77 priority 9`,
      )
      host.expected = first
      await host.ready()
    }
  },
)

test('an IPv6 address that is deprecated stays until a successor is ready', kernelTests, async (t) => {
  const host = await create(t, { families: ['ipv6'], choice: ['--iface=mgmt0'] })
  await host.buildParent()
  host.start()
  await host.ready()
  const from = host.agent.lines.length
  await host.ip('address change fd00:1::1/64 dev mgmt0 preferred_lft 0 valid_lft forever')
  await settle(host, 'flannel-v6.1')
  await host.ip('address add fd00:1::7/64 dev mgmt0')
  host.expected = { ...host.expected, underlay: { ipv6: 'fd00:1::7' } }
  await host.ready()
  assert.ok(!host.agent.lines.slice(from).some(({ event }) => event === 'underlay.waiting'))
  assert.deepEqual(complaints(host, from), [])
})

test('an address of 240.0.0.0/4 carries the overlay', kernelTests, async (t) => {
  const host = await create(t, { families: ['ipv4'] })
  await host.buildParent({ addresses: ['240.7.7.1/8', underlayPrefix('ipv4')] })
  await shell(host.netns, 'ip route add default via 240.7.7.9 dev mgmt0')
  host.expected = { ...host.expected, underlay: { ipv4: '240.7.7.1' } }
  host.start()
  await host.ready()
})

test('a default route of several next hops over one interface names it', kernelTests, async (t) => {
  const host = await create(t)
  await host.buildParent()
  await shell(
    host.netns,
    ...FAMILIES.map((family) =>
      `${IP[family]} route add default nexthop via ${gateway(family)} dev mgmt0 nexthop via ${gateway(family)}1 dev mgmt0`.replace(
        '2541',
        '253',
      ),
    ),
  )
  host.start()
  await host.ready()
})

test('a default route that goes or expires strands nobody', kernelTests, async (t) => {
  const host = await create(t)
  await host.buildParent()
  await shell(
    host.netns,
    'sysctl -qw net.ipv6.route.gc_interval=1',
    ...FAMILIES.map((family) => defaultLine(family, 'mgmt0')),
  )
  host.start()
  await host.ready()
  const from = host.agent.lines.length
  await shell(
    host.netns,
    defaultLine('ipv4', 'mgmt0').replace('replace', 'del'),
    `${defaultLine('ipv6', 'mgmt0')} expires 1`,
  )
  // It may be passed over in silence by the kernel; what is shown no more has gone.
  for (let looks = 0; (await rows(host.netns, 'ip -6 -j route show default')).length > 0; looks += 1) {
    assert.ok(looks < 100, 'the default route does not expire')
    await host.events.more(host.events.lines.length, 200)
  }
  for (const device of ['flannel.1', 'flannel-v6.1']) await settle(host, device)
  assert.deepEqual(complaints(host, from), [])
  assert.ok(!host.agent.lines.slice(from).some(({ event }) => event === 'agent.not-ready'))
})

/** Something that is mended after what was announced before has been looked at. */
async function settle(host: Host, device: string): Promise<void> {
  const from = host.agent.lines.length
  await host.ip(`link set ${device} mtu 1390`)
  await host.agent.until('device.effect', ({ effect }) => effect === 'change', from)
  await host.ready()
}
