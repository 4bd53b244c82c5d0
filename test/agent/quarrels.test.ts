/** Somebody undoes us, or keeps us from mending something: how often is written, what the log hears, and readiness meanwhile. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createFakeNode, type FakeNode, IPV4, IPV6, lladdrOf, OWN_LLADDR, type World } from './support/fake-node.ts'
import { createKeptLog } from './support/log-lines.ts'

const peers = new Map([
  [2, 2],
  [3, 3],
])

async function up(world: World = IPV4, many: ReadonlyMap<number, number> = peers) {
  const log = createKeptLog()
  const node = createFakeNode(world, { log })
  node.setPeers(many)
  await node.clock.run(1000)
  assert.equal(node.overlay.unready, undefined)
  log.lines.length = 0
  node.kernel.clearLog()
  return { node, log }
}

/** Steps of 100 ms; whether it was ready at the end of each. */
async function readiness(
  node: FakeNode,
  ms: number,
  each: () => void = () => undefined,
): Promise<ReadonlySet<boolean>> {
  const seen = new Set<boolean>()
  for (let at = 0; at < ms; at += 100) {
    each()
    await node.clock.run(100)
    seen.add(node.overlay.unready === undefined)
  }
  return seen
}

test('a loop that flushes all neighbours is answered twice a second, in two lines a minute, and is right soon after it ends', async () => {
  const { node, log } = await up(IPV4, MANY)
  const end = flushing(node)
  const seen = await readiness(node, 59_000)
  const rounds = node.kernel.log.filter(({ request }) => request === 'applyEntries').length
  assert.ok(rounds >= 100 && rounds <= 140, `${rounds} batches in a minute`)
  assert.deepEqual([...seen], [true])
  assert.ok(log.lines.length <= 2, log.lines.join('\n'))
  const told = log.lines.length
  await node.clock.run(60_000)
  assert.ok(log.lines.length - told <= 2, log.lines.slice(told).join('\n'))
  end()
  await node.clock.run(600)
  assert.deepEqual(node.actual(), node.desired(MANY))
})

/** Peers whose entries are more than anybody listens to. */
const MANY = new Map(Array.from({ length: 250 }, (_, i) => [i + 2, i + 2] as const))

/** Flushes the neighbours every 20 ms until the returned function is called. */
function flushing(node: FakeNode): () => void {
  let on = true
  const flush = (): void => {
    if (!on) return
    node.kernel.admin.flushNeighbours('flannel.1')
    node.clock.after(20, flush)
  }
  flush()
  return () => {
    on = false
  }
}

test('while a look is due anyway a flood is not listened to; once a look finds nothing to do, everything is heard again', async () => {
  const { node } = await up(IPV4, MANY)
  assert.equal(node.kernel.entriesAreHeard, true)
  const end = flushing(node)
  await node.clock.run(5000)
  assert.equal(node.kernel.entriesAreHeard, false)
  end()
  await node.clock.run(1200)
  assert.equal(node.kernel.entriesAreHeard, true)
  assert.deepEqual(node.actual(), node.desired(MANY))
  await node.clock.run(2500)
  node.kernel.admin.deleteRoute({ dst: '10.42.2.0/24' })
  await node.clock.run(1)
  assert.deepEqual(node.actual(), node.desired(MANY))
})

test('one flush is heard to its end: nothing waits, and nothing that comes after it is missed', async () => {
  const { node } = await up(IPV4, MANY)
  node.kernel.admin.flushNeighbours('flannel.1')
  await node.clock.run(1)
  assert.deepEqual(node.actual(), node.desired(MANY))
  assert.equal(node.kernel.entriesAreHeard, true)
  node.kernel.admin.deleteFdb('flannel.1', lladdrOf(2), node.world.remote(2))
  await node.clock.run(1)
  assert.deepEqual(node.actual(), node.desired(MANY))
})

