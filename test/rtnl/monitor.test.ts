import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import test from 'node:test'
import { type Entry, type Notification, openRtnl, parseIp, unpackEntry } from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { apply, createDevice, createStage, LIMITS, LOCAL, linkNamed, listen, peerEntries } from './support.ts'

const bounded = { ...kernelTests, timeout: patience(60_000) }

/** What an entry notification says, without the state that a deleted neighbour is left in. */
function gist(action: string, entry: Entry): string {
  const { kind, ...rest } = entry
  const key = entry.kind === 'neighbour' ? entry.ip : JSON.stringify(rest, Object.keys(rest).sort())
  return `${action} ${kind} ${key}`
}

for (const [when, limits] of LIMITS) {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(`links, addresses, neighbours, FDB entries and routes of ${family} are heard, ${when}`, bounded, async (t) => {
      const { rtnl, netns } = await createStage(t, limits)
      const ears = listen(t, rtnl, ['link', 'address', 'neighbour', 'route'], { families: [family] })
      const other = openRtnl({ netns: netns.path })
      t.after(() => other.close())
      const ifindex = await createDevice(other, { local: LOCAL[family] })
      await apply(other, 'create', peerEntries(ifindex, family, 1))
      await apply(other, 'delete', peerEntries(ifindex, family, 1))
      // The kernel announces a new IPv6 address from a work queue of its own: before the link goes, or never.
      const own = family === 'ipv4' ? '10.42.1.0' : 'fd42:0:0:1::'
      await ears.until((n) => n.type === 'address' && n.action === 'set' && n.address.ip === own)
      await other.deleteLink(ifindex)
      await ears.until((n) => n.type === 'link' && n.action === 'deleted')

      const said = ears.heard.flatMap((n) => (n.type === 'entry' ? [gist(n.action, unpackEntry(n.entry, 0))] : []))
      for (const action of ['set', 'deleted'])
        for (const entry of peerEntries(ifindex, family, 1))
          assert.ok(said.includes(gist(action, entry)), `${gist(action, entry)} is not in\n${said.join('\n')}`)
      const addresses = ears.heard.flatMap((n) => (n.type === 'address' ? [`${n.action} ${n.address.ip}`] : []))
      assert.deepEqual(
        addresses.filter((text) => text.endsWith(own)),
        [`set ${own}`, `deleted ${own}`],
      )
      assert.ok(addresses.every((text) => text.includes(':') === (family === 'ipv6')))
      const set = ears.heard.find((n) => n.type === 'link' && n.action === 'set')
      assert.ok(set?.type === 'link' && set.link.vxlan?.local === LOCAL[family])
    })
  }
}

test('only the groups and families that were asked for are heard', bounded, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  const ears = listen(t, rtnl, ['route', 'address'], { families: ['ipv6'] })
  const other = openRtnl({ netns: netns.path })
  t.after(() => other.close())
  await other.addAddress({ ifindex, ip: parseIp('10.42.1.9'), prefixLength: 32, noDad: true })
  const [, , route6] = peerEntries(ifindex, 'ipv6', 1) as [Entry, Entry, Entry]
  await apply(other, 'create', [...peerEntries(ifindex, 'ipv4', 1), route6])
  const dst = (n: Notification): string => {
    const entry = n.type === 'entry' ? unpackEntry(n.entry, 0) : undefined
    return entry?.kind === 'route' ? entry.dst : `${entry?.kind}`
  }
  await ears.until((n) => n.type === 'entry' && dst(n) === 'fd42:0:1:1::/64')
  // The device's own IPv6 address and its routes may be announced late: they are of the family that was asked for.
  for (const n of ears.heard) assert.match(n.type === 'address' ? n.address.ip : dst(n), /:/)
})

test('routes of other tables are not heard', bounded, async (t) => {
  const { rtnl, netns } = await createStage(t)
  await createDevice(rtnl)
  const ears = listen(t, rtnl, ['route'])
  await netns.exec('ip', 'route', 'add', '198.51.100.0/24', 'dev', 'flannel.1', 'table', '1000')
  await netns.exec('ip', 'route', 'add', '203.0.113.0/24', 'dev', 'flannel.1')
  await ears.until((n) => n.type === 'entry')
  const [first] = ears.heard
  assert.ok(first?.type === 'entry')
  assert.deepEqual((unpackEntry(first.entry, 0) as { dst?: string }).dst, '203.0.113.0/24')
})

