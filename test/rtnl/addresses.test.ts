import assert from 'node:assert/strict'
import test from 'node:test'
import { type Ifindex, parseCidr, parseIp } from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import { apply, createDevice, createStage, LIMITS, linkNamed, routeEntry } from './support.ts'

const QUIET = {
  tentative: false,
  optimistic: false,
  dadFailed: false,
  deprecated: false,
  temporary: false,
  secondary: false,
}

for (const [when, limits] of LIMITS) {
  test(`addresses of both families are added, dumped and deleted, ${when}`, kernelTests, async (t) => {
    const { rtnl } = await createStage(t, limits)
    await rtnl.createBridge({ ifname: 'br0' })
    const { ifindex } = await linkNamed(rtnl, 'br0')
    const ipv4 = { ifindex, ip: parseIp('10.42.1.0'), prefixLength: 32 }
    const second = { ifindex, ip: parseIp('192.0.2.7'), prefixLength: 24 }
    const ipv6 = { ifindex, ip: parseIp('fd42:0:0:1::'), prefixLength: 128 }
    for (const spec of [ipv4, second, ipv6]) await rtnl.addAddress({ ...spec, noDad: true })
    await rtnl.addAddress({ ...second, noDad: true })

    const own = async (family?: 'ipv4' | 'ipv6') =>
      (await rtnl.dumpAddresses(family)).value.filter((address) => address.ifindex === ifindex)
    const flags = { ...QUIET, permanent: true, noDad: false }
    assert.deepEqual(await own('ipv4'), [
      { ...ipv4, scope: 0, protocol: 0, flags },
      { ...second, scope: 0, protocol: 0, flags },
    ])
    assert.deepEqual(await own('ipv6'), [{ ...ipv6, scope: 0, protocol: 0, flags: { ...flags, noDad: true } }])
    assert.equal((await own()).length, 3)

    await rtnl.deleteAddress(ipv4)
    await rtnl.deleteAddress(ipv6)
    assert.deepEqual(
      (await own()).map(({ ip }) => ip),
      ['192.0.2.7'],
    )
    await assert.rejects(rtnl.deleteAddress(ipv4), { op: 'address.delete', errnoName: 'EADDRNOTAVAIL' })
  })
}

test('an IPv6 address that still has to prove itself is tentative', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  await netns.exec('ip', 'link', 'add', 'a0', 'type', 'veth', 'peer', 'name', 'a1')
  for (const ifname of ['a0', 'a1']) await rtnl.changeLink((await linkNamed(rtnl, ifname)).ifindex, { up: true })
  const { ifindex } = await linkNamed(rtnl, 'a0')
  await rtnl.addAddress({ ifindex, ip: parseIp('2001:db8::1'), prefixLength: 64, noDad: false })
  const address = (await rtnl.dumpAddresses('ipv6')).value.find(({ ip }) => ip === '2001:db8::1')
  assert.equal(address?.flags.tentative, true)
})

test('a second address of a subnet is secondary', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  await rtnl.createBridge({ ifname: 'br0' })
  const { ifindex } = await linkNamed(rtnl, 'br0')
  for (const ip of ['192.0.2.1', '192.0.2.2'])
    await rtnl.addAddress({ ifindex, ip: parseIp(ip), prefixLength: 24, noDad: true })
  const flags = (await rtnl.dumpAddresses('ipv4')).value.filter((a) => a.ifindex === ifindex).map((a) => a.flags)
  assert.deepEqual(
    flags.map(({ secondary, temporary }) => [secondary, temporary]),
    [
      [false, false],
      [true, false],
    ],
  )
})

for (const [when, limits] of LIMITS) {
  test(`the kernel says which route reaches an address, ${when}`, kernelTests, async (t) => {
    const { rtnl } = await createStage(t, limits)
    const ifindex = await createDevice(rtnl)
    const gateway = parseIp('10.42.2.0')
    const gateway6 = parseIp('fd42:0:0:2::')
    await apply(rtnl, 'replace', [
      routeEntry({ dst: parseCidr('10.42.2.0/24'), metric: 3, gateway, oif: ifindex, onlink: true }),
      routeEntry({ dst: parseCidr('fd42:0:0:2::/64'), gateway: gateway6, oif: ifindex, onlink: true }),
      routeEntry({ dst: parseCidr('10.42.9.0/24'), metric: 9, type: 6 }),
    ])
    const resolved = { oif: ifindex, table: 254, mtu: undefined, gateway, source: parseIp('10.42.1.0') }
    assert.deepEqual(await rtnl.resolveRoute(parseIp('10.42.2.7')), resolved)
    const narrow = { source: parseIp('10.42.1.0'), oif: ifindex }
    assert.deepEqual(await rtnl.resolveRoute(parseIp('10.42.2.7'), narrow), { ...resolved, source: undefined })
    assert.deepEqual(await rtnl.resolveRoute(parseIp('fd42:0:0:2::7')), {
      ...resolved,
      gateway: gateway6,
      source: parseIp('fd42:0:0:1::'),
    })
    assert.equal((await rtnl.resolveRoute(parseIp('127.0.0.1'))).oif, 1 as Ifindex)
    await assert.rejects(rtnl.resolveRoute(parseIp('203.0.113.9')), { op: 'route.resolve', errnoName: 'ENETUNREACH' })
    await assert.rejects(rtnl.resolveRoute(parseIp('2001:db8:9::1')), { errnoName: 'ENETUNREACH' })
    await assert.rejects(rtnl.resolveRoute(parseIp('10.42.9.1')), { errnoName: 'EINVAL' })
    await assert.rejects(rtnl.resolveRoute(parseIp('10.42.9.1'), { source: parseIp('::1') }), { name: 'RangeError' })
  })
}
