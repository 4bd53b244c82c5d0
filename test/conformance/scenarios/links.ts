/** kernel-facts 3 and the link rows of 4: creation, what can be changed in place, and what is refused. */
import type { Scenario } from '../stage.ts'
import { overlay, P0, PLANS, U0, underlay, V1 } from './parts.ts'

export const links = new Map<string, Scenario>()

for (const family of ['ipv4', 'ipv6'] as const) {
  const plan = PLANS[family]
  const other = family === 'ipv4' ? '198.51.100.1' : '2001:db8:1::1'
  for (const pinned of [false, true]) {
    const parent = pinned ? { parent: 'u0' } : {}
    const form = `${family}, ${pinned ? 'pinned' : 'unpinned'}`
    links.set(`${form}: MTU as asked, clamped or not`, async (stage) => {
      await underlay(stage, family)
      for (const [at, mtu] of [1450, 1430, 9000, 68, 67, 65_535].entries())
        await stage.createVxlan(`m${at}`, { vni: 100 + at, local: plan.local, mtu, ...parent })
      await stage.change('m0', { mtu: 1431 })
      await stage.change('m0', { mtu: 1451 })
      await stage.change('m0', { mtu: 9000 })
      await stage.change('m0', { mtu: 67 })
      await stage.change('m0', { mtu: 70_000 })
    })
    links.set(`${form}: local, learning, MAC, MTU, name and up change in place`, async (stage) => {
      await overlay(stage, family, { pinned })
      await stage.change('v1', { vxlan: { local: other } })
      await stage.change('v1', { vxlan: { learning: true } })
      await stage.change('v1', { vxlan: { local: plan.local, learning: false }, mtu: 1400 })
      await stage.change('v1', { lladdr: '0e:2a:00:00:00:55', ifname: 'v2', mtu: 1399 })
      await stage.change('v2', { up: false, vxlan: { local: other } })
      await stage.change('v2', { up: true })
      await stage.change('v2', { up: true })
      await stage.change('v2', { vxlan: { local: family === 'ipv4' ? '2001:db8::9' : '192.0.2.9' } })
      await stage.change('v2', { lladdr: '01:00:5e:00:00:01' })
      await stage.change('v2', { lladdr: '00:00:00:00:00:00' })
    })
    links.set(`${form}: the parent changes in place, and the old one no longer matters`, async (stage) => {
      await overlay(stage, family, { pinned })
      await stage.admin.addVeth('u1', 'p1', { lladdr: '02:00:00:00:00:11', peerLladdr: '02:00:00:00:00:21', mtu: 1400 })
      await stage.admin.setUp('p1')
      await stage.admin.setUp('u1')
      await stage.change('v1', { vxlan: { parent: stage.index('u1'), local: other } })
      await stage.admin.deleteLink('u0')
      await stage.change('v1', { vxlan: { parent: stage.index('u0') } })
      await stage.admin.deleteLink('u1')
    })
    links.set(`${form}: a second device of the same VNI, port and family is refused`, async (stage) => {
      await overlay(stage, family, { pinned })
      await stage.createVxlan('v2', { local: other, ...parent })
      await stage.createVxlan('v2', { local: plan.local, port: 8472, ...parent })
      await stage.createVxlan('v1', { vni: 2, local: plan.local, ...parent })
      await stage.createVxlan('v2', { local: plan.local, port: 4789, ...parent })
      await stage.createVxlan('v3', { vni: 3, local: plan.local, ...parent })
      await stage.createVxlan('v4', { local: family === 'ipv4' ? '2001:db8::1' : '192.0.2.1', mtu: 1400 })
      await stage.createVxlan('v5', { local: plan.local, gbp: true, ...parent })
      await stage.change('v5', { up: true })
      await stage.change('v1', { up: false })
      await stage.change('v5', { up: true })
      await stage.change('v1', { up: true })
    })
  }
  links.set(`${family}: a metadata device holds the port`, async (stage) => {
    await underlay(stage, family)
    await stage.admin.addVxlan('cilium', { vni: 0, metadata: true, lladdr: '0e:2a:00:00:00:c1' })
    await stage.admin.setUp('cilium')
    await stage.createVxlan('v1', { local: plan.local })
    await stage.change('v1', { up: true })
    await stage.admin.deleteLink('cilium')
    await stage.change('v1', { up: true })
  })
  links.set(
    `${family}: creation is refused for a missing parent and for a MAC that is no unicast one`,
    async (stage) => {
      await underlay(stage, family)
      await stage.createVxlan('v1', { local: plan.local, parent: 9999 as never })
      await stage.createVxlan('v1', { local: plan.local, lladdr: '01:00:5e:00:00:01' })
      await stage.createVxlan('v1', { local: plan.local, lladdr: '00:00:00:00:00:00' })
      await stage.createVxlan('u0', { local: plan.local })
    },
  )
  links.set(`${family}: flannel's device, made by iproute2, is read as it is`, async (stage) => {
    await underlay(stage, family)
    await stage.admin.addVxlan('flannel.1', {
      vni: 1,
      local: plan.local,
      parent: 'u0',
      lladdr: V1,
      mtu: 1400,
      learning: true,
    })
    await stage.admin.addVxlan('other', { vni: 2, local: plan.local, lladdr: P0, port: 4789, gbp: true, mtu: 1300 })
    await stage.admin.addVxlan('wide', { vni: 3, local: plan.local, parent: 'u0', lladdr: U0 })
    await stage.admin.addVxlan('free', { vni: 4, local: plan.local, lladdr: U0 })
    await stage.admin.setUp('flannel.1')
    await stage.admin.setUp('other')
  })
}

