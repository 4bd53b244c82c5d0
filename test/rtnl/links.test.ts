import assert from 'node:assert/strict'
import { closeSync, openSync } from 'node:fs'
import test from 'node:test'
import { type Ifindex, NetlinkError, openRtnl, parseIp, parseLladdr } from '../../lib/rtnl/index.ts'
import { createNetns, kernelTests } from '../support/netns.ts'
import { createStage, LIMITS, linkNamed, VXLAN } from './support.ts'

for (const [when, limits] of LIMITS) {
  test(`VXLAN devices come back as they were asked for, over either underlay, ${when}`, kernelTests, async (t) => {
    const { rtnl } = await createStage(t, limits)
    await rtnl.createVeth({ ifname: 'eth0', mtu: 1500, peer: { ifname: 'eth1' } })
    const parent = (await linkNamed(rtnl, 'eth0')).ifindex
    await rtnl.createVxlan({ ...VXLAN, gbp: true })
    await rtnl.createVxlan({
      ...VXLAN,
      ifname: 'flannel-v6.2',
      vni: 16777215,
      local: parseIp('2001:db8::1'),
      parent,
      mtu: 1450,
      port: undefined,
      learning: true,
    })
    assert.deepEqual(await linkNamed(rtnl, 'flannel.1'), {
      ifindex: parent + 1,
      ifname: 'flannel.1',
      kind: 'vxlan',
      mtu: 1450,
      lladdr: VXLAN.lladdr,
      up: false,
      carrier: false,
      loopback: false,
      noArp: false,
      altnames: [],
      master: undefined,
      parent: undefined,
      txQueueLength: 0,
      vxlan: {
        vni: 1,
        underlay: 'ipv4',
        local: '192.0.2.1',
        parent: undefined,
        port: 8472,
        learning: false,
        gbp: true,
        metadata: false,
        l2miss: false,
        l3miss: false,
        group: undefined,
      },
    })
    const pinned = await linkNamed(rtnl, 'flannel-v6.2')
    assert.equal(pinned.mtu, 1430, 'the kernel takes 70 bytes from 1500')
    assert.deepEqual(pinned.vxlan, {
      vni: 16777215,
      underlay: 'ipv6',
      local: '2001:db8::1',
      parent,
      port: 8472,
      learning: true,
      gbp: false,
      metadata: false,
      l2miss: false,
      l3miss: false,
      group: undefined,
    })
  })

  test(`a VXLAN device is changed in place, ${when}`, kernelTests, async (t) => {
    const { rtnl } = await createStage(t, limits)
    await rtnl.createVeth({ ifname: 'eth0', peer: { ifname: 'eth1' } })
    await rtnl.createBridge({ ifname: 'br0' })
    await rtnl.createVxlan(VXLAN)
    const parent = (await linkNamed(rtnl, 'eth0')).ifindex
    const master = (await linkNamed(rtnl, 'br0')).ifindex
    const { ifindex } = await linkNamed(rtnl, 'flannel.1')

    await rtnl.changeLink(ifindex, { up: true, vxlan: { local: parseIp('192.0.2.9'), parent, learning: true } })
    let link = await linkNamed(rtnl, 'flannel.1')
    assert.deepEqual(
      [link.up, link.vxlan?.local, link.vxlan?.parent, link.vxlan?.learning, link.vxlan?.port],
      [true, '192.0.2.9', parent, true, 8472],
    )
    await rtnl.changeLink(ifindex, { vxlan: { learning: false } })
    await rtnl.changeLink(ifindex, { mtu: 1300, lladdr: parseLladdr('0e:2a:00:00:00:77'), master })
    link = await linkNamed(rtnl, 'flannel.1')
    assert.deepEqual(
      [link.mtu, link.lladdr, link.master, link.vxlan?.learning, link.vxlan?.local],
      [1300, '0e:2a:00:00:00:77', master, false, '192.0.2.9'],
    )
    await rtnl.changeLink(ifindex, { up: false, master: null })
    await rtnl.changeLink(ifindex, { ifname: 'old' })
    link = await linkNamed(rtnl, 'old')
    assert.deepEqual([link.up, link.master, link.ifindex], [false, undefined, ifindex])
    await rtnl.deleteLink(ifindex)
    assert.ok((await rtnl.dumpLinks()).value.every((each) => each.ifindex !== ifindex))
  })
}

test('the MTU of a VXLAN device is not changed together with its VXLAN attributes', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  await rtnl.createVxlan(VXLAN)
  const { ifindex } = await linkNamed(rtnl, 'flannel.1')
  await assert.rejects(rtnl.changeLink(ifindex, { mtu: 1400, vxlan: { local: parseIp('192.0.2.9') } }), {
    errnoName: 'EOPNOTSUPP',
    extack: 'Cannot change mtu',
  })
})

test('a veth pair reaches into another namespace, and a link moves there', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const other = await createNetns(t)
  const there = openRtnl({ netns: other.path })
  t.after(() => there.close())
  const lladdr = parseLladdr('02:00:00:00:00:02')
  await rtnl.createVeth({
    ifname: 'node1',
    lladdr: parseLladdr('02:00:00:00:00:01'),
    mtu: 1400,
    peer: { ifname: 'eth0', netns: other.path, lladdr, mtu: 1300 },
  })
  const near = await linkNamed(rtnl, 'node1')
  const far = await linkNamed(there, 'eth0')
  assert.deepEqual([near.kind, near.lladdr, near.mtu], ['veth', '02:00:00:00:00:01', 1400])
  assert.deepEqual([far.kind, far.lladdr, far.mtu], ['veth', lladdr, 1300])
  // The peer's ifindex counts in its own namespace; here it may be another link's.
  assert.deepEqual([near.parent, far.parent], [undefined, undefined])

  await rtnl.createBridge({ ifname: 'br0', mtu: 1200, lladdr: parseLladdr('02:00:00:00:00:03') })
  const bridge = await linkNamed(rtnl, 'br0')
  assert.deepEqual([bridge.kind, bridge.mtu, bridge.lladdr], ['bridge', 1200, '02:00:00:00:00:03'])
  await rtnl.createVeth({ ifname: 'v0', peer: { ifname: 'v1' } })
  await rtnl.moveLink((await linkNamed(rtnl, 'v1')).ifindex, other.path)
  assert.equal((await linkNamed(there, 'v1')).kind, 'veth')
  assert.ok((await rtnl.dumpLinks()).value.every((each) => each.ifname !== 'v1'))
})

