import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Log } from '../../lib/util/log.ts'
import { createFakeNode, IPV4, IPV6, OWN_LLADDR, UNDERLAY_IFNAME, viewOf } from './support/fake-node.ts'

const peers = new Map([
  [2, 2],
  [3, 3],
])

test('a device that had to be made anew is written to first and looked at after: a dump of a large main table takes its time', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.clearLog()
  node.kernel.admin.deleteLink('flannel.1')
  await node.clock.run(1)
  const made = node.kernel.log.findIndex(({ request }) => request === 'createVxlan')
  const tables = node.kernel.log.slice(made).map(({ request }) => request)
  const rest = tables.filter((request) => /applyEntries|dump(Neighbours|Fdb|Routes)/.test(request))
  assert.deepEqual(rest, ['applyEntries', 'applyEntries', 'dumpNeighbours', 'dumpFdb', 'dumpRoutes'])
  assert.deepEqual(node.actual(), node.desired(peers))
})

test('a device that another program made in the place of ours is rid of what stood on it', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  const { admin } = node.kernel
  admin.deleteLink('flannel.1')
  admin.addVxlan('flannel.1', { vni: 1, local: '192.168.1.1', lladdr: OWN_LLADDR })
  admin.setUp('flannel.1')
  admin.replaceFdb('flannel.1', '12:00:00:00:01:02', '192.168.1.99')
  admin.replaceFdb('flannel.1', '12:00:00:00:01:77', '192.168.1.99')
  await node.clock.run(100)
  assert.deepEqual(node.actual(), node.desired(peers))
})

test('what was known in the last run is looked at again once it is confirmed, though nothing in it has changed', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  await node.restart()
  const { synced: _, ...known } = viewOf(IPV4, new Map([[2, 2]]), true)
  node.overlay.setView({ ...known, synced: false, because: 'not confirmed yet' })
  await node.clock.run(1000)
  assert.deepEqual(node.actual(), node.desired(peers))
  assert.ok(node.overlay.unready)
  node.overlay.setView({ ...known, synced: true })
  await node.clock.run(1000)
  assert.equal(node.overlay.unready, undefined)
  assert.deepEqual(node.actual(), node.desired(new Map([[2, 2]])))
})

for (const world of [IPV4, IPV6]) {
  for (const pinDevice of [false, true]) {
    const name = `${world.family}, ${pinDevice ? 'pinned' : 'unpinned'}`
    const up = async () => {
      const node = createFakeNode(world, { mode: pinDevice ? 'pinned' : 'unpinned' })
      node.setPeers(peers)
      await node.clock.run(1000)
      return node
    }

    test(`${name}: a node comes up with its device, its address and an entry of each kind a peer`, async () => {
      const node = await up()
      assert.equal(node.overlay.unready, undefined)
      assert.deepEqual(node.actual(), node.desired(peers))
      const link = node.kernel.link(world.device)
      assert.equal(link?.lladdr, OWN_LLADDR)
      assert.equal(link?.mtu, world.mtu)
      assert.equal(link?.vxlan?.parent, pinDevice ? node.kernel.link(UNDERLAY_IFNAME)?.ifindex : undefined)
    })

    test(`${name}: issue 2433: the underlay interface is deleted and rebuilt with another ifindex`, async () => {
      const node = await up()
      node.kernel.admin.deleteLink(UNDERLAY_IFNAME)
      await node.clock.run(200)
      assert.equal(node.kernel.link(world.device) === undefined, pinDevice)
      node.kernel.admin.addNic(UNDERLAY_IFNAME)
      node.kernel.admin.setUp(UNDERLAY_IFNAME)
      node.kernel.admin.addAddress(UNDERLAY_IFNAME, `${world.underlay}/${world.prefix}`)
      await node.settle()
      await node.clock.run(10)
      assert.equal(node.overlay.unready, undefined)
      assert.deepEqual(node.actual(), node.desired(peers))
    })

    test(`${name}: a restarted agent writes nothing where everything is right`, async () => {
      const node = await up()
      node.kernel.clearLog()
      await node.restart()
      await node.clock.run(1000)
      assert.equal(node.overlay.unready, undefined)
      assert.deepEqual(node.kernel.writes, { links: 0, addresses: 0, entries: 0 })
    })

    test(`${name}: the device set down and up loses its neighbours and routes, and gets them back`, async () => {
      const node = await up()
      node.kernel.admin.setDown(world.device)
      node.kernel.admin.setUp(world.device)
      await node.clock.run(100)
      assert.deepEqual(node.actual(), node.desired(peers))
    })
  }
}

