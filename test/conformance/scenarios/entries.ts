/** kernel-facts 4 and the routing facts of 1: how entries are written, replaced and deleted. */
import type { Scenario } from '../stage.ts'
import { device, overlay, PEER2, PEER3, PLANS, underlay } from './parts.ts'

export const entries = new Map<string, Scenario>()

for (const family of ['ipv4', 'ipv6'] as const) {
  const plan = PLANS[family]
  const [one = never(), two = never()] = plan.peers
  const route = { route: one.subnet, via: one.gateway, dev: 'v1', onlink: true } as const
  const direct = { route: one.subnet, via: one.remote, dev: 'u0' } as const

  entries.set(`${family}: neighbours are replaced, and deleted whatever lladdr is named`, async (stage) => {
    await overlay(stage, family)
    await stage.apply({ neigh: one.gateway, lladdr: PEER2, dev: 'v1' })
    await stage.apply({ neigh: one.gateway, lladdr: PEER3, dev: 'v1' })
    await stage.apply({ neigh: one.gateway, lladdr: PEER3, dev: 'v1', protocol: 3 })
    await stage.apply({ neigh: one.gateway, lladdr: PEER3, dev: 'v1', protocol: 0 })
    await stage.apply({ op: 'create', neigh: one.gateway, lladdr: PEER2, dev: 'v1' })
    await stage.apply({ op: 'delete', neigh: one.gateway, lladdr: PEER2, dev: 'v1' })
    await stage.apply({ op: 'delete', neigh: one.gateway, lladdr: PEER2, dev: 'v1' })
    await stage.apply({ op: 'create', neigh: one.gateway, lladdr: PEER2, dev: 'v1' })
  })
  entries.set(`${family}: FDB entries are replaced in place, and not deleted with a wrong remote`, async (stage) => {
    await overlay(stage, family)
    await stage.apply({ fdb: PEER2, dst: one.remote, dev: 'v1' })
    await stage.apply({ fdb: PEER2, dst: two.remote, dev: 'v1' })
    await stage.apply({ op: 'create', fdb: PEER2, dst: one.remote, dev: 'v1' })
    await stage.apply({ op: 'delete', fdb: PEER2, dst: one.remote, dev: 'v1' })
    await stage.apply({ op: 'delete', fdb: PEER2, dst: two.remote, dev: 'v1' })
    await stage.apply({ op: 'delete', fdb: PEER2, dst: two.remote, dev: 'v1' })
    await stage.apply({ op: 'delete', fdb: PEER3, dev: 'v1' })
    await stage.apply({ fdb: PEER3, dev: 'v1' })
    await stage.apply({ fdb: PEER3, dst: family === 'ipv4' ? '2001:db8::2' : '192.0.2.2', dev: 'v1' })
  })
  entries.set(`${family}: FDB entries are looked up one by one`, async (stage) => {
    await overlay(stage, family)
    const stale = stage.index('v1')
    await stage.getFdb({ fdb: PEER3, dev: 'v1' }, { fdb: '0e:2a:00:00:00:77', dev: 'v1' }, { fdb: PEER2, dev: 'v1' })
    await stage.getFdb({ fdb: PEER2, dst: two.remote, dev: 'v1' })
    await stage.getFdb()
    await stage.apply({ op: 'delete', fdb: PEER2, dst: one.remote, dev: 'v1' })
    await stage.getFdb({ fdb: PEER2, dev: 'v1' }, { fdb: PEER3, dev: 'v1' })
    await stage.getFdb({ fdb: PEER2, dev: 'u0' })
    await stage.deleteLink('v1')
    await stage.getFdb({ fdb: PEER3, dev: stale })
  })
  entries.set(`${family}: routes are keyed by destination and metric`, async (stage) => {
    await underlay(stage, family)
    await device(stage, family)
    await stage.apply({ ...route, metric: 700 })
    await stage.apply({ ...route, metric: 700 })
    await stage.apply({ ...route, metric: 700, via: two.gateway })
    await stage.apply({ op: 'create', ...route, metric: 700 })
    await stage.apply({ op: 'create', ...route, metric: 5, protocol: 3 })
    await stage.apply({ ...route, metric: 0, protocol: 3 })
    await stage.apply({ ...route, metric: 0 })
    await stage.apply({ op: 'delete', ...route, metric: 700 })
    await stage.apply({ op: 'delete', ...route, via: two.gateway, metric: 700 })
  })
  entries.set(`${family}: a delete without metric takes the lowest, a delete names its protocol`, async (stage) => {
    await underlay(stage, family)
    await device(stage, family)
    await stage.apply({ ...route, metric: 700 }, { ...route, metric: 20 }, { ...route, metric: 300, protocol: 3 })
    await stage.apply({ op: 'delete', ...route, protocol: 3 })
    await stage.apply({ op: 'delete', ...route, protocol: 3 })
    await stage.apply({ op: 'delete', ...route, protocol: 118 })
    await stage.admin.deleteRoute({ dst: one.subnet, via: one.gateway, dev: 'v1', metric: 0 })
    await stage.admin.deleteRoute({ dst: one.subnet })
  })
  entries.set(`${family}: a delete must name the right link, gateway and type`, async (stage) => {
    await underlay(stage, family)
    await device(stage, family)
    await stage.apply({ ...route, metric: 7 })
    await stage.apply({ op: 'delete', ...route, metric: 7, via: two.gateway })
    await stage.apply({ op: 'delete', ...route, metric: 7, dev: 'u0' })
    await stage.apply({ op: 'delete', ...route, metric: 8 })
    await stage.apply({ op: 'delete', route: one.subnet, metric: 7, type: 6 })
    await stage.apply({ ...route, metric: 7 })
    await stage.apply({ op: 'delete', route: one.subnet, metric: 7 })
  })
  entries.set(`${family}: direct and VXLAN routes replace each other`, async (stage) => {
    await underlay(stage, family)
    await device(stage, family)
    await stage.apply({ ...direct, metric: 3 })
    await stage.apply({ ...route, metric: 3 })
    await stage.apply({ ...direct, metric: 3 })
    await stage.apply({ op: 'delete', ...direct, metric: 3 }, { ...route, metric: 3 })
    await stage.apply({ ...direct, metric: 4 })
    await stage.apply({ ...route, metric: 3 })
    await stage.apply({ ...route, metric: 5 })
  })
  entries.set(`${family}: a gateway must be somebody else's, and reachable unless it is onlink`, async (stage) => {
    await underlay(stage, family)
    await device(stage, family)
    const own = plan.own.split('/')[0] ?? ''
    await stage.apply({ route: one.subnet, via: own, dev: 'v1', onlink: true, metric: 3 })
    await stage.apply({ route: one.subnet, via: plan.local, dev: 'v1', onlink: true, metric: 3 })
    await stage.apply({ route: one.subnet, via: plan.local, dev: 'u0', metric: 3 })
    await stage.apply({ route: one.subnet, via: own, metric: 3 })
    await stage.apply({ route: one.subnet, via: one.gateway, dev: 'v1', metric: 3 })
    await stage.apply({ route: one.subnet, via: one.gateway, metric: 3 })
    await stage.apply({ route: one.subnet, via: one.remote, dev: 'v1', metric: 3 })
    await stage.apply({ route: one.subnet, via: one.remote, dev: 'v1', onlink: true, metric: 4 })
    await stage.apply({ route: one.subnet, via: one.remote, metric: 5 })
    await stage.apply({ route: one.subnet, via: one.gateway, onlink: true, metric: 6 })
  })
  entries.set(
    `${family}: routes are refused while the device is down, neighbours and FDB entries are not`,
    async (stage) => {
      await underlay(stage, family)
      await stage.createVxlan('v1', { local: plan.local })
      await stage.apply(
        { neigh: one.gateway, lladdr: PEER2, dev: 'v1' },
        { fdb: PEER2, dst: one.remote, dev: 'v1' },
        { ...route, metric: 3 },
        { route: two.subnet, dev: 'v1', metric: 4 },
        { op: 'delete', ...route, metric: 3 },
      )
      await stage.addAddress('v1', plan.own)
      await stage.change('v1', { up: true })
      await stage.change('v1', { up: false })
      await stage.change('v1', { up: true })
    },
  )
  entries.set(`${family}: blackholes and routes without gateway stand beside ours`, async (stage) => {
    await underlay(stage, family)
    await device(stage, family)
    await stage.apply({ route: one.subnet, metric: 1, type: 6 }, { ...route, metric: 3 })
    await stage.resolve(one.gateway)
    await stage.apply({ route: two.subnet, dev: 'u0', metric: 2, scope: family === 'ipv4' ? 253 : 0 })
    await stage.apply({ op: 'delete', route: one.subnet, metric: 1, type: 6 })
    await stage.resolve(one.gateway)
    await stage.admin.replaceRoute({ dst: one.subnet, type: 7, metric: 2 })
    await stage.admin.replaceRoute({ dst: two.subnet, dev: 'u0', metric: 9 })
    await stage.resolve(one.gateway)
    await stage.admin.setDown('u0')
  })
  entries.set(`${family}: metric 0 and the change to another metric`, async (stage) => {
    await underlay(stage, family)
    await device(stage, family)
    await stage.admin.replaceRoute({ dst: one.subnet, via: one.gateway, dev: 'v1', onlink: true })
    await stage.apply({ ...route, metric: 3 })
    await stage.apply({ op: 'delete', ...route, metric: 0, protocol: 3 })
    await stage.apply({ op: 'delete', ...route, metric: 0, protocol: 3 })
  })
  entries.set(`${family}: which route and source address reach a destination`, async (stage) => {
    await overlay(stage, family)
    const far = family === 'ipv4' ? '203.0.113.9' : '2001:db8:ffff::9'
    await stage.resolve(one.gateway)
    await stage.resolve(one.remote)
    await stage.resolve(plan.local)
    await stage.resolve(far)
    await stage.resolve(far, { oif: 'u0' })
    await stage.resolve(one.gateway, { oif: 'u0' })
    await stage.resolve(one.remote, { source: plan.local })
    await stage.resolve(one.remote, { source: far })
    await stage.admin.replaceRoute({ dst: family === 'ipv4' ? '0.0.0.0/0' : '::/0', via: one.remote, dev: 'u0' })
    await stage.resolve(far)
    await stage.resolve(far, { source: plan.local })
    await stage.admin.addAddress('u0', family === 'ipv4' ? '192.0.2.77/24' : '2001:db8::77/64')
    await stage.resolve(far)
    await stage.admin.removeAddress('v1', plan.own)
    await stage.apply({ ...route, metric: 3 })
    await stage.resolve(one.gateway)
  })
}

