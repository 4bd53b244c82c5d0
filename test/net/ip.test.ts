import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  type Ip,
  ipFromBytes,
  ipToBigInt,
  ipToBytes,
  isLinkLocal,
  isUnicastHost,
  maskIp,
  parseIp,
  parseIpOf,
  samePrefix,
} from '../../lib/net/ip.ts'
import { readAddress } from '../../lib/net/ip-text.ts'

const parsed = (text: string): string | undefined => {
  try {
    return parseIp(text)
  } catch (error) {
    assert.ok(error instanceof RangeError)
    assert.ok(error.message.includes(text))
    return undefined
  }
}

/** The platform's own notion: node:net says whether a text is an address, URL writes IPv6 as RFC 5952 does. */
function byThePlatform(text: string): string | undefined {
  const version = isIP(text)
  if (version === 4) return text
  if (version === 0 || text.includes('%')) return undefined
  const canonical = new URL(`http://[${text}]`).hostname.slice(1, -1)
  // IPv4-mapped: two groups after the ffff, which is the sixth.
  return canonical.startsWith('::ffff:') && canonical.split(':').length === 5 ? undefined : canonical
}

const group = fc.oneof(
  fc.constantFrom('0', '00', '0000', '1', 'a', 'F', 'fe80', 'ffff', '00ab', '12345', 'g', ''),
  fc.nat(65_535).map((n) => n.toString(16)),
)
const quad = fc
  .array(fc.oneof(fc.nat(300).map(String), fc.constantFrom('01', '', '0', '255', '256', ' 1')), {
    minLength: 3,
    maxLength: 5,
  })
  .map((parts) => parts.join('.'))
const groups = fc
  .tuple(
    fc.array(group, { maxLength: 9 }),
    fc.constantFrom(':', ':', '::'),
    fc.array(group, { maxLength: 4 }),
    fc.option(quad),
  )
  .map(
    ([head, middle, tail, end]) => `${head.join(':')}${middle}${[...tail, ...(end === null ? [] : [end])].join(':')}`,
  )
const bytes16 = fc
  .array(fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(255) }), {
    minLength: 16,
    maxLength: 16,
  })
  .map((list) => Uint8Array.from(list))
const bytes4 = fc.uint8Array({ minLength: 4, maxLength: 4 })

test('a text is an address exactly when the platform says so, and is written as the platform writes it', () => {
  const anything = fc.oneof(groups, quad, fc.ipV6(), fc.ipV4(), fc.string({ maxLength: 12 }))
  fc.assert(
    fc.property(anything, (text) => assert.equal(parsed(text), byThePlatform(text))),
    { numRuns: 5000 },
  )
})

test('only the sixth group decides whether an address is IPv4-mapped', () => {
  for (const text of ['::ffff:0:0:ff', '::ffff:1', '::1:ffff:0:ff', '::ffff:0:0.0.0.255'])
    assert.equal(parsed(text), byThePlatform(text), text)
  for (const text of ['::ffff:0:0', '::ffff:1:2', '::ffff:10.0.0.1', '0:0:0:0:0:ffff:0:ff'])
    assert.deepEqual([parsed(text), byThePlatform(text)], [undefined, undefined], text)
})

test('what Go refuses is refused', () => {
  for (const text of [
    '',
    ':',
    ':::',
    '1.2.3',
    '1.2.3.04',
    '1.2.3.4.5',
    '256.1.1.1',
    '1.2.3.4 ',
    'fe80::1%eth0',
    '::ffff:1.2.3.4',
    '::ffff:102:304',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7::8',
    '1:2:3:4:5:6:7:8::',
    '::1:2:3:4:5:6:7:8',
    '12345::',
    '1:',
    ':1',
    '1::2:',
    '::1.2.3',
    '1:2:3:4:5:6:7:1.2.3.4',
  ])
    assert.equal(parsed(text), undefined, text)
})

test('an address is written in one way', () => {
  for (const [text, canonical] of [
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
    ['0:0:0:0:0:0:0:0', '::'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['::0102:0304', '::102:304'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ] as const)
    assert.equal(parsed(text), canonical)
})

test('bytes become the address that they came from', () => {
  fc.assert(
    fc.property(fc.oneof(bytes16, bytes4), (bytes) => {
      const ip = ipFromBytes(bytes)
      assert.deepEqual(ipToBytes(ip), bytes)
      assert.equal(ipToBigInt(ip), BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
    }),
  )
  assert.throws(() => ipFromBytes(new Uint8Array(5)), RangeError)
})

test('bytes that were handed out are not overwritten by the next address', () => {
  const bytes = ipToBytes(parseIp('10.0.0.1'))
  parseIp('fd00::1')
  assert.deepEqual([...bytes], [10, 0, 0, 1])
})

const pair = fc.oneof(
  fc.tuple(bytes16, bytes16, fc.nat(128)),
  fc.tuple(bytes4, bytes4, fc.nat(32)),
  fc.tuple(bytes4, fc.nat(31), fc.nat(32)).map(([bytes, bit, length]) => {
    const other = bytes.slice()
    other[bit >> 3] = (other[bit >> 3] ?? 0) ^ (0x80 >> (bit & 7))
    return [bytes, other, length] as const
  }),
)

test('masking and comparing agree with arithmetic', () => {
  fc.assert(
    fc.property(pair, ([one, two, length]) => {
      const [a, b] = [ipFromBytes(one), ipFromBytes(two)]
      const shift = BigInt(one.length * 8 - length)
      assert.equal(ipToBigInt(maskIp(a, length)), (ipToBigInt(a) >> shift) << shift)
      assert.equal(samePrefix(a, b, length), ipToBigInt(a) >> shift === ipToBigInt(b) >> shift)
    }),
    { numRuns: 1000 },
  )
  assert.equal(samePrefix(parseIp('0.0.0.0'), parseIp('::'), 0), false)
})

test('the family may be required', () => {
  assert.equal(parseIpOf('ipv6', 'FD00::1'), 'fd00::1')
  assert.throws(() => parseIpOf('ipv4', 'fd00::1'), /'fd00::1' is not an IPv4 address/)
})

test('what a host can have, and what needs an interface, is known', () => {
  const host = (text: string) => isUnicastHost(parseIp(text))
  for (const text of ['1.2.3.4', '169.254.1.1', 'fe80::1', '::1:0', 'fd00::']) assert.ok(host(text), text)
  for (const text of ['0.1.2.3', '127.0.0.1', '224.0.0.1', '255.255.255.255', '::', '::1', 'ff02::1'])
    assert.ok(!host(text), text)
  const local = (text: string): boolean => isLinkLocal(parseIp(text) satisfies Ip)
  for (const text of ['169.254.0.1', 'fe80::1', 'febf::1']) assert.ok(local(text), text)
  for (const text of ['169.253.0.1', 'fec0::1', 'fd00::1']) assert.ok(!local(text), text)
})

test('an address is read at any place, and only as far as it reaches in a longer text', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ minLength: 4, maxLength: 4 }), bytes16), fc.nat(20), (given, at) => {
      const bytes = Uint8Array.from(given)
      const text = ipFromBytes(bytes)
      const into = new Uint8Array(at + 17)
      assert.equal(readAddress(`${text}/24`, into, at, text.length), bytes.length)
      assert.deepEqual(into.subarray(at, at + bytes.length), bytes)
      assert.ok(into.subarray(0, at).every((byte) => byte === 0) && into[at + 16] === 0)
    }),
    { numRuns: 3000 },
  )
})
