import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { openKubeTarget } from '../../../lib/kube-api/kube-config.ts'
import { allKeys, annotationKeys } from '../../../lib/leases/annotations.ts'
import { startNodeStream } from '../../../lib/leases/follow/node-stream.ts'
import { createNodeFormats } from '../../../lib/leases/wire/kube-formats.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import {
  type Answer,
  answerNode,
  bookmark,
  cut,
  ended,
  errorEvent,
  event,
  type NodeText,
  open,
  openProtobuf,
  page,
  refused,
  reset,
  silence,
  startScriptedHttp,
} from '../../support/scripted-http.ts'
import { createMemoryLog, PREFIX, until } from '../support.ts'

const MINUTE = 60_000
/** What is said of a session under way. */
const UNHEARD = /^no answer for 20 s$/

/** A stream against a scripted server, on a clock that stands still; what it tells is kept as short texts. */
async function setUp(t: TestContext, random = () => 0.5) {
  const server = await startScriptedHttp(t)
  server.single(refused(404, 'not found'))
  const clock = createManualClock()
  const log = createMemoryLog()
  const told: string[] = []
  const troubles: (string | undefined)[] = []
  let failures = 0
  const start = () => {
    const stream = startNodeStream({
      open: () => openKubeTarget({ kubeconfigFile: undefined, apiUrl: server.url }),
      ownName: () => 'me',
      formats: createNodeFormats(100_000),
      wanted: allKeys(annotationKeys(PREFIX)),
      watch: 'nodes',
      clock,
      log,
      random,
      read: (node) => node.uid,
      onChange: (change) => {
        if (change.kind === 'put') told.push(`+${change.name}`)
        else if (change.kind === 'delete') told.push(`-${change.name}`)
        else told.push(`=${[...change.nodes.keys()].join()}`)
      },
      onTrouble: (because) => void troubles.push(because),
    })
    t.after(() => stream.close())
    return stream
  }
  return {
    ...server,
    clock,
    log,
    told,
    troubles,
    start,
    heard: (...texts: string[]) =>
      until(() => told.join(' ') === texts.join(' '), `[${texts.join(' ')}], got [${told.join(' ')}]`),
    asked: (count: number) =>
      until(() => server.requests.length >= count, `request ${count} of ${server.requests.join(' ')}`),
    /** Waits for the next failure and the pause after it, then lets that pass; resolves with its milliseconds. */
    async afterPause(before: () => void = () => undefined): Promise<number> {
      failures += 1
      const ended = () => troubles.filter((because) => because !== undefined && !UNHEARD.test(because)).length
      await until(() => ended() >= failures, `failure ${failures}`)
      await until(() => clock.pending === 1, 'a pause')
      const pauseMs = clock.nextIn ?? 0
      before()
      clock.advance(pauseMs)
      return pauseMs
    },
  }
}

const recordedWatch = readFileSync(path.join(import.meta.dirname, '..', 'recorded', 'protobuf', 'watch'))
const node = (name: string): NodeText => ({ name })
const listed = [event('ADDED', node('a'), '4'), event('ADDED', node('me'), '5'), bookmark('6', true)]
const kindOf = (path: string | undefined): string => {
  const query = new URLSearchParams(path?.split('?')[1])
  if (query.has('sendInitialEvents')) return 'watch-list'
  if (query.has('watch')) return `watch ${query.get('resourceVersion')}`
  return `list ${query.get('continue') ?? ''}`.trim()
}
const kinds = (requests: readonly string[]) => requests.map(kindOf).join(', ')

test('everything that exists is told at once, then each change', async (t) => {
  const { script, start, heard, requests } = await setUp(t)
  script(open(...listed, event('ADDED', node('b'), '7'), event('DELETED', node('a'), '8')))
  start()
  await heard('=a,me', '+b', '-a')
  const query = new URLSearchParams(requests[0]?.split('?')[1])
  assert.deepEqual(Object.fromEntries(query), {
    watch: '1',
    allowWatchBookmarks: 'true',
    sendInitialEvents: 'true',
    resourceVersionMatch: 'NotOlderThan',
    timeoutSeconds: '450',
  })
})

test('protobuf is asked for, and read when it comes', async (t) => {
  const { script, start, heard, accepts } = await setUp(t)
  script(openProtobuf(recordedWatch))
  start()
  await heard('=a,me,unmarked,young', '+a', '+young', '+unmarked', '-young')
  assert.deepEqual(accepts, ['application/vnd.kubernetes.protobuf;stream=watch, application/json'])
})

