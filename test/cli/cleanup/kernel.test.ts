/** A cleanup carried out: what is gone, what stays, and what is said when something does not go. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describePlan, observeKernel, removeFromKernel } from '../../../lib/cli/cleanup/kernel.ts'
import { planCleanup } from '../../../lib/cli/cleanup/plan.ts'
import { unpackEntries } from '../../../lib/rtnl/entries.ts'
import { createFakeKernel, type FakeKernel } from '../../support/fake-kernel/index.ts'
import { scopeOf } from './fixture.ts'

const ALL = scopeOf()
const ROUTES = scopeOf({}, { routesOnly: true })

/** A node with two peers, one route of flannel's, and a NIC with routes of its own. */
function node(): FakeKernel {
  const kernel = createFakeKernel()
  const { admin } = kernel
  admin.addNic('eth0')
  admin.setUp('eth0')
  admin.addAddress('eth0', '192.0.2.1/24')
  admin.addVxlan('flannel.1', { vni: 1, local: '192.0.2.1' })
  admin.setUp('flannel.1')
  admin.addAddress('flannel.1', '10.42.0.0/32')
  for (const peer of [1, 2]) {
    admin.replaceNeighbour('flannel.1', `10.42.${peer}.0`, `0e:00:00:00:00:0${peer}`)
    admin.replaceRoute({
      dst: `10.42.${peer}.0/24`,
      via: `10.42.${peer}.0`,
      dev: 'flannel.1',
      onlink: true,
      metric: peer + 1,
      protocol: 118,
    })
  }
  admin.replaceRoute({ dst: '10.42.1.0/24', via: '10.42.1.0', dev: 'flannel.1', onlink: true })
  admin.replaceRoute({ dst: '10.42.3.0/24', via: '192.0.2.3', dev: 'eth0', metric: 4, protocol: 118 })
  return kernel
}
const protocols = (kernel: FakeKernel): number[] =>
  unpackEntries(kernel.snapshot().routes.ipv4).map((entry) => (entry.kind === 'route' ? entry.protocol : -1))

test('everything of ours goes: routes everywhere, the device with what it holds', async () => {
  const kernel = node()
  const rtnl = kernel.open()
  const plan = planCleanup(await observeKernel(rtnl), ALL)
  const described = (await describePlan(rtnl, plan)).map(({ kind, subject }) => `${kind} ${subject}`)
  assert.equal(described.length, 4)
  assert.match(described[3] ?? '', /^device flannel\.1 \(VXLAN, VNI 1; \d addresses, 2 neighbours, 0 FDB entries\)$/)
  assert.deepEqual(await removeFromKernel(rtnl, plan, ALL), [])
  assert.equal(kernel.link('flannel.1'), undefined)
  assert.ok(kernel.link('eth0'))
  assert.deepEqual(
    protocols(kernel).filter((protocol) => protocol !== 2),
    [],
  )
  assert.deepEqual(planCleanup(await observeKernel(rtnl), ALL), { routes: [], devices: [], stays: [], notes: [] })
})

test("--routes takes ours alone: flannel's metric-0 route, the device and its neighbours stay", async () => {
  const kernel = node()
  const rtnl = kernel.open()
  assert.deepEqual(await removeFromKernel(rtnl, planCleanup(await observeKernel(rtnl), ROUTES), ROUTES), [])
  assert.deepEqual(
    protocols(kernel).filter((protocol) => protocol === 118),
    [],
  )
  assert.equal(protocols(kernel).filter((protocol) => protocol === 3).length, 1)
  assert.equal(kernel.snapshot().neighbours.length, 2)
})

test('a route that somebody writes back again and again is reported, not fought for ever', async () => {
  const kernel = node()
  const rtnl = kernel.open()
  const plan = planCleanup(await observeKernel(rtnl), ROUTES)
  kernel.onRequest('before', ({ request }) => {
    if (request !== 'dumpRoutes') return
    kernel.admin.replaceRoute({ dst: '10.42.3.0/24', via: '192.0.2.3', dev: 'eth0', metric: 4, protocol: 118 })
  })
  const failures = await removeFromKernel(rtnl, plan, ROUTES)
  assert.deepEqual(
    failures.map(({ subject }) => subject),
    ['10.42.3.0/24 via 192.0.2.3 dev eth0 metric 4 proto 118'],
  )
  assert.match(failures[0]?.because ?? '', /another program writes it/)
  assert.equal(kernel.log.filter(({ request }) => request === 'applyEntries').length, 3)
})

test('a device that vanishes meanwhile counts as removed, one that is refused is named with the reason', async () => {
  const kernel = node()
  const rtnl = kernel.open()
  const plan = planCleanup(await observeKernel(rtnl), ALL)
  kernel.faults.inject({ on: 'deleteLink', times: 3, fault: { kind: 'errno', errno: 16 } })
  const failures = await removeFromKernel(rtnl, plan, ALL)
  assert.deepEqual(
    failures.map(({ kind, subject }) => `${kind} ${subject}`),
    ['device flannel.1'],
  )
  assert.match(failures[0]?.because ?? '', /EBUSY/)
  kernel.admin.deleteLink('flannel.1')
  assert.deepEqual(await removeFromKernel(rtnl, plan, ALL), [])
})

test('a device that is made again after its deletion is reported: an acknowledgement is no proof', async () => {
  const kernel = node()
  const rtnl = kernel.open()
  const plan = planCleanup(await observeKernel(rtnl), ALL)
  kernel.onRequest('before', ({ request }) => {
    if (request === 'dumpLinks' && kernel.link('flannel.1') === undefined)
      kernel.admin.addVxlan('flannel.1', { vni: 1, local: '192.0.2.1' })
  })
  assert.deepEqual(await removeFromKernel(rtnl, plan, ALL), [
    {
      kind: 'device',
      subject: 'flannel.1',
      because: 'it is there again after its deletion: another program writes it',
    },
  ])
  assert.equal(kernel.log.filter(({ request }) => request === 'deleteLink').length, 3)
})

test('a look that was interrupted, or could not be read whole, does not count as the end', async () => {
  const kernel = node()
  const rtnl = kernel.open()
  const plan = planCleanup(await observeKernel(rtnl), ALL)
  kernel.faults.inject({ on: 'dumpRoutes', fault: { kind: 'interrupted', omit: () => true } })
  kernel.faults.inject({ on: 'dumpLinks', fault: { kind: 'unreadable', omit: (index) => index === 0 } })
  assert.deepEqual(await removeFromKernel(rtnl, plan, ALL), [
    {
      kind: 'device',
      subject: '(any of the links)',
      because: 'not all could be read: a hostile message',
    },
    {
      kind: 'route',
      subject: '(any of the main table, ipv4)',
      because: 'not all could be read: the kernel interrupted the dump again and again',
    },
  ])
})
