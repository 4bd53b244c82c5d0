import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import type { Network } from '../../lib/cluster/network.ts'
import type { LeaseView, OwnVtep } from '../../lib/cluster/view.ts'
import { KubeError } from '../../lib/errors.ts'
import { replaceFile } from '../../lib/host/files.ts'
import { type ApiServer, type ApiServerOptions, startApiServer } from '../../lib/lab/api-server/api-server.ts'
import { KEPT_MS } from '../../lib/leases/kube/node-store.ts'
import { createKubeSource, type KubeSourceConfig } from '../../lib/leases/kube.ts'
import { parseVni } from '../../lib/net/vni.ts'
import { createManualClock } from '../support/manual-clock.ts'
import {
  claim4,
  claim6,
  createMemoryLog,
  dualNetwork,
  flannelNode,
  PREFIX,
  until,
  v4Network,
  v6Network,
} from './support.ts'

const run = promisify(execFile)
const own: OwnVtep = { vni: parseVni(1), ipv4: claim4(9), ipv6: undefined }

/** What a stream waits after its first failures, milliseconds, when `random` is 0. */
const PAUSES: ReadonlySet<number> = new Set([500, 1000, 2000, 4000, 8000, 16_000])

/** A Node object as flannel's agent leaves it. */
function nodeOf(name: string, n: number) {
  const { annotations, podCidrs } = flannelNode(name, n)
  return { metadata: { name, annotations }, spec: { podCIDR: podCidrs[0] ?? '', podCIDRs: podCidrs } }
}

async function setUp(
  t: TestContext,
  options: {
    server?: ApiServerOptions
    /** One that is there already. */
    api?: ApiServer
    config?: Partial<KubeSourceConfig>
    network?: Network
    stateDir?: string
  } = {},
) {
  const api = options.api ?? (await startApiServer(options.server))
  if (options.api === undefined) t.after(() => api.close())
  const clock = createManualClock()
  const log = createMemoryLog()
  const source = createKubeSource({
    config: {
      kubeconfigFile: undefined,
      apiUrl: api.url,
      annotationPrefix: PREFIX,
      setNodeNetworkUnavailable: true,
      node: { name: 'me' },
      ...options.config,
    },
    network: options.network ?? v4Network,
    ...(options.stateDir === undefined ? {} : { stateDir: options.stateDir }),
    log,
    clock,
    random: () => 0,
  })
  t.after(() => source.close())
  let changes = 0
  const because = (view: LeaseView): string => (view.synced ? '' : view.because)
  return {
    api,
    clock,
    log,
    source,
    changes: () => changes,
    because: () => because(source.view()),
    start: () =>
      source.start(() => {
        changes += 1
      }),
    async peers(...names: string[]): Promise<LeaseView> {
      const now = () => [...source.view().peers.keys()].sort().join()
      await until(() => now() === names.join(), `peers ${names.join()}, got ${now()} ${because(source.view())}`)
      return source.view()
    },
    /** Lets each pause pass until `check` holds; the limits of a request under way, other figures, stay untouched. */
    async patiently(check: () => boolean, what: string): Promise<void> {
      await until(() => {
        if (!check() && PAUSES.has(clock.nextIn ?? 0)) clock.advance(clock.nextIn ?? 0)
        return check()
      }, what)
    },
  }
}

test('the Nodes of flannel are peers, our own stands apart, others are left out', async (t) => {
  const { api, start, peers, source } = await setUp(t)
  api.nodes.create(nodeOf('me', 9))
  api.nodes.create(nodeOf('a', 1))
  api.nodes.create({ metadata: { name: 'no-flannel' }, spec: { podCIDR: '10.42.50.0/24' } })
  start()
  const view = await peers('a')
  assert.equal(view.synced, true)
  assert.deepEqual(view.peers.get('a')?.ipv4, claim4(1))
  assert.equal(view.own?.subnets.ipv4, '10.42.9.0/24')
  assert.equal(source.stale, undefined)
  assert.deepEqual(view.rejected, [])
})