test('protobuf that is not understood is asked for again half an hour later', async (t) => {
  const { script, start, heard, accepts, afterPause, clock, asked } = await setUp(t)
  const garbage = openProtobuf(Buffer.from([0, 0, 0, 1, 7]))
  script(garbage, ended(page([node('me')], '20')), cut(), open(...listed), open())
  start()
  await afterPause()
  await afterPause()
  await heard('=me', '+a', '+me')
  await until(() => clock.pending === 1, 'the watchdog')
  clock.advance(30 * MINUTE)
  await afterPause()
  await asked(5)
  assert.deepEqual(accepts.slice(1, 4), ['application/json', 'application/json', 'application/json'])
  assert.match(accepts[4] ?? '', /protobuf/)
})

test('the time after which the server shall end a watch is between five and ten minutes', async (t) => {
  for (const [random, seconds] of [
    [0, '300'],
    [0.999999, '600'],
  ] as const) {
    const { script, start, heard, requests } = await setUp(t, () => random)
    script(open(...listed))
    start()
    await heard('=a,me')
    assert.match(requests[0] ?? '', new RegExp(`timeoutSeconds=${seconds}`))
  }
})

test('a stream that ends is resumed where the last event or bookmark was', async (t) => {
  const { script, start, heard, requests, clock, asked } = await setUp(t)
  script(
    (response, request) => {
      open(...listed, event('MODIFIED', node('a'), '9'))(response, request)
      setTimeout(() => {
        clock.advance(5 * MINUTE - 161_000)
        response.end(`${bookmark('12')}\n`)
      }, 20)
    },
    open(event('ADDED', node('b'), '13')),
  )
  start()
  await asked(2)
  await heard('=a,me', '+a', '+b')
  assert.equal(kinds(requests), 'watch-list, watch 12')
})

test('a connection that breaks is resumed after a pause, and what is known stays', async (t) => {
  const { script, start, heard, requests, afterPause, troubles } = await setUp(t)
  script(cut(...listed), reset, open(event('ADDED', node('b'), '7')))
  start()
  await afterPause()
  await afterPause()
  await heard('=a,me', '+b')
  assert.equal(kinds(requests), 'watch-list, watch 6, watch 6')
  assert.ok(troubles.some((because) => because !== undefined))
  assert.equal(troubles.at(-1), undefined)
})

test('a list that breaks off is not believed: nothing is told, and pages follow', async (t) => {
  const { script, start, heard, requests, afterPause, told } = await setUp(t)
  script(
    cut(event('ADDED', node('a'), '4')),
    ended(page([node('b'), node('me')], '20')),
    open(event('ADDED', node('c'), '21')),
  )
  start()
  await afterPause()
  await heard('=b,me', '+c')
  assert.equal(told.length, 2)
  assert.equal(kinds(requests), 'watch-list, list, watch 20')
})

test('a list that ends before its end is not believed either', async (t) => {
  const { script, start, heard, requests, afterPause } = await setUp(t)
  script(ended(event('ADDED', node('a'), '4')), ended(page([node('me')], '20')), open())
  start()
  await afterPause()
  await heard('=me')
  assert.equal(kinds(requests).split(', ').slice(0, 2).join(), 'watch-list,list')
})

for (const code of [400, 422])
  test(`a server that refuses WatchList with ${code} is listed by pages at once, without a warning`, async (t) => {
    const { script, start, heard, requests, troubles } = await setUp(t)
    script(
      refused(code, 'sendInitialEvents is forbidden'),
      ended(page([node('a')], '20', 'two')),
      ended(page([node('me')], '20')),
      open(),
    )
    start()
    await heard('=a,me')
    await until(() => requests.length === 4, 'the watch')
    assert.equal(kinds(requests), 'watch-list, list, list two, watch 20')
    assert.match(requests[1] ?? '', /limit=500/)
    assert.ok(troubles.every((because) => because === undefined))
  })

test('a server that does not get on with WatchList is listed by pages', async (t) => {
  const { script, start, heard, requests, clock, asked, afterPause } = await setUp(t)
  script(open(event('ADDED', node('a'), '4')), ended(page([node('me')], '20')), open())
  start()
  await asked(1)
  await until(() => clock.pending === 2, 'the watchdog')
  clock.advance(MINUTE)
  await afterPause()
  await heard('=me')
  assert.equal(kinds(requests.slice(0, 2)), 'watch-list, list')
})