test(
  'own neighbours and routes are dropped by the kernel, those of others and own links are heard',
  bounded,
  async (t) => {
    const { rtnl, netns } = await createStage(t)
    const ifindex = await createDevice(rtnl)
    const ears = listen(t, rtnl, ['link', 'neighbour', 'route'])
    const all = listen(t, rtnl, ['neighbour', 'route'], { ignoreOwn: false })
    const other = openRtnl({ netns: netns.path })
    t.after(() => other.close())
    await apply(rtnl, 'create', peerEntries(ifindex, 'ipv4', 1))
    await apply(other, 'create', peerEntries(ifindex, 'ipv4', 2))
    await rtnl.createBridge({ ifname: 'last' })
    await ears.until((n) => n.type === 'link' && n.link.ifname === 'last')
    const kinds = (heard: typeof ears.heard): string[] =>
      heard.flatMap((n) =>
        n.type === 'entry'
          ? [
              `${unpackEntry(n.entry, 0).kind} ${n.pid === rtnl.portId ? 'own' : n.pid === other.portId ? 'other' : n.pid}`,
            ]
          : [],
      )
    // FDB entries carry no port ID, so both come through.
    assert.deepEqual(kinds(ears.heard), ['fdb 0', 'neighbour other', 'fdb 0', 'route other'])
    await all.until((n) => n.type === 'entry' && n.pid === other.portId && unpackEntry(n.entry, 0).kind === 'route')
    assert.deepEqual(kinds(all.heard), [
      'neighbour own',
      'fdb 0',
      'route own',
      'neighbour other',
      'fdb 0',
      'route other',
    ])
  },
)

for (const ignoreOwn of [true, false])
  test(
    `who does not want entries hears links and addresses alone, and then entries again, ${ignoreOwn ? 'without' : 'with'} its own`,
    bounded,
    async (t) => {
      const { rtnl, netns } = await createStage(t)
      const ifindex = await createDevice(rtnl)
      const ears = listen(t, rtnl, ['link', 'address', 'neighbour', 'route'], { ignoreOwn })
      const other = openRtnl({ netns: netns.path })
      t.after(() => other.close())
      ears.hearEntries(false)
      await apply(other, 'create', peerEntries(ifindex, 'ipv4', 1))
      await other.addAddress({ ifindex, ip: parseIp('10.42.1.9'), prefixLength: 32, noDad: true })
      await other.createBridge({ ifname: 'between' })
      ears.hearEntries(true)
      await apply(other, 'create', peerEntries(ifindex, 'ipv4', 2))
      await apply(rtnl, 'create', peerEntries(ifindex, 'ipv4', 3))
      await other.createBridge({ ifname: 'last' })
      await ears.until((n) => n.type === 'link' && n.link.ifname === 'last')
      const entries = ears.heard.flatMap((n) => (n.type === 'entry' ? [gist(n.action, unpackEntry(n.entry, 0))] : []))
      const of = (number: number): string[] => peerEntries(ifindex, 'ipv4', number).map((entry) => gist('set', entry))
      const wanted = [...of(2), ...of(3)].filter((line) => !ignoreOwn || of(2).includes(line) || line.includes(' fdb '))
      assert.deepEqual(entries, wanted)
      const others = ears.heard.filter(
        (n) => n.type === 'address' || (n.type === 'link' && n.link.ifname === 'between'),
      )
      assert.deepEqual(new Set(others.map(({ type }) => type)), new Set(['address', 'link']))
      ears.close()
      ears.hearEntries(false)
    },
  )

test('messages that are lost are an overrun, after which the monitor hears on', bounded, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  const ears = listen(t, rtnl, ['neighbour', 'link'], { ignoreOwn: false, receiveBufferBytes: 4096 })
  const neighbours = Array.from({ length: 3000 }, (_, number) => peerEntries(ifindex, 'ipv4', number)[0] as Entry)
  await apply(rtnl, 'create', neighbours)
  await ears.until((n) => n.type === 'overrun')
  await netns.exec('ip', 'link', 'add', 'after', 'type', 'bridge')
  const isAfter = (n: Notification) => n.type === 'link' && n.link.ifname === 'after'
  // The kernel drops on in silence until what was queued has been read.
  for (let i = 0; !ears.heard.some(isAfter); i += 1)
    await netns.exec('ip', 'link', 'set', 'after', 'mtu', `${1400 + (i % 100)}`)
})

