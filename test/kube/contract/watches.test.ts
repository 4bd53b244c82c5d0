/** Contract of both API servers: watches and WatchList in every encoding, resumes, expiry, restarts, ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  annotate,
  createNodes,
  ENCODINGS,
  JSON_TYPE,
  METADATA,
  METADATA_LIST,
  PROTOBUF,
  readList,
  short,
  shorts,
  WATCH_LIST,
  watch,
} from './client.ts'
import { NODES, onBothServers } from './servers.ts'

onBothServers((contract) => {
  test('WatchList tells what exists, ends it with a marked bookmark, and goes on with what changes', async (t) => {
    await createNodes(contract, 'a', 'b')
    const told = []
    for (const accept of ENCODINGS) {
      const client = await watch(t, contract, WATCH_LIST, { accept })
      assert.equal(client.contentType, accept === PROTOBUF ? `${PROTOBUF};stream=watch` : JSON_TYPE)
      const events = [await client.next(), await client.next(), await client.next()]
      assert.deepEqual(events.map(short), ['put a', 'put b', 'end of list'])
      const changed = await annotate(contract, 'b', accept)
      const event = await client.next()
      assert.equal(short(event), 'put b')
      assert.ok(event?.kind === 'put')
      assert.equal(event.node.annotations['example.com/two'], accept)
      assert.equal(event.resourceVersion, changed.metadata.resourceVersion)
      told.push(events.slice(0, 1))
    }
    assert.deepEqual(told[1], told[0], 'both encodings say the same of a Node')
  })

  test('WatchList of an empty cluster ends its list at once', async (t) => {
    for (const accept of ENCODINGS) {
      const client = await watch(t, contract, WATCH_LIST, { accept })
      assert.equal(short(await client.next()), 'end of list')
    }
  })

  test('the marked bookmark has a version from which a watch resumes without a gap', async (t) => {
    await createNodes(contract, 'a')
    const list = await watch(t, contract, WATCH_LIST)
    await list.next()
    const end = await list.next()
    assert.ok(end?.kind === 'bookmark')
    await createNodes(contract, 'b')
    await contract.must('DELETE', `${NODES}/a`)
    for (const accept of ENCODINGS) {
      const resumed = await watch(t, contract, `watch=1&resourceVersion=${end.resourceVersion}`, { accept })
      assert.deepEqual(await shorts(resumed, 2), ['put b', 'delete a'])
    }
  })

  test('a deletion has a version of its own, later than that of the last change', async (t) => {
    await createNodes(contract, 'a')
    const { metadata } = await readList(contract)
    await contract.must('DELETE', `${NODES}/a`)
    const client = await watch(t, contract, `watch=1&resourceVersion=${metadata.resourceVersion}`)
    const event = await client.next()
    assert.ok(event?.kind === 'delete' && Number(event.resourceVersion) > Number(metadata.resourceVersion))
  })

  test('a Node with a finalizer is changed by its deletion, and deleted when the finalizer goes', async (t) => {
    const finalizers = ['example.com/keep']
    await contract.must('POST', NODES, { metadata: { name: 'held', finalizers } })
    const { metadata } = await readList(contract)
    const client = await watch(t, contract, `watch=1&resourceVersion=${metadata.resourceVersion}`)
    const answer = (await contract.must('DELETE', `${NODES}/held`)) as { kind: string; metadata: object }
    assert.deepEqual([answer.kind, 'deletionTimestamp' in answer.metadata], ['Node', true])
    assert.equal(short(await client.next()), 'put held')
    await contract.must('DELETE', `${NODES}/held`)
    const patch = { metadata: { finalizers: null } }
    await contract.must('PATCH', `${NODES}/held`, patch, 'application/merge-patch+json')
    assert.equal(short(await client.next()), 'delete held')
    assert.deepEqual((await readList(contract)).items, [])
  })

  test('without a version, or with 0, a watch begins with what exists; the end is marked where bookmarks are wanted', async (t) => {
    await createNodes(contract, 'a')
    for (const [query, expected] of [
      ['watch=1', ['put a', 'put b']],
      ['watch=1&resourceVersion=0', ['put a', 'put b']],
      ['watch=1&allowWatchBookmarks=true', ['put a', 'end of list', 'put b']],
    ] as const) {
      const client = await watch(t, contract, query)
      assert.deepEqual(await shorts(client, expected.length - 1), expected.slice(0, -1), query)
      await createNodes(contract, 'b')
      assert.equal(short(await client.next()), 'put b', query)
      await contract.must('DELETE', `${NODES}/b`)
    }
  })

  test('a watch of one Node by field selector tells of that one alone', async (t) => {
    await createNodes(contract, 'a', 'b')
    const client = await watch(t, contract, `${WATCH_LIST}&fieldSelector=metadata.name%3Db`)
    assert.deepEqual(await shorts(client, 2), ['put b', 'end of list'])
    await annotate(contract, 'a', 'unseen')
    await annotate(contract, 'b', 'seen')
    const event = await client.next()
    assert.ok(event?.kind === 'put' && event.node.annotations['example.com/two'] === 'seen')
  })

  test('bookmarks come where they are wanted, before the end, and the stream ends where an event ends', async (t) => {
    await createNodes(contract, 'a')
    const { metadata } = await readList(contract)
    const query = `watch=1&resourceVersion=${metadata.resourceVersion}&timeoutSeconds=4`
    const without = await watch(t, contract, query)
    const clients = await Promise.all(
      ENCODINGS.map((accept) => watch(t, contract, `${query}&allowWatchBookmarks=true`, { accept })),
    )
    const changed = await annotate(contract, 'a', 'new')
    for (const client of clients) {
      const [event, ...bookmarks] = await client.rest()
      assert.equal(short(event), 'put a')
      assert.ok(bookmarks.length > 0, 'there is one')
      for (const bookmark of bookmarks) {
        assert.ok(bookmark.kind === 'bookmark' && !bookmark.initialEventsEnd)
        assert.ok(Number(bookmark.resourceVersion) >= Number(changed.metadata.resourceVersion))
      }
    }
    assert.deepEqual((await without.rest()).map(short), ['put a'])
  })

  test('metadata alone: list, changes and deletions, the same in both encodings, without podCIDR', async (t) => {
    await createNodes(contract, 'a')
    const [json, protobuf] = await Promise.all(
      ENCODINGS.map((encoding) => watch(t, contract, WATCH_LIST, { accept: `${encoding}${METADATA}` })),
    )
    await annotate(contract, 'a', 'new')
    await contract.must('DELETE', `${NODES}/a`)
    assert.ok(json !== undefined && protobuf !== undefined)
    assert.equal(protobuf.contentType, `${PROTOBUF};stream=watch`)
    for (const expected of ['put a', 'end of list', 'put a', 'delete a']) {
      const event = await json.next()
      assert.equal(short(event), expected)
      assert.deepEqual(await protobuf.next(), event)
      if (event?.kind !== 'put') continue
      assert.deepEqual([event.node.podCidrs, event.node.annotations['example.com/one']], [[], 'of a'])
    }
  })

  test('a watch that asks for the kind of a list gets nothing, and ends', async (t) => {
    await createNodes(contract, 'a')
    const client = await watch(t, contract, WATCH_LIST, { accept: `${PROTOBUF}${METADATA_LIST}` })
    assert.equal(await client.next(), undefined)
  })

  test('compaction alone expires no watch; after a restart what came before is ERROR 410 behind a 200', async (t) => {
    await createNodes(contract, 'a')
    const { metadata } = await readList(contract)
    const query = `watch=1&resourceVersion=${metadata.resourceVersion}&allowWatchBookmarks=true`
    await annotate(contract, 'a', 'new')
    await contract.server.compact()
    const running = await watch(t, contract, query)
    assert.equal(short(await running.next()), 'put a')
    const cut = assert.rejects(running.next())
    await contract.server.stop()
    await cut
    await contract.server.start()
    for (const accept of ENCODINGS) {
      const resumed = await watch(t, contract, query, { accept })
      const events = await resumed.rest()
      assert.deepEqual(events.map(short), ['error 410'])
      const [error] = events
      assert.ok(error?.kind === 'error')
      assert.match(error.reason, /^Expired: too old resource version: \d+ \(\d+\)$/)
    }
  })

  test('after a restart, a watch from the newest version goes on', async (t) => {
    await createNodes(contract, 'a')
    await contract.server.stop()
    await contract.server.start()
    const { metadata } = await readList(contract)
    const client = await watch(t, contract, `watch=1&resourceVersion=${metadata.resourceVersion}`)
    await annotate(contract, 'a', 'new')
    assert.equal(short(await client.next()), 'put a')
  })

  test('a watch from a version that is still to come is silent and ends; a WatchList from there is ERROR 504', async (t) => {
    await createNodes(contract, 'a')
    const ahead = await watch(
      t,
      contract,
      'watch=1&resourceVersion=999999999&allowWatchBookmarks=true&timeoutSeconds=4',
    )
    const lists = await Promise.all(
      ENCODINGS.map((accept) => watch(t, contract, `${WATCH_LIST}&resourceVersion=999999999`, { accept })),
    )
    await annotate(contract, 'a', 'unseen')
    for (const client of lists) assert.deepEqual((await client.rest()).map(short), ['error 504'])
    assert.deepEqual((await ahead.rest()).map(short), [])
  })
})
