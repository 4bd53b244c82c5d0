/** Following metadata alone (`--watch=metadata`): what is asked for, what is fetched, and that every rule of the stream holds. */
import assert from 'node:assert/strict'
import type { ServerResponse } from 'node:http'
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
  metadataEvent,
  type NodeText,
  open,
  page,
  refused,
  silence,
  startScriptedHttp,
} from '../../support/scripted-http.ts'
import { createMemoryLog, PREFIX, until } from '../support.ts'

const METADATA =
  'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io;stream=watch, application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io'
const WHOLE = 'application/vnd.kubernetes.protobuf;stream=watch, application/json'
const MARK = `${PREFIX}/public-ip`

/** A Node that takes part: `ip` is what tells one of its states from the next. */
const node = (name: string, ip: string, change: Partial<NodeText> = {}): NodeText => ({
  name,
  annotations: { [MARK]: ip },
  podCidrs: [`10.42.${name.charCodeAt(0)}.0/24`],
  ...change,
})
const listed = [event('ADDED', node('a', '1'), '4'), event('ADDED', node('me', '1'), '5'), bookmark('6', true)]
async function setUp(t: TestContext) {
  const server = await startScriptedHttp(t)
  server.single(refused(404, 'not found'))
  const clock = createManualClock()
  const log = createMemoryLog()
  const told: string[] = []
  const troubles: (string | undefined)[] = []
  let failures = 0
  /** Answers of the watches, in their order; the last answers all that follow. */
  let watches: Answer[] = []
  let answerGet: Answer = refused(404, 'not found')
  server.script((response, request) => {
    if (!request.url?.includes('/nodes?')) {
      answerGet(response, request)
      return
    }
    const answer = watches.length > 1 ? watches.shift() : watches[0]
    answer?.(response, request)
  })
  const isGet = (path: string): boolean => !path.includes('/nodes?')
  return {
    clock,
    log,
    told,
    troubles,
    watches: (...answers: Answer[]) => {
      watches = answers
    },
    gets: (answer: Answer) => {
      answerGet = answer
    },
    start() {
      const stream = startNodeStream({
        open: () => openKubeTarget({ kubeconfigFile: undefined, apiUrl: server.url }),
        ownName: () => 'me',
        formats: createNodeFormats(100_000),
        wanted: allKeys(annotationKeys(PREFIX)),
        watch: 'metadata',
        clock,
        log,
        random: () => 0.5,
        read: ({ podCidrs, annotations }) => `${podCidrs.join('+')}@${annotations[MARK]}`,
        onChange: (change) => {
          if (change.kind === 'put') told.push(`+${change.name} ${change.node}`)
          else if (change.kind === 'delete') told.push(`-${change.name}`)
          else told.push(`=${[...change.nodes.keys()].join()}`)
        },
        onTrouble: (because) => void troubles.push(because),
      })
      t.after(() => stream.close())
      return stream
    },
    heard: (...texts: string[]) =>
      until(() => told.join(' ') === texts.join(' '), `[${texts.join(' ')}], got [${told.join(' ')}]`),
    got: () => server.requests.filter(isGet),
    accepts: () => server.requests.flatMap((path, index) => (isGet(path) ? [] : [server.accepts[index]])),
    watched: () => server.requests.filter((path) => !isGet(path)).map(kindOf),
    /** Waits for the next failure and the pause after it, then lets that pass. */
    async afterPause(): Promise<void> {
      failures += 1
      await until(() => troubles.filter((because) => because !== undefined).length >= failures, `failure ${failures}`)
      await until(() => clock.pending === 1, 'a pause')
      clock.advance(clock.nextIn ?? 0)
    },
  }
}

function kindOf(path: string): string {
  const query = new URLSearchParams(path.split('?')[1])
  if (query.has('sendInitialEvents')) return 'watch-list'
  return query.has('watch') ? `watch ${query.get('resourceVersion')}` : 'list'
}

/** A watch into which the test writes lines as it goes. */
function channel(): { readonly answer: Answer; write(...lines: string[]): void; end(): void } {
  let response: ServerResponse | undefined
  let early: string[] = []
  return {
    answer: (opened, request) => {
      open(...early)(opened, request)
      early = []
      response = opened
    },
    write: (...lines) => {
      if (response === undefined) early.push(...lines)
      else response.write(lines.map((line) => `${line}\n`).join(''))
    },
    end: () => void response?.destroy(),
  }
}

