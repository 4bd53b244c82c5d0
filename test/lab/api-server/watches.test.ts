/** Watches: what is sent, what resumes, what ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createManualClock } from '../../support/manual-clock.ts'
import { addNodes, ask, serve, short, watch } from './client.ts'

const WATCH_LIST = 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true'
const END_OF_INITIAL = { 'k8s.io/initial-events-end': 'true' }

test('a watch from a resource version sends what came after it, in order, then what comes', async (t) => {
  const server = await serve(t)
  addNodes(server, 2)
  const version = server.resourceVersion
  server.nodes.patchStatus('node-1', { metadata: { labels: { a: '' } } })
  server.nodes.delete('node-2')
  const stream = await watch(server, `resourceVersion=${version}`)
  const modified = await stream.next()
  assert.equal(short(modified), 'MODIFIED node-1')
  assert.deepEqual([modified?.object.kind, modified?.object.metadata.labels], ['Node', { a: '' }])
  const deleted = await stream.next()
  assert.equal(short(deleted), 'DELETED node-2')
  assert.equal(deleted?.object.metadata.resourceVersion, server.resourceVersion)
  server.nodes.create({ metadata: { name: 'node-3' } })
  assert.equal(short(await stream.next()), 'ADDED node-3')
})

test('a watch without a resource version, or with 0, begins with what exists, and marks its end only with bookmarks', async (t) => {
  const server = await serve(t)
  addNodes(server, 2)
  for (const query of ['', 'resourceVersion=0']) {
    const [stream, marked] = [await watch(server, query), await watch(server, `${query}&allowWatchBookmarks=true`)]
    assert.deepEqual([short(await stream.next()), short(await stream.next())], ['ADDED node-1', 'ADDED node-2'])
    assert.deepEqual([short(await marked.next()), short(await marked.next())], ['ADDED node-1', 'ADDED node-2'])
    assert.deepEqual((await marked.next())?.object.metadata.annotations, END_OF_INITIAL)
    server.nodes.patchStatus('node-1', { metadata: { annotations: { query } } })
    assert.equal(short(await stream.next()), 'MODIFIED node-1')
  }
})

test('WatchList sends what exists and ends it with an annotated bookmark at the revision of the start', async (t) => {
  const server = await serve(t)
  addNodes(server, 2)
  const stream = await watch(server, WATCH_LIST)
  assert.deepEqual([short(await stream.next()), short(await stream.next())], ['ADDED node-1', 'ADDED node-2'])
  const mark = await stream.next()
  assert.equal(mark?.type, 'BOOKMARK')
  assert.deepEqual(mark?.object.metadata, { resourceVersion: server.resourceVersion, annotations: END_OF_INITIAL })
  server.nodes.delete('node-1')
  assert.equal(short(await stream.next()), 'DELETED node-1')
})

test('WatchList of an empty cluster ends its initial events at once', async (t) => {
  const server = await serve(t)
  const stream = await watch(server, WATCH_LIST)
  assert.deepEqual((await stream.next())?.object.metadata.annotations, END_OF_INITIAL)
})

test('WatchList without bookmarks allowed sends no end mark', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  const stream = await watch(server, 'sendInitialEvents=true&resourceVersionMatch=NotOlderThan')
  assert.equal(short(await stream.next()), 'ADDED node-1')
  server.endWatches()
  assert.deepEqual(await stream.rest(), [])
})

test('sendInitialEvents=false begins now, with nothing of what exists', async (t) => {
  const server = await serve(t)
  addNodes(server, 1)
  const stream = await watch(server, 'sendInitialEvents=false&resourceVersionMatch=NotOlderThan')
  addNodesNamed(server, 'late')
  assert.equal(short(await stream.next()), 'ADDED late')
})

function addNodesNamed(server: Awaited<ReturnType<typeof serve>>, name: string): void {
  server.nodes.create({ metadata: { name } })
}

test('bad watch parameters get the status of the real server; WatchList can be switched off', async (t) => {
  const [on, off] = [await serve(t), await serve(t, { watchList: false })]
  const expected: [typeof on, string, number][] = [
    [on, 'sendInitialEvents=true&allowWatchBookmarks=true', 422],
    [on, 'sendInitialEvents=true&resourceVersionMatch=Exact', 422],
    [on, 'resourceVersionMatch=NotOlderThan', 422],
    [on, 'continue=abc', 422],
    [on, 'resourceVersion=abc', 500],
    [on, 'timeoutSeconds=abc', 400],
    [off, WATCH_LIST, 422],
  ]
  for (const [server, query, httpStatus] of expected) {
    const answer = await ask(server, 'GET', `/api/v1/nodes?watch=true&${query}`)
    assert.deepEqual([query, answer.httpStatus, answer.body.kind], [query, httpStatus, 'Status'])
  }
})

test('a field selector narrows initial events and changes to one node', async (t) => {
  const server = await serve(t)
  addNodes(server, 3)
  const stream = await watch(server, `${WATCH_LIST}&fieldSelector=metadata.name%3Dnode-2`)
  assert.equal(short(await stream.next()), 'ADDED node-2')
  assert.equal(short(await stream.next()), 'BOOKMARK')
  for (const name of ['node-1', 'node-3', 'node-2']) server.nodes.delete(name)
  assert.equal(short(await stream.next()), 'DELETED node-2')
})

test('bookmarks come at the interval, carry the current revision, and once more 2 s before the end', async (t) => {
  const clock = createManualClock()
  const server = await serve(t, { clock, bookmarkIntervalMs: 60_000 })
  const stream = await watch(
    server,
    `resourceVersion=${server.resourceVersion}&allowWatchBookmarks=true&timeoutSeconds=100`,
  )
  const silent = await watch(server, `resourceVersion=${server.resourceVersion}&timeoutSeconds=100`)
  await clock.run(60_000)
  const first = await stream.next()
  assert.deepEqual([short(first), first?.object.metadata.annotations], ['BOOKMARK', undefined])
  server.pods.create({ metadata: { name: 'p', namespace: 'x' }, spec: {} })
  assert.equal(clock.nextIn, 38_000)
  await clock.run(38_000)
  assert.equal((await stream.next())?.object.metadata.resourceVersion, server.resourceVersion)
  await clock.run(2000)
  assert.equal(await stream.next(), undefined)
  assert.deepEqual(await silent.rest(), [])
  assert.equal(server.watchCount, 0)
  assert.equal(clock.pending, 0)
})

test('a resume from before the compaction gets 410 as an ERROR event behind a 200, or as a status when so configured', async (t) => {
  for (const watchGone of ['event', 'status'] as const) {
    const server = await serve(t, { watchGone })
    addNodes(server, 2)
    const old = Number(server.resourceVersion) - 1
    server.compact()
    const query = `resourceVersion=${old}`
    if (watchGone === 'status') {
      const { httpStatus, body } = await ask(server, 'GET', `/api/v1/nodes?watch=1&${query}`)
      assert.deepEqual([httpStatus, body.reason], [410, 'Expired'])
    } else {
      const stream = await watch(server, query)
      const events = await stream.rest()
      assert.deepEqual([stream.httpStatus, events.length, events[0]?.type], [200, 1, 'ERROR'])
      assert.deepEqual(
        [events[0]?.object.kind, events[0]?.object.code, events[0]?.object.reason],
        ['Status', 410, 'Expired'],
      )
    }
  }
})

test('the history is bounded: a resume from before the oldest known change gets 410, the oldest possible one works', async (t) => {
  const server = await serve(t, { historyEvents: 3 })
  const start = Number(server.resourceVersion)
  addNodes(server, 5)
  const lost = await (await watch(server, `resourceVersion=${start + 1}`)).next()
  assert.equal(lost?.object.code, 410)
  const kept = await watch(server, `resourceVersion=${start + 2}`)
  assert.deepEqual([short(await kept.next()), short(await kept.next())], ['ADDED node-3', 'ADDED node-4'])
})

test('a compaction leaves up-to-date watches alone, changes of the same moment included', async (t) => {
  const server = await serve(t)
  const stream = await watch(server, `resourceVersion=${server.resourceVersion}`)
  addNodes(server, 1)
  server.compact()
  server.nodes.delete('node-1')
  assert.deepEqual([short(await stream.next()), short(await stream.next())], ['ADDED node-1', 'DELETED node-1'])
})

test('a resume from the future is answered with 200, then silence, then a clean end', async (t) => {
  const clock = createManualClock()
  const server = await serve(t, { clock, bookmarkIntervalMs: 1000 })
  const stream = await watch(server, 'resourceVersion=999&allowWatchBookmarks=true&timeoutSeconds=10')
  assert.equal(stream.httpStatus, 200)
  addNodes(server, 3)
  await clock.run(10_000)
  assert.deepEqual(await stream.rest(), [])
})

test('WatchList from the future gets a 504 as an ERROR event after 3 seconds', async (t) => {
  const clock = createManualClock()
  const server = await serve(t, { clock })
  const opening = watch(server, `${WATCH_LIST}&resourceVersion=999`)
  while (clock.pending === 0) await clock.run(0)
  clock.advance(3000)
  const events = await (await opening).rest()
  assert.deepEqual([events.length, events[0]?.type, events[0]?.object.code], [1, 'ERROR', 504])
})

test('after a restore the version falls, newer nodes are gone, and a resume is silently dead', async (t) => {
  const clock = createManualClock()
  const server = await serve(t, { clock })
  addNodes(server, 1)
  const backup = server.backup()
  for (const name of ['newer', 'newest']) addNodesNamed(server, name)
  const newest = server.resourceVersion
  const cut = await watch(server, `resourceVersion=${newest}`)
  const ended = assert.rejects(cut.next())
  server.restore(backup)
  await ended
  assert.ok(Number(server.resourceVersion) < Number(newest))
  assert.equal(server.nodes.get('newer'), undefined)
  const resumed = await watch(server, `resourceVersion=${newest}&allowWatchBookmarks=true&timeoutSeconds=400`)
  server.nodes.patchStatus('node-1', { metadata: { labels: { a: '' } } })
  await clock.run(400_000)
  assert.deepEqual(await resumed.rest(), [])
})

test('a watch that does not read is ended when it has fallen out of the history; the others go on', async (t) => {
  const server = await serve(t, { historyEvents: 8 })
  const version = server.resourceVersion
  const [slow, quick] = [
    await watch(server, `resourceVersion=${version}`),
    await watch(server, `resourceVersion=${version}`),
  ]
  slow.pause()
  const padding = 'x'.repeat(1 << 20)
  addNodesNamed(server, 'n')
  assert.equal(short(await quick.next()), 'ADDED n')
  let round = 0
  while (server.watchCount === 2 && round < 200) {
    round += 1
    server.nodes.patchStatus('n', { metadata: { annotations: { padding, round: String(round) } } })
    assert.equal((await quick.next())?.object.metadata.annotations?.round, String(round))
  }
  assert.equal(server.watchCount, 1)
  slow.resume()
  const seen = await slow.rest()
  assert.ok(seen.length < round, 'it must not have got everything')
  server.nodes.delete('n')
  assert.equal(short(await quick.next()), 'DELETED n')
})

test('4,000 nodes reach 10 watches whole and in order, half of them while they watch', async (t) => {
  const server = await serve(t)
  addNodes(server, 2000)
  const streams = await Promise.all(Array.from({ length: 10 }, () => watch(server, WATCH_LIST)))
  for (let i = 2001; i <= 4000; i += 1) addNodesNamed(server, `node-${i}`)
  await Promise.all(
    streams.map(async (stream) => {
      const names = new Set<string>()
      let version = 0
      let synced = false
      while (names.size < 4000) {
        const event = await stream.next()
        assert.ok(event !== undefined)
        if (event.type === 'BOOKMARK') synced = true
        else names.add(event.object.metadata.name ?? '')
        if (!synced) continue
        assert.ok(Number(event.object.metadata.resourceVersion) > version)
        version = Number(event.object.metadata.resourceVersion)
      }
    }),
  )
})
