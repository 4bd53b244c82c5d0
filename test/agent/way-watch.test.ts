/** When the way of packets is looked at, and what becomes of what was seen: on the fake kernel, by the whole family. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeNode, IPV4, type Mode } from './support/fake-node.ts'
import { createKeptLog } from './support/log-lines.ts'

const peers = new Map([
  [2, 2],
  [3, 3],
])
const TRAP = { family: 'ipv4', priority: 100, to: '10.42.0.0/16', table: 52 } as const

async function up(of = peers, mode: Mode = 'unpinned') {
  const log = createKeptLog()
  const node = createFakeNode(IPV4, { log, mode })
  const { admin } = node.kernel
  admin.addNic('tun0')
  admin.setUp('tun0')
  admin.replaceRoute({ dst: '10.42.0.0/16', dev: 'tun0', table: 52 })
  node.setPeers(of)
  await node.clock.run(2000)
  assert.equal(node.overlay.unready, undefined)
  log.lines.length = 0
  return { node, log, admin }
}

test('what is seen twice is named and makes the node unready, and it is over when it has gone', async () => {
  const { node, log, admin } = await up()
  admin.addRule(TRAP)
  await node.clock.run(300)
  assert.deepEqual(log.lines, [])
  assert.equal(node.overlay.unready, undefined)
  await node.clock.run(1000)
  assert.match(log.of('warn way.inner')[0] ?? '', /leave through tun0 \(table 52, by the policy rule of priority 100\)/)
  assert.match(node.overlay.unready ?? '', /tun0/)
  admin.deleteRule(TRAP)
  await node.clock.run(2000)
  assert.equal(node.overlay.unready, undefined)
  assert.equal(log.of('info way.inner: over').length, 1)
  assert.equal(log.of('warn').length, 1, log.lines.join('\n'))
})

test('what stands is not over because tables are being repaired', async () => {
  const { node, log, admin } = await up()
  admin.addRule(TRAP)
  await node.clock.run(2000)
  node.kernel.faults.inject({ on: 'dumpFdb', times: 10, fault: { kind: 'errno', errno: 16 } })
  admin.flushFdb('flannel.1')
  for (let i = 0; i < 10; i += 1) {
    admin.addVeth(`pod${i}`, `peer${i}`)
    await node.clock.run(500)
  }
  assert.deepEqual(node.actual(), node.desired(peers))
  assert.equal(log.of('info way.inner: over').length, 0, log.lines.join('\n'))
  assert.match(node.overlay.unready ?? '', /tun0/)
})

test('a kernel that does not say the way is no fault of the way; twice in a row it is told, and its end too', async () => {
  const { node, log, admin } = await up()
  node.kernel.faults.inject({ on: 'dumpRules', fault: { kind: 'errno', errno: 1 } })
  admin.addRule({ ...TRAP, to: '203.0.113.0/24' })
  await node.clock.run(2000)
  assert.deepEqual(log.lines, [])
  node.kernel.faults.inject({ on: 'dumpRules', times: Infinity, fault: { kind: 'errno', errno: 1 } })
  await node.clock.run(140_000)
  const told = log.of('warn way.look-failed')
  assert.ok(told.length >= 1 && told.length <= 3, log.lines.join('\n'))
  assert.match(told[0] ?? '', /cannot look at the way to the peers: .*EPERM/)
  assert.equal(node.overlay.unready, undefined)
  node.kernel.faults.clear()
  await node.clock.run(61_000)
  assert.equal(log.of('info way.look-failed').length, 1, log.lines.join('\n'))
})

test('a look that finds something being repaired is made up for soon after', async () => {
  for (let events = 20; events < 40; events += 1) {
    const { node, log, admin } = await up(peers, 'direct')
    // Routes of the host that come and go make rounds due, which then wait.
    for (let i = 0; i < events; i += 1) {
      admin.replaceRoute({ dst: `203.0.113.${i}/32`, dev: 'tun0' })
      await node.clock.run(50)
    }
    admin.addRule(TRAP)
    await node.clock.run(3000)
    assert.equal(log.of('warn way.inner').length, 1, `${events} events`)
  }
})

test('a peer whose entry the kernel refuses is told by that alone, and the others are looked at', async () => {
  const { node, log, admin } = await up(new Map([...peers, [4, 4]]))
  node.kernel.faults.inject({
    on: 'applyEntries',
    times: Number.POSITIVE_INFINITY,
    fault: { kind: 'errno', errno: 22, entries: (entry) => entry.kind === 'route' && entry.dst === '10.42.2.0/24' },
  })
  admin.deleteRoute({ dst: '10.42.2.0/24' })
  await node.clock.run(5000)
  assert.equal(log.of('warn peers.entry-failed').length, 1)
  assert.equal(log.of('warn').length, 1, log.lines.join('\n'))
  admin.addRule(TRAP)
  await node.clock.run(2000)
  assert.equal(log.of('warn way.inner').length, 1)
})

test('a device that has gone for good has no way', async () => {
  const { node, log, admin } = await up()
  admin.addRule(TRAP)
  await node.clock.run(2000)
  admin.removeAddress('mgmt0', '192.168.1.1/24')
  await node.clock.run(2000)
  assert.equal(log.of('info way.inner: over').length, 1, log.lines.join('\n'))
})
