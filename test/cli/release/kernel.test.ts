/** A release carried out on the fake kernel: what it writes, in which order, and what is said when it does not go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { observeKernel } from '../../../lib/cli/cleanup/kernel.ts'
import { releaseRoutes } from '../../../lib/cli/release/kernel.ts'
import { planRelease } from '../../../lib/cli/release/plan.ts'
import { type Entry, unpackEntries } from '../../../lib/rtnl/entries.ts'
import { createFakeKernel, type FakeKernel } from '../../support/fake-kernel/index.ts'
import { scopeOf } from '../cleanup/fixture.ts'

const SCOPE = scopeOf({}, { routesOnly: true })

function node(): FakeKernel {
  const kernel = createFakeKernel()
  const { admin } = kernel
  admin.addNic('eth0')
  admin.setUp('eth0')
  admin.addAddress('eth0', '192.0.2.1/24')
  admin.addVxlan('flannel.1', { vni: 1, local: '192.0.2.1' })
  admin.setUp('flannel.1')
  admin.addAddress('flannel.1', '10.42.0.0/32')
  for (const peer of [1, 2, 3])
    admin.replaceRoute({
      dst: `10.42.${peer}.0/24`,
      via: `10.42.${peer}.0`,
      dev: 'flannel.1',
      onlink: true,
      metric: peer + 1,
      protocol: 118,
    })
  return kernel
}
const routes = (kernel: FakeKernel): readonly string[] =>
  unpackEntries(kernel.snapshot().routes.ipv4)
    .flatMap((entry) =>
      entry.kind === 'route' && entry.protocol !== 2 ? [`${entry.dst} ${entry.metric} ${entry.protocol}`] : [],
    )
    .sort()
const FLANNELS = ['10.42.1.0/24 0 3', '10.42.2.0/24 0 3', '10.42.3.0/24 0 3']
async function release(kernel: FakeKernel) {
  const rtnl = kernel.open()
  return await releaseRoutes(rtnl, planRelease(await observeKernel(rtnl), SCOPE), SCOPE)
}
const batches = (kernel: FakeKernel): number => kernel.log.filter(({ request }) => request === 'applyEntries').length

test("flannel's routes take the place of ours in two batches, and a second run writes nothing", async () => {
  const kernel = node()
  assert.deepEqual(await release(kernel), [])
  assert.deepEqual(routes(kernel), FLANNELS)
  assert.equal(batches(kernel), 2)
  assert.deepEqual(await release(kernel), [])
  assert.equal(batches(kernel), 2)
})

const isSecond = (entry: Entry): boolean =>
  entry.kind === 'route' && entry.dst === '10.42.2.0/24' && entry.protocol === 3

test("ours goes only where flannel's was seen: one that is refused once is written in the next round", async () => {
  const kernel = node()
  const { faults } = kernel
  faults.inject({ on: 'applyEntries', fault: { kind: 'errno', errno: 101, entries: isSecond } })
  const seen: (readonly string[])[] = []
  kernel.onRequest('after', ({ request }) => {
    if (request === 'applyEntries') seen.push(routes(kernel))
  })
  assert.deepEqual(await release(kernel), [])
  assert.deepEqual(routes(kernel), FLANNELS)
  assert.ok(seen[1]?.includes('10.42.2.0/24 3 118'), 'ours was there until flannel’s was')
})

test("one that is always refused keeps its route, and is named with the kernel's word", async () => {
  const kernel = node()
  kernel.faults.inject({
    on: 'applyEntries',
    times: Number.POSITIVE_INFINITY,
    fault: { kind: 'errno', errno: 101, extack: 'Nexthop has invalid gateway.', entries: isSecond },
  })
  assert.deepEqual(await release(kernel), [
    {
      kind: 'route',
      subject: '10.42.2.0/24 via 10.42.2.0 dev flannel.1 metric 3 proto 118',
      because: "flannel's route in its place is refused: ENETUNREACH (Nexthop has invalid gateway.)",
    },
  ])
  assert.deepEqual(routes(kernel), ['10.42.1.0/24 0 3', '10.42.2.0/24 3 118', '10.42.3.0/24 0 3'])
})

test('an answer that is lost is no failure: the look tells', async () => {
  const kernel = node()
  kernel.faults.inject({ on: 'applyEntries', fault: { kind: 'lost-acks', done: true } })
  assert.deepEqual(await release(kernel), [])
  assert.deepEqual(routes(kernel), FLANNELS)
})

test('a look that does not see all ends nothing, and is named', async () => {
  const kernel = node()
  kernel.faults.inject({
    on: 'dumpRoutes',
    times: Number.POSITIVE_INFINITY,
    fault: { kind: 'interrupted', omit: (index) => index === 0 },
  })
  const failures = await release(kernel)
  assert.match(failures.map(({ because }) => because).join(), /interrupted the dump/)
})
