import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Cidr,
  cidrFamily,
  cidrOf,
  contains,
  containsCidr,
  firstHost,
  networkAddress,
  overlaps,
  parseCidr,
  prefixLength,
  subnetIndex,
} from '../../lib/net/cidr.ts'
import { addressBits, familyOf, ipFromBytes, ipToBigInt, parseIp } from '../../lib/net/ip.ts'

/** Few different bits, so that networks meet often. */
const address = fc
  .tuple(fc.constantFrom(4, 16), fc.nat(3), fc.nat(255))
  .map(([size, first, last]) =>
    ipFromBytes(Uint8Array.from({ length: size }, (_, i) => (i === 0 ? 32 + first : i === size - 1 ? last : 0))),
  )
const cidr: fc.Arbitrary<Cidr> = fc
  .tuple(address, fc.nat(128))
  .map(([ip, length]) => cidrOf(ip, length % (addressBits(familyOf(ip)) + 1)))

const range = (network: Cidr): readonly [bigint, bigint] => {
  const first = ipToBigInt(networkAddress(network))
  return [first, first + (1n << BigInt(addressBits(cidrFamily(network)) - prefixLength(network))) - 1n]
}

test('host bits are cleared, and the parts come back', () => {
  const network = parseCidr('10.42.1.7/20')
  assert.equal(network, '10.42.0.0/20')
  assert.equal(networkAddress(network), '10.42.0.0')
  assert.equal(prefixLength(network), 20)
  assert.equal(parseCidr('FD00:0:0:1:2::/60'), 'fd00::/60')
  assert.equal(parseCidr('1.2.3.4/0'), '0.0.0.0/0')
  assert.equal(parseCidr('1.2.3.4/32'), '1.2.3.4/32')
})

test('what is no CIDR is refused with its text', () => {
  for (const text of [
    '',
    '10.0.0.0',
    '10.0.0.0/',
    '10.0.0.0/33',
    '10.0.0.0/08',
    '10.0.0.0/-1',
    'fd00::/129',
    '10.0.0.0/8/8',
    '/8',
  ])
    assert.throws(() => parseCidr(text), RangeError, text)
})

test('containing and overlapping agree with arithmetic, across families too', () => {
  fc.assert(
    fc.property(cidr, cidr, address, (a, b, ip) => {
      const sameFamily = cidrFamily(a) === cidrFamily(b)
      const [[lowA, highA], [lowB, highB]] = [range(a), range(b)]
      assert.equal(containsCidr(a, b), sameFamily && lowA <= lowB && highB <= highA)
      assert.equal(overlaps(a, b), sameFamily && lowA <= highB && lowB <= highA)
      const value = ipToBigInt(ip)
      assert.equal(contains(a, ip), cidrFamily(a) === familyOf(ip) && lowA <= value && value <= highA)
    }),
    { numRuns: 2000 },
  )
})

test('the first host and the index of a subnet are computed', () => {
  assert.equal(firstHost(parseCidr('10.42.1.0/24')), '10.42.1.1')
  assert.equal(firstHost(parseCidr('fd00:42::/64')), 'fd00:42::1')
  assert.equal(subnetIndex(parseCidr('10.42.0.0/16'), parseCidr('10.42.7.0/24')), 7n)
  assert.equal(contains(parseCidr('10.42.7.0/24'), parseIp('10.42.7.255')), true)
})
