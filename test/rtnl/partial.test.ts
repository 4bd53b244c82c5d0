/** What had come when the socket failed on the way, and batches that throw. */
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  BatchError,
  type BatchResult,
  type Dump,
  type EntryTable,
  type Ifindex,
  NetlinkSocketError,
  unpackEntries,
} from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import { batchOf, createDevice, createStage, peerEntries } from './support.ts'

test('a batch whose door is closed on the way says which entries are known to be done', kernelTests, async (t) => {
  const { rtnl } = await createStage(t, { chunkEntries: 1 })
  const ifindex = await createDevice(rtnl)
  const entries = Array.from({ length: 20_000 }, (_, i) => peerEntries(ifindex, 'ipv4', i)[0]).filter(
    (e) => e !== undefined,
  )
  const batch = rtnl.applyEntries(batchOf('create', entries))
  const failed = assert.rejects(batch, (error) => {
    assert.ok(error instanceof NetlinkSocketError)
    const { errnos, unknown, failures } = error.partial as BatchResult
    const done = [...errnos].filter((errno) => errno === 0).length
    assert.deepEqual([errnos.length, failures, done + unknown], [20_000, [], 20_000])
    // One chunk is under way.
    assert.equal(errnos.indexOf(-1), done)
    assert.ok(unknown > 0)
    return true
  })
  await rtnl.close()
  await failed
})

test('what was not begun is unknown as a whole, and a dump has nothing', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  await rtnl.close()
  const batch = batchOf('create', peerEntries(1 as Ifindex, 'ipv4', 1))
  await assert.rejects(rtnl.applyEntries(batch), (error) => {
    const partial = (error as NetlinkSocketError).partial as BatchResult
    assert.deepEqual([[...partial.errnos], partial.unknown], [[-1, -1, -1], 3])
    return true
  })
  await assert.rejects(rtnl.dumpRoutes('ipv4'), (error) => {
    const partial = (error as NetlinkSocketError).partial as Dump<EntryTable>
    assert.deepEqual([partial.interrupted, unpackEntries(partial.value)], [true, []])
    return true
  })
  await assert.rejects(rtnl.getFdb({ bytes: new Uint8Array(0), length: 0 }), (error) => {
    assert.deepEqual(unpackEntries((error as NetlinkSocketError).partial as EntryTable), [])
    return true
  })
  await assert.rejects(rtnl.deleteLink(1 as Ifindex), (error) => (error as NetlinkSocketError).partial === undefined)
})

test(
  'a batch throws where that is asked for, with the first refusal, and all of the result',
  kernelTests,
  async (t) => {
    const { rtnl } = await createStage(t)
    const ifindex = await createDevice(rtnl)
    const entries = peerEntries(ifindex, 'ipv4', 1)
    const thrown = { throwOnFailure: true }
    assert.equal((await rtnl.applyEntries(batchOf('create', entries), thrown)).failures.length, 0)
    const again = batchOf('create', [...peerEntries(ifindex, 'ipv4', 2), ...entries])
    await assert.rejects(rtnl.applyEntries(again, thrown), (error) => {
      assert.ok(error instanceof BatchError)
      assert.equal(error.code, 'ERR_VTEPD_BATCH')
      assert.match(error.message, /^batch of 6 entries: 3 refused; the first is entry 3: EEXIST/)
      assert.deepEqual([...error.result.errnos], [0, 0, 0, 17, 17, 17])
      return true
    })
    assert.equal((await rtnl.applyEntries(again, { throwOnFailure: false })).failures.length, 6)
  },
)
