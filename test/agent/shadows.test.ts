/** Routes of others that the kernel prefers to ours: what flannel left goes, all else is named, and the node is not ready. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeNode, IPV4, UNDERLAY_IFNAME } from './support/fake-node.ts'
import { createKeptLog } from './support/log-lines.ts'

const peers = new Map([
  [2, 2],
  [3, 3],
])

async function up(rival?: () => string | undefined) {
  const log = createKeptLog()
  const node = createFakeNode(IPV4, { log, ...(rival === undefined ? {} : { rival }) })
  const { admin } = node.kernel
  admin.addVxlan('flannel.7', { vni: 7, local: '192.168.1.1', lladdr: '12:00:00:00:00:77' })
  admin.setUp('flannel.7')
  node.setPeers(peers)
  await node.clock.run(1000)
  assert.equal(node.overlay.unready, undefined)
  log.lines.length = 0
  return { node, log, admin }
}

const LEFTOVERS = [
  ['on the device of another VNI', { dst: '10.42.2.0/24', via: '10.42.2.0', dev: 'flannel.7', onlink: true }],
  ['of host-gw', { dst: '10.42.2.0/24', via: '192.168.1.3', dev: UNDERLAY_IFNAME }],
] as const

for (const [what, route] of LEFTOVERS) {
  test(`what flannel left ${what} is removed once our own route stands, twice at most, then it is named`, async () => {
    const { node, log, admin } = await up()
    for (let removal = 1; removal <= 2; removal += 1) {
      admin.replaceRoute(route)
      await node.clock.run(2000)
      assert.deepEqual(node.actual(), node.desired(peers))
      assert.equal(log.of('info peers.leftover-removed').length, removal, log.lines.join('\n'))
      assert.equal(node.overlay.unready, undefined)
    }
    admin.replaceRoute(route)
    await node.clock.run(2000)
    assert.equal(log.of('info peers.leftover-removed').length, 2)
    assert.ok(node.overlay.unready)
    assert.match(
      log.of('warn peers.shadowed')[0] ?? '',
      new RegExp(`packets to 10\\.42\\.2\\.0/24 of node2 take .* dev ${route.dev}`),
    )
    admin.deleteRoute({ dst: route.dst, metric: 0 })
    await node.clock.run(1000)
    assert.equal(node.overlay.unready, undefined)
  })

  test(`what flannel left ${what} and the kernel does not let go is named, until it goes`, async () => {
    const { node, log, admin } = await up()
    const refused = node.kernel.faults.inject({
      on: 'applyEntries',
      times: Infinity,
      fault: {
        kind: 'errno',
        errno: 1,
        entries: (entry) => entry.kind === 'route' && `${entry.dst}` === route.dst && entry.metric === 0,
      },
    })
    admin.replaceRoute(route)
    await node.clock.run(2000)
    assert.ok(refused.hits > 0)
    assert.equal(log.of('warn peers.shadowed').length, 1, log.lines.join('\n'))
    assert.ok(node.overlay.unready)
    refused.remove()
    node.kernel.overrun()
    await node.clock.run(60_000)
    assert.equal(log.of('info peers.leftover-removed').length, 1, log.lines.join('\n'))
    assert.equal(node.overlay.unready, undefined)
  })

  test(`what flannel left ${what} stays while a flannel runs here, or for a peer that speaks another VNI`, async () => {
    const { node, log, admin } = await up(() => 'flanneld (process 812)')
    admin.replaceRoute(route)
    await node.clock.run(2000)
    assert.deepEqual(log.of('info peers.leftover-removed'), [])
    assert.ok(node.overlay.unready)
  })
}

test('a blackhole, a static route, a part of a peer’s subnet: left alone, named with its device, and not ready', async () => {
  for (const route of [
    { dst: '10.42.2.0/24', type: 6 },
    { dst: '10.42.2.0/24', via: '192.168.1.8', dev: UNDERLAY_IFNAME, protocol: 4 },
    { dst: '10.42.2.64/26', via: '192.168.1.8', dev: UNDERLAY_IFNAME, protocol: 4 },
  ]) {
    const { node, log, admin } = await up()
    admin.replaceRoute(route)
    await node.clock.run(2000)
    assert.equal(node.overlay.unready === undefined, false, JSON.stringify(route))
    assert.match(
      log.of('warn peers.shadowed')[0] ?? '',
      /packets to 10\.42\.2\.0\/24 of node2 take `.*\(if nobody needs it: ip route del/,
    )
    const told = log.lines.length
    await node.clock.run(30_000)
    assert.ok(log.lines.length - told <= 1, log.lines.join('\n'))
  }
})

test('a route inside our own podCIDR, or a shorter one, is nobody’s business', async () => {
  const { node, admin } = await up()
  node.kernel.clearLog()
  admin.replaceRoute({ dst: '10.42.1.7/32', dev: UNDERLAY_IFNAME, protocol: 4 })
  admin.replaceRoute({ dst: '10.0.0.0/8', via: '192.168.1.8', dev: UNDERLAY_IFNAME, protocol: 4 })
  await node.clock.run(2000)
  assert.equal(node.overlay.unready, undefined)
})
