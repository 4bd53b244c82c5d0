import assert from 'node:assert/strict'
import { closeSync, constants, existsSync, openSync } from 'node:fs'
import test from 'node:test'
import { NetlinkError, NetlinkSocketError, openRtnl } from '../../../lib/rtnl/index.ts'
import type { LinkSettings, LinkSpec } from '../../../lib/rtnl/links/spec.ts'
import type { Ifindex } from '../../../lib/rtnl/port.ts'
import { createNetns, kernelTests } from '../../support/netns.ts'
import { createStage, ifKnown, type Stage } from './support.ts'

const LONG = 'a-name-of-more-than-fifteen-bytes'

async function veth({ links }: Stage, ifname = 'a0', more: object = {}) {
  return links.createVeth({ ifname, peer: { ifname: `${ifname}p` }, ...more })
}

test('a link is found by its number, its name and each alternative name; none is undefined', kernelTests, async (t) => {
  const stage = await createStage(t)
  const { links } = stage
  const { ifindex } = await veth(stage)
  await links.addAltname(ifindex, LONG)
  await links.addAltname(ifindex, 'short')
  for (const key of [ifindex, 'a0', LONG, 'short']) assert.equal((await links.getLink(key))?.ifindex, ifindex)
  assert.deepEqual((await links.getLink('a0'))?.altnames, [LONG, 'short'])
  await links.deleteAltname(ifindex, LONG)
  assert.deepEqual((await stage.told('a0')).altnames, ['short'])
  for (const key of [LONG, 'nobody', 999_999 as Ifindex]) assert.equal(await links.getLink(key), undefined)
  await assert.rejects(links.addAltname(ifindex, 'a0p'), { errnoName: 'EEXIST' })
})

test('listed links are those of the fast path, and those of the filter alone', kernelTests, async (t) => {
  const stage = await createStage(t)
  const { links } = stage
  const { ifindex: master } = await links.createBridge({ ifname: 'br0', up: true })
  const port = await veth(stage, 'a0', { master })
  await links.createVxlan({ ifname: 'vx0', vni: 7 })
  await using rtnl = await fastPath(stage)
  const { value, interrupted, unreadable } = await links.listLinks()
  assert.deepEqual([interrupted, unreadable], [false, undefined])
  const { value: fast } = await rtnl.dumpLinks()
  for (const [i, { vxlan, ...link }] of fast.entries()) {
    for (const [key, one] of Object.entries(link)) assert.deepEqual(value[i]?.[key as keyof typeof link], one, key)
    for (const [key, one] of Object.entries(vxlan ?? {}))
      assert.deepEqual(value[i]?.vxlan?.[key as keyof typeof vxlan], one, key)
  }
  assert.equal(value.length, fast.length)
  const named = async (filter: object) => (await links.listLinks(filter)).value.map(({ ifname }) => ifname)
  assert.deepEqual(await named({ kind: 'bridge' }), ['br0'])
  assert.deepEqual(await named({ kind: 'no-such' }), [])
  assert.deepEqual(await named({ master }), ['a0'])
  assert.deepEqual(await named({ master: null, kind: 'veth' }), ['a0p'])
  assert.deepEqual(await named({ up: true }), ['lo', 'br0'])
  assert.equal(port.portKind, 'bridge')
})

/** node:test has no `using` of a value that is closed late. */
async function fastPath({ netns }: Stage) {
  const rtnl = openRtnl({ netns: netns.path })
  return { dumpLinks: () => rtnl.dumpLinks(), [Symbol.asyncDispose]: () => rtnl.close() }
}

