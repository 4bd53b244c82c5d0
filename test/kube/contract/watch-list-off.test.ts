/** Contract of both API servers where the feature WatchList is off, and what vtepd makes of it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodes, refusal, short, WATCH_LIST, watch } from './client.ts'
import { startGate } from './gate.ts'
import { NODES, onBothServers } from './servers.ts'
import { createLeases, follow, isSynced, nodeWithLease } from './source-client.ts'

onBothServers(
  (contract) => {
    test('sendInitialEvents is refused with 422, a plain watch is not', async (t) => {
      await createNodes(contract, 'a')
      const { status, body } = await refusal(contract, 'GET', `${NODES}?${WATCH_LIST}`)
      assert.deepEqual([status, body.reason], [422, 'Invalid'])
      assert.match(body.message ?? '', /sendInitialEvents/)
      assert.equal(short(await (await watch(t, contract, 'watch=1')).next()), 'put a')
    })

    test('the source lists by pages at once, and warns of nothing', async (t) => {
      for (const n of [1, 2]) await contract.must('POST', NODES, nodeWithLease(n))
      const source = await follow(t, contract)
      assert.deepEqual(source.peers(), ['node-2'])
      await contract.must('POST', NODES, nodeWithLease(3))
      await source.until(() => source.peers().length === 2, 'node-3')
      assert.deepEqual(source.log.of('leases.kube'), [])
    })

    test('a 410 between two pages starts the list over; the token inside the 410 is never used', async (t) => {
      // A full page goes before every lease.
      const fillers = Array.from({ length: 500 }, (_, n) => ({ metadata: { name: `a-${String(n).padStart(3, '0')}` } }))
      await Promise.all(fillers.map((node) => contract.must('POST', NODES, node)))
      // Without our own Node there is no version that a cache could answer from: pages.
      await createLeases(contract, 2, 3)
      const gate = await startGate(t, contract.server)
      const second = gate.hold(/continue=/)
      const kubeconfig = contract.server.kubeconfig('vtepd').replace(contract.server.url, gate.url)
      const source = await follow(t, contract, { kubeconfig, synced: false })
      await second
      await contract.must('DELETE', `${NODES}/node-2`)
      await contract.server.compact()
      await contract.server.stop()
      await contract.server.start()
      gate.open()
      await source.hurry(() => gate.passed.filter(({ path }) => path.includes('watch=1')).length > 1, 'the list')
      await contract.must('POST', NODES, nodeWithLease(1))
      await source.hurry(() => isSynced(source.source), 'our own Node')
      assert.deepEqual(source.peers(), ['node-3'])
      assert.deepEqual(source.history.at(-1), 1)
      const lists = gate.passed.filter(({ path }) => path.includes('limit='))
      assert.deepEqual(
        lists.map(({ path, status }) => [path.includes('continue=') ? 'next page' : 'first page', status]),
        [
          ['first page', 200],
          ['next page', 410],
          ['first page', 200],
          ['next page', 200],
        ],
      )
    })
  },
  { watchList: false },
)
