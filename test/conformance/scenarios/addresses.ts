/** Addresses and the connected routes that come and go with them. */
import type { Scenario } from '../stage.ts'
import { P0, U0, underlay } from './parts.ts'

export const addresses = new Map<string, Scenario>()

addresses.set('ipv4: secondaries go with their primary', async (stage) => {
  await underlay(stage, 'ipv4')
  await stage.addAddress('u0', '192.0.2.5/24')
  await stage.addAddress('u0', '192.0.2.6/24')
  await stage.addAddress('u0', '192.0.2.7/25')
  await stage.addAddress('u0', '198.51.100.1/32')
  await stage.admin.addAddress('u0', '169.254.7.7/16')
  await stage.deleteAddress('u0', '192.0.2.5/24')
  await stage.deleteAddress('u0', '192.0.2.1/24')
  await stage.deleteAddress('u0', '192.0.2.1/24')
  await stage.deleteAddress('u0', '192.0.2.7/24')
})

addresses.set('ipv4: the same address on two links, with one subnet', async (stage) => {
  await underlay(stage, 'ipv4')
  await stage.addAddress('p0', '192.0.2.9/24')
  await stage.addAddress('p0', '192.0.2.1/24')
  await stage.admin.removeAddress('u0', '192.0.2.1/24')
  await stage.admin.setDown('p0')
  await stage.admin.setUp('p0')
})

addresses.set('ipv6: order of addresses, shared prefixes, and the same one again', async (stage) => {
  await underlay(stage, 'ipv6')
  await stage.addAddress('u0', '2001:db8::5/64')
  await stage.addAddress('u0', '2001:db8::6/64')
  await stage.addAddress('u0', '2001:db8:2::1/128')
  await stage.addAddress('u0', '2001:db8::6/64')
  await stage.addAddress('u0', '2001:db8::6/120')
  await stage.deleteAddress('u0', '2001:db8::5/64')
  await stage.deleteAddress('u0', '2001:db8::5/64')
  await stage.deleteAddress('u0', '2001:db8::6/64')
  await stage.deleteAddress('u0', '2001:db8::1/64')
  await stage.deleteAddress('u0', '2001:db8:2::1/128')
})

for (const [family, address] of [
  ['ipv4', '192.0.2.1/24'],
  ['ipv6', '2001:db8::1/64'],
] as const) {
  addresses.set(`${family}: added before the link is up, or before it has a carrier`, async (stage) => {
    await stage.admin.addVeth('u0', 'p0', { lladdr: U0, peerLladdr: P0 })
    await stage.addAddress('u0', address)
    await stage.admin.setUp('u0')
    await stage.addAddress('p0', family === 'ipv4' ? '198.51.100.1/24' : '2001:db8:9::1/64')
    await stage.admin.setUp('p0')
    await stage.admin.setDown('u0')
    await stage.admin.setUp('u0')
  })
  addresses.set(`${family}: deprecated addresses are told apart`, async (stage) => {
    await underlay(stage, family)
    await stage.admin.addAddress('u0', family === 'ipv4' ? '198.51.100.1/24' : '2001:db8:9::1/64', { deprecated: true })
    await stage.resolve(family === 'ipv4' ? '198.51.100.2' : '2001:db8:9::2')
  })
  addresses.set(`${family}: a link that is up is told an address, one that is down or gone is not`, async (stage) => {
    await underlay(stage, family)
    const [ip = ''] = address.split('/')
    const stale = stage.index('u0')
    await stage.announce('u0', ip)
    await stage.announce('lo', ip)
    await stage.admin.setDown('p0')
    await stage.announce('u0', ip)
    await stage.admin.setDown('u0')
    await stage.announce('u0', ip)
    await stage.admin.deleteLink('u0')
    await stage.announce(stale, ip)
  })
}