test('whole Nodes are listed, then metadata is followed without a pause and completed with what the list said', async (t) => {
  const { watches, start, heard, accepts, watched, got, troubles } = await setUp(t)
  watches(
    open(...listed),
    open(metadataEvent('MODIFIED', node('a', '2'), '7'), metadataEvent('DELETED', node('a', '2'), '8')),
  )
  start()
  await heard('=a,me', '+a 10.42.97.0/24@2', '-a')
  assert.deepEqual(accepts(), [WHOLE, METADATA])
  assert.deepEqual(watched(), ['watch-list', 'watch 6'])
  assert.deepEqual(got(), [])
  assert.deepEqual(troubles, [undefined, undefined])
})

test('a Node of an unknown UID is fetched once, at least as new as its event', async (t) => {
  const { watches, gets, start, heard, got } = await setUp(t)
  gets(answerNode(node('b', '9')))
  watches(open(...listed), open(metadataEvent('ADDED', node('b', '1'), '7')))
  start()
  // The podCIDR is the GET's, the annotation the stream's.
  await heard('=a,me', '+b 10.42.98.0/24@1')
  assert.deepEqual(got(), ['/api/v1/nodes/b?resourceVersion=7'])
})

test('a Node made anew under its name is fetched again', async (t) => {
  const { watches, gets, start, heard, got } = await setUp(t)
  const again = node('a', '2', { uid: 'other', podCidrs: ['10.42.7.0/24'] })
  gets(answerNode(again))
  watches(open(...listed), open(metadataEvent('DELETED', node('a', '1'), '7'), metadataEvent('ADDED', again, '8')))
  start()
  await heard('=a,me', '-a', '+a 10.42.7.0/24@2')
  assert.equal(got().length, 1)
})

test('while a Node has no podCIDR each of its events fetches it, and then none does', async (t) => {
  const { watches, gets, start, heard, got } = await setUp(t)
  const stream = channel()
  gets(answerNode(node('b', '1', { podCidrs: [] })))
  watches(open(...listed), stream.answer)
  start()
  await heard('=a,me')
  await until(() => got().length === 0, 'the watch')
  stream.write(metadataEvent('ADDED', node('b', '1'), '7'))
  await heard('=a,me', '+b @1')
  gets(answerNode(node('b', '1')))
  stream.write(metadataEvent('MODIFIED', node('b', '1'), '8'))
  await heard('=a,me', '+b @1', '+b 10.42.98.0/24@1')
  stream.write(metadataEvent('MODIFIED', node('b', '2'), '9'))
  await heard('=a,me', '+b @1', '+b 10.42.98.0/24@1', '+b 10.42.98.0/24@2')
  assert.equal(got().length, 2)
})

test('a Node without any of our annotations is not fetched: it claims nothing', async (t) => {
  const { watches, start, heard, got } = await setUp(t)
  watches(open(...listed), open(metadataEvent('ADDED', { name: 'b', podCidrs: ['10.42.98.0/24'] }, '7')))
  start()
  await heard('=a,me', '+b @undefined')
  assert.deepEqual(got(), [])
})

test('our own Node is fetched for each of its events: its condition is no metadata', async (t) => {
  const { watches, gets, start, heard, got } = await setUp(t)
  gets(answerNode(node('me', '2')))
  watches(open(...listed), open(metadataEvent('MODIFIED', node('me', '2'), '7')))
  start()
  await heard('=a,me', '+me 10.42.109.0/24@2')
  assert.deepEqual(got(), ['/api/v1/nodes/me?resourceVersion=7'])
})

test('a fetch that hangs holds up nobody else, and one Node is told in the order of its events', async (t) => {
  const { watches, gets, start, heard, got } = await setUp(t)
  const held: (() => void)[] = []
  gets((response, request) => held.push(() => answerNode(node('b', '9'))(response, request)))
  watches(
    open(...listed),
    open(
      metadataEvent('ADDED', node('b', '1'), '7'),
      metadataEvent('MODIFIED', node('a', '2'), '8'),
      metadataEvent('MODIFIED', node('b', '2'), '9'),
      metadataEvent('MODIFIED', node('a', '3'), '10'),
    ),
  )
  start()
  await heard('=a,me', '+a 10.42.97.0/24@2', '+a 10.42.97.0/24@3')
  await until(() => held.length === 1, 'the fetch')
  held[0]?.()
  await heard('=a,me', '+a 10.42.97.0/24@2', '+a 10.42.97.0/24@3', '+b 10.42.98.0/24@2')
  assert.equal(got().length, 1)
})