test('a peer that left is removed by a complete view and kept by an incomplete one', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  node.setPeers(new Map([[2, 2]]), false)
  await node.clock.run(1000)
  assert.deepEqual(node.actual(), node.desired(peers))
  node.setPeers(new Map([[2, 2]]), true)
  await node.clock.run(1000)
  assert.deepEqual(node.actual(), node.desired(new Map([[2, 2]])))
})

test('a monitor that failed is replaced, and what happened meanwhile is seen', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.failMonitors()
  node.kernel.admin.flushNeighbours('flannel.1')
  await node.clock.run(100)
  assert.deepEqual(node.actual(), node.desired(peers))
})

test('a program that removes a neighbour again and again is answered, but at most twice a second', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  const stop = node.kernel.onRequest('after', ({ request }) => {
    if (request === 'applyEntries') node.kernel.admin.deleteNeighbour('flannel.1', '10.42.2.0')
  })
  node.kernel.admin.deleteNeighbour('flannel.1', '10.42.2.0')
  node.kernel.clearLog()
  await node.clock.run(10_000)
  assert.ok(
    node.kernel.writes.entries >= 15 && node.kernel.writes.entries <= 35,
    `${node.kernel.writes.entries} repairs`,
  )
  stop()
  await node.clock.run(600)
  assert.deepEqual(node.actual(), node.desired(peers))
})

test('a quarrel over one entry does not delay the repair of another', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.onRequest('after', ({ request }) => {
    if (request === 'applyEntries') node.kernel.admin.deleteNeighbour('flannel.1', '10.42.2.0')
  })
  node.kernel.admin.deleteNeighbour('flannel.1', '10.42.2.0')
  await node.clock.run(5000)
  node.kernel.admin.deleteNeighbour('flannel.1', '10.42.3.0')
  await node.clock.run(1)
  assert.ok(node.actual().includes('neighbour 10.42.3.0 12:00:00:00:01:03'))
})

test('a program that changes the MTU again and again is answered slowly; the loss of the device meanwhile at once', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  const stop = node.kernel.onRequest('after', ({ request }) => {
    if (request === 'changeLink') node.kernel.admin.setMtu('flannel.1', 1300)
  })
  node.kernel.admin.setMtu('flannel.1', 1300)
  node.kernel.clearLog()
  await node.clock.run(10_000)
  assert.ok(node.kernel.writes.links >= 15 && node.kernel.writes.links <= 40, `${node.kernel.writes.links} repairs`)
  stop()
  node.kernel.admin.deleteLink('flannel.1')
  await node.clock.run(1)
  assert.deepEqual(node.actual(), node.desired(peers))
})

test('accept_ra that somebody switches on is off again within a second and a half', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  node.setAcceptRa('1')
  await node.clock.run(1500)
  assert.deepEqual(node.deviceFaults(), [])
})

test('a route that the kernel refuses for a while is tried again, though nothing happens and before anything is audited', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.faults.inject({
    on: 'applyEntries',
    times: 3,
    fault: { kind: 'errno', errno: 22, entries: (entry) => entry.kind === 'route' && entry.dst === '10.42.2.0/24' },
  })
  node.kernel.admin.deleteRoute({ dst: '10.42.2.0/24' })
  await node.clock.run(40_000)
  assert.deepEqual(node.actual(), node.desired(peers))
  assert.equal(node.overlay.unready, undefined)
})

