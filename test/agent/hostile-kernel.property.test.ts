/**
 * Whatever the kernel says, in dumps or by notifications: no handler of a family throws, and once it tells the truth again
 * everything is as desired. What it says is what the port's decoders make of any bytes.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import * as abi from '../../lib/addon/abi.ts'
import { decodeAddress, decodeLink, decodeRecords, decodeRule } from '../../lib/rtnl/decode-records.ts'
import { decodeEntries, type Entry, type EntryTable } from '../../lib/rtnl/entries.ts'
import { decodeEvents } from '../../lib/rtnl/events.ts'
import type { Dump, Rtnl } from '../../lib/rtnl/port.ts'
import { createFakeNode, type FakeNode, IPV4, IPV6, UNDERLAY_IFNAME, type World } from './support/fake-node.ts'
import { createKeptLog } from './support/log-lines.ts'

const RUNS = Number(process.env.VTEPD_PROPERTY_RUNS ?? 200)
const PEERS = new Map([
  [2, 2],
  [3, 3],
])
/** Longer than every back-off, shorter than the audit. */
const QUIET_MS = 44_000

/** Of a link that the agent cares for, or of any. */
const whose = fc.constantFrom('device', 'underlay', 'any')
const bytesOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length, size: 'max' })

const entry = fc
  .record({
    bytes: bytesOf(abi.ENTRY_BYTES),
    whose,
    kind: fc.constantFrom(1, 2, 3, 3, 0, 4),
    family: fc.constantFrom(abi.AF_INET, abi.AF_INET6, 7),
    length: fc.constantFrom(0, 8, 16, 24, 32, 64, 128, 200),
    inside: fc.boolean(),
  })
  .map(({ bytes, kind, family, length, inside, ...rest }) => {
    bytes[abi.OFFSET_KIND] = kind
    bytes[abi.OFFSET_FAMILY] = family
    bytes[abi.OFFSET_DST_LENGTH] = length
    if (inside) bytes.set(family === abi.AF_INET ? [10, 42] : [0xfd, 0, 0, 0x42, 0, 0], abi.OFFSET_DST)
    return { table: 'entry' as const, bytes, ...rest }
  })
const family = fc.constantFrom(abi.AF_INET, abi.AF_INET6)
const prefixLength = fc.constantFrom(0, 1, 24, 32, 64, 128, 129)
const link = fc
  .record({ bytes: bytesOf(abi.LINK_BYTES), whose, family, ifname: fc.constantFrom('flannel.1', 'mgmt0', 'cni0', '') })
  .map(({ bytes, family, ifname, ...rest }) => {
    bytes[abi.LINK_LOCAL_FAMILY] = family
    if (ifname !== '') bytes.set(new TextEncoder().encode(`${ifname}\0`), abi.LINK_IFNAME)
    return { table: 'link' as const, bytes, ...rest }
  })
const address = fc.record({ bytes: bytesOf(abi.ADDRESS_BYTES), whose, family, prefixLength }).map((one) => {
  one.bytes.set([one.family, one.prefixLength], abi.ADDRESS_FAMILY)
  return { table: 'address' as const, bytes: one.bytes, whose: one.whose }
})
const rule = fc
  .tuple(bytesOf(abi.RULE_BYTES), family, fc.nat(9), prefixLength, prefixLength)
  .map(([bytes, ...head]) => {
    bytes.set(head, abi.RULE_FAMILY)
    return { table: 'rule' as const, bytes, whose: 'any' }
  })
const records = fc.array(fc.oneof(entry, link, address, rule), { maxLength: 8 })
type Record = typeof records extends fc.Arbitrary<readonly (infer One)[]> ? One : never

const step = fc.oneof(
  fc.record({ do: fc.constant('tell' as const), records, deleted: fc.boolean(), cut: fc.nat(3) }),
  fc.record({ do: fc.constant('lie' as const), records }),
  fc.record({ do: fc.constant('damage' as const) }),
  fc.record({ do: fc.constant('time' as const), ms: fc.constantFrom(1, 300, 1000, 20_000) }),
)

const IFINDEX_AT = { entry: abi.OFFSET_IFINDEX, link: abi.LINK_IFINDEX, address: abi.ADDRESS_IFINDEX, rule: undefined }
const EVENTS = { entry: abi.EVENT_ENTRY, link: abi.EVENT_LINK, address: abi.EVENT_ADDRESS, rule: abi.EVENT_RULE }

for (const world of [IPV4, IPV6])
  test(`${world.family}: no handler throws for anything that the kernel says, and the truth is believed again`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), (steps) => runHostile(world, steps)),
      { numRuns: RUNS, seed: 2433 },
    )
  })