test('everything of a link that can be changed is as ip sees it afterwards', kernelTests, async (t) => {
  const stage = await createStage(t)
  const { links } = stage
  const { ifindex } = await veth(stage)
  const { ifindex: master } = await links.createBridge({ ifname: 'br0' })
  await links.changeLink(ifindex, {
    ifname: 'renamed',
    up: true,
    mtu: 1300,
    lladdr: '02:00:00:00:00:07' as never,
    master,
    txQueueLength: 77,
    alias: 'to the läb',
    group: 5,
    noArp: true,
    multicast: false,
    promiscuous: true,
    allMulticast: true,
    addrGenMode: 'none',
  })
  const link = await links.getLink(ifindex)
  const told = await stage.told('renamed')
  assert.deepEqual(
    [told.mtu, told.address, told.master, told.txqlen, told.ifalias, told.group, told.inet6_addr_gen_mode],
    [1300, '02:00:00:00:00:07', 'br0', 77, 'to the läb', '5', 'none'],
  )
  for (const flag of ['UP', 'NOARP', 'PROMISC', 'ALLMULTI']) assert.ok(told.flags.includes(flag), flag)
  assert.ok(!told.flags.includes('MULTICAST'))
  assert.deepEqual(
    [link?.alias, link?.group, link?.noArp, link?.multicast, link?.promiscuous, link?.addrGenMode, link?.master],
    ['to the läb', 5, true, false, true, 'none', master],
  )
  await links.changeLink(ifindex, { master: null, alias: '', up: false })
  const after = await links.getLink(ifindex)
  assert.deepEqual([after?.master, after?.alias ?? '', after?.up, after?.mtu], [undefined, '', false, 1300])
})

test('the group of devices of a link stands beside the attributes of its kind', kernelTests, async (t) => {
  const { links } = await createStage(t)
  assert.equal((await links.createBridge({ ifname: 'br0', group: 7, priority: 4096 })).group, 7)
  const { group } = await links.createVeth({ ifname: 'a', group: 8, peer: { ifname: 'b', group: 9 } })
  assert.deepEqual([group, (await links.getLink('b'))?.group], [8, 9])
})

test('attributes of a kind are changed in place, and a link of another kind refuses them', kernelTests, async (t) => {
  const stage = await createStage(t)
  const { links } = stage
  const vxlan = await links.createVxlan({ ifname: 'vx0', vni: 7, local: '192.0.2.1' as never })
  await links.changeLink(vxlan.ifindex, { vxlan: { local: '192.0.2.2' as never, ageing: 11 } })
  const changed = (await links.getLink('vx0'))?.vxlan
  assert.deepEqual([changed?.local, changed?.ageing, changed?.vni, changed?.learning], ['192.0.2.2', 11, 7, true])
  const bridge = await links.createBridge({ ifname: 'br0' })
  await links.changeLink(bridge.ifindex, { bridge: { ageingTime: 20, fdbFlush: true } })
  assert.equal((await links.getLink('br0'))?.bridge?.ageingTime, 20)
  await assert.rejects(links.changeLink(bridge.ifindex, { vxlan: { ageing: 1 } }), { errnoName: 'EOPNOTSUPP' })
  await assert.rejects(links.changeLink(vxlan.ifindex, { vxlan: { port: 4789 } }), { errnoName: 'EOPNOTSUPP' })
})

test(
  'a link is created in another namespace, and its peer here, by name, path, process and descriptor',
  kernelTests,
  async (t) => {
    const stage = await createStage(t)
    const other = await createNetns(t)
    const there = openRtnl({ netns: other.path })
    t.after(() => there.close())
    const fd = openSync(other.path, constants.O_RDONLY)
    t.after(() => closeSync(fd))
    for (const [i, netns] of [other.name, other.path, { fd }].entries()) {
      const link = await veth(stage, `a${i}`, { netns })
      const peer = await stage.links.getLink(`a${i}p`)
      const { value } = await there.dumpLinks()
      assert.equal(value.find(({ ifname }) => ifname === `a${i}`)?.ifindex, link.ifindex)
      assert.equal(peer?.parent, undefined, 'a number of another namespace says nothing here')
      assert.deepEqual(peer?.foreignParent, { ifindex: link.ifindex, netnsid: peer?.netnsid })
      assert.equal(peer?.vxlan, undefined)
    }
    const { ifindex } = await veth(stage, 'moved')
    await stage.links.moveLink(ifindex, { fd })
    assert.equal(await stage.links.getLink('moved'), undefined)
    const { ifindex: own } = await veth(stage, 'mine')
    await stage.links.moveLink(own, { pid: process.pid })
    assert.equal(await stage.links.getLink('mine'), undefined, 'it is in the namespace of this process')
    await assert.rejects(stage.links.moveLink(ifindex, 'no-such'), NetlinkSocketError)
    await assert.rejects(stage.links.moveLink(ifindex, '/dev/null'), NetlinkSocketError)
    await stage.links.deleteLink((await stage.links.getLink('minep'))?.ifindex as Ifindex)
  },
)