test('a namespace path that does not exist is named', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  await rtnl.createBridge({ ifname: 'br0' })
  const { ifindex } = await linkNamed(rtnl, 'br0')
  const error = { name: 'NetlinkSocketError', errnoName: 'ENOENT', message: /\/run\/netns\/nowhere/ }
  await assert.rejects(rtnl.moveLink(ifindex, '/run/netns/nowhere'), error)
  await assert.rejects(rtnl.createVeth({ ifname: 'v0', peer: { ifname: 'v1', netns: '/run/netns/nowhere' } }), error)
  assert.throws(() => openRtnl({ netns: '/run/netns/nowhere' }), error)
})

test("a refusal is the kernel's: errno, its sentence, what was asked of whom", kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  await rtnl.createVxlan(VXLAN)
  await assert.rejects(rtnl.createVxlan({ ...VXLAN, ifname: 'second' }), (error) => {
    assert.ok(error instanceof NetlinkError)
    assert.deepEqual(
      [error.op, error.subject, error.errno, error.errnoName, error.extack],
      ['link.create', 'second', 17, 'EEXIST', 'A VXLAN device with the specified VNI already exists'],
    )
    return true
  })
  const group = parseLladdr('01:00:00:00:00:01')
  for (const [wrong, errnoName, extack] of [
    [{ lladdr: group }, 'EADDRNOTAVAIL', 'Provided Ethernet address is not unicast'],
    [{ mtu: 67 }, 'EINVAL', 'MTU must be between 68 and 65535'],
  ] as const)
    await assert.rejects(rtnl.createVxlan({ ...VXLAN, ifname: 'third', vni: 3, ...wrong }), { errnoName, extack })
  await assert.rejects(rtnl.deleteLink(4242 as Ifindex), {
    errnoName: 'ENODEV',
    message: 'link.delete ifindex 4242: ENODEV',
  })
  await assert.rejects(rtnl.changeLink(4242 as Ifindex, { up: true }), { errnoName: 'ENODEV' })
})

test('a VNI that a device holds from another namespace is refused with the very sentence', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const elsewhere = await createStage(t)
  await rtnl.createVxlan(VXLAN)
  await rtnl.moveLink((await linkNamed(rtnl, VXLAN.ifname)).ifindex, elsewhere.netns.path)
  const extack = 'A VXLAN device with the specified VNI already exists'
  await assert.rejects(rtnl.createVxlan(VXLAN), { errnoName: 'EEXIST', extack })
})

test(
  'a VXLAN device that was moved away has no parent: its index is one of the namespace it came from',
  kernelTests,
  async (t) => {
    const [home, away] = [await createStage(t), await createStage(t)]
    await home.rtnl.createVeth({ ifname: 'u0', peer: { ifname: 'u1' } })
    const parent = (await linkNamed(home.rtnl, 'u0')).ifindex
    await home.rtnl.createVxlan({ ...VXLAN, parent })
    const { ifindex, vxlan } = await linkNamed(home.rtnl, VXLAN.ifname)
    assert.equal(vxlan?.parent, parent)
    await home.rtnl.moveLink(ifindex, away.netns.path)
    assert.equal((await linkNamed(away.rtnl, VXLAN.ifname)).vxlan?.parent, undefined)
  },
)

test('a namespace is named by name, path, process or descriptor', kernelTests, async (t) => {
  const { netns, rtnl } = await createStage(t)
  await rtnl.createBridge({ ifname: 'only-there' })
  const fd = openSync(netns.path, 'r')
  t.after(() => closeSync(fd))
  const here = openRtnl({ netns: { pid: process.pid } })
  t.after(() => here.close())
  for (const ref of [netns.name, netns.path, { fd }]) {
    const door = openRtnl({ netns: ref })
    assert.equal((await linkNamed(door, 'only-there')).kind, 'bridge')
    await door.close()
    await here.createVeth({ ifname: 'near0', peer: { ifname: 'far0', netns: ref } })
    await here.createVeth({ ifname: 'mover', peer: { ifname: 'stayer' } })
    await here.moveLink((await linkNamed(here, 'mover')).ifindex, ref)
    for (const name of ['far0', 'mover']) await rtnl.deleteLink((await linkNamed(rtnl, name)).ifindex)
  }
})

test('what no link can be is refused before anything is sent', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const wrong = { name: 'RangeError' }
  for (const ifname of ['', 'a/b', 'a b', '..', 'sixteen-letters-', 'a:b'])
    await assert.rejects(rtnl.createBridge({ ifname }), wrong)
  await assert.rejects(rtnl.createVxlan({ ...VXLAN, vni: 2 ** 24 }), wrong)
  await assert.rejects(rtnl.createVxlan({ ...VXLAN, port: 65536 }), wrong)
  await assert.rejects(rtnl.createVxlan({ ...VXLAN, mtu: -1 }), wrong)
  await assert.rejects(rtnl.changeLink(0 as Ifindex, { up: true }), wrong)
  assert.equal((await rtnl.dumpLinks()).value.length, 1)
})