for (const watch of ['nodes', 'metadata'] as const)
  test(`changes are followed with --watch=${watch}; heartbeats change nothing, and what did not change keeps its object`, async (t) => {
    const { api, start, peers, changes, source, log } = await setUp(t, { config: { watch } })
    for (const [name, n] of [
      ['me', 9],
      ['a', 1],
      ['b', 2],
    ] as const)
      api.nodes.create(nodeOf(name, n))
    start()
    const before = await peers('a', 'b')
    const told = changes()
    for (const name of ['a', 'me'])
      api.nodes.patchStatus(name, { status: { conditions: [{ type: 'Ready', status: 'True', reason: 'heartbeat' }] } })
    api.nodes.create(nodeOf('c', 3))
    const after = await peers('a', 'b', 'c')
    assert.equal(changes(), told + 1)
    assert.equal(after.peers.get('a'), before.peers.get('a'))
    api.nodes.patchStatus('a', { metadata: { annotations: { [`${PREFIX}/public-ip`]: '192.168.0.77' } } })
    await until(() => source.view().peers.get('a')?.ipv4?.underlay === '192.168.0.77', 'the new address')
    api.nodes.delete('b')
    await peers('a', 'c')
    assert.deepEqual(log.of('leases.whole-nodes'), [])
  })

for (const watch of ['nodes', 'metadata'] as const)
  test(`an InternalIP that comes late, moves, or comes with IPv6 first is a new view with --watch=${watch}; the same again is none`, async (t) => {
    const { api, start, peers, changes, source } = await setUp(t, { config: { watch }, network: dualNetwork })
    const beat = { type: 'Ready', status: 'True', reason: 'heartbeat' }
    let beats = 0
    const say = (...addresses: readonly string[]): void => {
      beats += 1
      const internal = addresses.map((address) => ({ type: 'InternalIP', address }))
      const hostname = { type: 'Hostname', address: 'me' }
      const conditions = [{ ...beat, message: String(beats) }]
      api.nodes.patchStatus('me', {
        status: { conditions, addresses: [hostname, ...internal, { $patch: 'replace' }] },
      })
    }
    const internalIs = (ipv4: string | undefined, ipv6?: string): Promise<void> =>
      until(() => {
        const now = source.view().own?.internalIps
        return now?.ipv4 === ipv4 && now?.ipv6 === ipv6
      }, `${ipv4} ${ipv6}`)
    api.nodes.create(nodeOf('me', 9))
    api.nodes.create(nodeOf('a', 1))
    start()
    await peers('a')
    await internalIs(undefined)
    say('172.16.0.9')
    await internalIs('172.16.0.9')
    say('fd07::9', '172.16.0.9')
    await internalIs('172.16.0.9', 'fd07::9')
    const [before, told] = [source.view(), changes()]
    // A kubelet and a cloud controller take turns.
    for (const order of [
      ['172.16.0.9', 'fd07::9'],
      ['fd07::9', '172.16.0.9', '172.16.0.10'],
      ['172.16.0.9', 'fd07::9'],
    ])
      say(...order)
    api.nodes.create(nodeOf('b', 2))
    const after = await peers('a', 'b')
    assert.equal(changes(), told + 1)
    assert.deepEqual(after.own, before.own)
    say('172.16.0.77')
    await internalIs('172.16.0.77')
    api.nodes.patchStatus('a', { status: { addresses: [{ type: 'InternalIP', address: '172.16.0.1' }] } })
    api.nodes.create(nodeOf('c', 3))
    assert.equal((await peers('a', 'b', 'c')).peers.get('a'), before.peers.get('a'))
  })

test('what is published comes back as such, whoever wrote it', async (t) => {
  const { api, start, source } = await setUp(t)
  const { metadata, spec } = nodeOf('me', 9)
  api.nodes.create({ metadata: { name: metadata.name }, spec })
  start()
  await until(() => source.view().own !== undefined, 'our own Node')
  assert.deepEqual(source.view().own?.published, { ipv4: undefined, ipv6: undefined })
  await source.publish(own)
  await until(() => source.view().own?.published.ipv4 === '192.168.0.9', 'what we published')
  api.nodes.patchStatus('me', { metadata: { annotations: { [`${PREFIX}/public-ip`]: '10.66.0.1' } } })
  await until(() => source.view().own?.published.ipv4 === '10.66.0.1', 'what somebody else published')
})