test('a VXLAN device whose link below is in another namespace has no parent here', kernelTests, async (t) => {
  const stage = await createStage(t)
  const other = await createNetns(t)
  await veth(stage)
  const parent = (await stage.links.getLink('a0'))?.ifindex as Ifindex
  const link = await stage.links.createVxlan({ ifname: 'vx0', vni: 3, parent, netns: other.name })
  assert.equal(link.vxlan?.parent, undefined)
  assert.equal(typeof link.netnsid, 'number')
})

test('what the kernel refuses is told by operation and errno', kernelTests, async (t) => {
  const { links } = await createStage(t)
  await links.createBridge({ ifname: 'br0' })
  await assert.rejects(links.createBridge({ ifname: 'br0' }), { op: 'link.create', errnoName: 'EEXIST' })
  await assert.rejects(links.createLink({ kind: 'ifb', ifname: 'x0', master: 999_999 as Ifindex }), NetlinkError)
  await assert.rejects(links.deleteLink(999_999 as Ifindex), { op: 'link.delete', errnoName: 'ENODEV' })
})

const WRONG: readonly (readonly [field: string, spec: unknown])[] = [
  ['link', undefined],
  ['link.kind', { ifname: 'x0' }],
  ['link.kind', { kind: 'gre', ifname: 'x0' }],
  ['link.ifname', { kind: 'dummy' }],
  ['link.ifname', { kind: 'dummy', ifname: 'a/b' }],
  ['link.ifname', { kind: 'dummy', ifname: 'dummy%d' }],
  ['link.mtus', { kind: 'dummy', ifname: 'x0', mtus: 1 }],
  ['link.vlan', { kind: 'dummy', ifname: 'x0', vlan: { id: 1 } }],
  ['link.mtu', { kind: 'dummy', ifname: 'x0', mtu: -1 }],
  ['link.mtu', { kind: 'dummy', ifname: 'x0', mtu: '1500' }],
  ['link.lladdr', { kind: 'dummy', ifname: 'x0', lladdr: 'banana' }],
  ['link.up', { kind: 'dummy', ifname: 'x0', up: 1 }],
  ['link.netns', { kind: 'dummy', ifname: 'x0', netns: '' }],
  ['link.netns', { kind: 'dummy', ifname: 'x0', netns: new URL('file:///run/netns/x') }],
  ['link.txQueueLength', { kind: 'dummy', ifname: 'x0', txQueueLength: 2 ** 32 }],
  ['link.vxlan.vni', { kind: 'vxlan', ifname: 'x0' }],
  ['link.vxlan.vni', { kind: 'vxlan', ifname: 'x0', vxlan: { vni: 2 ** 24 } }],
  ['link.vxlan.local', { kind: 'vxlan', ifname: 'x0', vxlan: { vni: 1, local: 'banana' } }],
  ['link.vxlan.group', { kind: 'vxlan', ifname: 'x0', vxlan: { vni: 1, local: '192.0.2.1', group: 'ff05::1' } }],
  ['link.vxlan.local6', { kind: 'vxlan', ifname: 'x0', vxlan: { vni: 1, local6: '::1' } }],
  ['link.vxlan.port', { kind: 'vxlan', ifname: 'x0', vxlan: { vni: 1, port: 0 } }],
  ['link.vxlan.df', { kind: 'vxlan', ifname: 'x0', vxlan: { vni: 1, df: 'never' } }],
  ['link.vxlan.portRange.low', { kind: 'vxlan', ifname: 'x0', vxlan: { vni: 1, portRange: { low: 65536 } } }],
  ['link.vxlan.lerning', { kind: 'vxlan', ifname: 'x0', vxlan: { vni: 1, lerning: true } }],
  ['link.bridge.ageingTime', { kind: 'bridge', ifname: 'x0', bridge: { ageingTime: -1 } }],
  ['link.bridge.rootPort', { kind: 'bridge', ifname: 'x0', bridge: { rootPort: 1 } }],
  ['link.bridge.vlanDefaultPvid', { kind: 'bridge', ifname: 'x0', bridge: { vlanDefaultPvid: 4095 } }],
  ['link.bridge.options.mstt', { kind: 'bridge', ifname: 'x0', bridge: { options: { mstt: true } } }],
  ['link.veth', { kind: 'veth', ifname: 'x0' }],
  ['link.veth.peer', { kind: 'veth', ifname: 'x0', veth: {} }],
  ['link.veth.peer.ifname', { kind: 'veth', ifname: 'x0', veth: { peer: {} } }],
  ['link.veth.peer.netns', { kind: 'veth', ifname: 'x0', veth: { peer: { ifname: 'y0', netns: {} } } }],
  ['link.parent', { kind: 'vlan', ifname: 'x0', vlan: { id: 1 } }],
  ['link.vlan.id', { kind: 'vlan', ifname: 'x0', parent: 1, vlan: {} }],
  ['link.vlan.id', { kind: 'vlan', ifname: 'x0', parent: 1, vlan: { id: 4095 } }],
  ['link.vlan.egressQos', { kind: 'vlan', ifname: 'x0', parent: 1, vlan: { id: 1, egressQos: 'all' } }],
  ['link.vrf', { kind: 'vrf', ifname: 'x0' }],
  ['link.vrf.table', { kind: 'vrf', ifname: 'x0', vrf: {} }],
  ['link.vrf.table', { kind: 'vrf', ifname: 'x0', vrf: { table: 0 } }],
  ['link.bond.arpTargets[0]', { kind: 'bond', ifname: 'x0', bond: { arpTargets: ['::1'] } }],
  ['link.geneve.vni', { kind: 'geneve', ifname: 'x0', geneve: {} }],
]
const WRONG_CHANGES: readonly (readonly [field: string, change: unknown])[] = [
  ['change', null],
  ['change.mtus', { mtus: 1 }],
  ['change.alias', { alias: 'x'.repeat(256) }],
  ['change.alias', { alias: 'a\0b' }],
  ['change.master', { master: 0 }],
  ['change.addrGenMode', { addrGenMode: 'eui' }],
  ['change.token', { token: 1 }],
  ['change.bridge', { vxlan: { ageing: 1 }, bridge: { stp: true } }],
  ['change.bondPort.state', { bondPort: { state: 'active' } }],
  ['change.operstate', { operstate: 'not-present' }],
]