test('an overrun is answered at once; overruns without end twice a second', async () => {
  const { node } = await up()
  const dumps = (): number => node.kernel.log.filter(({ request }) => request === 'dumpRoutes').length
  node.kernel.admin.deleteNeighbour('flannel.1', '10.42.2.0')
  node.kernel.overrun()
  await node.clock.run(1)
  assert.deepEqual(node.actual(), node.desired(peers))
  node.kernel.clearLog()
  for (let i = 0; i < 400; i += 1) {
    node.kernel.overrun()
    await node.clock.run(50)
  }
  assert.ok(dumps() >= 30 && dumps() <= 50, `${dumps()} looks in 20 s`)
  node.kernel.admin.deleteNeighbour('flannel.1', '10.42.2.0')
  node.kernel.overrun()
  await node.clock.run(510)
  assert.deepEqual(node.actual(), node.desired(peers))
})

test('a few entries that are repaired soon after many of their kind are no news; of another kind they are', async () => {
  const { node, log } = await up(IPV4, MANY)
  node.kernel.admin.flushNeighbours('flannel.1')
  await node.clock.run(100)
  node.kernel.admin.deleteNeighbour('flannel.1', '10.42.2.0')
  await node.clock.run(100)
  assert.equal(log.of('info overlay.healed').length, 1, log.lines.join('\n'))
  node.kernel.admin.deleteRoute({ dst: '10.42.2.0/24' })
  await node.clock.run(100)
  assert.equal(log.of('info overlay.healed').length, 2, log.lines.join('\n'))
  assert.deepEqual(node.actual(), node.desired(MANY))
})

test('in a flood an entry of another table is repaired within half a second, and the loss of the device at once', async () => {
  const { node } = await up(IPV4, MANY)
  flushing(node)
  await node.clock.run(5000)
  node.kernel.admin.deleteRoute({ dst: '10.42.2.0/24' })
  await node.clock.run(510)
  const ofRoutes = (lines: readonly string[]): readonly string[] => lines.filter((line) => line.startsWith('route'))
  assert.deepEqual(ofRoutes(node.actual()), ofRoutes(node.desired(MANY)))
  node.kernel.admin.deleteLink('flannel.1')
  await node.clock.run(1)
  assert.deepEqual(node.actual(), node.desired(MANY))
})

test('in a flood a default route that comes back ends what stranded the device', async () => {
  const node = createFakeNode(IPV4, { ifaces: [] })
  const { admin } = node.kernel
  const defaultRoute = (): void => void admin.replaceRoute({ dst: '0.0.0.0/0', via: '192.168.1.254', dev: 'mgmt0' })
  defaultRoute()
  node.setPeers(MANY)
  await node.clock.run(1000)
  assert.equal(node.overlay.unready, undefined)
  flushing(node)
  await node.clock.run(5000)
  admin.removeAddress('mgmt0', '192.168.1.1/24')
  await node.clock.run(100)
  assert.equal(node.overlay.state.name, 'stranded')
  admin.addAddress('mgmt0', '192.168.1.200/24')
  await node.clock.run(40_000)
  assert.equal(node.overlay.state.name, 'stranded')
  defaultRoute()
  await node.clock.run(1000)
  assert.equal(node.overlay.state.name, 'ready')
})

test('a fault of the host that stands is not told to be over while entries are being repaired', async () => {
  const { node, log } = await up()
  const { admin } = node.kernel
  admin.addNic('cni0')
  admin.setUp('cni0')
  admin.addAddress('cni0', '10.42.9.1/24')
  await node.clock.run(800)
  assert.deepEqual(log.of('warn'), [], 'seen once, it may be passing')
  await node.clock.run(1200)
  assert.equal(log.of('warn host.old-bridge').length, 1, log.lines.join('\n'))
  await readiness(node, 20_000, () => void admin.deleteNeighbour('flannel.1', '10.42.2.0'))
  await node.clock.run(5000)
  assert.deepEqual(log.of('info host.old-bridge'), [])
  admin.removeAddress('cni0', '10.42.9.1/24')
  await node.clock.run(5000)
  assert.equal(log.of('info host.old-bridge').length, 1, log.lines.join('\n'))
})