test('following metadata, a Node made anew with another podCIDR and a condition of ours that changed are seen', async (t) => {
  const { api, start, peers, source, clock } = await setUp(t, { config: { watch: 'metadata' } })
  api.nodes.create(nodeOf('me', 9))
  api.nodes.create(nodeOf('a', 1))
  start()
  await peers('a')
  await source.publish(own)
  assert.equal(condition(api), 'False')
  const { annotations } = flannelNode('a', 1)
  api.nodes.delete('a')
  await peers()
  api.nodes.create({ metadata: { name: 'a', annotations } })
  api.nodes.update({
    metadata: { name: 'a', annotations },
    spec: { podCIDR: '10.42.77.0/24', podCIDRs: ['10.42.77.0/24'] },
  })
  await peers('a')
  assert.equal(source.view().peers.get('a')?.ipv4?.subnet, '10.42.77.0/24')
  const before = source.view()
  api.nodes.patchStatus('me', { status: { conditions: [{ type: 'NetworkUnavailable', status: 'True' }] } })
  await until(() => source.view() !== before, 'the condition')
  // Whoever fights over it is answered every five seconds.
  clock.advance(5000)
  await source.publish(own)
  assert.equal(condition(api), 'False')
})

function condition(api: ApiServer): string | undefined {
  const conditions = api.nodes.get('me')?.status?.conditions ?? []
  return conditions.find(({ type }) => type === 'NetworkUnavailable')?.status
}

test('our own Node is waited for, then its podCIDR, while a view without it may not delete', async (t) => {
  const { api, start, peers, source, because } = await setUp(t)
  api.nodes.create(nodeOf('a', 1))
  start()
  assert.equal((await peers('a')).synced, false)
  assert.match(because(), /knows no Node me \(our own\) among 1/)
  api.nodes.create({ metadata: { name: 'me' } })
  await until(() => source.view().synced, 'our own Node')
  assert.deepEqual(source.view().own?.subnets, { ipv4: undefined, ipv6: undefined })
  api.nodes.update({ metadata: { name: 'me' }, spec: { podCIDR: '10.42.9.0/24', podCIDRs: ['10.42.9.0/24'] } })
  await until(() => source.view().own?.subnets.ipv4 === '10.42.9.0/24', 'our podCIDR')
  api.nodes.delete('me')
  await until(() => !source.view().synced, 'our Node to vanish')
  assert.deepEqual([...source.view().peers.keys()], ['a'])
})