/** A WatchList under way, into which the test writes a line every 20 s until the stream is given up, or `lines` times. */
async function slowList(t: TestContext, lines: number, line: (index: number) => string) {
  const parts = await setUp(t)
  const { clock, requests } = parts
  let more: (text: string) => void = () => undefined
  parts.script(
    (response, request) => {
      open()(response, request)
      more = (text) => void response.write(`${text}\n`)
    },
    ended(page([node('me')], '20')),
    open(),
  )
  parts.start()
  await parts.asked(1)
  await until(() => clock.pending === 2, 'the watchdog')
  for (let i = 0; requests.length === 1 && i < lines; i += 1) {
    more(line(i))
    await new Promise((resolve) => setTimeout(resolve, 20))
    clock.advance(20_000)
    if ((clock.nextIn ?? 0) < 1000) break
  }
  return { ...parts, write: (text: string) => more(text) }
}

test('a server that answers WatchList with endless news is listed by one request after two minutes', async (t) => {
  const news = await slowList(t, 10, (i) => event('MODIFIED', node('a'), String(i)))
  assert.ok(news.clock.now() <= 140_000, `${news.clock.now()} ms`)
  await news.afterPause()
  await news.heard('=me')
})

test('a WatchList that makes progress is not given up, however long it takes', async (t) => {
  const slow = await slowList(t, 20, (i) => event('ADDED', node(`n${i}`), String(i)))
  assert.equal(slow.clock.now(), 400_000)
  slow.write(bookmark('30', true))
  await until(() => slow.told.length === 1, 'the list')
  assert.equal(slow.told[0]?.split(',').length, 20)
  assert.equal(slow.requests.length, 1)
})

for (const code of [410, 504, 500])
  test(`ERROR ${code} in the stream lists everything again, and deletions are seen`, async (t) => {
    const { script, start, heard, requests, clock } = await setUp(t)
    script(
      open(...listed, errorEvent(code, 'the server says')),
      open(event('ADDED', node('me'), '30'), bookmark('31', true)),
    )
    start()
    await heard('=a,me')
    await until(() => clock.pending === 1 && (clock.nextIn ?? 0) <= 500, 'a pause')
    clock.advance(500)
    await heard('=a,me', '=me')
    assert.equal(kinds(requests), 'watch-list, watch-list')
  })

test('410 as a status lists everything again, soon, whatever the pauses before had grown to, and is no trouble', async (t) => {
  const { script, start, heard, asked, requests, afterPause, clock, log, troubles } = await setUp(t)
  script(
    ...[cut(...listed), reset, reset, reset, refused(410, 'too old')],
    open(event('ADDED', node('me'), '30'), bookmark('31', true)),
  )
  start()
  const pauses = [await afterPause(), await afterPause(), await afterPause(), await afterPause()]
  assert.ok((pauses[3] ?? 0) >= 3000, `pauses ${pauses}`)
  await asked(5)
  // Until the answer is read, the one timer is the connection's.
  await until(() => clock.pending === 1 && (clock.nextIn ?? Infinity) <= 500, 'a short pause')
  clock.advance(500)
  await heard('=a,me', '=me')
  assert.equal(kinds(requests), 'watch-list, watch 6, watch 6, watch 6, watch 6, watch-list')
  assert.equal(troubles.filter((because) => because?.includes('410')).length, 0)
  assert.equal(log.of('leases.kube-expired').length, 1)
})

test('a list that is refused with 410 is trouble, and the pauses grow', async (t) => {
  const { script, start, heard, afterPause, troubles } = await setUp(t)
  script(refused(410, 'too old'), refused(410, 'too old'), refused(410, 'too old'), open(...listed))
  start()
  const pauses = [await afterPause(), await afterPause(), await afterPause()]
  assert.ok((pauses[2] ?? 0) > 2 * (pauses[0] ?? 0), `pauses ${pauses}`)
  await heard('=a,me')
  assert.match(troubles[0] ?? '', /410 Gone: too old|410 .*too old/)
})

test('410 in the middle of the pages starts over with the first', async (t) => {
  const { script, start, heard, requests, afterPause } = await setUp(t)
  script(
    refused(422, 'no WatchList'),
    ended(page([node('a')], '20', 'two')),
    refused(410, 'the token is too old'),
    ended(page([node('b')], '25', 'three')),
    ended(page([node('me')], '25')),
    open(),
  )
  start()
  await afterPause()
  await heard('=b,me')
  assert.equal(kinds(requests.slice(0, 5)), 'watch-list, list, list two, list, list three')
})