links.set('a macvlan follows its parent, and dies with it together with what is pinned to it', async (stage) => {
  await underlay(stage, 'ipv4')
  await stage.admin.addMacvlan('mgmt0', 'u0', { lladdr: '02:00:00:00:00:40' })
  await stage.admin.setUp('mgmt0')
  await stage.admin.addAddress('mgmt0', '198.51.100.7/24')
  await stage.createVxlan('v1', { local: '198.51.100.7', parent: 'mgmt0' })
  await stage.change('v1', { up: true })
  await stage.addAddress('v1', '10.42.1.0/32')
  await stage.admin.setDown('u0')
  await stage.admin.setUp('u0')
  await stage.admin.deleteLink('u0')
})

links.set('a bridge has a carrier as long as a port has one', async (stage) => {
  await underlay(stage, 'ipv4')
  await stage.admin.addBridge('br0', { lladdr: '02:00:00:00:00:30' })
  await stage.admin.setUp('br0')
  await stage.admin.setMaster('u0', 'br0')
  await stage.admin.addAddress('br0', '198.51.100.7/24')
  await stage.admin.setDown('p0')
  await stage.admin.setUp('p0')
  await stage.admin.setMaster('u0', null)
  await stage.admin.setMaster('u0', 'br0')
  await stage.admin.deleteLink('br0')
})

links.set('veth pairs and bridges, made through the port', async (stage) => {
  await stage.createVeth('e0', 'e1', 1400)
  await stage.createVeth('e0', 'e2')
  await stage.createVeth('e2', 'e1')
  await stage.createBridge('br0')
  await stage.createBridge('br0')
  for (const link of ['e0', 'e1', 'br0']) await stage.change(link, { up: true })
  await stage.change('e1', { master: 'br0' })
  await stage.change('e1', { master: 'e0' })
  await stage.change('e0', { vxlan: { learning: true } })
  await stage.moveAway('e1')
  await stage.moveAway(stage.index('e1'))
  await stage.moveAway('lo')
  await stage.deleteLink('lo')
})

links.set('alternative names are names too, and only dumps tell them', async (stage) => {
  await stage.admin.addVeth('u0', 'p0', { lladdr: U0, peerLladdr: P0 })
  const long = `enp3s0-${'x'.repeat(120)}`
  await stage.admin.addAltname('u0', 'enp3s0')
  await stage.admin.addAltname('u0', long)
  await stage.admin.addAltname('p0', 'enp3s0')
  await stage.admin.addAltname('p0', 'u0')
  await stage.admin.rename('p0', 'enp3s0')
  await stage.createVxlan('enp3s0', { local: '192.0.2.1' })
  await stage.admin.setUp('enp3s0')
  await stage.admin.deleteAltname('u0', 'enp3s0')
  await stage.admin.deleteAltname('u0', 'enp3s0')
  await stage.admin.addAltname('p0', 'enp3s0')
  await stage.admin.deleteLink('u0')
  await stage.createVxlan('enp3s0', { local: '192.0.2.1' })
})

links.set('checksums are left to another link or not, which is told when it changes', async (stage) => {
  await underlay(stage, 'ipv4')
  await stage.createVxlan('v1', { local: PLANS.ipv4.local })
  await stage.txChecksum('v1')
  await stage.txChecksum('v1', false)
  await stage.txChecksum('v1')
  await stage.txChecksum('v1', false)
  await stage.change('v1', { up: true })
  await stage.txChecksum('v1')
  await stage.txChecksum('v1', true)
  await stage.txChecksum('v1')
  await stage.admin.rename('v1', 'v2')
  await stage.txChecksum('v2', false)
  const stale = stage.index('v2')
  await stage.deleteLink('v2')
  await stage.txChecksum(stale)
  await stage.txChecksum(stale, true)
  await stage.createVxlan('v1', { local: PLANS.ipv4.local })
  await stage.txChecksum('v1')
})