for (const world of [IPV4, IPV6]) {
  test(`${world.family}: a setting that is read-only is a flaw: named with its errno, no accusation, ready all the time`, async () => {
    const log = createKeptLog()
    const node = createFakeNode(world, { log })
    node.setSysctlReadOnly(true)
    node.setPeers(peers)
    await node.clock.run(1000)
    assert.deepEqual([...(await readiness(node, 180_000))], [true])
    assert.deepEqual(node.actual(), node.desired(peers))
    const flaws = log.of('warn device.flaw')
    assert.ok(flaws.length >= 3 && flaws.length <= 4, flaws.join('\n'))
    assert.match(flaws[0] ?? '', /carries packets, but: accept_ra of flannel.* cannot be switched off: EROFS/)
    assert.deepEqual(log.of('warn repair.fight'), [])
    const perMinute = log.lines.length / 3
    assert.ok(perMinute <= 8, `${log.lines.length} lines in three minutes:\n${log.lines.join('\n')}`)
    node.setSysctlReadOnly(false)
    await node.clock.run(31_000)
    assert.deepEqual(node.deviceFaults(), [])
    assert.match(log.lines.at(-1) ?? '', /device\.flaw: over/)
  })
}

test('a setting that is read-only is told as a flaw and not by each try, however often the interface is rebuilt', async () => {
  const log = createKeptLog()
  const node = createFakeNode(IPV4, { log })
  node.setSysctlReadOnly(true)
  await node.clock.run(10_000)
  for (let i = 0; i < 10; i += 1) {
    node.kernel.admin.deleteLink('mgmt0')
    await node.clock.run(100)
    node.kernel.admin.addNic('mgmt0')
    node.kernel.admin.setUp('mgmt0')
    node.kernel.admin.addAddress('mgmt0', '192.168.1.1/24')
    await node.clock.run(2000)
    assert.equal(node.overlay.unready, undefined)
  }
  assert.deepEqual(log.of('warn device.effect-failed'), [])
  assert.equal(log.of('warn device.flaw').length, 1)
})

test('what carries packets does not wait for a setting that cannot be written', async () => {
  const node = createFakeNode(IPV4)
  node.setSysctlReadOnly(true)
  for (const ms of [1000, 5000, 60_000]) {
    await node.clock.run(ms)
    node.kernel.admin.setLladdr('flannel.1', '12:00:00:00:00:99')
    await node.clock.run(1)
    assert.equal(node.kernel.link('flannel.1')?.lladdr, OWN_LLADDR)
  }
})

test('a quarrel beside a setting that cannot be written is no refusal: nothing is blocked, and all is right soon after it', async () => {
  const log = createKeptLog()
  const node = createFakeNode(IPV4, { log })
  node.setSysctlReadOnly(true)
  await node.clock.run(5000)
  for (let i = 0; i < 300; i += 1) {
    node.kernel.admin.setLladdr('flannel.1', '12:00:00:00:00:99')
    await node.clock.run(200)
  }
  assert.deepEqual(
    log.lines.filter((line) => line.includes('blocked')),
    [],
  )
  await node.clock.run(500)
  assert.equal(node.kernel.link('flannel.1')?.lladdr, OWN_LLADDR)
  assert.equal(node.overlay.unready, undefined)
})

test('nobody is accused of what cannot be written, whatever else is undone now and then', async () => {
  const log = createKeptLog()
  const node = createFakeNode(IPV4, { log })
  node.setSysctlReadOnly(true)
  for (let i = 0; i < 10; i += 1) {
    await node.clock.run(70_000)
    node.kernel.admin.setLladdr('flannel.1', '12:00:00:00:00:99')
  }
  assert.deepEqual(log.of('warn repair.fight'), [])
})

