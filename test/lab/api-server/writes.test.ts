/** What a client may change, and how it is told that it may not. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ApiServer } from '../../../lib/lab/api-server/api-server.ts'
import { StatusError } from '../../../lib/lab/api-server/status.ts'
import { type Answer, addNodes, ask, MERGE, STRATEGIC, serve } from './client.ts'

const NODES = '/api/v1/nodes'

function patch(server: ApiServer, path: string, body: unknown, type = STRATEGIC): Promise<Answer> {
  return ask(server, 'PATCH', `${NODES}/${path}`, body, { 'content-type': type })
}

test('a created node gets its own uid, time and a higher resource version, whatever the client says', async (t) => {
  const server = await serve(t, { now: () => new Date('2026-01-02T03:04:05.678Z') })
  const before = Number(server.resourceVersion)
  const metadata = { name: 'n', uid: 'mine', creationTimestamp: '2001-01-01T00:00:00Z' }
  const { httpStatus, body } = await ask(server, 'POST', NODES, { metadata })
  assert.equal(httpStatus, 201)
  assert.equal(body.metadata.creationTimestamp, '2026-01-02T03:04:05Z')
  assert.match(body.metadata.uid ?? '', /^[0-9a-f]{8}-/)
  assert.ok(Number(body.metadata.resourceVersion) > before)
})

test('the program that runs the server may set uid and creationTimestamp', async (t) => {
  const server = await serve(t)
  const metadata = { name: 'n', uid: 'u-1', creationTimestamp: '2001-01-01T00:00:00Z' }
  const node = server.nodes.create({ metadata })
  assert.deepEqual([node.metadata.uid, node.metadata.creationTimestamp], ['u-1', '2001-01-01T00:00:00Z'])
})

test('bad objects are refused on creation with the status of the real server', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  const expected: [unknown, number, string | undefined][] = [
    ['{bad', 400, 'BadRequest'],
    [{ kind: 'Pod', apiVersion: 'v1', metadata: { name: 'q' } }, 400, 'BadRequest'],
    [{ metadata: { name: 'q', annotations: { a: 5 } } }, 400, 'BadRequest'],
    [{ metadata: {} }, 422, 'Invalid'],
    [{ metadata: { name: 'Q_' } }, 422, 'Invalid'],
    [{ metadata: { name: 'q', resourceVersion: '4' } }, 500, undefined],
    [{ metadata: { name: 'q' }, spec: { podCIDR: '10.42.2' } }, 422, 'Invalid'],
    [{ metadata: { name: 'q' }, spec: { podCIDRs: ['10.42.2.0/24', '10.42.3.0/24'] } }, 422, 'Invalid'],
    [{ metadata: { name: 'node-1' } }, 409, 'AlreadyExists'],
    [`"${'x'.repeat(3 * 1024 * 1024)}"`, 413, 'RequestEntityTooLarge'],
  ]
  for (const [object, httpStatus, reason] of expected) {
    const { body, ...answer } = await ask(server, 'POST', NODES, object)
    const subject = JSON.stringify(object).slice(0, 80)
    assert.deepEqual([subject, answer.httpStatus, body.reason], [subject, httpStatus, reason])
  }
})

test('podCIDR and podCIDRs are kept in step', async (t) => {
  const server = await serve(t)
  const specs: [object, string[]][] = [
    [{ podCIDR: '10.42.1.0/24' }, ['10.42.1.0/24']],
    [{ podCIDRs: ['10.42.1.0/24', 'fd00:1::/64'] }, ['10.42.1.0/24', 'fd00:1::/64']],
    [{ podCIDR: '10.42.7.0/24', podCIDRs: ['10.42.8.0/24', 'fd00::/64'] }, ['10.42.7.0/24']],
  ]
  for (const [index, [spec, podCIDRs]] of specs.entries()) {
    const { body } = await ask(server, 'POST', NODES, { metadata: { name: `n${index}` }, spec })
    assert.deepEqual([body.spec?.podCIDR, body.spec?.podCIDRs], [podCIDRs[0], podCIDRs])
  }
})

test('podCIDR may be set once and then neither changed nor removed', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  assert.equal((await patch(server, 'node-1', { spec: { podCIDR: '10.42.1.0/24' } })).httpStatus, 200)
  for (const spec of [{ podCIDR: '10.42.2.0/24' }, { podCIDR: null, podCIDRs: null }]) {
    const { httpStatus, body } = await patch(server, 'node-1', { spec }, MERGE)
    assert.deepEqual([httpStatus, body.reason, body.details?.causes?.[0]?.field], [422, 'Invalid', 'spec.podCIDRs'])
  }
  assert.equal((await ask(server, 'PUT', `${NODES}/node-1`, { metadata: { name: 'node-1' } })).httpStatus, 422)
})

test('a patch on the status endpoint changes annotations and status, never spec', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  const body = {
    metadata: { annotations: { 'flannel.alpha.coreos.com/backend-type': 'vxlan' } },
    spec: { podCIDR: '10.42.9.0/24' },
    status: { conditions: [{ type: 'NetworkUnavailable', status: 'False', reason: 'X' }] },
  }
  const answer = await patch(server, 'node-1/status', body)
  assert.equal(answer.httpStatus, 200)
  assert.deepEqual(answer.body.metadata.annotations, body.metadata.annotations)
  assert.deepEqual(answer.body.status?.conditions, body.status.conditions)
  assert.deepEqual(answer.body.spec, {})
})

test('a patch on the node endpoint changes everything but status', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  const body = { metadata: { labels: { a: 'b' } }, spec: { podCIDR: '10.42.9.0/24' }, status: { phase: 'new' } }
  const answer = await patch(server, 'node-1', body, MERGE)
  assert.deepEqual(answer.body.metadata.labels, { a: 'b' })
  assert.equal(answer.body.spec?.podCIDR, '10.42.9.0/24')
  assert.deepEqual(answer.body.status, {})
})

test('null deletes an annotation, the others stay, in both patch languages', async (t) => {
  const server = await serve(t)
  for (const [name, type] of [
    ['a', STRATEGIC],
    ['b', MERGE],
  ] as const) {
    server.nodes.create({ metadata: { name, annotations: { keep: '1', drop: '2' } } })
    const { body } = await patch(
      server,
      `${name}/status`,
      { metadata: { annotations: { drop: null, add: '3' } } },
      type,
    )
    assert.deepEqual(body.metadata.annotations, { add: '3', keep: '1' })
  }
})

test('conditions merge by type in a strategic patch, and are replaced by a merge patch', async (t) => {
  const server = await serve(t)
  const conditions = [
    { type: 'Ready', status: 'True', reason: 'KubeletReady' },
    { type: 'NetworkUnavailable', status: 'True', reason: 'NoRoute' },
  ]
  const wanted = [{ type: 'NetworkUnavailable', status: 'False', reason: 'FlannelIsUp' }]
  for (const name of ['a', 'b']) server.nodes.create({ metadata: { name }, status: { conditions } })
  const merged = await patch(server, 'a/status', { status: { conditions: wanted } })
  assert.deepEqual(merged.body.status?.conditions, [conditions[0], ...wanted])
  const replaced = await patch(server, 'b/status', { status: { conditions: wanted } }, MERGE)
  assert.deepEqual(replaced.body.status?.conditions, wanted)
})

test('the directives of strategic patches work: element order, delete, replace, delete from a plain list', async (t) => {
  const server = await serve(t)
  const types = (answer: Answer) => answer.body.status?.conditions?.map((condition) => condition.type)
  const conditions = ['A', 'B', 'C'].map((type) => ({ type, status: 'True' }))
  server.nodes.create({ metadata: { name: 'n', finalizers: ['x', 'y'] }, status: { conditions } })
  const ordered = await patch(server, 'n/status', {
    status: {
      conditions: [{ type: 'Z', status: 'True' }],
      '$setElementOrder/conditions': [{ type: 'Z' }, { type: 'C' }],
    },
  })
  assert.deepEqual(types(ordered), ['Z', 'A', 'B', 'C'])
  const cut = await patch(server, 'n/status', { status: { conditions: [{ type: 'B', $patch: 'delete' }] } })
  assert.deepEqual(types(cut), ['Z', 'A', 'C'])
  const fresh = await patch(server, 'n/status', {
    status: { conditions: [{ $patch: 'replace' }, { type: 'Q', status: 'True' }] },
  })
  assert.deepEqual(types(fresh), ['Q'])
  await patch(server, 'n/status', { metadata: { '$deleteFromPrimitiveList/finalizers': ['x'] } })
  assert.deepEqual(server.nodes.get('n')?.metadata.finalizers, ['y'])
})

test('the order after a strategic merge is that of kube-apiserver: new ones early, named ones as the patch has them', async (t) => {
  const server = await serve(t)
  const status = (types: string) => ({ conditions: [...types].map((type) => ({ type, status: 'True' })) })
  server.nodes.create({ metadata: { name: 'n' }, status: status('ABC') })
  const step = async (types: string, order?: string) => {
    const directive = order === undefined ? {} : { '$setElementOrder/conditions': [...order].map((type) => ({ type })) }
    const { body } = await patch(server, 'n/status', { status: { ...status(types), ...directive } })
    return body.status?.conditions?.map(({ type }) => type).join('')
  }
  assert.equal(await step('Z'), 'ZABC')
  assert.equal(await step('YBX'), 'YZABXC')
  assert.equal(await step('CA'), 'YZBXCA')
  assert.equal(await step('W', 'CWA'), 'YZBXCWA')
})

test('keys and values that Kubernetes does not take are refused: labels, annotations', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  const bad = [{ annotations: { 'bad key!': '1' } }, { annotations: { 'a/b/c': '1' } }, { labels: { l: 'bad value!' } }]
  for (const metadata of bad) assert.equal((await patch(server, 'node-1', { metadata })).httpStatus, 422)
  const good = { annotations: { 'flannel.alpha.coreos.com/public-ip': 'any text!' }, labels: { 'x.y/z': '' } }
  assert.equal((await patch(server, 'node-1', { metadata: good })).httpStatus, 200)
})

test('two new addresses of one type are both kept, as kube-apiserver keeps them', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  const addresses = ['192.168.1.1', 'fd00::1'].map((address) => ({ type: 'InternalIP', address }))
  await patch(server, 'node-1/status', { status: { addresses } })
  assert.deepEqual(server.nodes.get('node-1')?.status.addresses, addresses)
})

test('a patch that changes nothing keeps the resource version', async (t) => {
  const server = await serve(t)
  server.nodes.create({ metadata: { name: 'n', annotations: { a: '1' } } })
  const version = server.resourceVersion
  for (const type of [STRATEGIC, MERGE]) {
    const { body } = await patch(server, 'n/status', { metadata: { annotations: { a: '1' } } }, type)
    assert.equal(body.metadata.resourceVersion, version)
  }
  await patch(server, 'n', { metadata: { labels: {} } })
  assert.equal(server.resourceVersion, version)
})

test('a patch with an old resource version is refused with 409, with the current one it is taken', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  const old = server.resourceVersion
  await patch(server, 'node-1', { metadata: { labels: { a: '1' } } })
  const with_ = (resourceVersion: string) => ({ metadata: { resourceVersion, labels: { a: '2' } } })
  for (const type of [STRATEGIC, MERGE]) {
    const { httpStatus, body } = await patch(server, 'node-1/status', with_(old), type)
    assert.deepEqual([httpStatus, body.reason], [409, 'Conflict'])
  }
  assert.equal((await patch(server, 'node-1/status', with_(server.resourceVersion))).httpStatus, 200)
})

test('bad patches are refused with the status of the real server', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  server.nodes.patchStatus('node-1', { status: { conditions: [{ type: 'Ready', status: 'True' }] } })
  const expected: [unknown, number][] = [
    ['{bad', 400],
    [[1], 400],
    [{ metadata: { name: 'other' } }, 400],
    [{ metadata: { uid: 'other' } }, 422],
    [{ metadata: { annotations: { x: 5 } } }, 422],
    [{ status: { conditions: [{ status: 'True' }] } }, 500],
  ]
  for (const [body, httpStatus] of expected) {
    const { httpStatus: got } = await patch(server, 'node-1/status', body)
    assert.deepEqual([JSON.stringify(body), got], [JSON.stringify(body), httpStatus])
  }
  assert.equal((await patch(server, 'node-1', { spec: { podCIDR: '10.42.2' } })).httpStatus, 422)
  assert.equal((await patch(server, 'node-1?dryRun=All', {})).httpStatus, 400)
})

test('PUT replaces, keeps identity, and obeys name, uid and resource version', async (t) => {
  const server = await serve(t)
  const created = server.nodes.create({ metadata: { name: 'n', labels: { old: '' } }, status: { phase: 'kept' } })
  const put = (metadata: object) => ask(server, 'PUT', `${NODES}/n`, { metadata })
  const replaced = await put({ name: 'n', labels: { new: '' }, resourceVersion: created.metadata.resourceVersion })
  assert.deepEqual(replaced.body.metadata.labels, { new: '' })
  assert.equal(replaced.body.metadata.uid, created.metadata.uid)
  assert.equal(replaced.body.status?.phase, 'kept')
  assert.equal((await put({ name: 'n', resourceVersion: created.metadata.resourceVersion })).httpStatus, 409)
  assert.equal((await put({ name: 'other' })).httpStatus, 400)
  assert.equal((await put({ name: 'n', uid: 'other' })).httpStatus, 409)
  assert.equal((await ask(server, 'PUT', `${NODES}/absent`, { metadata: { name: 'absent' } })).httpStatus, 404)
})

test('DELETE answers a Status with the uid, and the node is gone', async (t) => {
  const server = await serve(t)
  const { metadata } = server.nodes.create({ metadata: { name: 'n' } })
  const wrong = { preconditions: { uid: 'other' } }
  assert.equal((await ask(server, 'DELETE', `${NODES}/n`, wrong)).httpStatus, 409)
  const { httpStatus, body } = await ask(server, 'DELETE', `${NODES}/n`)
  assert.deepEqual([httpStatus, body.kind, body.details?.uid], [200, 'Status', metadata.uid])
  assert.equal((await ask(server, 'GET', `${NODES}/n`)).httpStatus, 404)
})

test('the functions of nodes throw what a client would see, and hand out copies', async (t) => {
  const server = await serve(t)
  const node = server.nodes.create({
    metadata: { name: 'n', annotations: { a: '1' } },
    spec: { podCIDR: '10.42.1.0/24' },
  })
  assert.throws(
    () => server.nodes.delete('absent'),
    (error) => error instanceof StatusError && error.httpStatus === 404,
  )
  assert.throws(() => server.nodes.create({ metadata: { name: 'n' } }), { httpStatus: 409 })
  Object.assign(node.metadata.annotations ?? {}, { a: 'changed' })
  assert.equal(server.nodes.get('n')?.metadata.annotations?.a, '1')
  const updated = server.nodes.update({ ...node, status: { phase: 'all at once' } })
  assert.deepEqual([updated.metadata.annotations?.a, updated.status.phase], ['changed', 'all at once'])
  assert.deepEqual(
    server.nodes.list().map(({ metadata }) => metadata.name),
    ['n'],
  )
  assert.equal(server.nodes.get('absent'), undefined)
})
