/** Looks at the kernel that fail, lack something or bring what cannot be read: what follows, and what the log hears. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import type { Log } from '../../lib/util/log.ts'
import { createFakeNode, IPV4, type World } from './support/fake-node.ts'
import { createKeptLog } from './support/log-lines.ts'

const { EPERM } = constants.errno
const peers = new Map([
  [2, 2],
  [3, 3],
  [4, 4],
])

async function up(world: World = IPV4) {
  const log = createKeptLog()
  const node = createFakeNode(world, { log })
  node.setPeers(peers)
  await node.clock.run(1000)
  assert.equal(node.overlay.unready, undefined)
  log.lines.length = 0
  node.kernel.clearLog()
  return { node, log }
}

test('an FDB dump that lacks stable entries and repeats others makes nobody write, and readiness does not fall', async () => {
  const { node } = await up()
  node.kernel.faults.inject({
    on: 'dumpFdb',
    times: 20,
    fault: { kind: 'torn', omit: (index) => index % 2 === 0, repeat: (index) => index % 2 === 1 },
  })
  for (let i = 0; i < 5; i += 1) {
    node.kernel.overrun()
    await node.clock.run(1000)
    assert.equal(node.overlay.unready, undefined)
  }
  assert.equal(node.kernel.writes.entries, 0)
  node.kernel.admin.deleteFdb('flannel.1', '12:00:00:00:01:02')
  await node.clock.run(10)
  assert.deepEqual(node.actual(), node.desired(peers))
  assert.equal(node.kernel.writes.entries, 1)
})

test('tables that never come to rest are looked at ever less often, what lacks is written, and readiness stays', async () => {
  const { node } = await up()
  const dumps = node.kernel.faults.inject({
    on: 'dumpRoutes',
    times: Infinity,
    fault: { kind: 'interrupted', omit: () => false },
  })
  node.kernel.overrun()
  for (let i = 0; i < 10; i += 1) {
    node.kernel.admin.deleteFdb('flannel.1', '12:00:00:00:01:02')
    await node.clock.run(30_000)
    assert.deepEqual(node.actual(), node.desired(peers))
    assert.equal(node.overlay.unready, undefined)
  }
  assert.ok(dumps.hits < 120, `${dumps.hits} dumps in five minutes`)
})

test('a kernel that refuses every look is a warning at once, then one a minute, with the reason; and its end is told', async () => {
  const { node, log } = await up()
  node.kernel.faults.inject({ on: 'dumpLinks', times: Infinity, fault: { kind: 'errno', errno: EPERM } })
  node.kernel.admin.deleteLink('flannel.1')
  await node.clock.run(140_000)
  const told = log.of('warn device.look-failed')
  assert.ok(told.length >= 2 && told.length <= 3, log.lines.join('\n'))
  assert.match(told[0] ?? '', /cannot look at the kernel's tables: .*EPERM/)
  assert.match(told[1] ?? '', /for (1 min|60 s)/)
  assert.ok(log.of('warn device.not-ready').length >= 2, log.lines.join('\n'))
  node.kernel.faults.clear()
  await node.clock.run(1000)
  assert.deepEqual(node.actual(), node.desired(peers))
  assert.ok(log.lines.includes('info device.look-failed: the kernel answers again (after 2 min)'), log.lines.join('\n'))
})

test('a socket that cannot be opened is told as such', async () => {
  const { node, log } = await up()
  node.kernel.faults.inject({ on: 'dumpLinks', times: Infinity, fault: { kind: 'socket', errno: 24, done: false } })
  node.kernel.overrun()
  await node.clock.run(70_000)
  assert.ok(log.of('warn device.look-failed').length >= 1, log.lines.join('\n'))
  assert.ok(log.lines.length < 40, `${log.lines.length} lines`)
})

test('entries and links that cannot be read are counted and named, and the tables are kept all the same', async () => {
  const { node, log } = await up()
  for (const on of ['dumpLinks', 'dumpRoutes', 'dumpNeighbours'] as const)
    node.kernel.faults.inject({ on, times: 10, fault: { kind: 'unreadable', omit: (index) => index > 2 } })
  node.kernel.admin.flushFdb('flannel.1')
  node.kernel.tell({ type: 'overrun', unreadable: 'a hostile message' })
  await node.clock.run(5000)
  node.kernel.faults.clear()
  node.kernel.overrun()
  await node.clock.run(1000)
  assert.deepEqual(node.actual(), node.desired(peers))
  assert.ok(
    [...log.of('warn peers.unreadable'), ...log.of('warn device.unreadable')].some((line) =>
      /a hostile message/.test(line),
    ),
    log.lines.join('\n'),
  )
})

test('stranded and blind are never without a plain sentence', async () => {
  const { node, log } = await up()
  node.kernel.admin.removeAddress('mgmt0', '192.168.1.1/24')
  await node.clock.run(130_000)
  assert.match(log.lines[0] ?? '', /info device\.state: device: ready -> stranded: mgmt0 has no IPv4 address/)
  const told = log.of('warn device.not-ready')
  assert.ok(told.length >= 2 && told.length <= 4, log.lines.join('\n'))
  assert.match(told[0] ?? '', /flannel\.1 is stranded: mgmt0 has no IPv4 address/)
  assert.ok(node.overlay.unready)
})

test('an exception in a handler does not end the family: everything is looked at, and it goes on', async () => {
  let bombs = 0
  const kept = createKeptLog()
  const log: Log = {
    ...kept,
    info(event, message) {
      if (bombs > 0) {
        bombs -= 1
        throw new TypeError('a bomb of the test')
      }
      kept.info(event, message)
    },
    with: () => log,
  }
  const node = createFakeNode(IPV4, { log })
  node.setPeers(peers)
  await node.clock.run(1000)
  for (let i = 1; i <= 4; i += 1) {
    bombs = i
    node.kernel.admin.flushNeighbours('flannel.1')
    node.kernel.admin.setDown('flannel.1')
    if (i % 2 === 0) node.kernel.admin.deleteLink('flannel.1')
    await node.clock.run(10_000)
    assert.equal(bombs, 0)
    assert.deepEqual(node.actual(), node.desired(peers))
    assert.equal(node.overlay.unready, undefined)
  }
  assert.equal(kept.of("error agent.exception: a bug of vtepd's, contained: a bomb of the test").length, 1)
})
