import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeNode, IPV4, IPV6, OWN_LLADDR, UNDERLAY_IFNAME } from './support/fake-node.ts'

const peers = new Map([
  [2, 2],
  [3, 3],
])

for (const world of [IPV4, IPV6]) {
  for (const pinDevice of [false, true]) {
    const name = `${world.family}, ${pinDevice ? 'pinned' : 'unpinned'}`
    const up = async () => {
      const node = createFakeNode(world, { pinDevice })
      node.setPeers(peers)
      await node.clock.run(1000)
      return node
    }

    test(`${name}: a node comes up with its device, its address and an entry of each kind a peer`, async () => {
      const node = await up()
      assert.equal(node.overlay.ready, true)
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
      assert.equal(node.overlay.ready, true)
      assert.deepEqual(node.actual(), node.desired(peers))
    })

    test(`${name}: a restarted agent writes nothing where everything is right`, async () => {
      const node = await up()
      node.kernel.clearLog()
      await node.restart()
      await node.clock.run(1000)
      assert.equal(node.overlay.ready, true)
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
