/** What a client reads: single objects, lists, pages, health, refusals. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '../../support/manual-clock.ts'
import { addNodes, ask, STRATEGIC, serve } from './client.ts'

const NODES = '/api/v1/nodes'

test('a list names its kind, its resource version and the nodes by name, without kind in the items', async (t) => {
  const server = await serve(t)
  for (const name of ['b', 'a', 'c']) server.nodes.create({ metadata: { name } })
  const { httpStatus, body, text } = await ask(server, 'GET', NODES)
  assert.equal(httpStatus, 200)
  assert.equal(body.kind, 'NodeList')
  assert.equal(body.metadata.resourceVersion, server.resourceVersion)
  assert.deepEqual(
    body.items?.map((item) => [item.metadata.name, item.kind]),
    [
      ['a', undefined],
      ['b', undefined],
      ['c', undefined],
    ],
  )
  assert.match(text, /\}\n$/)
})

test('an object is written in the order of kube-apiserver: metadata before spec before status, annotations by key', async (t) => {
  const server = await serve(t)
  server.nodes.create({
    status: { conditions: [] },
    spec: { podCIDR: '10.42.0.0/24' },
    metadata: { managedFields: [{ manager: 'k3s' }], annotations: { z: '1', a: '2' }, labels: { l: '' }, name: 'n' },
  })
  const { text } = await ask(server, 'GET', `${NODES}/n`)
  const keys = [...text.matchAll(/"(\w+)":/g)].map((match) => match[1])
  const expected =
    'kind apiVersion metadata name uid resourceVersion creationTimestamp labels l annotations a z managedFields manager spec podCIDR podCIDRs status conditions'
  assert.equal(keys.join(' '), expected)
})

test('pages show one revision, whatever is written between them, and together show everything once', async (t) => {
  const server = await serve(t)
  addNodes(server, 5)
  const first = await ask(server, 'GET', `${NODES}?limit=2`)
  assert.equal(first.body.metadata.remainingItemCount, 3)
  server.nodes.delete('node-3')
  server.nodes.create({ metadata: { name: 'node-33' } })
  server.nodes.patchStatus('node-4', { metadata: { annotations: { late: 'yes' } } })
  const second = await ask(server, 'GET', `${NODES}?limit=2&continue=${first.body.metadata.continue}`)
  const third = await ask(server, 'GET', `${NODES}?limit=2&continue=${second.body.metadata.continue}`)
  const items = [first, second, third].flatMap((page) => page.body.items ?? [])
  assert.deepEqual(
    items.map((item) => item.metadata.name),
    ['node-1', 'node-2', 'node-3', 'node-4', 'node-5'],
  )
  assert.equal(items[3]?.metadata.annotations, undefined)
  assert.equal(third.body.metadata.resourceVersion, first.body.metadata.resourceVersion)
  assert.equal(third.body.metadata.continue, undefined)
})

test('a token from before a compaction gets 410 with a token that goes on at the newest revision', async (t) => {
  const server = await serve(t)
  addNodes(server, 3)
  const first = await ask(server, 'GET', `${NODES}?limit=1`)
  server.nodes.delete('node-2')
  server.compact()
  const gone = await ask(server, 'GET', `${NODES}?limit=1&continue=${first.body.metadata.continue}`)
  assert.deepEqual([gone.httpStatus, gone.body.reason, gone.body.code], [410, 'Expired', 410])
  const rest = await ask(server, 'GET', `${NODES}?limit=9&continue=${gone.body.metadata.continue}`)
  assert.deepEqual(
    rest.body.items?.map((item) => item.metadata.name),
    ['node-3'],
  )
  assert.equal(rest.body.metadata.resourceVersion, server.resourceVersion)
})

test('resourceVersion=0 ignores the limit, an older version without match means exactly that version', async (t) => {
  const server = await serve(t)
  addNodes(server, 2)
  const version = server.resourceVersion
  for (const name of ['x', 'y']) server.nodes.create({ metadata: { name } })
  const cached = await ask(server, 'GET', `${NODES}?limit=1&resourceVersion=0`)
  assert.equal(cached.body.items?.length, 4)
  for (const query of [`limit=9&resourceVersion=${version}`, `resourceVersionMatch=Exact&resourceVersion=${version}`]) {
    const exact = await ask(server, 'GET', `${NODES}?${query}`)
    assert.deepEqual([exact.body.items?.length, exact.body.metadata.resourceVersion], [2, version])
  }
  const newer = await ask(server, 'GET', `${NODES}?resourceVersionMatch=NotOlderThan&resourceVersion=${version}`)
  assert.equal(newer.body.items?.length, 4)
})

test('a list of a version that does not exist waits 3 seconds for it and then says 504 with Retry-After', async (t) => {
  const clock = createManualClock()
  const server = await serve(t, { clock })
  const answer = ask(server, 'GET', `${NODES}?resourceVersion=999`)
  while (clock.pending === 0) await clock.run(0)
  clock.advance(2999)
  assert.equal(clock.pending, 1)
  clock.advance(1)
  const { httpStatus, body, headers } = await answer
  assert.deepEqual([httpStatus, body.reason, headers['retry-after']], [504, 'Timeout', '1'])
  assert.equal(body.details?.causes?.[0]?.reason, 'ResourceVersionTooLarge')
})

test('a list of a version that is about to exist is answered as soon as it does', async (t) => {
  const clock = createManualClock()
  const server = await serve(t, { clock })
  const answer = ask(server, 'GET', `${NODES}?resourceVersion=${Number(server.resourceVersion) + 1}`)
  while (clock.pending === 0) await clock.run(0)
  addNodes(server, 1)
  assert.equal((await answer).body.items?.length, 1)
  assert.equal(clock.pending, 0)
})

test('the field selector metadata.name picks one node; other selectors are refused', async (t) => {
  const server = await serve(t)
  addNodes(server, 3)
  const others = await ask(server, 'GET', `${NODES}?limit=1&fieldSelector=metadata.name!%3Dnode-1`)
  assert.equal(others.body.items?.[0]?.metadata.name, 'node-2')
  assert.notEqual(others.body.metadata.continue, undefined)
  assert.equal(others.body.metadata.remainingItemCount, undefined)
  const one = await ask(server, 'GET', `${NODES}?fieldSelector=metadata.name%3Dnode-2`)
  assert.deepEqual(
    one.body.items?.map((item) => item.metadata.name),
    ['node-2'],
  )
  for (const query of ['fieldSelector=spec.foo%3D1', 'fieldSelector=xx', 'labelSelector=a%3Db']) {
    assert.equal((await ask(server, 'GET', `${NODES}?${query}`)).httpStatus, 400, query)
  }
})

test('bad list parameters get the status of the real server', async (t) => {
  const server = await serve(t)
  addNodes(server, 2)
  const token = (await ask(server, 'GET', `${NODES}?limit=1`)).body.metadata.continue
  const expected: [string, number, string][] = [
    ['resourceVersion=abc', 400, 'BadRequest'],
    ['resourceVersion=-1', 400, 'BadRequest'],
    ['limit=abc', 400, 'BadRequest'],
    ['continue=xyz', 400, 'BadRequest'],
    [`continue=${token}&resourceVersion=5`, 400, 'BadRequest'],
    [`continue=${token}&resourceVersion=5&resourceVersionMatch=Exact`, 422, 'Invalid'],
    ['resourceVersionMatch=Exact', 422, 'Invalid'],
    ['resourceVersion=0&resourceVersionMatch=Exact', 422, 'Invalid'],
    ['resourceVersion=1&resourceVersionMatch=Foo', 422, 'Invalid'],
    ['sendInitialEvents=true', 422, 'Invalid'],
  ]
  for (const [query, httpStatus, reason] of expected) {
    const answer = await ask(server, 'GET', `${NODES}?${query}`)
    assert.deepEqual([query, answer.httpStatus, answer.body.reason], [query, httpStatus, reason])
  }
})

test('every refusal is a Status: unknown path, absent node, wrong method, wrong types', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  const expected: [string, string, Record<string, string>, number, string][] = [
    ['GET', '/api/v1/foos', {}, 404, 'NotFound'],
    ['GET', `${NODES}/node-1/foo`, {}, 404, 'NotFound'],
    ['GET', `${NODES}/nope`, {}, 404, 'NotFound'],
    ['DELETE', `${NODES}/nope`, {}, 404, 'NotFound'],
    ['PUT', NODES, {}, 405, 'MethodNotAllowed'],
    ['POST', `${NODES}/node-1`, {}, 405, 'MethodNotAllowed'],
    ['GET', NODES, { accept: 'text/plain' }, 406, 'NotAcceptable'],
    ['GET', NODES, { accept: 'application/yaml' }, 406, 'NotAcceptable'],
    ['GET', NODES, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' }, 406, 'NotAcceptable'],
    ['PATCH', `${NODES}/node-1`, { 'content-type': 'application/json' }, 415, 'UnsupportedMediaType'],
    ['POST', NODES, { 'content-type': 'text/plain' }, 415, 'UnsupportedMediaType'],
    ['PATCH', `${NODES}/nope`, { 'content-type': STRATEGIC }, 404, 'NotFound'],
  ]
  for (const [method, path, headers, httpStatus, reason] of expected) {
    const { body, ...answer } = await ask(server, method, path, method === 'GET' ? undefined : {}, headers)
    const got = [method, path, answer.httpStatus, body.kind, body.reason, body.code]
    assert.deepEqual(got, [method, path, httpStatus, 'Status', reason, httpStatus])
  }
})

test('a server without protobuf answers JSON where that is offered too, and the Content-Type says so', async (t) => {
  const server = await serve(t, { protobuf: false })
  const accept = 'application/vnd.kubernetes.protobuf;stream=watch, application/json'
  const { httpStatus, headers } = await ask(server, 'GET', NODES, undefined, { accept })
  assert.deepEqual([httpStatus, headers['content-type']], [200, 'application/json'])
  const only = await ask(server, 'GET', NODES, undefined, { accept: 'application/vnd.kubernetes.protobuf' })
  assert.deepEqual([only.httpStatus, only.body.reason], [406, 'NotAcceptable'])
})

test('with a token, everything but health and version needs it', async (t) => {
  const server = await serve(t, { token: 'secret' })
  for (const authorization of ['Bearer wrong', 'secret', '']) {
    const refused = await ask(server, 'GET', NODES, undefined, authorization === '' ? {} : { authorization })
    assert.deepEqual([refused.httpStatus, refused.body.reason], [401, 'Unauthorized'])
  }
  assert.equal((await ask(server, 'GET', NODES, undefined, { authorization: 'Bearer secret' })).httpStatus, 200)
  for (const path of ['/healthz', '/readyz', '/livez']) assert.equal((await ask(server, 'GET', path)).text, 'ok')
  assert.match((await ask(server, 'GET', '/version')).text, /"gitVersion":"v1\./)
})

test('a registered pod tells its node, an unknown one is not found', async (t) => {
  const server = await serve(t)
  server.pods.create({ metadata: { name: 'vtepd-x', namespace: 'kube-system' }, spec: { nodeName: 'node-7' } })
  const path = '/api/v1/namespaces/kube-system/pods/vtepd-x'
  assert.equal((await ask(server, 'GET', path)).body.spec?.nodeName, 'node-7')
  server.pods.delete('kube-system', 'vtepd-x')
  assert.equal((await ask(server, 'GET', path)).httpStatus, 404)
})

test('requests are counted by verb and logged with their status', async (t) => {
  const server = await serve(t)
  await ask(server, 'GET', NODES)
  await ask(server, 'GET', `${NODES}/nope`)
  await ask(server, 'POST', NODES, { metadata: { name: 'n' } })
  assert.deepEqual([server.counters.list, server.counters.get, server.counters.create], [1, 1, 1])
  assert.deepEqual(
    server.requestLog.map(({ verb, status }) => [verb, status]),
    [
      ['list', 200],
      ['get', 404],
      ['create', 201],
    ],
  )
})