test('publishing writes our annotations and the condition once', async (t) => {
  const { api, start, source, log } = await setUp(t)
  api.nodes.create({ metadata: { name: 'me', annotations: { other: 'kept' } }, spec: { podCIDR: '10.42.9.0/24' } })
  start()
  await until(() => source.view().own !== undefined, 'our own Node')
  await source.publish(own)
  await source.publish(own)
  assert.equal(api.counters.patch, 1)
  const node = api.nodes.get('me')
  assert.deepEqual(node?.metadata.annotations, { other: 'kept', ...flannelNode('me', 9).annotations })
  assert.deepEqual(
    node?.status.conditions?.map(({ type, status, reason }) => ({ type, status, reason })),
    [{ type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp' }],
  )
  assert.equal(log.of('lease.published').length, 1)
  await until(() => source.view().own?.lladdrs.ipv4 === claim4(9).lladdr, 'our own annotations to come back')
})

test('the condition is left alone when it is not wanted', async (t) => {
  const { api, source } = await setUp(t, { config: { setNodeNetworkUnavailable: false } })
  api.nodes.create({ metadata: { name: 'me' } })
  await source.publish(own)
  assert.equal(api.nodes.get('me')?.status.conditions, undefined)
  assert.equal(api.nodes.get('me')?.metadata.annotations?.[`${PREFIX}/backend-type`], 'vxlan')
})

test('the overwrite annotation is published, and an IPv6-only node writes no IPv4', async (t) => {
  const { api, source } = await setUp(t, { network: v6Network })
  api.nodes.create({ metadata: { name: 'me', annotations: { [`${PREFIX}/public-ipv6-overwrite`]: '2001:DB8::9' } } })
  await source.publish({ vni: parseVni(1), ipv4: undefined, ipv6: claim6(9) })
  const annotations = api.nodes.get('me')?.metadata.annotations
  assert.equal(annotations?.[`${PREFIX}/public-ipv6`], '2001:db8::9')
  assert.equal(annotations?.[`${PREFIX}/backend-v6-data`], '{"VNI":1,"VtepMAC":"02:00:00:00:06:09"}')
  assert.equal(annotations?.[`${PREFIX}/public-ip`], undefined)
  assert.equal(annotations?.[`${PREFIX}/backend-data`], undefined)
})

test('publishing rejects with what the server said', async (t) => {
  const { api, source } = await setUp(t)
  await assert.rejects(source.publish(own), (error) => error instanceof KubeError && error.status === 404)
  api.setUnavailable('drop')
  await assert.rejects(source.publish(own), (error) => error instanceof KubeError && error.status === 0)
})

test('dual stack: a bad family of a Node is named, the other is a peer', async (t) => {
  const { api, start, peers } = await setUp(t, { network: dualNetwork })
  api.nodes.create(nodeOf('me', 9))
  const a = nodeOf('a', 1)
  api.nodes.create({
    metadata: { name: 'a', annotations: { ...a.metadata.annotations, [`${PREFIX}/public-ipv6`]: 'x' } },
    spec: { podCIDR: '10.42.1.0/24', podCIDRs: ['10.42.1.0/24', 'fd00:42:0:1::/64'] },
  })
  start()
  const view = await peers('a')
  assert.equal(view.peers.get('a')?.ipv6, undefined)
  assert.deepEqual(
    view.rejected.map((error) => error.message),
    [`node a: ${PREFIX}/public-ipv6: "x" is not an IPv6 address`],
  )
})

test('while the server is away the view stays and is stale; afterwards only the news is read', async (t) => {
  const { api, start, peers, source, patiently, log, clock } = await setUp(t)
  for (const [name, n] of [
    ['me', 9],
    ['a', 1],
  ] as const)
    api.nodes.create(nodeOf(name, n))
  start()
  const before = await peers('a')
  assert.equal(source.ages.completeMs, 0)
  api.setUnavailable(true)
  await until(() => source.stale !== undefined, 'staleness')
  const { heardMs, completeMs } = source.ages
  clock.advance(500)
  assert.deepEqual(source.ages, { heardMs: heardMs + 500, completeMs: completeMs + 500 })
  assert.equal(source.view(), before)
  assert.equal(source.view().synced, true)
  api.nodes.create(nodeOf('b', 2))
  api.setUnavailable(false)
  await patiently(() => source.view().peers.has('b'), 'the new peer')
  assert.equal(source.stale, undefined)
  assert.equal(source.ages.completeMs, 0)
  assert.ok(source.ages.heardMs < 500)
  assert.equal(api.requestLog.filter((request) => request.path.includes('sendInitialEvents')).length, 1)
  assert.ok(log.of('leases.kube').length >= 1)
})

test('deletions that happened while the history was lost are seen', async (t) => {
  for (const watchGone of ['event', 'status'] as const) {
    const { api, start, peers, source, patiently } = await setUp(t, { server: { watchGone } })
    for (const [name, n] of [
      ['me', 9],
      ['a', 1],
      ['b', 2],
    ] as const)
      api.nodes.create(nodeOf(name, n))
    start()
    await peers('a', 'b')
    api.setUnavailable('drop')
    await until(() => source.stale !== undefined, 'the cut')
    api.nodes.delete('a')
    api.nodes.create(nodeOf('c', 3))
    api.compact()
    api.setUnavailable(false)
    await patiently(() => !source.view().peers.has('a'), 'the deletion')
    await peers('b', 'c')
  }
})

test('after an etcd restore nothing is deleted for want of our own Node, and the rest is listed again', async (t) => {
  const { api, start, peers, source, patiently, because, clock } = await setUp(t)
  const empty = api.backup()
  for (const [name, n] of [
    ['me', 9],
    ['a', 1],
  ] as const)
    api.nodes.create(nodeOf(name, n))
  start()
  await peers('a')
  api.restore(empty)
  await patiently(() => api.watchCount === 1, 'the resumed watch, which the server answers with silence')
  assert.equal(source.view().synced, true)
  await until(() => clock.pending === 1 && source.stale === undefined, 'the watchdog')
  clock.advance(150_000)
  await patiently(() => !source.view().synced, 'the suspicion')
  assert.match(because(), /knows no Node me/)
  assert.deepEqual([...source.view().peers.keys()], ['a'])
  api.nodes.create(nodeOf('me', 9))
  api.nodes.create(nodeOf('a', 1))
  await until(() => source.view().synced, 'the Nodes to be back')
  assert.deepEqual([...source.view().peers.keys()], ['a'])
})

test('a server without WatchList is read by one request, not older than our own Node, which its cache answers', async (t) => {
  const { api, start, source } = await setUp(t, { server: { watchList: false } })
  api.nodes.create(nodeOf('me', 9))
  for (let n = 0; n < 1200; n += 1) api.nodes.create({ metadata: { name: `plain-${n}` } })
  api.nodes.create(nodeOf('z', 1))
  start()
  await until(() => source.view().synced, 'the list')
  assert.deepEqual([...source.view().peers.keys()], ['z'])
  const version = api.nodes.get('me')?.metadata.resourceVersion
  const lists = api.requestLog.filter(({ verb }) => verb === 'list')
  assert.deepEqual(
    lists.map(({ path }) => path),
    [`/api/v1/nodes?resourceVersion=${version}&resourceVersionMatch=NotOlderThan`],
  )
})

test('without our own Node there is no version to ask for: a server without WatchList is read by pages of 500', async (t) => {
  const { api, start, source, because } = await setUp(t, { server: { watchList: false } })
  for (let n = 0; n < 1200; n += 1) api.nodes.create({ metadata: { name: `plain-${n}` } })
  start()
  await until(() => because().includes('knows no Node me'), 'the list')
  assert.equal(api.counters.list, 3)
  api.nodes.create(nodeOf('me', 9))
  await until(() => source.view().synced, 'our own Node')
})

test('a thousand Nodes are one change', async (t) => {
  const { api, start, source, changes } = await setUp(t)
  api.nodes.create(nodeOf('me', 254))
  for (let n = 0; n < 250; n += 1) api.nodes.create(nodeOf(`n${n}`, n))
  start()
  await until(() => source.view().synced, 'the list')
  assert.equal(source.view().peers.size, 250)
  assert.equal(changes(), 1)
})

test('the name of the node is that of the pod, waited for while there is none', async (t) => {
  const { api, start, source, patiently, because } = await setUp(t, {
    config: { node: { pod: 'vtepd-x', podNamespace: 'kube-system' } },
  })
  api.nodes.create(nodeOf('me', 9))
  start()
  await until(() => because() !== '' && source.stale?.includes('get pod') === true, 'the question')
  await assert.rejects(source.publish(own), /its name is not known yet/)
  api.pods.create({ metadata: { name: 'vtepd-x', namespace: 'kube-system' }, spec: {} })
  await patiently(() => because().includes('no spec.nodeName yet'), 'the pod without a node')
  api.pods.delete('kube-system', 'vtepd-x')
  api.pods.create({ metadata: { name: 'vtepd-x', namespace: 'kube-system' }, spec: { nodeName: 'me' } })
  await patiently(() => source.view().synced, 'the name')
  assert.equal(source.view().own?.node, 'me')
})

async function folderFor(t: TestContext): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'vtepd-kube-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

test('a kubeconfig that is not written yet, or broken, is waited for and named', async (t) => {
  const file = path.join(await folderFor(t), 'kubelet.kubeconfig')
  const { api, start, source, patiently, because, log } = await setUp(t, {
    config: { kubeconfigFile: file, apiUrl: undefined },
  })
  api.nodes.create(nodeOf('me', 9))
  start()
  await until(() => because() === `${file}: does not exist yet`, 'the reason')
  await writeFile(file, 'users: []\n')
  await patiently(() => because().includes('names no cluster'), 'the second reason')
  await replaceFile(file, api.kubeconfig())
  await patiently(() => source.view().synced, 'the view')
  assert.equal(log.of('leases.kube')[0]?.message, `waiting for the API server: ${file}: does not exist yet`)
})

test('401 is waited out and named; a token that is written anew is used', async (t) => {
  const folder = await folderFor(t)
  const file = path.join(folder, 'kubeconfig')
  const { api, start, source, patiently, because } = await setUp(t, {
    server: { token: 'right' },
    config: { kubeconfigFile: file, apiUrl: undefined },
  })
  api.nodes.create(nodeOf('me', 9))
  await writeFile(path.join(folder, 'token'), 'wrong\n')
  await writeFile(file, api.kubeconfig().replace(/token: "right"/, 'tokenFile: token'))
  start()
  await until(() => /get node me: 401 .*credentials are not accepted/.test(because()), 'the refusal')
  await writeFile(path.join(folder, 'token'), 'right\n')
  await patiently(() => source.view().synced, 'the view')
})

test('the files of a pod are used, over TLS, with the CA and the token of the moment', async (t) => {
  const folder = await folderFor(t)
  const secret = path.join(folder, 'key.pem')
  const ca = path.join(folder, 'ca.crt')
  try {
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1']
    await run('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      secret,
      '-out',
      ca,
      ...subject,
    ])
  } catch {
    t.skip('needs the program openssl')
    return
  }
  const seen: (string | undefined)[] = []
  const server = createServer({ key: await readFile(secret), cert: await readFile(ca) }, (request, response) => {
    seen.push(request.headers.authorization)
    response.writeHead(403, { 'content-type': 'application/json' })
    response.end('{"kind":"Status","message":"no"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  await writeFile(path.join(folder, 'token'), 'first\n')
  const env = {
    KUBERNETES_SERVICE_HOST: '127.0.0.1',
    KUBERNETES_SERVICE_PORT: String((server.address() as AddressInfo).port),
  }
  const { source, start, patiently } = await setUp(t, {
    config: { apiUrl: undefined, kubeconfigFile: undefined, serviceAccountDir: folder, env },
  })
  start()
  await until(() => seen.length > 0 && source.stale?.includes('403') === true, 'the first request')
  await writeFile(path.join(folder, 'token'), 'second\n')
  await patiently(() => seen.includes('Bearer second'), 'the second token')
  assert.equal(seen[0], 'Bearer first')
})

test('outside of a cluster, without kubeconfig, the reason says what to give', async (t) => {
  const { start, because } = await setUp(t, { config: { apiUrl: undefined, env: {} } })
  start()
  await until(() => because().includes('--kubeconfig-file'), 'the reason')
})

test('after close nothing is told and nothing runs', async (t) => {
  const { api, start, peers, source, changes, clock } = await setUp(t)
  for (const [name, n] of [
    ['me', 9],
    ['a', 1],
  ] as const)
    api.nodes.create(nodeOf(name, n))
  start()
  await peers('a')
  const before = changes()
  await source.close()
  api.nodes.create(nodeOf('b', 2))
  await until(() => api.watchCount === 0, 'the watch to end')
  assert.equal(changes(), before)
  assert.equal(clock.pending, 0)
})

test('what was known in the last run is known again while the API server is away, and confirmed by it', async (t) => {
  const stateDir = await folderFor(t)
  const first = await setUp(t, { stateDir })
  for (const [name, n] of [
    ['me', 9],
    ['a', 1],
    ['b', 2],
  ] as const)
    first.api.nodes.create(nodeOf(name, n))
  first.start()
  const before = await first.peers('a', 'b')
  await first.source.close()
  assert.equal(first.source.cacheFailures, 0)

  first.api.setUnavailable('drop')
  const second = await setUp(t, { stateDir, api: first.api })
  second.start()
  const known = await second.peers('a', 'b')
  assert.equal(known.synced, false)
  assert.match(second.because(), /^from the cache of the last run, not confirmed yet/)
  assert.deepEqual([...known.peers], [...before.peers])
  assert.deepEqual(known.own, before.own)

  first.api.nodes.delete('a')
  first.api.nodes.create(nodeOf('c', 3))
  first.api.setUnavailable(false)
  await second.patiently(() => second.source.view().synced, 'the API server')
  assert.deepEqual([...second.source.view().peers.keys()].sort(), ['b', 'c'])
})

test('the cache of another network or prefix is not believed, nor that of a machine whose name was given otherwise', async (t) => {
  const stateDir = await folderFor(t)
  const first = await setUp(t, { stateDir })
  first.api.nodes.create(nodeOf('me', 9))
  first.api.nodes.create(nodeOf('a', 1))
  first.start()
  await first.peers('a')
  await first.source.close()
  for (const [lines, other] of [
    [0, { config: { node: { name: 'you' } } }],
    [0, { config: { node: { pod: 'vtepd-x', podNamespace: 'kube-system' } } }],
    [1, { network: dualNetwork }],
    [1, { config: { annotationPrefix: 'example.org' } }],
  ] as const) {
    const { start, log, source, api, because } = await setUp(t, { stateDir, api: first.api, ...other })
    api.setUnavailable('drop')
    start()
    await until(() => because().includes('socket hang up'), 'the API server to be away')
    await until(() => log.of('state.unreadable').length === lines, 'the warning')
    assert.equal(source.view().peers.size, 0)
    await source.close()
  }
})

for (const watch of ['nodes', 'metadata'] as const)
  test(`a restart goes on where the last run stopped, following ${watch}: nothing is listed, a deletion is seen`, async (t) => {
    const stateDir = await folderFor(t)
    let seconds = 0
    const now = () => {
      seconds += 1
      return new Date(1_700_000_000_000 + 1000 * seconds)
    }
    const first = await setUp(t, { stateDir, server: { now }, config: { watch } })
    const { api } = first
    for (const [n, name] of ['a', 'b', 'c'].entries()) api.nodes.create(nodeOf(name, n + 1))
    api.nodes.create(nodeOf('me', 9))
    // Of the same subnet as a, which is older; and of none.
    api.nodes.create(nodeOf('refused', 1))
    api.nodes.create({ metadata: nodeOf('faulty', 8).metadata })
    first.start()
    await first.peers('a', 'b', 'c')
    const { rejected } = await first.source.view()
    await first.source.close()
    api.nodes.delete('b')
    api.nodes.create(nodeOf('d', 4))
    api.nodes.delete('a')

    const asked = api.requestLog.length
    const second = await setUp(t, { stateDir, api, config: { watch } })
    const sizes: number[] = []
    second.source.start(() => void sizes.push(second.source.view().synced ? second.source.view().peers.size : -1))
    const view = await second.peers('c', 'd', 'refused')
    await until(() => second.source.view().synced, 'the confirmation')
    assert.deepEqual(
      view.rejected.map(({ message }) => message).filter((message) => /faulty/.test(message)),
      rejected.map(({ message }) => message).filter((message) => /faulty/.test(message)),
    )
    const paths = api.requestLog.slice(asked).map(({ path }) => path)
    assert.equal(paths[0], '/api/v1/nodes/me')
    assert.ok(
      !paths.some((path) => path.includes('sendInitialEvents') || !/nodes\/|watch=1/.test(path)),
      paths.join(' '),
    )
    assert.match(paths[1] ?? '', /timeoutSeconds=1&resourceVersion=\d+/)
    assert.equal(second.source.stale, undefined)
  })

/** A run that knew us and these, and left its view in the folder. */
async function lastRun(t: TestContext, stateDir: string, ...names: string[]): Promise<ApiServer> {
  const { api, start, peers, source } = await setUp(t, { stateDir })
  api.nodes.create(nodeOf('me', 9))
  for (const [n, name] of names.entries()) api.nodes.create(nodeOf(name, n + 1))
  start()
  await peers(...names)
  await source.close()
  return api
}

test('a view that was resumed is partial until an event or a bookmark, and is listed anew within half an hour', async (t) => {
  const stateDir = await folderFor(t)
  const api = await lastRun(t, stateDir, 'a')
  const lists = () => api.requestLog.filter(({ path }) => path.includes('sendInitialEvents')).length
  const second = await setUp(t, { stateDir, api })
  second.start()
  await until(() => second.source.stale === undefined, 'the watch')
  await second.peers('a')
  assert.match(second.because(), /not confirmed yet by the API server/)
  api.nodes.patchStatus('a', { status: { conditions: [{ type: 'Ready', status: 'True' }] } })
  await until(() => second.source.view().synced, 'the event')
  assert.equal(lists(), 1)
  const began = second.clock.now()
  while (second.clock.now() - began < 1_800_000 && lists() === 1) {
    api.nodes.patchStatus('a', { status: { conditions: [{ type: 'Ready', status: String(second.clock.now()) }] } })
    api.nodes.patchStatus('me', { status: { conditions: [{ type: 'Ready', status: String(second.clock.now()) }] } })
    await new Promise((resolve) => setTimeout(resolve, 10))
    second.clock.advance(60_000)
  }
  await until(() => lists() === 2, 'the list')
})

for (const [why, change] of [
  ['is another one', (api: ApiServer) => api.nodes.create(nodeOf('me', 9))],
  ['is gone', () => undefined],
] as const)
  test(`our own Node ${why}: what the last run knew is not resumed, everything is listed`, async (t) => {
    const stateDir = await folderFor(t)
    const api = await lastRun(t, stateDir, 'a')
    api.nodes.delete('me')
    change(api)
    const asked = api.requestLog.length
    const second = await setUp(t, { stateDir, api })
    second.start()
    await second.peers('a')
    await until(() => second.source.stale === undefined, 'the list')
    assert.match(api.requestLog.slice(asked)[1]?.path ?? '', /sendInitialEvents/)
  })

test('a version that is gone after a restart is listed, and meanwhile nothing vanishes', async (t) => {
  const stateDir = await folderFor(t)
  const api = await lastRun(t, stateDir, 'a', 'b')
  api.nodes.delete('a')
  api.compact()
  const second = await setUp(t, { stateDir, api })
  second.start()
  await second.peers('a', 'b')
  assert.equal(second.source.view().synced, false)
  await second.patiently(() => second.source.view().synced, 'the list')
  assert.deepEqual([...second.source.view().peers.keys()], ['b'])
  assert.deepEqual(second.log.of('leases.kube'), [])
})

test('while the API server has lost our own Node, what was known before stays', async (t) => {
  const { api, start, peers, source, because, patiently, clock, log } = await setUp(t)
  for (const [name, n] of [
    ['me', 9],
    ['a', 1],
    ['b', 2],
  ] as const)
    api.nodes.create(nodeOf(name, n))
  start()
  const before = await peers('a', 'b')
  for (const name of ['me', 'a', 'b']) api.nodes.delete(name)
  await until(() => !source.view().synced, 'the suspicion')
  assert.match(because(), /knows no Node me/)
  assert.deepEqual([...(await peers('a', 'b')).peers], [...before.peers])
  assert.deepEqual(source.view().own, before.own)
  api.nodes.create(nodeOf('b', 7))
  await until(() => source.view().peers.get('b')?.ipv4?.subnet === '10.42.7.0/24', 'what is told goes before')
  api.nodes.create(nodeOf('me', 12))
  await patiently(() => source.view().synced, 'our own Node')
  assert.deepEqual([...source.view().peers.keys()].sort(), ['a', 'b'])
  assert.equal(source.view().own?.subnets.ipv4, '10.42.12.0/24')
  assert.match(log.of('leases.kept')[0]?.message ?? '', /nodes that it lacks are kept for ten minutes \(1\)/)
  clock.advance(KEPT_MS)
  await until(() => !source.view().peers.has('a'), 'who does not come back is gone')
})