test('a Node that is deleted while it is fetched is told as deleted only', async (t) => {
  const { watches, gets, start, heard, told } = await setUp(t)
  const held: (() => void)[] = []
  gets((response, request) => held.push(() => answerNode(node('b', '1'))(response, request)))
  const stream = channel()
  watches(open(...listed), stream.answer)
  start()
  await heard('=a,me')
  stream.write(metadataEvent('ADDED', node('b', '1'), '7'))
  await until(() => held.length === 1, 'the fetch')
  stream.write(metadataEvent('DELETED', node('b', '1'), '8'))
  await heard('=a,me', '-b')
  held[0]?.()
  stream.write(metadataEvent('MODIFIED', node('a', '2'), '9'))
  await until(() => told.at(-1) === '+a 10.42.97.0/24@2', 'the next event')
  assert.deepEqual(told, ['=a,me', '-b', '+a 10.42.97.0/24@2'])
})

test('a fetch that fails is tried again', async (t) => {
  const { watches, gets, start, heard, got, clock, troubles } = await setUp(t)
  gets(refused(500, 'boom'))
  watches(open(...listed), open(metadataEvent('ADDED', node('b', '1'), '7')))
  start()
  const pausing = (): boolean => clock.pending === 2 && (clock.nextIn ?? Infinity) <= 5000
  await until(() => got().length === 1 && pausing(), 'a pause beside the watchdog')
  gets(answerNode(node('b', '1')))
  clock.advance(200)
  await heard('=a,me', '+b 10.42.98.0/24@1')
  assert.deepEqual(troubles, [undefined, undefined])
})

test('fetches that fail for half a minute make a list, which brings what they did not', async (t) => {
  const { watches, gets, start, heard, clock, got, watched, troubles, afterPause } = await setUp(t)
  gets(refused(500, 'boom'))
  const again = [event('ADDED', node('b', '1'), '7'), event('ADDED', node('me', '1'), '5'), bookmark('9', true)]
  watches(open(...listed), open(metadataEvent('ADDED', node('b', '1'), '7')), open(...again), open())
  start()
  const gaveUp = (): boolean => troubles.some((because) => because !== undefined)
  // The watchdog, and the pause before the next try.
  const pausing = (): boolean => clock.pending === 2 && (clock.nextIn ?? Infinity) <= 5000
  await until(() => got().length === 1 && pausing(), 'the first pause')
  while (!gaveUp()) {
    const asked = got().length
    clock.advance(clock.nextIn ?? 0)
    await until(() => gaveUp() || (got().length > asked && pausing()), 'the next try')
  }
  await afterPause()
  await heard('=a,me', '=b,me')
  assert.deepEqual(watched().slice(0, 3), ['watch-list', 'watch 6', 'watch-list'])
  assert.ok(clock.now() >= 30_000 && clock.now() < 45_000, `${clock.now()} ms`)
})

test('more new Nodes than are worth fetching are listed, without a warning', async (t) => {
  const { watches, gets, start, told, watched, clock, troubles } = await setUp(t)
  gets(silence)
  const many = Array.from({ length: 1001 }, (_, i) => metadataEvent('ADDED', node(`n${i}`, '1'), String(100 + i)))
  const again = [event('ADDED', node('me', '1'), '5'), bookmark('2000', true)]
  watches(open(...listed), open(...many), open(...again), open())
  start()
  await until(() => watched().length === 2 && clock.pending === 1 && clock.nextIn === 437.5, 'a pause')
  clock.advance(437.5)
  await until(() => told.join(' ') === '=a,me =me', 'the second list')
  await until(() => watched().length === 4, 'the watch that follows it')
  assert.deepEqual(watched(), ['watch-list', 'watch 6', 'watch-list', 'watch 2000'])
  assert.ok(troubles.every((because) => because === undefined))
})

test('a stream that breaks with a Node still to be fetched is not resumed behind it', async (t) => {
  const { watches, gets, start, heard, got, watched, afterPause } = await setUp(t)
  gets(silence)
  const stream = channel()
  const again = [event('ADDED', node('b', '1'), '7'), event('ADDED', node('me', '1'), '5'), bookmark('9', true)]
  watches(open(...listed), stream.answer, open(...again), open())
  start()
  await heard('=a,me')
  stream.write(metadataEvent('ADDED', node('b', '1'), '7'))
  await until(() => got().length === 1, 'the fetch')
  stream.end()
  await afterPause()
  await heard('=a,me', '=b,me')
  assert.deepEqual(watched().slice(0, 3), ['watch-list', 'watch 6', 'watch-list'])
})