test('a resumed stream that ends without a word is not trusted: everything is listed again', async (t) => {
  const { script, start, heard, requests, afterPause, troubles } = await setUp(t)
  script(cut(...listed), ended(), open(event('ADDED', node('me'), '2'), bookmark('3', true)))
  start()
  await afterPause()
  await afterPause()
  await heard('=a,me', '=me')
  assert.equal(kinds(requests), 'watch-list, watch 6, watch-list')
  assert.ok(troubles.some((because) => /ended without a word/.test(because ?? '')))
})

test('a stream that goes silent for 150 s is given up, and everything is listed again', async (t) => {
  const { script, start, heard, requests, clock, afterPause, troubles } = await setUp(t)
  script(open(...listed), open(event('ADDED', node('me'), '30'), bookmark('31', true)))
  start()
  await heard('=a,me')
  await until(() => clock.pending === 1, 'the watchdog')
  clock.advance(149_999)
  assert.equal(requests.length, 1)
  clock.advance(1)
  await afterPause()
  await heard('=a,me', '=me')
  assert.equal(kinds(requests), 'watch-list, watch-list')
  assert.ok(troubles.includes('watch nodes: the stream went silent'))
})

/** A server that lists, then sends a line whenever the test wants. */
async function chatty(t: TestContext) {
  const parts = await setUp(t, () => 0)
  let write: (line: string) => void = () => undefined
  const list = open(...listed)
  parts.script((response, request) => {
    list(response, request)
    write = (line) => void response.write(`${line}\n`)
  })
  parts.start()
  await parts.heard('=a,me')
  let said = 1
  return {
    ...parts,
    /** Sends an event of that node every minute, for so many minutes. */
    async chat(name: string, minutes: number): Promise<void> {
      for (let i = 0; i < minutes; i += 1) {
        parts.clock.advance(MINUTE)
        await until(() => parts.clock.pending === 1, 'a stream, and no question under way')
        assert.equal(parts.requests.length, 1, `the stream was given up after ${i + 1} minutes`)
        write(event('MODIFIED', node(name), '50'))
        said += 1
        await until(() => parts.told.length >= said, 'the event')
      }
    },
  }
}

test('our own Node unseen for 11 minutes is asked for, and while it is as it was told nothing is listed', async (t) => {
  const { chat, requests, single } = await chatty(t)
  let asked = 0
  single((response, request) => {
    asked += 1
    answerNode(node('me'), '5')(response, request)
  })
  await chat('a', 40)
  await until(() => asked === 3, `three questions, not ${asked}`)
  assert.equal(requests.length, 1)
})

test('our own Node unseen for 11 minutes, and another in etcd still a minute later: everything is listed again', async (t) => {
  const { chat, requests, asked, single, clock, afterPause, troubles } = await chatty(t)
  let questions = 0
  single((response, request) => {
    questions += 1
    answerNode(node('me'), '77')(response, request)
  })
  await chat('a', 11)
  await until(() => questions === 1, 'the first question')
  await until(() => clock.pending === 1, 'its answer')
  assert.equal(requests.length, 1)
  clock.advance(MINUTE)
  await afterPause()
  await asked(2)
  assert.equal(kinds(requests), 'watch-list, watch-list')
  assert.equal(new URLSearchParams(requests[1]).get('resourceVersion'), '77')
  assert.match(troubles.find((because) => because !== undefined) ?? '', /the server shows an old state/)
})

test('after six hours everything is listed again, however lively the stream', async (t) => {
  const { chat, requests, asked, clock } = await chatty(t)
  await chat('me', 359)
  assert.equal(requests.length, 1)
  clock.advance(MINUTE)
  await asked(2)
  assert.equal(kinds(requests), 'watch-list, watch-list')
})

test('garbage in the stream ends it, and everything is listed again', async (t) => {
  for (const garbage of ['{"type":', '<html>', 'x'.repeat(150_000)]) {
    const { script, start, heard, requests, afterPause } = await setUp(t)
    script(open(...listed, garbage), open(event('ADDED', node('me'), '30'), bookmark('31', true)))
    start()
    await afterPause()
    await heard('=a,me', '=me')
    assert.equal(kinds(requests), 'watch-list, watch-list')
  }
})

test('Retry-After is honoured', async (t) => {
  const { script, start, heard, clock, requests, asked } = await setUp(t)
  script(refused(429, 'too many requests', { 'retry-after': '17' }), open(...listed))
  start()
  await asked(1)
  await until(() => clock.pending === 1 && clock.nextIn === 17_000, 'a pause of 17 s')
  clock.advance(16_999)
  assert.equal(requests.length, 1)
  clock.advance(1)
  await heard('=a,me')
})