test(
  'while JavaScript is blocked the kernel queues, nothing is lost and nothing comes out of order',
  bounded,
  async (t) => {
    const { rtnl, netns } = await createStage(t)
    await createDevice(rtnl)
    const ears = listen(t, rtnl, ['route'], { families: ['ipv4'] })
    const count = 2000
    const subnet = (i: number): string => `10.${100 + (i >> 8)}.${i & 0xff}.0/24`
    const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-'))
    t.after(() => rmSync(folder, { recursive: true }))
    const lines = Array.from({ length: count }, (_, i) => `route add ${subnet(i)} dev flannel.1 metric ${i + 1}\n`)
    writeFileSync(path.join(folder, 'batch'), lines.join(''))
    // The event loop stands still until the writer has ended; only then is anything delivered.
    const writer = spawnSync('ip', ['-n', netns.name, '-batch', path.join(folder, 'batch')], { stdio: 'inherit' })
    assert.equal(writer.status, 0)
    const last = subnet(count - 1)
    await ears.until((n) => n.type === 'entry' && (unpackEntry(n.entry, 0) as { dst?: string }).dst === last)
    const metrics = ears.heard.flatMap((n) =>
      n.type === 'entry' ? [(unpackEntry(n.entry, 0) as { metric: number }).metric] : [],
    )
    assert.deepEqual(
      metrics,
      Array.from({ length: count }, (_, i) => i + 1),
    )
  },
)

test('nothing is heard after close, not even what was on its way; closing twice is fine', bounded, async (t) => {
  const { rtnl } = await createStage(t)
  const ears = listen(t, rtnl, ['link'])
  const sentinel = listen(t, rtnl, ['link'])
  for (let i = 0; i < 20; i += 1) await rtnl.createBridge({ ifname: `b${i}` })
  ears.close()
  const heard = ears.heard.length
  ears.close()
  await rtnl.createBridge({ ifname: 'last' })
  await sentinel.until((n) => n.type === 'link' && n.link.ifname === 'last')
  assert.equal(ears.heard.length, heard)
})

test('a monitor may be closed from its own callback, and is closed with its Rtnl', bounded, async (t) => {
  const { rtnl, netns } = await createStage(t)
  let calls = 0
  const closed = new Promise<void>((resolve) => {
    const monitor = rtnl.monitor({
      groups: ['link'],
      families: ['ipv4'],
      onNotifications() {
        calls += 1
        monitor.close()
        resolve()
      },
    })
  })
  const ears = listen(t, rtnl, ['link'])
  await netns.exec('ip', 'link', 'add', 'b0', 'type', 'bridge')
  await closed
  await ears.until((n) => n.type === 'link' && n.link.ifname === 'b0')
  await rtnl.close()
  const heard = ears.heard.length
  const witness = openRtnl({ netns: netns.path })
  t.after(() => witness.close())
  const eyes = listen(t, witness, ['link'])
  await netns.exec('ip', 'link', 'add', 'b1', 'type', 'bridge')
  await eyes.until((n) => n.type === 'link' && n.link.ifname === 'b1')
  assert.deepEqual([calls, ears.heard.length], [1, heard])
  assert.throws(() => rtnl.monitor({ groups: ['link'], families: ['ipv4'], onNotifications() {} }), {
    errnoName: 'ECANCELED',
  })
})

test('a monitor hears the namespace of its Rtnl, not that of the process', bounded, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const host = openRtnl()
  t.after(() => host.close())
  const ears = listen(t, host, ['link'])
  const inside = listen(t, rtnl, ['link'])
  await netns.exec('ip', 'link', 'add', 'inside', 'type', 'bridge')
  await inside.until((n) => n.type === 'link')
  await host.createBridge({ ifname: 'outside' })
  t.after(() => host.deleteLink)
  await ears.until((n) => n.type === 'link')
  assert.deepEqual(new Set(ears.heard.map((n) => n.type === 'link' && n.link.ifname)), new Set(['outside']))
  await host.deleteLink((await linkNamed(host, 'outside')).ifindex)
})
