/** Faults on demand, and the way there: cut connections, 503, silence, kubeconfig. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from 'yaml'
import { startApiServer } from '../../../lib/lab/api-server/api-server.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { addNodes, ask, serve, short, watch } from './client.ts'

const NODES = '/api/v1/nodes'

test('disconnectAll cuts running watches, and a new one resumes without a gap', async (t) => {
  const server = await serve(t)
  const stream = await watch(server, `resourceVersion=${server.resourceVersion}`)
  addNodes(server, 1)
  const added = await stream.next()
  const cut = assert.rejects(stream.next())
  server.disconnectAll()
  assert.equal(server.watchCount, 0)
  await cut
  server.nodes.delete('node-1')
  const resumed = await watch(server, `resourceVersion=${added?.object.metadata.resourceVersion}`)
  assert.equal(short(await resumed.next()), 'DELETED node-1')
})

test('endWatches ends them cleanly', async (t) => {
  const server = await serve(t)
  const stream = await watch(server, `resourceVersion=${server.resourceVersion}`)
  server.endWatches()
  assert.equal(await stream.next(), undefined)
})

test('while unavailable everything gets 503 with Retry-After, afterwards all is as before', async (t) => {
  const server = await serve(t)
  const stream = await watch(server, `resourceVersion=${server.resourceVersion}`)
  const cut = assert.rejects(stream.next())
  server.setUnavailable(true)
  await cut
  for (const path of [NODES, '/readyz']) {
    const { httpStatus, headers, body } = await ask(server, 'GET', path)
    assert.deepEqual([httpStatus, headers['retry-after'], body.reason], [503, '1', 'ServiceUnavailable'])
  }
  server.setUnavailable(false)
  assert.equal((await ask(server, 'GET', NODES)).httpStatus, 200)
})

test('dropping closes connections without an answer', async (t) => {
  const server = await serve(t)
  server.setUnavailable('drop')
  await assert.rejects(ask(server, 'GET', NODES), { code: 'ECONNRESET' })
})

test('while stalled, watches are silent past their time and requests hang; the end of it cuts them all', async (t) => {
  const clock = createManualClock()
  const server = await serve(t, { clock, bookmarkIntervalMs: 1000 })
  const stream = await watch(
    server,
    `resourceVersion=${server.resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=10`,
  )
  let heard = false
  const hear = (): void => {
    heard = true
  }
  const cut = assert.rejects(stream.next().finally(hear))
  server.setUnavailable('stall')
  const hanging = assert.rejects(ask(server, 'GET', NODES).finally(hear))
  while (server.counters.list === 0) await clock.run(0)
  addNodes(server, 1)
  await clock.run(20_000)
  assert.equal(heard, false)
  server.setUnavailable(false)
  await Promise.all([cut, hanging])
  assert.equal((await ask(server, 'GET', NODES)).body.items?.length, 1)
})

test('the kubeconfig names the server and the token, or another address when asked', async (t) => {
  const server = await serve(t, { token: 'se"cret' })
  const config = parse(server.kubeconfig())
  assert.equal(config['current-context'], 'lab')
  assert.deepEqual(config.clusters[0].cluster, { server: server.url })
  assert.deepEqual(config.users[0].user, { token: 'se"cret' })
  const elsewhere = parse(server.kubeconfig('http://10.0.0.1:8080'))
  assert.deepEqual(elsewhere.clusters[0].cluster, { server: 'http://10.0.0.1:8080' })
})

test('it listens on IPv6 as well, and says so in its URL', async (t) => {
  const server = await serve(t, { host: '::1' })
  assert.match(server.url, /^http:\/\/\[::1\]:\d+$/)
  assert.equal((await ask(server, 'GET', '/healthz')).text, 'ok')
})

test('a port that is taken is an error of the start', async (t) => {
  const server = await serve(t)
  await assert.rejects(startApiServer({ port: server.port }), { code: 'EADDRINUSE' })
})

test('close ends everything, hanging requests and running timers included', async () => {
  const clock = createManualClock()
  const server = await startApiServer({ clock })
  const stream = await watch(server, `resourceVersion=${server.resourceVersion}&allowWatchBookmarks=true`)
  const cut = assert.rejects(stream.next())
  const hanging = assert.rejects(ask(server, 'GET', `${NODES}?resourceVersion=999`))
  while (server.counters.list === 0) await clock.run(0)
  await server.close()
  await Promise.all([cut, hanging])
  assert.equal(clock.pending, 0)
})