test('a route that the kernel refuses for ever does not keep the loop hot, nor its leftover', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.faults.inject({
    on: 'applyEntries',
    times: Number.POSITIVE_INFINITY,
    fault: { kind: 'errno', errno: 22, entries: (entry) => entry.kind === 'route' && entry.dst === '10.42.2.0/24' },
  })
  node.kernel.admin.deleteRoute({ dst: '10.42.2.0/24' })
  node.kernel.admin.replaceRoute({ dst: '10.42.2.0/24', via: '10.42.2.0', dev: 'flannel.1', onlink: true })
  await node.clock.run(1)
  node.kernel.clearLog()
  await node.clock.run(10_000)
  assert.ok(node.kernel.log.length < 100, `${node.kernel.log.length} requests in ten seconds`)
})

test('an underlay that comes back with another address and another MTU is followed in place: no entry is written', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.clearLog()
  node.kernel.admin.removeAddress(UNDERLAY_IFNAME, '192.168.1.1/24')
  node.kernel.admin.setMtu(UNDERLAY_IFNAME, 1400)
  node.kernel.admin.addAddress(UNDERLAY_IFNAME, '192.168.1.200/24')
  await node.clock.run(1000)
  assert.equal(node.overlay.unready, undefined)
  assert.deepEqual(node.deviceFaults(), [])
  assert.equal(node.kernel.writes.entries, 0)
  assert.deepEqual(node.actual(), node.desired(peers))
})

test('one lease that changes costs its own entries: no dump, and the notifications of it cause none', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(3000)
  node.kernel.clearLog()
  const changes: ReadonlyMap<number, number>[] = [
    new Map([...peers, [4, 4]]),
    new Map([...peers, [4, 5]]),
    new Map([
      [2, 2],
      [4, 5],
    ]),
    new Map([
      [2, 5],
      [4, 2],
    ]),
  ]
  for (const next of changes) {
    node.setPeers(next)
    await node.clock.run(100)
    assert.deepEqual(node.actual(), node.desired(next))
    assert.equal(node.overlay.unready, undefined)
  }
  assert.deepEqual(
    node.kernel.log.filter(({ request }) => request.startsWith('dump')),
    [],
  )
  assert.ok(node.kernel.writes.entries <= 8 * changes.length)
})

test('damage between two changes of leases is seen and repaired', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.admin.replaceFdb('flannel.1', '12:00:00:00:01:02', '192.168.1.99')
  node.setPeers(new Map([...peers, [4, 4]]))
  await node.clock.run(100)
  assert.deepEqual(node.actual(), node.desired(new Map([...peers, [4, 4]])))
})

for (const world of [IPV4, IPV6]) {
  test(`${world.family}, direct routing: an on-link peer has a route through the underlay and no entry of the device`, async () => {
    const node = createFakeNode(world, { mode: 'direct' })
    node.setPeers(peers)
    await node.clock.run(1000)
    assert.deepEqual(node.actual(), node.desired(peers))
    assert.ok(node.actual().some((line) => line.includes(`via ${world.remote(2)}`)))
  })

  test(`${world.family}, direct routing: a peer that is behind a gateway now goes through VXLAN, and back`, async () => {
    const node = createFakeNode(world, { mode: 'direct' })
    node.setPeers(peers)
    await node.clock.run(1000)
    const host = `${world.remote(2)}/${world.family === 'ipv4' ? 32 : 128}`
    node.kernel.admin.replaceRoute({ dst: host, via: world.remote(8), dev: UNDERLAY_IFNAME, metric: 5 })
    await node.clock.run(1000)
    const through = node.actual().filter((line) => line.includes(world.overlay(2)))
    assert.ok(
      through.some((line) => line.startsWith('neighbour')),
      through.join('; '),
    )
    assert.ok(
      through.some((line) => line.includes(`via ${world.overlay(2)}`)),
      through.join('; '),
    )
    node.kernel.admin.deleteRoute({ dst: host })
    await node.clock.run(1000)
    assert.deepEqual(node.actual(), node.desired(peers))
  })
}

test('direct routing: the routes that a parent takes along when it goes down are back when it is up', async () => {
  const node = createFakeNode(IPV4, { mode: 'direct' })
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.admin.setDown(UNDERLAY_IFNAME)
  await node.clock.run(10)
  node.kernel.admin.setUp(UNDERLAY_IFNAME)
  await node.clock.run(1000)
  assert.deepEqual(node.actual(), node.desired(peers))
})

