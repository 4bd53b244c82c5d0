/**
 * vtepd's lease source on both API servers, through what happens to them in years: restarts, expiry, an etcd that was emptied or
 * restored. Whatever happens, nothing may vanish from the view that has not been deleted from a cluster that kept its data.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { KEPT_MS } from '../../../lib/leases/kube/node-store.ts'
import { parseVni } from '../../../lib/net/vni.ts'
import { claim4, PREFIX } from '../../leases/support.ts'
import { startFaultProxy } from '../../support/fault-proxy.ts'
import { annotate, STRATEGIC } from './client.ts'
import { NODES, onBothServers } from './servers.ts'
import { createLeases, follow, isSynced, nodeWithLease } from './source-client.ts'

/** Longer than the watchdog's patience with a silent stream. */
const WATCHDOG_MS = 150_000
/** Versions that pass before an etcd is put back: more than any server needs for its own start. */
const AHEAD = 100

onBothServers(
  (contract) => {
    const moveOn = async (): Promise<void> => {
      for (let i = 0; i < AHEAD; i += 1) await annotate(contract, 'node-1', String(i))
    }
    const behindProxy = async (t: TestContext) => {
      const { port } = new URL(contract.server.url)
      const proxy = await startFaultProxy(t, { port: Number(port) })
      const kubeconfig = contract.server.kubeconfig('vtepd').replace(`:${port}`, `:${proxy.port}`)
      return { proxy, followed: await follow(t, contract, { kubeconfig }) }
    }

    for (const watch of ['nodes', 'metadata'] as const)
      test(`with --watch=${watch}, what exists is told at once, then who joins and leaves, a podCIDR handed over included`, async (t) => {
        await createLeases(contract, 1, 3)
        const followed = await follow(t, contract, { watch })
        assert.deepEqual(followed.peers(), ['node-2', 'node-3'])
        await createLeases(contract, 4, 4)
        await followed.until(() => followed.peers().length === 3, 'node-4 joined')
        await contract.must('DELETE', `${NODES}/node-2`)
        await followed.until(() => followed.peers().length === 2, 'node-2 left')
        const heir = nodeWithLease(2) as { metadata: { name: string } }
        await contract.must('POST', NODES, { ...heir, metadata: { ...heir.metadata, name: 'node-9' } })
        const subnet = () => followed.source.view().peers.get('node-9')?.ipv4?.subnet
        await followed.until(() => subnet() === '10.42.2.0/24', 'the podCIDR of node-2 is now that of node-9')
      })

    for (const watch of ['nodes', 'metadata'] as const)
      test(`with --watch=${watch}, our InternalIP is heard, a change of ours is told at once, and who undoes it waits`, async (t) => {
        await createLeases(contract, 1, 2)
        const { source, clock, until, log } = await follow(t, contract, { watch })
        const status = { addresses: ['fd07::1', '172.16.0.1'].map((address) => ({ type: 'InternalIP', address })) }
        const whole = { status: { addresses: [...status.addresses, { $patch: 'replace' }] } }
        await contract.must('PATCH', `${NODES}/node-1/status`, whole, STRATEGIC)
        await until(() => source.view().own?.internalIps.ipv4 === '172.16.0.1', 'the InternalIP')

        const publicIp = `${PREFIX}/public-ip`
        const published = (ip: string) => until(() => source.view().own?.published.ipv4 === ip, `${ip} is told`)
        await published('192.168.0.1')
        for (const n of [77, 78]) {
          const own = { vni: parseVni(1), ipv4: claim4(n), ipv6: undefined }
          assert.equal(await source.publish(own), 'accepted')
          await published(`192.168.0.${n}`)
          assert.equal(await source.publish(own), 'accepted')
          clock.skip(1000)
        }
        const own = { vni: parseVni(1), ipv4: claim4(78), ipv6: undefined }
        const undo = { metadata: { annotations: { [publicIp]: '10.66.0.1' } } }
        await contract.must('PATCH', `${NODES}/node-1/status`, undo, STRATEGIC)
        await published('10.66.0.1')
        assert.equal(await source.publish(own), 'later')
        assert.deepEqual(log.of('lease.republished'), [])
        clock.skip(5000)
        assert.equal(await source.publish(own), 'accepted')
        await published('192.168.0.78')
        assert.match(log.of('lease.republished')[0]?.message ?? '', /its .*public-ip was "10\.66\.0\.1"/)
        assert.equal(log.of('lease.published').length, 2)
      })

    test('restart of the API server in the middle of the stream: nothing vanishes, what changed meanwhile is seen', async (t) => {
      await createLeases(contract, 1, 3)
      const followed = await follow(t, contract)
      await contract.server.stop()
      await followed.until(() => followed.source.stale !== undefined, 'it is stale')
      assert.deepEqual(followed.peers(), ['node-2', 'node-3'])
      await contract.server.start()
      await contract.must('DELETE', `${NODES}/node-2`)
      await createLeases(contract, 4, 4)
      await followed.hurry(() => followed.peers().join() === 'node-3,node-4', 'the change during the restart')
      assert.ok(isSynced(followed.source))
      assert.ok(Math.min(...followed.history.slice(1)) >= 1, `never without peers: ${followed.history}`)
    })

    test('a resume that expired by compaction and restart becomes a new list, in which deletions are seen', async (t) => {
      await createLeases(contract, 1, 4)
      const { proxy, followed } = await behindProxy(t)
      await proxy.set({ kind: 'refuse' })
      await followed.until(() => followed.source.stale !== undefined, 'it is stale')
      await contract.must('DELETE', `${NODES}/node-3`)
      await contract.server.compact()
      await contract.server.stop()
      await contract.server.start()
      assert.deepEqual(followed.peers(), ['node-2', 'node-3', 'node-4'])
      await proxy.set({ kind: 'none' })
      await followed.hurry(() => followed.peers().join() === 'node-2,node-4', 'node-3 is gone')
      assert.ok(isSynced(followed.source))
      assert.deepEqual(
        followed.history.filter((count) => count > 0),
        [3, 2],
      )
      assert.ok(
        followed.log.lines.some(({ message }) => /410 Expired: too old resource version/.test(message)),
        'the resume was refused',
      )
    })

    test('an etcd that was emptied: the view stays as it was, also when our Node is the first to be back', async (t) => {
      await createLeases(contract, 1, 3)
      await moveOn()
      const followed = await follow(t, contract)
      await contract.server.empty()
      await followed.hurry(
        () => !followed.source.view().synced && followed.source.stale === undefined,
        'a suspect view',
      )
      assert.deepEqual(followed.peers(), ['node-2', 'node-3'], 'nothing is deleted')
      await createLeases(contract, 1, 1)
      await followed.hurry(() => isSynced(followed.source), 'our Node')
      assert.deepEqual(followed.peers(), ['node-2', 'node-3'], 'a cluster of one Node is not believed')
      await createLeases(contract, 3, 4)
      await followed.hurry(() => followed.peers().join() === 'node-2,node-3,node-4', 'the new cluster')
      assert.ok(Math.min(...followed.history.slice(1)) >= 2, `nobody was taken away: ${followed.history}`)
      followed.clock.skip(KEPT_MS)
      await followed.until(() => followed.peers().join() === 'node-3,node-4', 'who never came back is gone')
    })

    test('an etcd restored to an older state: the silent resume is found out, and nothing vanishes before', async (t) => {
      await createLeases(contract, 1, 3)
      const backup = await contract.server.backup()
      await moveOn()
      await createLeases(contract, 4, 4)
      const followed = await follow(t, contract)
      assert.deepEqual(followed.peers(), ['node-2', 'node-3', 'node-4'])
      await contract.server.restore(backup)
      // Of what is written now the dead resume tells nothing: its version is still to come.
      await createLeases(contract, 5, 5)
      await followed.hurry(() => followed.source.stale === undefined, 'it is connected again')
      assert.deepEqual(followed.peers(), ['node-2', 'node-3', 'node-4'])
      followed.clock.skip(WATCHDOG_MS)
      await followed.until(() => followed.peers().join() === 'node-2,node-3,node-4,node-5', 'the restored state')
      assert.ok(isSynced(followed.source))
      assert.ok(Math.min(...followed.history.slice(1)) >= 3, `nobody was taken away: ${followed.history}`)
      followed.clock.skip(KEPT_MS)
      await followed.until(() => followed.peers().join() === 'node-2,node-3,node-5', 'who never came back is gone')
    })
  },
  { older: true },
)