test('metadata is resumed where its last event or bookmark was', async (t) => {
  const { watches, start, heard, watched, accepts, afterPause } = await setUp(t)
  watches(
    open(...listed),
    cut(metadataEvent('MODIFIED', node('a', '2'), '7'), bookmark('12')),
    open(metadataEvent('MODIFIED', node('a', '3'), '13')),
  )
  start()
  await afterPause()
  await heard('=a,me', '+a 10.42.97.0/24@2', '+a 10.42.97.0/24@3')
  assert.deepEqual(watched(), ['watch-list', 'watch 6', 'watch 12'])
  assert.deepEqual(accepts(), [WHOLE, METADATA, METADATA])
})

for (const [why, answer] of [
  ['410 in the stream', open(errorEvent(410, 'too old'))],
  ['410 as a status', refused(410, 'too old')],
  ['504 as a status', refused(504, 'too large')],
  ['an end without a word', ended()],
] as const)
  test(`${why} lists whole Nodes again`, async (t) => {
    const { watches, start, heard, watched, accepts, clock } = await setUp(t)
    watches(open(...listed), answer, open(event('ADDED', node('me', '1'), '30'), bookmark('31', true)), open())
    start()
    await until(() => watched().length === 2 && clock.pending === 1 && (clock.nextIn ?? Infinity) <= 500, 'a pause')
    clock.advance(500)
    await heard('=a,me', '=me')
    await until(() => watched().length === 4, 'the watch')
    assert.deepEqual(watched(), ['watch-list', 'watch 6', 'watch-list', 'watch 31'])
    assert.deepEqual(accepts(), [WHOLE, METADATA, WHOLE, METADATA])
  })

test('metadata that goes silent for 150 s is given up, and everything is listed again', async (t) => {
  const { watches, start, heard, watched, clock, afterPause } = await setUp(t)
  watches(open(...listed), open(), open(event('ADDED', node('me', '1'), '30'), bookmark('31', true)), open())
  start()
  await until(() => watched().length === 2 && clock.pending === 1, 'the watchdog')
  await until(() => (clock.nextIn ?? 0) > 140_000, 'the watchdog of a list that is over')
  clock.advance(150_000)
  await afterPause()
  await heard('=a,me', '=me')
  assert.equal(watched()[2], 'watch-list')
})

test('a server without WatchList is listed by pages, then metadata is followed', async (t) => {
  const { watches, start, heard, watched, accepts } = await setUp(t)
  watches(
    refused(422, 'sendInitialEvents is forbidden'),
    ended(page([node('a', '1'), node('me', '1')], '20')),
    open(metadataEvent('MODIFIED', node('a', '2'), '21')),
  )
  start()
  await heard('=a,me', '+a 10.42.97.0/24@2')
  assert.deepEqual(watched(), ['watch-list', 'list', 'watch 20'])
  assert.equal(accepts()[2], METADATA)
})

test('a server that does not give metadata alone is followed as before, with one line and without a second list', async (t) => {
  const { watches, start, heard, watched, accepts, log, troubles } = await setUp(t)
  watches(
    open(...listed),
    refused(406, 'only the following media types are accepted'),
    open(event('MODIFIED', node('a', '2'), '7')),
  )
  start()
  await heard('=a,me', '+a 10.42.97.0/24@2')
  assert.deepEqual(watched(), ['watch-list', 'watch 6', 'watch 6'])
  assert.deepEqual(accepts(), [WHOLE, METADATA, WHOLE])
  assert.equal(log.of('leases.whole-nodes').length, 1)
  assert.ok(troubles.every((because) => because === undefined))
})

test('without the right to get Nodes whole ones are listed and followed', async (t) => {
  const { watches, gets, start, heard, accepts, log } = await setUp(t)
  gets(refused(403, 'nodes "b" is forbidden'))
  const again = [event('ADDED', node('b', '1'), '7'), event('ADDED', node('me', '1'), '5'), bookmark('9', true)]
  watches(
    open(...listed),
    open(metadataEvent('ADDED', node('b', '1'), '7')),
    open(...again, event('MODIFIED', node('b', '2'), '10')),
  )
  start()
  await heard('=a,me', '=b,me', '+b 10.42.98.0/24@2')
  assert.deepEqual(accepts(), [WHOLE, METADATA, WHOLE])
  assert.match(log.of('leases.whole-nodes')[0]?.message ?? '', /get node b.*vtepd needs the rights get, list, watch/)
})