for (const family of ['ipv4', 'ipv6'] as const) {
  const { peers, local } = PLANS[family]
  const [one = never(), two = never()] = peers
  const [pod, own, far] =
    family === 'ipv4'
      ? (['10.42.1.7', '10.42.1.1', '203.0.113.9'] as const)
      : (['fd00:42:1::7', 'fd00:42:1::1', '2001:db8:ffff::9'] as const)
  entries.set(`${family}: which way a forwarded packet takes`, async (stage) => {
    await overlay(stage, family)
    await stage.admin.addBridge('cni0', { lladdr: '02:00:00:00:00:30' })
    await stage.admin.setUp('cni0')
    await stage.admin.addAddress('cni0', `${own}/${family === 'ipv4' ? 24 : 64}`)
    await stage.admin.setForwarding(true)
    await stage.resolve(one.gateway, { iif: 'cni0', source: pod })
    await stage.resolve(one.remote, { iif: 'cni0', source: pod })
    await stage.resolve(local, { iif: 'cni0', source: pod })
    await stage.resolve(far, { iif: 'cni0', source: pod })
    await stage.resolve(one.gateway, { iif: 'cni0' })
    await stage.resolve(one.gateway, { iif: 'cni0', source: own })
    await stage.resolve(one.gateway, { iif: 'nowhere', source: pod })
    await stage.resolve(one.gateway, { iif: 'cni0', source: pod, udpPort: 8472, mark: 7 })
    await stage.resolve(one.remote, { source: local, udpPort: 8472 })
    await stage.resolve(one.remote, { source: local, udpPort: 8472, oif: 'u0' })
    await stage.apply({ route: two.subnet, metric: 1, type: 6 })
    await stage.resolve(two.gateway, { iif: 'cni0', source: pod })
    await stage.apply({ op: 'delete', route: two.subnet, metric: 1, type: 6 })
    for (const type of [7, 8]) {
      await stage.admin.replaceRoute({ dst: two.subnet, metric: 1, type })
      await stage.resolve(two.gateway, { iif: 'cni0', source: pod })
      await stage.resolve(two.gateway)
      await stage.admin.deleteRoute({ dst: two.subnet, metric: 1, type })
    }
    await stage.admin.setForwarding(false)
    await stage.resolve(one.gateway, { iif: 'cni0', source: pod })
    await stage.resolve(local, { iif: 'cni0', source: pod })
  })
}

