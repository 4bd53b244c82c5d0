/** Addresses, nexthop objects, rules and neighbours, beside `ip` on the same kernel: made by either, read by either. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AddressRequest } from '../../../lib/rtnl/addresses/address.ts'
import { addressesOver } from '../../../lib/rtnl/addresses/addresses.ts'
import { kernelTests } from '../../support/netns.ts'
import { type Case, createStage, playCase } from './support.ts'

const EAST = 40

/** What goes on by itself: ages and what is left of a lifetime. */
function settled(value: unknown): unknown {
  const aging = /^(?:created|updated|valid|preferred|(?:valid|preferred)_life_time)$/
  return JSON.parse(
    JSON.stringify(value, (key, one: unknown) =>
      aging.test(key) && typeof one === 'number' && one < 2 ** 31 ? 'some' : one,
    ),
  )
}

const address = (name: string, ip: string, spec: object): Case<AddressRequest> => ({
  name,
  ip: `addr add ${ip} dev east`,
  spec: { ifindex: EAST, prefixLength: 24, ...spec } as unknown as AddressRequest,
})

const ADDRESSES: readonly Case<AddressRequest>[] = [
  address('of IPv4', '10.1.0.1/24', { ip: '10.1.0.1', scope: 'universe', valid: 'forever', preferred: 'forever' }),
  address('with a broadcast address and a label', '10.1.0.1/24 brd 10.1.0.255 label east:a', {
    ip: '10.1.0.1',
    broadcast: '10.1.0.255',
    label: 'east:a',
  }),
  address('with a peer', '10.1.0.1 peer 10.2.0.0/24', { ip: '10.1.0.1', peer: '10.2.0.0' }),
  address('with a scope', '10.1.0.1/24 scope link', { ip: '10.1.0.1', scope: 'link' }),
  address('that ends', '10.1.0.1/24 valid_lft 1000 preferred_lft 500', { ip: '10.1.0.1', valid: 1000, preferred: 500 }),
  address('that is deprecated', '10.1.0.1/24 preferred_lft 0', { ip: '10.1.0.1', preferred: 0, valid: 'forever' }),
  address('without a route', '10.1.0.1/24 noprefixroute', { ip: '10.1.0.1', noPrefixRoute: true }),
  address('with a metric', '10.1.0.1/24 metric 4000000000', { ip: '10.1.0.1', metric: 4000000000 }),
  address('of IPv6', 'fd01::1/64 nodad', { ip: 'fd01::1', prefixLength: 64, noDad: true }),
  address('of IPv6 with a peer', 'fd01::1 peer fd02::/64 nodad', {
    ip: 'fd01::1',
    peer: 'fd02::',
    prefixLength: 64,
    noDad: true,
  }),
  address('of IPv6 that ends', 'fd01::1/64 nodad valid_lft 1000 preferred_lft 500 noprefixroute', {
    ip: 'fd01::1',
    prefixLength: 64,
    noDad: true,
    noPrefixRoute: true,
    valid: 1000,
    preferred: 500,
  }),
  address('of IPv6 with a metric', 'fd01::1/64 nodad metric 77', {
    ip: 'fd01::1',
    prefixLength: 64,
    noDad: true,
    metric: 77,
  }),
  address('a home address', 'fd01::1/64 nodad home', { ip: 'fd01::1', prefixLength: 64, noDad: true, home: true }),
  address('a template of temporary ones', 'fd01::1/64 nodad mngtmpaddr', {
    ip: 'fd01::1',
    prefixLength: 64,
    noDad: true,
    manageTempAddr: true,
  }),
]

test('an address is read and written as ip does it', kernelTests, async (t) => {
  const stage = await createStage(t)
  const addresses = addressesOver(stage.netlink)
  const part = {
    stage,
    show: ['addr show dev east', '-4 route show table all', '-6 route show table all'],
    list: async () => (await addresses.listAddresses()).value,
    add: (spec: AddressRequest) => addresses.createAddress(spec),
    delete: (value: AddressRequest) => addresses.deleteAddress(value),
    settled,
  }
  for (const one of ADDRESSES) await t.test(one.name, (t) => playCase(t, part, one))
})

test(
  'addAddress creates an address and gives it another lifetime, createAddress refuses the second',
  kernelTests,
  async (t) => {
    const { netlink } = await createStage(t)
    const addresses = addressesOver(netlink)
    const spec = { ifindex: EAST, ip: '10.1.0.1', prefixLength: 24, noDad: true } as unknown as AddressRequest
    await addresses.addAddress(spec)
    await addresses.addAddress({ ...spec, valid: 1000 })
    await assert.rejects(addresses.createAddress(spec), { errnoName: 'EEXIST' })
    const { value } = await addresses.listAddresses({ family: 'ipv4', ifindex: spec.ifindex })
    assert.deepEqual(
      value.map(({ ip, valid }) => [ip, typeof valid]),
      [
        ['10.0.0.1', 'string'],
        ['10.1.0.1', 'number'],
      ],
    )
  },
)
