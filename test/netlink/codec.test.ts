/** Codecs of the open floor: each value comes back as it was written, bytes may be anything, and errors name the field. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseIp } from '../../lib/net/ip.ts'
import { parseLladdr } from '../../lib/net/lladdr.ts'
import { ByteWriter } from '../../lib/netlink/byte-writer.ts'
import type { Codec } from '../../lib/netlink/codec.ts'
import {
  attributes,
  be16,
  be32,
  bool8,
  bytes,
  count64,
  decodePayload,
  encodeMessage,
  flag,
  ip,
  listOf,
  lladdr,
  message,
  oneOf,
  packed,
  pad,
  s32,
  struct,
  text,
  u8,
  u16,
  u32,
  u64,
} from '../../lib/netlink/index.ts'
import { attributeAt, eachMessage } from '../../lib/netlink/message.ts'

const inner = attributes({ id: [1, u32], port: [2, be16], learning: [3, bool8], here: [4, flag] })
const schema = attributes({
  small: [1, u8],
  medium: [2, u16],
  wide: [3, be32],
  signed: [4, s32],
  huge: [5, u64],
  counted: [6, count64],
  name: [7, text],
  raw: [8, bytes],
  address: [9, ip],
  lladdr: [10, lladdr],
  mode: [11, oneOf(u8, { on: 1, off: 2 })],
  inner: [12, inner],
  names: [13, listOf(text, { id: 53 })],
  inners: [14, listOf(inner)],
  pairs: [15, packed(struct({ id: u32, weight: u8, pad1: pad(1), rest: u16 }))],
})
const whole = message(struct({ family: u8, pad1: pad(1), length: u16, ifindex: s32 }), schema)

const innerValue = fc.record(
  { id: fc.nat(), port: fc.nat(65535), learning: fc.boolean(), here: fc.constant(true) },
  { requiredKeys: [], noNullPrototype: true },
)
const plain = fc.string().map((value) => value.replaceAll('\0', ''))
const value = fc.record(
  {
    family: fc.nat(255),
    length: fc.nat(65535),
    ifindex: fc.integer(),
    small: fc.nat(255),
    medium: fc.nat(65535),
    wide: fc.integer({ min: 0, max: 0xffffffff }),
    signed: fc.integer(),
    huge: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    counted: fc.maxSafeNat(),
    name: plain,
    raw: fc.uint8Array({ maxLength: 40 }),
    address: fc.oneof(fc.ipV4(), fc.constantFrom('2001:db8::1', '::', 'ff02::1')).map(parseIp),
    lladdr: fc.constant(parseLladdr('0e:2a:00:00:00:01')),
    mode: fc.oneof(fc.constantFrom('on' as const, 'off' as const), fc.integer({ min: 3, max: 255 })),
    inner: innerValue,
    names: fc.array(plain),
    inners: fc.array(innerValue),
    pairs: fc.array(fc.record({ id: fc.nat(), weight: fc.nat(255), rest: fc.nat(65535) }, { noNullPrototype: true })),
  },
  { requiredKeys: ['family', 'length', 'ifindex'], noNullPrototype: true },
)

test('what is written is read back, whatever is there and whatever is missing', () => {
  fc.assert(
    fc.property(value, (given) => {
      const bytes = encodeMessage(16, 0, whole, given)
      assert.deepEqual(decodePayload(whole, bytes.subarray(16)), { value: given, faults: [] })
    }),
  )
})

test('any bytes are read without an exception, cut or changed ones as well, and nothing beyond their end', () => {
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.tuple(value, fc.nat(), fc.nat(255))), (given) => {
      const bytes = Array.isArray(given) ? changed(...given) : given
      const padded = new Uint8Array(bytes.length + 64).fill(0xff)
      padded.set(bytes, 32)
      assert.deepEqual(
        decodePayload(whole, padded.subarray(32, 32 + bytes.length)),
        decodePayload(whole, bytes),
        'what lies beside it counts',
      )
      eachMessage(bytes, () => undefined)
    }),
  )
})

function changed(given: Parameters<typeof whole.write>[1], at: number, byte: number): Uint8Array {
  const payload = encodeMessage(16, 0, whole, given).slice(16)
  payload[at % payload.length] = byte
  return payload.subarray(0, at % 7 === 0 ? at % payload.length : payload.length)
}

test('a part that cannot be read is left out and named, and the rest is there', () => {
  const wrong = attributes({ small: [1, u32], name: [7, text], inner: [12, attributes({ id: [1, u8] })] })
  const bytes = encodeMessage(16, 0, wrong, { small: 5, name: 'a', inner: { id: 1 } })
  assert.deepEqual(decodePayload(schema, bytes.subarray(16)), {
    value: { name: 'a', inner: {} },
    faults: ['small', 'inner.id'],
  })
})

test('of an attribute that comes twice the last counts, and unknown ones are passed over', () => {
  const out = new ByteWriter()
  for (const id of [1, 1000, 1]) out.attribute(id, false, 'x', () => out.u8(out.length & 0xff))
  const read = decodePayload(schema, out.finish())
  assert.deepEqual(read, { value: { small: 20 }, faults: [] })
})

test('the attribute at an offset has the name of its path, whoever it belongs to', () => {
  const given = { small: 1, inner: { id: 7, here: true }, inners: [{ port: 1 }, { id: 2 }] }
  const bytes = encodeMessage(16, 0, whole, given)
  const names = new Set<string | undefined>()
  for (let offset = 0; offset < bytes.length; offset += 4) names.add(attributeAt(bytes, whole, offset))
  assert.deepEqual(
    [...names],
    [
      undefined,
      'small',
      'inner',
      'inner.id',
      'inner.here',
      'inners',
      'inners.0',
      'inners.0.port',
      'inners.1',
      'inners.1.id',
    ],
  )
})

// biome-ignore lint/suspicious/noExplicitAny: wrong values of every type
const WRONG: readonly (readonly [codec: Codec<any>, value: unknown, message: RegExp])[] = [
  [u8, 256, /^small: 256 is no integer from 0 to 255$/],
  [u8, -1, /^small: -1/],
  [u8, 1.5, /^small: 1.5/],
  [u8, Number.NaN, /^small: NaN/],
  [u8, '1', /^small: '1' is not a number$/],
  [u8, 1n, /^small: a bigint is not a number$/],
  [u8, null, /^small: null/],
  [u32, 2 ** 32, /^small: 4294967296/],
  [s32, 2 ** 31, /^small: 2147483648/],
  [u64, 1, /^small: 1 is not a bigint$/],
  [u64, 1n << 64n, /^small: 18446744073709551616/],
  [count64, 2 ** 53, /^small: 9007199254740992/],
  [text, 'a\0b', /^small: .* zero byte$/],
  [text, 5, /^small: 5 is not a string$/],
  [bytes, [1, 2], /^small: an array is not a Uint8Array$/],
  [bytes, new Uint8ClampedArray(2), /^small: an object is not a Uint8Array$/],
  [ip, 'banana', /^small: 'banana' is not an IP address$/],
  [ip, { toString: () => '10.0.0.1' }, /^small: an object/],
  [lladdr, '0e:2a', /^small: '0e:2a' is not a MAC address$/],
  [bool8, 1, /^small: 1 is not a boolean$/],
  [flag, 'yes', /^small: 'yes' is not a boolean$/],
  [oneOf(u8, { on: 1 }), 'off', /^small: 'off' is none of on$/],
  [oneOf(u8, { on: 1 }), 'toString', /^small: 'toString' is none of on$/],
  [oneOf(u8, { on: 1 }), Symbol('on'), /^small: a symbol/],
  [inner, { prot: 1 }, /^small\.prot: there is no such field; did you mean port\?$/],
  [
    inner,
    { __proto__: null, constructor: 1 },
    /^small\.constructor: there is no such field; there are id, port, learning, here$/,
  ],
  [inner, [], /^small: an array is not an object$/],
  [listOf(u8), { length: 1 }, /^small: an object is not an array$/],
  [listOf(u8), [1, 256], /^small\[1\]: 256/],
  [packed(u8), 'ab', /^small: 'ab' is not an array$/],
  [bytes, new Uint8Array(65_536), /^small: 65540 bytes are more than an attribute can hold$/],
]

test('what the bytes cannot say is refused by the name of its field', () => {
  for (const [codec, given, expected] of WRONG)
    assert.throws(
      () => encodeMessage(16, 0, attributes({ small: [1, codec] }), { small: given }),
      (error) => (error instanceof TypeError || error instanceof RangeError) && expected.test(error.message),
      `${expected}`,
    )
})

test('a schema that contradicts itself is refused when it is made', () => {
  assert.throws(() => attributes({ a: [1, u8], b: [1, u8] }), /^RangeError: b: attribute 1 is a already$/)
  assert.throws(() => struct({ name: text }), /^RangeError: name: a field of a struct needs a size$/)
  assert.throws(() => packed(text), RangeError)
  assert.throws(() => message(struct({ name: u8 }), attributes({ name: [1, u8] })), /^RangeError: name: both/)
})
