/** kernel-facts 2: what each disturbance drops, and that nothing returns by itself. */
import type { Family } from '../../../lib/net/ip.ts'
import type { Scenario, Stage } from '../stage.ts'
import { overlay, P0, PLANS, peerEntries, U0 } from './parts.ts'

export const disturbances = new Map<string, Scenario>()

const FORMS = [
  { form: 'unpinned', pinned: false },
  { form: 'pinned', pinned: true },
]

for (const family of ['ipv4', 'ipv6'] as const)
  for (const { form, pinned } of FORMS) {
    const add = (name: string, rest: (stage: Stage) => Promise<void>): void => {
      disturbances.set(`${family}, ${form}: ${name}`, async (stage) => {
        await overlay(stage, family, { pinned })
        await rest(stage)
      })
    }
    add('the device goes down and up, and its tables are written again', async (stage) => {
      await stage.admin.setDown('v1')
      await stage.apply(...peerEntries(family))
      await stage.admin.setUp('v1')
      await stage.addAddress('v1', PLANS[family].own)
      await stage.apply(...peerEntries(family))
    })
    add('the device gets another MAC address, then the same again', async (stage) => {
      await stage.admin.setLladdr('v1', '0e:2a:00:00:00:99')
      await stage.apply(...peerEntries(family))
      await stage.admin.setLladdr('v1', '0e:2a:00:00:00:99')
    })
    add('one of two addresses of the device is removed, then the last', async (stage) => {
      const second = family === 'ipv4' ? '10.42.9.9/32' : 'fd00:42:9::9/128'
      await stage.admin.addAddress('v1', second)
      await stage.admin.removeAddress('v1', PLANS[family].own)
      await stage.admin.removeAddress('v1', second)
    })
    add('the parent goes down and up', async (stage) => {
      await directRoute(stage, family)
      await stage.admin.setDown('u0')
      await stage.admin.setUp('u0')
      await stage.admin.addAddress('u0', PLANS[family].underlay)
    })
    add('the parent loses its carrier and finds it again', async (stage) => {
      await directRoute(stage, family)
      await stage.admin.setDown('p0')
      await stage.apply(...peerEntries(family))
      await stage.admin.setUp('p0')
    })
    add("the parent's address changes", async (stage) => {
      await directRoute(stage, family)
      await stage.admin.removeAddress('u0', PLANS[family].underlay)
      await stage.admin.addAddress('u0', family === 'ipv4' ? '198.51.100.1/24' : '2001:db8:1::1/64')
    })
    add("the parent's address is replaced, the new one first", async (stage) => {
      await directRoute(stage, family)
      await stage.admin.addAddress('u0', family === 'ipv4' ? '198.51.100.1/24' : '2001:db8:1::1/64')
      await stage.admin.removeAddress('u0', PLANS[family].underlay)
    })
    add('the parent is deleted and made again', async (stage) => {
      await stage.admin.deleteLink('u0')
      await stage.admin.addVeth('u0', 'p0', { lladdr: U0, peerLladdr: P0 })
      await stage.admin.setUp('p0')
      await stage.admin.setUp('u0')
      await stage.admin.addAddress('u0', PLANS[family].underlay)
      await stage.apply(...peerEntries(family))
    })
    add('the device is deleted, and its ifindex names nothing any more', async (stage) => {
      const stale = stage.index('v1')
      await stage.admin.deleteLink('v1')
      await stage.change(stale, { up: true })
      await stage.addAddress(stale, PLANS[family].own)
      await stage.deleteAddress(stale, PLANS[family].own)
      await stage.deleteLink(stale)
      const { subnet, gateway, lladdr, remote } = PLANS[family].peers[0] ?? never()
      await stage.apply(
        { neigh: gateway, lladdr, dev: stale },
        { op: 'delete', neigh: gateway, dev: stale },
        { fdb: lladdr, dst: remote, dev: stale },
        { op: 'delete', fdb: lladdr, dst: remote, dev: stale },
        { route: subnet, via: gateway, dev: stale, onlink: true, metric: 3 },
        { route: subnet, via: gateway, dev: stale, metric: 3 },
        { route: subnet, dev: stale, metric: 3 },
        { op: 'delete', route: subnet, via: gateway, dev: stale, metric: 3 },
      )
      await stage.dumpNeighbours(family, stale)
      await stage.dumpFdb(stale)
    })
    add('the device is renamed while it is up, and its old name is taken', async (stage) => {
      await stage.admin.rename('v1', 'stolen')
      await stage.createVxlan('v1', { local: PLANS[family].local, lladdr: '0e:2a:00:00:00:05' })
      await stage.admin.rename('stolen', 'u0')
      await stage.change('stolen', { ifname: 'v1' })
    })
    add('the device is enslaved to a bridge and released', async (stage) => {
      await stage.admin.addBridge('br0', { lladdr: '02:00:00:00:00:30' })
      await stage.admin.setUp('br0')
      await stage.admin.setMaster('v1', 'br0')
      await stage.change('v1', { master: null })
    })
    add('the device is moved to another namespace, which keeps its VNI taken', async (stage) => {
      await stage.admin.sendAway('v1')
      await stage.createVxlan('v1', { local: PLANS[family].local })
      await stage.admin.deleteAway('v1')
      await stage.createVxlan('v1', { local: PLANS[family].local, mtu: 1400 })
    })
    add('the parent is moved to another namespace', async (stage) => {
      await stage.admin.sendAway('u0')
    })
    add("the parent's MTU is lowered and raised", async (stage) => {
      await stage.admin.setMtu('u0', 1400)
      await stage.change('v1', { mtu: 1440 })
      await stage.change('v1', { mtu: 1300 })
      await stage.admin.setMtu('u0', 1500)
    })
    add('another program deletes entries one by one, then all of them', async (stage) => {
      const { subnet, gateway, lladdr, remote } = PLANS[family].peers[0] ?? never()
      await stage.admin.deleteNeighbour('v1', gateway)
      await stage.admin.deleteFdb('v1', lladdr, remote)
      await stage.admin.deleteRoute({ dst: subnet })
      await stage.apply(...peerEntries(family))
      await stage.admin.flushNeighbours('v1')
      await stage.admin.flushRoutes('v1')
      await stage.admin.flushFdb('v1')
    })
    add('another program replaces entries', async (stage) => {
      const { subnet, gateway, lladdr } = PLANS[family].peers[0] ?? never()
      await stage.admin.replaceNeighbour('v1', gateway, '0e:2a:00:00:00:77')
      await stage.admin.replaceFdb('v1', lladdr, PLANS[family].peers[1]?.remote ?? '')
      await stage.admin.replaceRoute({ dst: subnet, via: gateway, dev: 'v1', onlink: true, metric: 3 })
      await stage.admin.replaceRoute({ dst: subnet, type: 6, metric: 1 })
      await stage.apply(...peerEntries(family))
    })
  }

/** A route of ours through the underlay, as direct routing programs it. */
async function directRoute(stage: Stage, family: Family): Promise<void> {
  const via = PLANS[family].peers[0]?.remote ?? ''
  await stage.apply({ route: family === 'ipv4' ? '10.42.7.0/24' : 'fd00:42:7::/64', via, dev: 'u0', metric: 8 })
}

function never(): never {
  throw new RangeError('every plan has two peers')
}
