/** What neighbours are told after the underlay became another one: when, how often, and for which addresses never. */
import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { test } from 'node:test'
import { createFakeNode, type FakeNode, IPV4, IPV6, UNDERLAY_IFNAME, type World } from './support/fake-node.ts'
import { createKeptLog } from './support/log-lines.ts'

const SERIES_MS = [0, 333, 667, 5000, 15_000, 35_000]
const MAC = '12:00:00:00:00:a1'
const { EPERM } = constants.errno

async function up(world: World, lladdr = '12:00:00:00:00:a0') {
  const log = createKeptLog()
  const node = createFakeNode(world, { log })
  rebuild(node, lladdr)
  await node.clock.run(1000)
  assert.equal(node.overlay.unready, undefined)
  await node.clock.run(60_000)
  // What was announced of the first interface, to whoever knew the one before.
  const before = node.kernel.announcements.length
  return { node, log, told: () => node.kernel.announcements.slice(before) }
}

function rebuild({ kernel, world }: FakeNode, lladdr: string): void {
  kernel.admin.deleteLink(UNDERLAY_IFNAME)
  kernel.admin.addNic(UNDERLAY_IFNAME, { lladdr })
  kernel.admin.setUp(UNDERLAY_IFNAME)
  kernel.admin.addAddress(UNDERLAY_IFNAME, `${world.underlay}/${world.prefix}`)
}

/** When each announcement of the next `ms` milliseconds was made. */
async function timesOf(node: FakeNode, told: () => readonly unknown[], ms: number): Promise<number[]> {
  const times: number[] = []
  const from = told().length
  for (let at = 0; at <= ms; at += 1) {
    while (from + times.length < told().length) times.push(at)
    await node.clock.run(1)
  }
  return times
}

for (const world of [IPV4, IPV6]) {
  test(`${world.family}: an agent that starts announces nothing`, async () => {
    const node = createFakeNode(world)
    await node.clock.run(120_000)
    assert.deepEqual(node.kernel.announcements, [])
  })

  test(`${world.family}: a rebuilt interface announces the address three times within a second, and three times later`, async () => {
    const { node, told } = await up(world)
    rebuild(node, MAC)
    const times = await timesOf(node, told, 60_000)
    assert.equal(times.length, SERIES_MS.length)
    for (const [i, ms] of SERIES_MS.entries()) assert.ok(Math.abs((times[i] ?? 0) - ms) <= 2, String(times))
    for (const one of told()) {
      const { ifindex, ip, lladdr, router, override } = one
      assert.deepEqual([ip, lladdr, router, override], [world.underlay, MAC, true, true])
      assert.equal(ifindex, node.kernel.link(UNDERLAY_IFNAME)?.ifindex)
    }
  })
}

test('a family that is ready again after it was stranded announces its address, though nothing else has changed', async () => {
  const { node, told } = await up(IPV4)
  node.kernel.admin.removeAddress(UNDERLAY_IFNAME, '192.168.1.1/24')
  await node.clock.run(5000)
  assert.deepEqual(told(), [])
  node.kernel.admin.addAddress(UNDERLAY_IFNAME, '192.168.1.1/24')
  assert.equal((await timesOf(node, told, 60_000)).length, SERIES_MS.length)
})

test('an interface that loses its address in the middle of the series says nothing more of it', async () => {
  const { node, told } = await up(IPV4)
  rebuild(node, MAC)
  await node.clock.run(1000)
  assert.equal(told().length, 3)
  node.kernel.admin.removeAddress(UNDERLAY_IFNAME, '192.168.1.1/24')
  await node.clock.run(25_000)
  assert.equal(told().length, 3)
})

test('carrier that comes during the series begins it anew; later it does not', async () => {
  const { node, told } = await up(IPV4)
  rebuild(node, MAC)
  await node.clock.run(2000)
  node.kernel.admin.setCarrier(UNDERLAY_IFNAME, false)
  await node.clock.run(1000)
  const before = told().length
  node.kernel.admin.setCarrier(UNDERLAY_IFNAME, true)
  await node.clock.run(10)
  assert.equal(told().length, before + 1)
  await node.clock.run(60_000)
  const whole = told().length
  node.kernel.admin.setCarrier(UNDERLAY_IFNAME, false)
  node.kernel.admin.setCarrier(UNDERLAY_IFNAME, true)
  await node.clock.run(60_000)
  assert.equal(told().length, whole)
})

test('of an address that moves all the time four changes in 180 s are announced, and the fifth when there is room', async () => {
  const { node, told, log } = await up(IPV4)
  await node.clock.run(180_000)
  const announced: boolean[] = []
  for (let i = 0; i < 6; i += 1) {
    const before = told().length
    rebuild(node, `12:00:00:00:01:0${i}`)
    await node.clock.run(100)
    announced.push(told().length > before)
    await node.clock.run(1900)
  }
  assert.deepEqual(announced, [true, true, true, true, false, false])
  assert.match(log.of('info underlay.moves').join('\n'), /moved 4 times in three minutes/)
  await node.clock.run(180_000)
  const before = told().length
  rebuild(node, '12:00:00:00:02:00')
  await node.clock.run(100)
  assert.ok(told().length > before)
})

test('an address that stands in for this node’s own is never announced: it may be somebody else’s in a moment', async () => {
  const { node, told } = await up(IPV4)
  const { admin } = node.kernel
  admin.addAddress(UNDERLAY_IFNAME, '192.168.1.100/32')
  admin.removeAddress(UNDERLAY_IFNAME, '192.168.1.1/24')
  await node.clock.run(100_000)
  assert.equal(node.overlay.own?.underlay.local, '192.168.1.100')
  assert.deepEqual(told(), [])
  admin.addAddress(UNDERLAY_IFNAME, '192.168.1.1/24')
  await node.clock.run(60_000)
  assert.deepEqual([...new Set(told().map(({ ip }) => ip))], ['192.168.1.1'])
})

test('ipv6: nothing is said of a tentative address, and no override of an optimistic one', async () => {
  const { node, told } = await up(IPV6)
  const { admin } = node.kernel
  rebuild(node, MAC)
  await node.settle()
  admin.setAddressFlags(UNDERLAY_IFNAME, IPV6.underlay, { tentative: true })
  await node.clock.run(2000)
  assert.deepEqual(told().slice(1), [])
  admin.setAddressFlags(UNDERLAY_IFNAME, IPV6.underlay, { tentative: true, optimistic: true })
  await node.clock.run(4000)
  admin.setAddressFlags(UNDERLAY_IFNAME, IPV6.underlay, { tentative: false, optimistic: false })
  await node.clock.run(60_000)
  const overrides = told().map(({ override }) => override)
  assert.ok(overrides.length >= 3, String(overrides))
  assert.equal(overrides.at(-1), true)
})

test('without CAP_NET_RAW there is one line, and everything else goes on with the same socket', async () => {
  const { node, told, log } = await up(IPV4)
  node.kernel.faults.inject({
    on: 'announceAddress',
    times: Infinity,
    fault: { kind: 'socket', errno: EPERM, done: false },
  })
  log.lines.length = 0
  for (let i = 0; i < 3; i += 1) {
    rebuild(node, `12:00:00:00:03:0${i}`)
    await node.clock.run(10_000)
    assert.equal(node.overlay.unready, undefined)
  }
  assert.deepEqual(told(), [])
  assert.equal(log.of('warn underlay.not-announced').length, 1)
  assert.deepEqual(log.of('warn rtnl'), [])
})