async function runHostile(world: World, steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]) {
  const log = createKeptLog()
  let lies: readonly Record[] = []
  const node: FakeNode = createFakeNode(world, { log, wrap: (rtnl) => lying(rtnl, () => lies) })
  const addressed = (records: readonly Record[]) => records.map((record) => aim(node, record))
  try {
    node.setPeers(PEERS)
    await node.clock.run(1000)
    for (const one of steps) {
      if (one.do === 'tell') tell(node, addressed(one.records), one)
      else if (one.do === 'lie') lies = addressed(one.records)
      else if (one.do === 'damage') node.kernel.admin.flushNeighbours(world.device)
      else await node.clock.run(one.ms)
      await node.settle()
    }
    lies = []
    restore(node)
    node.kernel.overrun()
    await node.clock.run(QUIET_MS)
    assert.deepEqual(log.of('error agent.exception'), [])
    assert.deepEqual(node.actual(), node.desired(PEERS), JSON.stringify(node.overlay.state))
    assert.equal(node.overlay.unready, undefined)
  } finally {
    await node.overlay.stop()
  }
}

/** What an agent that believed a lie may have taken from the interface: nobody else gives it back. */
function restore({ kernel, world }: FakeNode): void {
  if (kernel.link(UNDERLAY_IFNAME) === undefined) kernel.admin.addNic(UNDERLAY_IFNAME)
  kernel.admin.setUp(UNDERLAY_IFNAME)
  kernel.admin.addAddress(UNDERLAY_IFNAME, `${world.underlay}/${world.prefix}`)
}

function aim({ kernel, world }: FakeNode, record: Record): Record {
  const at = IFINDEX_AT[record.table]
  const ifindex = kernel.link(record.whose === 'device' ? world.device : UNDERLAY_IFNAME)?.ifindex
  if (at === undefined || ifindex === undefined || record.whose === 'any') return record
  const bytes = Uint8Array.from(record.bytes)
  new DataView(bytes.buffer).setUint32(at, ifindex, true)
  return { ...record, bytes }
}

function tell(node: FakeNode, records: readonly Record[], how: { readonly deleted: boolean; readonly cut: number }) {
  const bytes = records.flatMap(({ table, bytes: record }) => {
    const header = new Uint8Array(abi.EVENT_HEADER_BYTES)
    header[abi.EVENT_TYPE] = EVENTS[table]
    header[abi.EVENT_ACTION] = how.deleted ? abi.ACTION_DELETED : abi.ACTION_SET
    return [...header, ...(table === 'rule' ? [] : record)]
  })
  for (const notification of decodeEvents(Uint8Array.from(bytes).subarray(0, Math.max(0, bytes.length - how.cut))))
    node.kernel.tell(notification)
}

/** Every dump brings what is there, and beside it what is not. */
function lying(rtnl: Rtnl, lies: () => readonly Record[]): Rtnl {
  const of = (table: Record['table']): Uint8Array =>
    Uint8Array.from(lies().flatMap((record) => (record.table === table ? [...record.bytes] : [])))
  const withRecords = <T extends object>(
    { value, ...rest }: Dump<readonly T[]>,
    table: Record['table'],
    size: number,
    decode: (record: Uint8Array) => T | undefined,
  ): Dump<readonly T[]> => {
    const lie = decodeRecords<T>(of(table), size, decode)
    return { ...rest, value: [...value, ...lie.value], unreadable: lie.unreadable }
  }
  const withEntries = <E extends Entry>({ value, ...rest }: Dump<EntryTable<E>>): Dump<EntryTable<E>> => {
    const lie = decodeEntries(of('entry'))
    const bytes = Uint8Array.from([
      ...value.bytes.subarray(0, value.length * abi.ENTRY_BYTES),
      ...lie.value.bytes.subarray(0, lie.value.length * abi.ENTRY_BYTES),
    ])
    return { ...rest, value: { bytes, length: value.length + lie.value.length }, unreadable: lie.unreadable }
  }
  return {
    ...rtnl,
    dumpLinks: async () => withRecords(await rtnl.dumpLinks(), 'link', abi.LINK_BYTES, decodeLink),
    dumpAddresses: async (family) =>
      withRecords(await rtnl.dumpAddresses(family), 'address', abi.ADDRESS_BYTES, decodeAddress),
    dumpRules: async (family) => withRecords(await rtnl.dumpRules(family), 'rule', abi.RULE_BYTES, decodeRule),
    dumpRoutes: async (family) => withEntries(await rtnl.dumpRoutes(family)),
    dumpNeighbours: async (family, ifindex) => withEntries(await rtnl.dumpNeighbours(family, ifindex)),
    dumpFdb: async (ifindex) => withEntries(await rtnl.dumpFdb(ifindex)),
  }
}
