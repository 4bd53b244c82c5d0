/** kernel-facts 1: what programming many peers relies on, besides its speed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIp } from '../../../lib/net/ip.ts'
import { createEntryWriter, unpackEntries } from '../../../lib/rtnl/entries.ts'
import { openRtnl } from '../../../lib/rtnl/native.ts'
import type { EntrySpec } from '../../conformance/entry-specs.ts'
import { kernelTests } from '../../support/netns.ts'
import { createNode } from './support.ts'

const LOCAL = parseIp('192.0.2.1')

test('PERMANENT neighbours do not count against gc_thresh3 (1,024 by default)', kernelTests, async (t) => {
  const node = await createNode(t, 'gc')
  const v1 = await node.createVxlan({ local: LOCAL })
  await node.ip('link', 'set', 'v1', 'up')
  const entries = Array.from(
    { length: 3000 },
    (_, i): EntrySpec => ({ neigh: `10.${i >> 8}.${i & 255}.1`, lladdr: '0e:2a:00:00:00:02', dev: 'v1' }),
  )
  const { failures, unknown } = await node.apply(...entries)
  assert.deepEqual([failures.length, unknown], [0, 0])
  assert.equal((await node.rtnl.dumpNeighbours('ipv4', v1)).value.length, 3000)
})

test(
  'every failing message of a batch is reported by itself, though only the last one asks for an answer',
  kernelTests,
  async (t) => {
    const node = await createNode(t, 'batch')
    await node.createVxlan({ local: LOCAL })
    const entries = Array.from(
      { length: 300 },
      (_, i): EntrySpec =>
        i % 3 === 1
          ? { route: `10.1.${i & 255}.0/24`, via: '10.9.9.9', dev: 'v1', onlink: true, metric: i + 1 }
          : { neigh: `10.${i >> 8}.${i & 255}.1`, lladdr: '0e:2a:00:00:00:02', dev: 'v1' },
    )
    const { errnos, failures } = await node.apply(...entries)
    assert.deepEqual(
      failures.map(({ index }) => index),
      entries.flatMap((entry, index) => ('route' in entry ? [index] : [])),
    )
    assert.ok(
      failures.every(
        ({ errnoName, extack }) => errnoName === 'ENETDOWN' && extack.startsWith('Nexthop device is not up'),
      ),
    )
    assert.equal(errnos.filter((errno) => errno === 0).length, 200)
  },
)

test(
  'errors that overflow the receive buffer are lost together with the answer: only a dump tells',
  kernelTests,
  async (t) => {
    const node = await createNode(t, 'lost')
    const v1 = await node.createVxlan({ local: LOCAL })
    const small = openRtnl({ netns: node.path, receiveBufferBytes: 4096, chunkEntries: 128 })
    t.after(() => small.close())
    const writer = createEntryWriter()
    for (let i = 0; i < 128; i += 1)
      writer.push('delete', {
        kind: 'neighbour',
        ifindex: v1,
        ip: parseIp(`10.1.1.${i}`),
        lladdr: undefined,
        state: 0,
        flags: 0,
        protocol: 0,
      })
    const { unknown, failures } = await small.applyEntries(writer.finish())
    assert.ok(unknown > 0, `${failures.length} of 128 errors arrived, none is unknown`)
    assert.equal((await small.dumpNeighbours('ipv4', v1)).value.length, 0)
  },
)

test('a dump by device does not show the route that shadows ours, the main table does', kernelTests, async (t) => {
  const node = await createNode(t, 'shadow')
  await node.createVxlan({ local: LOCAL })
  await node.ip('link', 'set', 'v1', 'up')
  await node.apply({ route: '10.42.2.0/24', via: '10.42.2.0', dev: 'v1', onlink: true, metric: 700 })
  await node.ip('route', 'add', 'blackhole', '10.42.2.0/24', 'metric', '3')
  assert.doesNotMatch(await node.ip('route', 'show', 'dev', 'v1'), /blackhole|metric 3 /)
  const routes = unpackEntries((await node.rtnl.dumpRoutes('ipv4')).value)
  assert.deepEqual(
    routes.map((route) => route.kind === 'route' && [route.metric, route.type, route.protocol]),
    [
      [3, 6, 3],
      [700, 1, 118],
    ],
  )
  await assert.rejects(node.rtnl.resolveRoute(parseIp('10.42.2.7')), /EINVAL/)
})