test('wrong input is refused by the name of its field, and nothing is made or changed', kernelTests, async (t) => {
  const stage = await createStage(t)
  const { links } = stage
  await veth(stage)
  const before = JSON.stringify((await links.listLinks()).value)
  for (const [field, spec] of WRONG) await refuses(field, spec, links.createLink(spec as LinkSpec))
  const lo = 1 as Ifindex
  for (const [field, spec] of WRONG_CHANGES) await refuses(field, spec, links.changeLink(lo, spec as LinkSettings))
  for (const key of ['', 'a/b', 'x'.repeat(128), 0, 1.5, null, undefined, {}])
    await refuses('link', key, links.getLink(key as string))
  await refuses('filter.knd', { knd: 1 }, links.listLinks({ knd: 1 } as never))
  await refuses('filter.kind', 7, links.listLinks({ kind: 7 } as never))
  await refuses('ifindex', -1, links.deleteLink(-1 as Ifindex))
  await refuses('altname', 'a b', links.addAltname(lo, 'a b'))
  await refuses('netns', 'undefined', links.moveLink(lo, undefined as never))
  await refuses('vxlan', null, links.createVxlan(null as never))
  await refuses('bridge', 'br0', links.createBridge('br0' as never))
  for (const own of ['kind', 'veth', 'vxlan', 'nobody']) {
    const given = { ifname: 'a', peer: { ifname: 'b' }, [own]: 'dummy' }
    await refuses(`veth.${own}`, given, links.createVeth(given as never))
    await refuses(`bridge.${own}`, given, links.createBridge({ ifname: 'a', [own]: 'dummy' } as never))
    await refuses(`vxlan.${own}`, given, links.createVxlan({ ifname: 'a', vni: 1, [own]: 'dummy' } as never))
  }
  await refuses('veth.group', 'x', links.createVeth({ ifname: 'a', peer: { ifname: 'b' }, group: 'x' } as never))
  await refuses('bridge.group', -1, links.createBridge({ ifname: 'a', group: -1 }))
  assert.equal(JSON.stringify((await links.listLinks()).value), before)
})

