import assert from 'node:assert/strict'
import test from 'node:test'
import { type Entry, openRtnl, packEntries, unpackEntries } from '../../lib/rtnl/index.ts'
import { kernelTests } from '../support/netns.ts'
import { apply, createDevice, createStage, LIMITS, LOCAL, peerEntries } from './support.ts'

const FEW = 600

for (const [when, limits] of [
  ...LIMITS,
  ['with a receive buffer that no chunk fits', { receiveBufferBytes: 1 }],
] as const)
  for (const family of ['ipv4', 'ipv6'] as const)
    test(`FDB entries that exist are found, those that do not are not, ${family}, ${when}`, kernelTests, async (t) => {
      const { rtnl, netns } = await createStage(t, { ...limits, chunkEntries: limits.chunkEntries ?? 256 })
      const writer = openRtnl({ netns: netns.path })
      t.after(() => writer.close())
      const ifindex = await createDevice(writer, { local: LOCAL[family] })
      const all = Array.from({ length: FEW }, (_, i) => peerEntries(ifindex, family, i)[1] as Entry)
      const there = all.filter((_, i) => i % 3 !== 0)
      await apply(writer, 'create', there)
      // What is asked needs no remote, and says nothing of the answer.
      const questions = packEntries(all.map((entry) => ({ ...entry, remote: undefined, state: 0, flags: 0 }) as Entry))
      assert.deepEqual(unpackEntries(await rtnl.getFdb(questions)), there)
      assert.deepEqual(await rtnl.getFdb(packEntries([])), packEntries([]))
      await writer.deleteLink(ifindex)
      await assert.rejects(rtnl.getFdb(questions), { code: 'ERR_VTEPD_NETLINK', op: 'fdb.get', errnoName: 'ENODEV' })
    })

test('every entry that stands is found beside a writer, however many a dump may lack', kernelTests, async (t) => {
  const { rtnl, netns } = await createStage(t)
  const writer = openRtnl({ netns: netns.path })
  t.after(() => writer.close())
  const ifindex = await createDevice(writer)
  const stable = Array.from({ length: 2000 }, (_, i) => peerEntries(ifindex, 'ipv4', i)[1] as Entry)
  const churned = Array.from({ length: 2000 }, (_, i) => peerEntries(ifindex, 'ipv4', 10_000 + i)[1] as Entry)
  await apply(writer, 'create', stable)
  const questions = packEntries(stable)
  let done = false
  const churn = (async () => {
    for (let i = 0; i < 20; i += 1) {
      await apply(writer, 'create', churned)
      await apply(writer, 'delete', churned)
    }
    done = true
  })()
  for (let looks = 0; !done; looks += 1) assert.equal((await rtnl.getFdb(questions)).length, stable.length, `${looks}`)
  await churn
})

test('what is no FDB entry is not looked up', kernelTests, async (t) => {
  const { rtnl } = await createStage(t)
  const ifindex = await createDevice(rtnl)
  await assert.rejects(rtnl.getFdb(packEntries(peerEntries(ifindex, 'ipv4', 1))), RangeError)
  await assert.rejects(rtnl.getFdb({ bytes: new Uint8Array(48), length: 2 }), RangeError)
  // A bridge's port has no table of its own.
  const [, fdb] = peerEntries(1 as never, 'ipv4', 1) as [Entry, Entry]
  await assert.rejects(rtnl.getFdb(packEntries([fdb])), { errnoName: 'EOPNOTSUPP' })
})
