/**
 * What following 1,600 Nodes costs etcd, on a real kube-apiserver as it is and as older ones are: a first start, a restart, and a
 * version that is gone. Counted by the API server's own count of reads from its storage; etcd's count of ranges bounds it.
 */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../lib/host/clock.ts'
import { createKubeSource, type KubeSource } from '../../lib/leases/kube.ts'
import { createMemoryLog, PREFIX, until, v4Network } from '../leases/support.ts'
import { OLDER } from './contract/servers.ts'
import { nodeWithLease } from './contract/source-client.ts'
import { findPrograms, withoutPrograms } from './programs.ts'
import { type RealKube, startRealKube, sumOf } from './real-kube.ts'

const NODES = 1600
const AT_ONCE = 16

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
    ranges: await kube.etcdMetric('etcd_debugging_mvcc_range_total'),
  }
}

async function createNodes(kube: RealKube): Promise<void> {
  let next = 1
  const worker = async (): Promise<void> => {
    while (next <= NODES) {
      const n = next
      next += 1
      const { metadata, ...rest } = nodeWithLease(n % 250) as { metadata: object }
      const body = {
        ...rest,
        metadata: { ...metadata, name: `node-${n}` },
        spec: { podCIDR: `10.42.${n >> 4}.${(n & 15) << 4}/28` },
      }
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
  test(`a kube-apiserver ${name}: neither a first start, nor a restart, nor a 410 lists from etcd`, {
    skip: withoutPrograms(),
  }, async (t) => {
    const programs = findPrograms()
    assert.ok(programs !== undefined)
    const kube = await startRealKube(programs, flags)
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
        network: v4Network,
        stateDir,
        log: createMemoryLog(),
        clock: systemClock,
      })
      t.after(() => source.close())
      source.start(() => undefined)
      return source
    }
    const until_ = (source: KubeSource) =>
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
      await until_(source)
    })
    await source?.close()
    const restart = await spent('restart', async () => {
      source = start()
      await until_(source)
    })
    await source?.close()
    await kube.ask('DELETE', '/api/v1/nodes/node-2')
    await kube.compact()
    await kube.stopApiServer()
    await kube.startApiServer()
    const gone = await spent('410', async () => {
      source = start()
      await until_(source)
    })
    assert.equal(source?.view().peers.has('node-2'), false)
    for (const { lists, gets } of [first, restart, gone]) assert.deepEqual([lists, gets], [0, 1])
  })
