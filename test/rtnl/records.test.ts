import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import * as abi from '../../lib/addon/abi.ts'
import { errnoName } from '../../lib/addon/errno.ts'
import { cidrOf } from '../../lib/net/cidr.ts'
import { parseIfindex } from '../../lib/net/ifindex.ts'
import { type Ip, ipFromBytes, ipToBigInt } from '../../lib/net/ip.ts'
import { lladdrFromBytes, parseLladdr } from '../../lib/net/lladdr.ts'
import { decodeAddress, decodeLink } from '../../lib/rtnl/decode-records.ts'
import { createEntryWriter, type Entry, packEntries, unpackEntries, unpackEntry } from '../../lib/rtnl/entries.ts'
import { decodeEvents } from '../../lib/rtnl/events.ts'
import { encodeAddress, encodeVxlan } from '../../lib/rtnl/records.ts'
import { VXLAN } from './support.ts'

// With Object's own prototype, as the code makes them.
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }) => fc.record<T>(model, { noNullPrototype: true })

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const ip = (length: 4 | 16) => bytes(length).map(ipFromBytes)
/** No gateway is 0.0.0.0 or `::`: that is how a packed one of the other family reads. */
const isSpecified = (each: Ip): boolean => ipToBigInt(each) !== 0n
const lladdr = bytes(6).map(lladdrFromBytes)
const ifindex = fc.integer({ min: 1, max: 0x7fffffff }).map(parseIfindex)
const byte = fc.nat(255)

const neighbour: fc.Arbitrary<Entry> = record({
  kind: fc.constant('neighbour'),
  ifindex,
  ip: fc.oneof(ip(4), ip(16)),
  lladdr: fc.option(
    lladdr.filter((each) => each !== '00:00:00:00:00:00'),
    { nil: undefined },
  ),
  state: byte,
  flags: byte,
  protocol: byte,
})
const fdb: fc.Arbitrary<Entry> = record({
  kind: fc.constant('fdb'),
  ifindex,
  lladdr,
  remote: fc.option(fc.oneof(ip(4), ip(16)), { nil: undefined }),
  state: byte,
  flags: byte,
  extras: fc.boolean(),
})
const route: fc.Arbitrary<Entry> = fc.oneof(fc.constant(4 as const), fc.constant(16 as const)).chain((length) =>
  record({
    kind: fc.constant('route'),
    dst: fc.tuple(ip(length), fc.nat(length * 8)).map(([address, bits]) => cidrOf(address, bits)),
    metric: fc.nat(0xffffffff),
    gateway: fc.option(ip(length).filter(isSpecified), { nil: undefined }),
    oif: fc.option(ifindex, { nil: undefined }),
    onlink: fc.boolean(),
    protocol: byte,
    type: byte,
    scope: byte,
    extras: fc.boolean(),
    dead: fc.boolean(),
    multipath: fc.boolean(),
  }),
)
const entries = fc.array(fc.oneof(neighbour, fdb, route), { maxLength: 40 })

test('entries come out of a table as they went in', () => {
  fc.assert(fc.property(entries, (all) => assert.deepEqual(unpackEntries(packEntries(all)), all)))
})

test('a table that was handed out does not change when the writer goes on', () => {
  fc.assert(
    fc.property(entries, entries, (first, second) => {
      const writer = createEntryWriter(1)
      for (const entry of first) writer.push('replace', entry)
      const table = writer.finish()
      const before = table.bytes.slice()
      for (const entry of second) writer.push('delete', entry)
      assert.deepEqual(table.bytes, before)
      assert.equal(writer.length, first.length + second.length)
    }),
  )
})

test('a copied entry differs from its original in the operation alone', () => {
  fc.assert(
    fc.property(neighbour, (entry) => {
      const table = packEntries([entry])
      const writer = createEntryWriter()
      writer.copy('delete', table, 0)
      const copy = writer.finish()
      assert.equal(copy.bytes[abi.OFFSET_OP], abi.OP_DELETE)
      assert.deepEqual(unpackEntry(copy, 0), entry)
    }),
  )
})

test('a link and an address that are written are read back', () => {
  const record = encodeVxlan({ ...VXLAN, gbp: true, learning: true })
  // What only the kernel adds.
  record[abi.LINK_IFINDEX] = 7
  record[abi.LINK_FIELDS] = (record[abi.LINK_FIELDS] ?? 0) | abi.LINK_HAS_VXLAN
  const link = decodeLink(record)
  assert.ok(link)
  assert.deepEqual(
    [
      link.ifname,
      link.kind,
      link.mtu,
      link.lladdr,
      link.vxlan?.vni,
      link.vxlan?.local,
      link.vxlan?.port,
      link.vxlan?.gbp,
    ],
    ['flannel.1', 'vxlan', 1450, '0e:2a:00:00:00:01', 1, '192.0.2.1', 8472, true],
  )
  const spec = { ifindex: parseIfindex(3), ip: VXLAN.local, prefixLength: 24 }
  assert.deepEqual(
    { ...decodeAddress(encodeAddress(spec)), scope: 0, flags: {} },
    { ...spec, scope: 0, protocol: 0, flags: {} },
  )
})

test('events are read one behind the other', () => {
  const overrun = Uint8Array.of(abi.EVENT_OVERRUN, abi.ACTION_SET, 0, 0, 0, 0, 0, 0)
  const closed = Uint8Array.from(new Uint8Array([abi.EVENT_CLOSED, abi.ACTION_SET, 0, 0, 0, 0, 0, 0]))
  new Uint32Array(closed.buffer)[1] = 9
  const entry = packEntries([
    {
      kind: 'fdb',
      ifindex: parseIfindex(3),
      lladdr: parseLladdr('0e:00:00:00:00:01'),
      remote: undefined,
      state: 1,
      flags: 2,
      extras: false,
    },
  ])
  const header = Uint8Array.of(abi.EVENT_ENTRY, abi.ACTION_DELETED, 0, 0, 0, 0, 0, 0)
  const all = Uint8Array.of(...overrun, ...header, ...entry.bytes, ...closed)
  assert.deepEqual(decodeEvents(all), [
    { type: 'overrun' },
    { type: 'entry', action: 'deleted', entry, pid: 0 },
    { type: 'closed', errno: 9, errnoName: 'EBADF' },
  ])
})

test('error numbers have the names that netlink uses', () => {
  assert.deepEqual([19, 11, 95, 76, 4242].map(errnoName), ['ENODEV', 'EAGAIN', 'EOPNOTSUPP', 'ENOTUNIQ', 'errno 4242'])
})