test('direct routing: the metric-0 route that flannel left to the same peer goes once ours stands', async () => {
  const node = createFakeNode(IPV4, { mode: 'direct' })
  node.kernel.admin.replaceRoute({ dst: '10.42.2.0/24', via: '192.168.1.3', dev: UNDERLAY_IFNAME })
  node.setPeers(peers)
  await node.clock.run(1000)
  assert.deepEqual(node.actual(), node.desired(peers))
  assert.ok(!node.kernel.text().includes('"dst":"10.42.2.0/24","metric":0'))
})

test('two repairs of the device that are held back for different times are both made in the end', async () => {
  const node = createFakeNode(IPV4)
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.faults.inject({ on: 'addAddress', times: 5, fault: { kind: 'errno', errno: 4 } })
  node.kernel.admin.deleteLink('flannel.1')
  await node.clock.run(5000)
  assert.deepEqual(node.actual(), node.desired(peers))
})

test('entries that fail because their device dies under them are no news of their own', async () => {
  const warned: string[] = []
  const log: Log = { debug() {}, info() {}, warn: (event) => void warned.push(event), error() {}, with: () => log }
  const node = createFakeNode(IPV4, { log })
  node.setPeers(peers)
  await node.clock.run(1000)
  let deaths = 1
  node.kernel.onRequest('before', ({ request }) => {
    if (request === 'applyEntries' && deaths > 0) {
      deaths -= 1
      node.kernel.admin.deleteLink('flannel.1')
    }
  })
  node.kernel.admin.flushNeighbours('flannel.1')
  await node.clock.run(1000)
  assert.equal(deaths, 0)
  assert.deepEqual(node.actual(), node.desired(peers))
  assert.ok(!warned.includes('peers.entry-failed'), warned.join())
})

for (const renamesWhileUp of [true, false]) {
  const kernel = renamesWhileUp ? 'a kernel that renames a link that is up' : 'one that renames only what is down'
  test(`a renamed device has its name and its entries again, on ${kernel}`, async () => {
    const node = createFakeNode(IPV4, { traits: { renamesWhileUp } })
    node.setPeers(peers)
    await node.clock.run(1000)
    const { admin } = node.kernel
    const before = node.kernel.link('flannel.1')?.ifindex
    if (!renamesWhileUp) admin.setDown('flannel.1')
    admin.rename('flannel.1', 'elsewhat0')
    admin.setUp('elsewhat0')
    await node.clock.run(1000)
    assert.equal(node.kernel.link('flannel.1')?.ifindex, before)
    assert.deepEqual(node.actual(), node.desired(peers))
    assert.deepEqual(node.deviceFaults(), [])
  })
}

test('how many entries there should be and how many stand is known without a look', async () => {
  const node = createFakeNode()
  const counts = () => Object.values(node.overlay.tables).map(({ wanted, inPlace }) => `${inPlace}/${wanted}`)
  node.setPeers(peers)
  await node.clock.run(1000)
  assert.deepEqual(counts(), ['2/2', '2/2', '2/2'])
  node.setPeers(new Map([...peers, [4, 4]]))
  await node.clock.run(100)
  assert.deepEqual(counts(), ['3/3', '3/3', '3/3'])
  node.kernel.faults.inject({
    on: 'applyEntries',
    times: Number.POSITIVE_INFINITY,
    fault: { kind: 'errno', errno: 22, entries: (entry) => entry.kind === 'route' && entry.dst === '10.42.2.0/24' },
  })
  node.kernel.admin.deleteRoute({ dst: '10.42.2.0/24' })
  await node.clock.run(1000)
  assert.deepEqual(counts(), ['3/3', '3/3', '2/3'])
  assert.equal(node.overlay.fallen.size, 1)
})

test('without a device no entry stands', async () => {
  const node = createFakeNode()
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.admin.removeAddress(UNDERLAY_IFNAME, '192.168.1.1/24')
  node.kernel.admin.deleteLink('flannel.1')
  await node.clock.run(1000)
  assert.deepEqual(node.overlay.tables.routes, { wanted: 2, inPlace: 0 })
})