for (const family of ['ipv4', 'ipv6'] as const) {
  const dst = family === 'ipv4' ? '0.0.0.0/0' : '::/0'
  const [one = never(), two = never()] = PLANS[family].peers
  entries.set(`${family}: a route with several next hops shows the first`, async (stage) => {
    await underlay(stage, family)
    await stage.admin.addVeth('w0', 'q0', { lladdr: '02:00:00:00:00:11', peerLladdr: '02:00:00:00:00:21' })
    await stage.admin.setUp('q0')
    await stage.admin.setUp('w0')
    await stage.admin.addAddress('w0', family === 'ipv4' ? '198.51.100.1/24' : '2001:db8:51::1/64')
    const far = family === 'ipv4' ? '198.51.100.2' : '2001:db8:51::2'
    await stage.admin.replaceRoute({
      dst,
      nexthops: [
        { via: one.remote, dev: 'u0' },
        { via: two.remote, dev: 'u0' },
      ],
    })
    await stage.admin.deleteRoute({ dst })
    await stage.admin.replaceRoute({ dst, nexthops: [{ dev: 'u0' }, { dev: 'w0' }] })
    await stage.admin.deleteRoute({ dst })
    await stage.admin.replaceRoute({ dst, nexthops: [{ dev: 'u0' }, { via: far, dev: 'w0' }] })
    await stage.admin.deleteRoute({ dst })
    await stage.admin.replaceRoute({
      dst,
      nexthops: [
        { via: one.remote, dev: 'w0' },
        { via: two.remote, dev: 'u0' },
      ],
    })
    await stage.admin.replaceRoute({
      dst,
      nexthops: [
        { via: far, dev: 'w0' },
        { via: two.remote, dev: 'u0' },
      ],
    })
    await stage.resolve('203.0.113.1', { oif: 'u0' })
    await stage.admin.deleteLink('v1')
  })
}

entries.set('routes to addresses that no host has stand beside ours', async (stage) => {
  await overlay(stage, 'ipv6')
  await stage.admin.replaceRoute({ dst: '::ffff:0:0/96', type: 7 })
  await stage.admin.replaceRoute({ dst: '::/96', dev: 'u0' })
  await stage.admin.replaceRoute({ dst: 'ff05::/16', dev: 'u0' })
  await stage.admin.replaceRoute({ dst: '224.0.0.0/4', dev: 'u0' })
  await stage.admin.replaceRoute({ dst: '240.0.0.0/4', type: 6 })
  await stage.admin.deleteRoute({ dst: '::ffff:0:0/96', type: 7 })
})

function never(): never {
  throw new RangeError('every plan has two peers')
}