async function refuses(field: string, given: unknown, call: Promise<unknown>): Promise<void> {
  const isRight = (error: unknown): boolean =>
    (error instanceof TypeError || error instanceof RangeError) && error.message.startsWith(`${field}: `)
  await assert.rejects(
    call,
    (error) => isRight(error) || assert.fail(`${field}, given ${JSON.stringify(given)}: ${error}`),
  )
}

test('a TUN and a TAP device are read with their owner and mode', kernelTests, async (t) => {
  const stage = await createStage(t)
  if (!existsSync('/dev/net/tun')) return t.skip('this machine has no /dev/net/tun')
  await stage.ip('tuntap add tap0 mode tap user 0 vnet_hdr')
  const { kind, tun } = (await stage.links.getLink('tap0')) ?? {}
  assert.equal(kind, 'tun')
  assert.deepEqual(
    [tun?.type, tun?.owner, tun?.vnetHeader, tun?.packetInfo, tun?.persist, tun?.multiQueue],
    ['tap', 0, true, false, true, false],
  )
})

for (const [kind, args, wanted] of [
  ['gre', 'gre local 192.0.2.1 remote 192.0.2.2 ikey 1 okey 2 ttl 9 ocsum', { inKey: 1, outKey: 2, ttl: 9 }],
  ['gretap', 'gretap local 192.0.2.1 remote 192.0.2.2 key 7 nopmtudisc', { inKey: 7, pathMtuDiscovery: false }],
  ['ip6gre', 'ip6gre local 2001:db8::1 remote 2001:db8::2 seq', { local: '2001:db8::1', remote: '2001:db8::2' }],
] as const)
  test(`a ${kind} tunnel of ip is read with its ends, keys and flags`, kernelTests, async (t) => {
    const stage = await createStage(t)
    const made = await stage.ip(`link add t0 type ${args}`).catch((error: Error) => error)
    if (made instanceof Error) {
      if (!/Unknown device type|not supported/.test(made.message)) throw made
      return t.skip(`this kernel does not know links of kind ${kind}`)
    }
    const link = await stage.links.getLink('t0')
    assert.equal(link?.kind, kind)
    for (const [key, value] of Object.entries(wanted)) assert.equal(link?.gre?.[key as 'ttl'], value, key)
    assert.equal(link?.gre?.outFlags?.checksum, kind === 'gre')
    assert.equal(link?.hardwareAddress?.length, { gre: 4, gretap: undefined, ip6gre: 16 }[kind])
    const { unreadable } = await stage.links.listLinks()
    assert.equal(unreadable, undefined)
  })

test('ports of a bond and of a VRF tell what they are there', kernelTests, async (t) => {
  const stage = await createStage(t)
  const { links } = stage
  const made = await ifKnown(t, 'links of kind bond or vrf', async () => {
    const bond = await links.createLink({ kind: 'bond', ifname: 'bond0', bond: { mode: 'active-backup' } })
    return [bond, await links.createLink({ kind: 'vrf', ifname: 'vrf0', vrf: { table: 77 } })] as const
  })
  if (made === undefined) return
  const [bond, vrf] = made
  const port = await veth(stage, 'a0', { master: bond.ifindex })
  assert.deepEqual([port.portKind, port.bondPort?.miiStatus], ['bond', 'up'])
  await links.changeLink(port.ifindex, { bondPort: { queueId: 3 } })
  assert.equal((await links.getLink('a0'))?.bondPort?.queueId, 3)
  assert.deepEqual((await veth(stage, 'b0', { master: vrf.ifindex })).vrfPort, { table: 77 })
})
