import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type Entry,
  type Ifindex,
  openRtnl,
  packEntries,
  parseCidr,
  parseIp,
  parseLladdr,
  unpackEntries,
} from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import {
  apply,
  batchOf,
  createDevice,
  createStage,
  LIMITS,
  LOCAL,
  ownEntries,
  peerEntries,
  routeEntry,
} from './support.ts'

const PEERS = 40

for (const [when, limits] of LIMITS) {
  for (const family of ['ipv4', 'ipv6'] as const) {
    test(
      `the entries of ${PEERS} ${family} peers are dumped as they were written, and deleted, ${when}`,
      kernelTests,
      async (t) => {
        const { rtnl } = await createStage(t, limits)
        const ifindex = await createDevice(rtnl, { local: LOCAL[family] })
        const peers = Array.from({ length: PEERS }, (_, number) => peerEntries(ifindex, family, number)).flat()
        await apply(rtnl, 'create', peers)
        const byText = (entries: readonly Entry[]): string[] =>
          entries.map((entry) => Buffer.from(packEntries([entry]).bytes).toString('hex')).sort()
        assert.deepEqual(byText(await ownEntries(rtnl, ifindex, family)), byText(peers))

        const taken = await rtnl.applyEntries(batchOf('create', peers))
        assert.equal(taken.failures.length, peers.length)
        assert.ok(taken.failures.every(({ errnoName }) => errnoName === 'EEXIST'))
        await apply(rtnl, 'replace', peers)
        await apply(rtnl, 'delete', peers.toReversed())
        assert.deepEqual(await ownEntries(rtnl, ifindex, family), [])
      },
    )
  }

  test(`failing entries are named with errno and sentence, the others are done, ${when}`, kernelTests, async (t) => {
    const { rtnl } = await createStage(t, limits)
    const ifindex = await createDevice(rtnl)
    const [neighbour, fdb, route] = peerEntries(ifindex, 'ipv4', 7) as [Entry, Entry, Entry]
    const nowhere = { ...neighbour, ifindex: 4242 as Ifindex } as Entry
    const writer = [
      neighbour,
      nowhere,
      fdb,
      routeEntry({ dst: parseCidr('10.99.0.0/24'), gateway: parseIp('203.0.113.1'), metric: 5, oif: ifindex }),
      route,
    ]
    const result = await rtnl.applyEntries(batchOf('replace', writer))
    assert.deepEqual([...result.errnos], [0, 19, 0, 101, 0])
    assert.deepEqual(result.failures, [
      { index: 1, errno: 19, errnoName: 'ENODEV', extack: '' },
      { index: 3, errno: 101, errnoName: 'ENETUNREACH', extack: 'Nexthop has invalid gateway' },
    ])
    assert.equal(result.unknown, 0)
    assert.equal((await ownEntries(rtnl, ifindex, 'ipv4')).length, 3)
  })
}

test(
  'the absent is reported as the kernel does: neighbour and FDB entry ENOENT, route ESRCH',
  kernelTests,
  async (t) => {
    const { rtnl } = await createStage(t)
    const ifindex = await createDevice(rtnl)
    const { failures } = await rtnl.applyEntries(batchOf('delete', peerEntries(ifindex, 'ipv4', 1)))
    assert.deepEqual(
      failures.map(({ errnoName }) => errnoName),
      ['ENOENT', 'ENOENT', 'ESRCH'],
    )
  },
)

test('a route is deleted only where protocol, metric, link and gateway are the named ones', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  const dst = parseCidr('10.42.2.0/24')
  const gateway = parseIp('10.42.2.0')
  const ours = routeEntry({ dst, gateway, oif: ifindex, onlink: true, metric: 3 })
  await apply(rtnl, 'replace', [ours])
  await netns.exec('ip', 'route', 'add', '10.42.2.0/24', 'via', '10.42.2.0', 'dev', 'flannel.1', 'onlink')
  const wrong = [
    { ...ours, protocol: 3 },
    { ...ours, metric: 4 },
    { ...ours, gateway: parseIp('10.42.2.1') },
    { ...ours, oif: 1 as Ifindex },
    { ...ours, type: 6 },
  ]
  const { failures } = await rtnl.applyEntries(batchOf('delete', wrong))
  assert.deepEqual(
    failures.map(({ errnoName }) => errnoName),
    wrong.map(() => 'ESRCH'),
  )
  // Metric 0 means any metric to the kernel: the protocol is what keeps ours.
  await apply(rtnl, 'delete', [{ ...ours, protocol: 3, metric: 0 }])
  assert.deepEqual(
    (await ownEntries(rtnl, ifindex, 'ipv4')).filter((e) => e.kind === 'route'),
    [ours],
  )
  await apply(rtnl, 'delete', [{ ...ours, scope: 253 }])
  assert.deepEqual(unpackEntries((await rtnl.dumpRoutes('ipv4')).value), [])
})

