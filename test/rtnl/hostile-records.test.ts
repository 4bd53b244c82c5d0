/** Whatever bytes come from below, no decoder throws: what can be read is a value, the rest is counted and named. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import fc from 'fast-check'
import * as abi from '../../lib/addon/abi.ts'
import { cidrFamily, cidrOf, contains, networkAddress, overlaps, prefixLength } from '../../lib/net/cidr.ts'
import { familyOf, type Ip, ipFromBytes, ipToBigInt, ipToBytes, maskIp, samePrefix } from '../../lib/net/ip.ts'
import { renderEntries, renderKey } from '../../lib/overlay/entry-text.ts'
import {
  decodeAddress,
  decodeLink,
  decodeLinks,
  decodeRecords,
  decodeResolved,
  decodeRule,
} from '../../lib/rtnl/decode-records.ts'
import {
  decodeEntries,
  ifindexOfEntry,
  packEntries,
  type RouteEntry,
  unpackEntries,
  unpackEntry,
} from '../../lib/rtnl/entries.ts'
import { decodeEvents } from '../../lib/rtnl/events.ts'

const RUNS = { numRuns: 2000 }

const anyBytes = (max: number) => fc.uint8Array({ maxLength: max, size: 'max' })

/** Mostly what an entry has in its telling places, anything elsewhere. */
const entryLike = fc
  .tuple(
    fc.uint8Array({ minLength: abi.ENTRY_BYTES, maxLength: abi.ENTRY_BYTES, size: 'max' }),
    fc.constantFrom(0, 1, 2, 3, 3, 4, 255),
    fc.constantFrom(0, abi.AF_INET, abi.AF_INET6, 7, 255),
    fc.constantFrom(0, 24, 32, 33, 96, 128, 129, 255),
  )
  .map(([bytes, kind, family, length]) => {
    bytes[abi.OFFSET_KIND] = kind
    bytes[abi.OFFSET_FAMILY] = family
    bytes[abi.OFFSET_DST_LENGTH] = length
    return bytes
  })
const joined = (parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))
const entriesLike = fc.array(entryLike, { maxLength: 8 }).map(joined)
/** The same, cut anywhere. */
const cut = (whole: fc.Arbitrary<Uint8Array>) =>
  fc.tuple(whole, fc.nat()).map(([bytes, at]) => bytes.subarray(0, at % (bytes.length + 1)))

const event = fc
  .tuple(
    fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 0, 200),
    anyBytes(8),
    fc.oneof(entryLike, anyBytes(abi.LINK_BYTES), anyBytes(abi.ADDRESS_BYTES)),
  )
  .map(([type, head, record]) => Uint8Array.of(type, ...head.subarray(1), ...record))

test('any bytes are entries, or named as what they are not, and what is handed on has values', () => {
  fc.assert(
    fc.property(fc.oneof(anyBytes(200), entriesLike, cut(entriesLike)), (bytes) => {
      const { value, unreadable } = decodeEntries(bytes)
      assert.equal(value.length + (unreadable?.count ?? 0), Math.ceil(bytes.length / abi.ENTRY_BYTES))
      assert.equal(unpackEntries(value).length, value.length)
      assert.equal(renderEntries(value).length, value.length)
      for (let i = 0; i < value.length; i += 1) {
        const entry = unpackEntry(value, i)
        assert.notEqual(renderKey(entry), '')
        if (entry.kind !== 'route') continue
        // Canonical: two routes of one prefix are one text.
        assert.equal(entry.dst, cidrOf(networkAddress(entry.dst), prefixLength(entry.dst)))
        assert.equal(cidrFamily(entry.dst), familyOf(networkAddress(entry.dst)))
      }
      assert.ok(unreadable === undefined || unreadable.first.includes('bytes: '))
    }),
    RUNS,
  )
})

test('a table that nobody has checked is unpacked without an exception', () => {
  fc.assert(
    fc.property(fc.oneof(anyBytes(200), entriesLike, cut(entriesLike)), fc.nat(6), (bytes, most) => {
      const length = Math.min(most, Math.trunc(bytes.length / abi.ENTRY_BYTES))
      assert.ok(unpackEntries({ bytes, length }).length <= length)
      assert.ok(renderEntries({ bytes, length }).length <= length)
      ifindexOfEntry(bytes)
    }),
    RUNS,
  )
  assert.throws(() => unpackEntry({ bytes: new Uint8Array(abi.ENTRY_BYTES), length: 1 }, 0), RangeError)
})

test('any bytes are links, addresses and answers, or none', () => {
  for (const [size, decode] of [
    [abi.LINK_BYTES, decodeLink],
    [abi.ADDRESS_BYTES, decodeAddress],
    [abi.RESOLVED_BYTES, decodeResolved],
    [abi.RULE_BYTES, decodeRule],
  ] as const)
    fc.assert(
      fc.property(fc.oneof(anyBytes(3 * size), cut(anyBytes(3 * size))), (bytes) => {
        decode(bytes)
        const { value, unreadable } = decodeRecords<object>(bytes, size, decode)
        assert.equal(value.length + (unreadable?.count ?? 0), Math.ceil(bytes.length / size))
      }),
      RUNS,
    )
})

