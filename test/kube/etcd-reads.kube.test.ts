/**
 * What following 1,600 Nodes costs etcd, on a real kube-apiserver as it is and as older ones are: a first start, a restart, and a
 * version that is gone. Counted by the API server's own count of reads from its storage; etcd's count of ranges bounds it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { parseNetwork } from '../../lib/cluster/net-conf.ts'
import { systemClock } from '../../lib/host/clock.ts'
import { createKubeSource, type KubeSource } from '../../lib/leases/kube.ts'
import { createMemoryLog, PREFIX, until } from '../leases/support.ts'
import { OLDER } from './contract/servers.ts'
import { nodeObject } from './node-objects.ts'
import { findPrograms } from './programs.ts'
import { type RealKube, startRealKube, sumOf } from './real-kube.ts'

const NODES = 1600
const AT_ONCE = 16
/** Where those Nodes live. */
const { network } = parseNetwork('{"Network":"10.0.0.0/8"}', 'net-conf')

/** Reads of Nodes: lists, the objects that those brought, and reads of one Node; `ranges`: all that etcd was asked by anybody. */
interface Reads {
  readonly lists: number
  readonly listed: number
  readonly gets: number
  readonly ranges: number
}

async function readsOf(kube: RealKube): Promise<Reads> {
  const text = (await kube.ask('GET', '/metrics')).body.toString()
  const nodes = /resource="nodes"/
  return {
    lists: sumOf(text, 'etcd_requests_total', /operation="list".*resource="nodes"|resource="nodes".*operation="list"/),
    listed: sumOf(text, 'apiserver_storage_list_fetched_objects_total', nodes),
    gets: sumOf(text, 'etcd_requests_total', /operation="get".*resource="nodes"|resource="nodes".*operation="get"/),
    ranges: await kube.etcdMetric('etcd_mvcc_range_total'),
  }
}

async function createNodes(kube: RealKube): Promise<void> {
  let next = 1
  const worker = async (): Promise<void> => {
    while (next <= NODES) {
      const n = next
      next += 1
      const body = nodeObject(`node-${n}`, n, { images: 0 })
      const { status } = await kube.ask('POST', '/api/v1/nodes', { body })
      assert.equal(status, 201)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-etcd-reads-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

for (const [name, flags] of [['as it is', []] as const, ...Object.entries(OLDER)])
  test(`a kube-apiserver ${name}: neither a first start, nor a restart, nor a 410 lists from etcd`, async (t) => {
    const kube = await startRealKube(findPrograms(), flags)
    t.after(() => kube.close())
    await createNodes(kube)
    const stateDir = folderFor(t)
    const kubeconfigFile = path.join(stateDir, 'kubeconfig')
    writeFileSync(kubeconfigFile, kube.kubeconfig('vtepd'))
    const start = (): KubeSource => {
      const source = createKubeSource({
        config: {
          kubeconfigFile,
          apiUrl: undefined,
          node: { name: 'node-1' },
          annotationPrefix: PREFIX,
          setNodeNetworkUnavailable: true,
        },
        network,
        stateDir,
        log: createMemoryLog(),
        clock: systemClock,
        // The spread of the lists after a 410 is tested elsewhere.
        random: () => 0,
      })
      t.after(() => source.close())
      source.start(() => undefined)
      return source
    }
    const synced = (source: KubeSource) =>
      until(() => source.view().synced && source.stale === undefined, 'a synced view')
    const spent = async (what: string, work: () => Promise<void>): Promise<Reads> => {
      const before = await readsOf(kube)
      await work()
      const after = await readsOf(kube)
      const cost = {
        lists: after.lists - before.lists,
        listed: after.listed - before.listed,
        gets: after.gets - before.gets,
        ranges: after.ranges - before.ranges,
      }
      t.diagnostic(`${what}: ${JSON.stringify(cost)}`)
      return cost
    }
    let source: KubeSource | undefined
    const first = await spent('first start', async () => {
      source = start()
      await synced(source)
    })
    await source?.close()
    // A kubelet reports, as somebody does all the time among so many.
    const beat = async (): Promise<void> => {
      await until(() => source?.stale === undefined, 'the watch')
      const condition = { type: 'Ready', status: 'True', message: String(systemClock.now()) }
      const body = { status: { conditions: [condition] } }
      const contentType = 'application/strategic-merge-patch+json'
      const { status } = await kube.ask('PATCH', '/api/v1/nodes/node-3/status', { body, contentType })
      assert.equal(status, 200)
    }
    const restart = await spent('restart', async () => {
      source = start()
      await beat()
      await synced(source)
    })
    assert.equal(source?.view().peers.size, NODES - 1)
    await source?.close()
    for (const change of [{ metadata: { finalizers: null } }, undefined]) {
      const contentType = 'application/merge-patch+json'
      await kube.ask(change === undefined ? 'DELETE' : 'PATCH', '/api/v1/nodes/node-2', { body: change, contentType })
    }
    await kube.compact()
    await kube.stopApiServer()
    await kube.startApiServer()
    const gone = await spent('410', async () => {
      source = start()
      await synced(source)
    })
    assert.equal(source?.view().peers.has('node-2'), false)
    for (const { lists, listed } of [first, restart, gone]) assert.deepEqual([lists, listed], [0, 0])
  })