test('pauses grow to 30 s while nothing works, and start over after two minutes that did', async (t) => {
  const { script, start, heard, afterPause, clock, asked } = await setUp(t, () => 0)
  script(refused(500, 'boom'))
  start()
  const pauses: number[] = []
  for (let i = 1; i <= 8; i += 1) pauses.push(await afterPause())
  let end: () => void = () => undefined
  const long: Answer = (response, request) => {
    open(...listed)(response, request)
    end = () => void response.destroy()
  }
  pauses.push(await afterPause(() => script(cut(...listed), long, open())))
  await heard('=a,me')
  pauses.push(await afterPause())
  await asked(11)
  await heard('=a,me', '+a', '+me')
  await until(() => clock.pending === 1, 'the watchdog')
  clock.advance(2 * MINUTE)
  end()
  pauses.push(await afterPause())
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000, 30_000, 500])
})

test('a watch that is answered with 410 after every list: lists back off', async (t) => {
  const { script, start, requests, clock, asked } = await setUp(t, () => 0)
  const twice = (): Answer[] => [open(...listed, errorEvent(410, 'too old resource version: 6 (9)'))]
  script(...twice())
  start()
  const pauses: number[] = []
  for (let i = 1; i <= 8; i += 1) {
    await asked(i)
    await until(() => clock.pending === 1 && (clock.nextIn ?? Infinity) <= 30_000, 'a pause')
    pauses.push(clock.nextIn ?? 0)
    clock.advance(clock.nextIn ?? 0)
  }
  assert.deepEqual(pauses, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000])
  assert.ok(requests.length <= 9)
})

test('after a 410 agents spread over 20 ms a Node', async (t) => {
  const names = Array.from({ length: 999 }, (_, index) => node(`n${index}`))
  for (const [random, pauseMs] of [
    [0, 500],
    [0.9, 18_000],
  ] as const) {
    const { script, start, told, clock } = await setUp(t, () => random)
    const many = [...names, node('me')].map((one) => event('ADDED', one, '4'))
    script(open(...many, bookmark('6', true), errorEvent(410, 'too old')), open(...listed))
    start()
    await until(() => told.length === 1, 'the list')
    await until(() => clock.pending === 1 && (clock.nextIn ?? Infinity) <= 20_000, 'a pause')
    assert.equal(clock.nextIn, pauseMs)
  }
})

test('the same refusal of another version is the same sentence', async (t) => {
  const { script, start, afterPause, troubles } = await setUp(t, () => 0)
  script(
    refused(410, 'too old resource version: 5 (77)'),
    refused(410, 'too old resource version: 6 (78)'),
    refused(504, 'Timeout: Too large resource version: 100, current: 20'),
    refused(504, 'Timeout: Too large resource version: 100, current: 21'),
  )
  start()
  for (let i = 0; i < 4; i += 1) await afterPause()
  const sentences = troubles.filter((because) => because !== undefined)
  assert.equal(sentences[0], sentences[1])
  assert.equal(sentences[2], sentences[3])
  assert.match(sentences[0] ?? '', /too old resource version$/)
})

test('the credentials of a kubelet are refused with what to give instead', async (t) => {
  const { script, start, afterPause, troubles } = await setUp(t)
  script(refused(403, 'User "system:node:a" cannot watch resource "nodes"'))
  start()
  await afterPause()
  assert.match(troubles[0] ?? '', /with k3s give agent\/k3scontroller\.kubeconfig/)
})

test('a server that accepts and never answers is given up', async (t) => {
  const { script, start, heard, clock, asked, afterPause, troubles } = await setUp(t)
  script(silence, ended(page([node('me')], '20')), open())
  start()
  await asked(1)
  await until(() => clock.pending === 2, 'the watchdog')
  clock.advance(20_000)
  assert.deepEqual(troubles, ['no answer for 20 s'])
  clock.advance(10_000)
  await afterPause()
  await heard('=me')
})

test('close ends everything, also in the middle of a pause or a stream', async (t) => {
  const streaming = await setUp(t)
  streaming.script(open(...listed))
  const first = streaming.start()
  await streaming.heard('=a,me')
  await first.close()
  assert.equal(streaming.clock.pending, 0)
  const pausing = await setUp(t)
  pausing.script(reset)
  const second = pausing.start()
  await until(() => pausing.troubles.length === 1 && pausing.clock.pending === 1, 'a pause')
  await second.close()
  assert.equal(pausing.clock.pending, 0)
})