test('any bytes beside links are alternative names, or nothing', () => {
  const link = new Uint8Array(abi.LINK_BYTES)
  link[abi.LINK_IFINDEX] = 1
  fc.assert(
    fc.property(cut(anyBytes(3 * abi.ALTNAME_BYTES)), (altnames) => {
      assert.equal(decodeLinks(link, altnames).value.length, 1)
    }),
    RUNS,
  )
})

test('any bytes are notifications; what is none makes an overrun of the rest', () => {
  const many = fc.array(event, { maxLength: 5 }).map(joined)
  fc.assert(
    fc.property(fc.oneof(anyBytes(300), many, cut(many)), (bytes) => {
      const notifications = decodeEvents(bytes)
      assert.equal(bytes.length > 0, notifications.length > 0)
      for (const news of notifications)
        if (news.type === 'entry') assert.equal(unpackEntries(news.entry).length, news.entry.length)
    }),
    RUNS,
  )
  const header = (type: number, value: number): Uint8Array =>
    Uint8Array.of(type, abi.ACTION_SET, 0, 0, ...new Uint8Array(Uint32Array.of(value).buffer))
  const overrun = (unreadable: string) => [{ type: 'overrun', unreadable }]
  assert.deepEqual(decodeEvents(header(abi.EVENT_OVERRUN, 0)), [{ type: 'overrun' }])
  assert.deepEqual(decodeEvents(header(abi.EVENT_OVERRUN, 24)), overrun('a message of type 24'))
  assert.deepEqual(
    decodeEvents(header(abi.EVENT_OVERRUN, abi.BROKEN_FRAME)),
    overrun('a datagram that does not hold whole messages'),
  )
  assert.deepEqual(decodeEvents(header(99, 0)), overrun('8 bytes of events with none at 0'))
  assert.deepEqual(decodeEvents(header(abi.EVENT_ENTRY, 0)), overrun('8 bytes of events with none at 0'))
  assert.deepEqual(
    decodeEvents(joined([header(abi.EVENT_ENTRY, 0), new Uint8Array(abi.ENTRY_BYTES), header(abi.EVENT_CLOSED, 9)])),
    [...overrun('the record of an event of type 3'), { type: 'closed', errno: 9, errnoName: 'EBADF' }],
  )
})

test('what cannot be read is counted, and the first of it shown in hexadecimal', () => {
  const route = packEntries([{ ...ROUTE, dst: cidrOf(ipFromBytes(new Uint8Array(16)), 0) }])
  const bad = route.bytes.slice()
  bad[abi.OFFSET_DST_LENGTH] = 129
  const { value, unreadable } = decodeEntries(joined([bad, route.bytes, bad, Uint8Array.of(1, 2)]))
  assert.deepEqual(unpackEntries(value), unpackEntries(route))
  assert.equal(unreadable?.count, 3)
  assert.equal(unreadable.first, `a record of 48 bytes: ${Buffer.from(bad).toString('hex')}`)
})

test('every address that bytes can be has one text that reads back, and every prefix of it a network', () => {
  const size = fc.constantFrom(4, 16)
  const address = fc.oneof(
    size.chain((length) => fc.uint8Array({ minLength: length, maxLength: length, size: 'max' })),
    fc
      .constantFrom(
        ...[
          '00'.repeat(16),
          `${'00'.repeat(15)}01`,
          `${'00'.repeat(10)}ffff00000000`,
          `${'00'.repeat(10)}ffffc0000201`,
        ],
        ...['ff'.repeat(16), `ff02${'00'.repeat(13)}01`, '00000000', 'ffffffff', 'e0000001'],
      )
      .map((hex) => Uint8Array.from(Buffer.from(hex, 'hex'))),
  )
  fc.assert(
    fc.property(address, fc.nat(128), (bytes, bits) => {
      const ip: Ip = ipFromBytes(bytes)
      assert.deepEqual(ipToBytes(ip), bytes)
      const length = Math.min(bits, bytes.length * 8)
      const cidr = cidrOf(ip, length)
      assert.ok(contains(cidr, ip) && overlaps(cidr, cidrOf(ip, 0)) && samePrefix(ip, maskIp(ip, length), length))
      assert.equal(ipToBigInt(ip), BigInt(`0x${Buffer.from(bytes).toString('hex')}`))
    }),
    RUNS,
  )
})

test('what reads the kernel calls no parser of what people write', () => {
  for (const file of ['decode-records', 'entry-codec', 'events', 'entries']) {
    const text = readFileSync(path.resolve(import.meta.dirname, `../../lib/rtnl/${file}.ts`), 'utf8')
    assert.equal(/\bparse[A-Z]\w*/.exec(text), null, file)
  }
})

const ROUTE: RouteEntry = {
  kind: 'route',
  dst: cidrOf(ipFromBytes(new Uint8Array(4)), 0),
  metric: 0,
  gateway: undefined,
  oif: undefined,
  onlink: false,
  protocol: 118,
  type: 1,
  scope: 0,
  extras: false,
  dead: false,
  multipath: false,
}