test(
  'more failures than the receive buffer holds leave entries unknown, and the socket well',
  kernelTests,
  async (t) => {
    const { rtnl } = await createStage(t, { receiveBufferBytes: 4096, chunkEntries: 256 })
    const ifindex = await createDevice(rtnl)
    const absent = Array.from({ length: 256 }, (_, number) => peerEntries(ifindex, 'ipv4', number)[0] as Entry)
    const result = await rtnl.applyEntries(batchOf('delete', absent))
    assert.ok(
      result.failures.length > 0 && result.unknown > 0,
      `${result.failures.length} failed, ${result.unknown} unknown`,
    )
    assert.equal(result.failures.length + result.unknown, 256)
    assert.ok(result.failures.every(({ errnoName }) => errnoName === 'ENOENT'))
    await apply(rtnl, 'create', absent)
    assert.equal((await ownEntries(rtnl, ifindex, 'ipv4')).length, 256)
  },
)

test('the chunk that fits the receive buffer loses no answer though every entry fails', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  const small = openRtnl({ netns: netns.path, receiveBufferBytes: 4096 })
  t.after(() => small.close())
  const routes = Array.from({ length: 600 }, (_, n) =>
    routeEntry({
      dst: parseCidr(`10.${64 + (n >> 8)}.${n & 0xff}.0/24`),
      gateway: parseIp('203.0.113.1'),
      oif: ifindex,
    }),
  )
  for (const door of [rtnl, small]) {
    const { unknown, failures } = await door.applyEntries(batchOf('replace', routes))
    assert.deepEqual([unknown, failures.length, failures[599]?.extack], [0, 600, 'Nexthop has invalid gateway'])
  }
})

test('an entry that no message can say is refused alone', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  const [neighbour, , route] = peerEntries(ifindex, 'ipv4', 1) as [Entry, Entry, Entry]
  const batch = batchOf('replace', [neighbour, { ...route, extras: true } as Entry, route])
  const { errnos, failures } = await rtnl.applyEntries(batch)
  assert.deepEqual([...errnos], [0, 22, 0])
  assert.match(failures[0]?.extack ?? '', /^not sent: /)
})

test('an empty batch is done, and a table longer than its bytes is refused', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  assert.deepEqual(await rtnl.applyEntries(batchOf('replace', [])), {
    errnos: new Int32Array(0),
    failures: [],
    unknown: 0,
  })
  await assert.rejects(rtnl.applyEntries({ bytes: new Uint8Array(47), length: 1 }), { name: 'RangeError' })
})

test('JavaScript runs on while a batch is carried out, and may change its buffer meanwhile', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  const neighbours = Array.from({ length: 5000 }, (_, number) => peerEntries(ifindex, 'ipv4', number)[0] as Entry)
  const batch = batchOf('create', neighbours)
  let done = false
  let turns = 0
  const applied = rtnl.applyEntries(batch).finally(() => {
    done = true
  })
  batch.bytes.fill(0)
  while (!done) {
    await new Promise<void>((resolve) => setImmediate(resolve))
    turns += 1
  }
  assert.equal((await applied).failures.length, 0)
  assert.ok(turns > 1, `the event loop turned ${turns} times`)
  assert.equal((await rtnl.dumpNeighbours('ipv4', ifindex)).value.length, 5000)
})

test('calls are answered in the order in which they were made', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  const order: string[] = []
  const note = (name: string) => () => void order.push(name)
  const lladdr = parseLladdr('0e:2a:00:00:00:55')
  await Promise.all([
    rtnl.applyEntries(batchOf('create', peerEntries(ifindex, 'ipv4', 1))).then(note('batch')),
    rtnl.changeLink(ifindex, { lladdr }).then(note('change')),
    rtnl.dumpNeighbours('ipv4', ifindex).then(({ value }) => order.push(`dump ${value.length}`)),
    rtnl.deleteLink(ifindex).then(note('delete')),
    rtnl.deleteLink(ifindex).catch(note('absent')),
  ])
  assert.deepEqual(order, ['batch', 'change', 'dump 0', 'delete', 'absent'])
})