test('a quarrel over accept_ra, over the MTU, over one entry: readiness does not flip', async () => {
  const acts: ((node: FakeNode) => void)[] = [
    (node) => node.setAcceptRa('1'),
    (node) => void node.kernel.admin.setMtu('flannel.1', 1300),
    (node) => void node.kernel.admin.deleteNeighbour('flannel.1', '10.42.2.0'),
    (node) => void node.kernel.admin.deleteRoute({ dst: '10.42.2.0/24' }),
    (node) => void node.kernel.admin.replaceFdb('flannel.1', lladdrOf(2), '192.168.1.99'),
  ]
  for (const act of acts) {
    const { node, log } = await up()
    assert.deepEqual([...(await readiness(node, 20_000, () => act(node)))], [true], act.toString())
    assert.ok(log.of('warn repair.fight').length <= 1, log.lines.join('\n'))
    assert.deepEqual(log.of('info agent.'), [])
    await node.clock.run(31_000)
    assert.deepEqual(node.actual(), node.desired(peers))
    assert.deepEqual(node.deviceFaults(), [])
  }
})

test('what is undone once in a while is told as a quarrel too, once it has been told five times', async () => {
  const { node, log } = await up()
  for (let i = 0; i < 60; i += 1) {
    node.kernel.admin.deleteNeighbour('flannel.1', '10.42.2.0')
    await node.clock.run(5000)
  }
  assert.equal(log.of('info overlay.healed').length, 5)
  assert.ok(log.of('warn repair.fight').length <= 6, log.lines.join('\n'))
})

test('the loss of the device and of its parent is never waited for, whatever quarrel goes on', async () => {
  const { node } = await up()
  const { admin } = node.kernel
  await readiness(node, 5000, () => void admin.setMtu('flannel.1', 1300))
  await readiness(node, 5000, () => void admin.deleteNeighbour('flannel.1', '10.42.2.0'))
  admin.deleteLink('flannel.1')
  await node.clock.run(1)
  assert.deepEqual(node.actual(), node.desired(peers))
  await readiness(node, 5000, () => void admin.setDown('flannel.1'))
  admin.deleteLink('mgmt0')
  await node.clock.run(100)
  admin.addNic('mgmt0')
  admin.setUp('mgmt0')
  admin.addAddress('mgmt0', '192.168.1.1/24')
  await node.clock.run(1)
  assert.equal(node.overlay.unready, undefined)
})

test('host routes that come and go decide nothing without direct routing; with it they are looked at twice a second', async () => {
  for (const mode of ['unpinned', 'direct'] as const) {
    const node = createFakeNode(IPV4, { mode })
    node.setPeers(peers)
    await node.clock.run(1000)
    node.kernel.clearLog()
    for (let i = 0; i < 400; i += 1) {
      node.kernel.admin.replaceRoute({ dst: '198.51.100.0/24', via: `192.168.1.${8 + (i % 2)}`, dev: 'mgmt0' })
      await node.clock.run(50)
    }
    const dumps = node.kernel.log.filter(({ request }) => request === 'dumpRoutes').length
    assert.ok(mode === 'direct' ? dumps >= 10 && dumps <= 50 : dumps === 0, `${mode}: ${dumps} dumps in 20 s`)
  }
})

test('neighbours of other links concern nobody, with direct routing neither', async () => {
  const node = createFakeNode(IPV4, { mode: 'direct' })
  node.setPeers(peers)
  await node.clock.run(1000)
  node.kernel.clearLog()
  for (let i = 0; i < 400; i += 1) {
    node.kernel.admin.replaceNeighbour('mgmt0', '192.168.1.77', lladdrOf(i % 250))
    await node.clock.run(50)
  }
  assert.deepEqual(
    node.kernel.log.filter(({ request }) => /dump(Routes|Neighbours|Fdb)/.test(request)),
    [],
  )
})
