/**
 * Heartbeats are recognised by their print and not told again; and never is a change taken for one, whatever the history
 * of the Nodes and of the stream.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { type ApiServer, startApiServer } from '../../../lib/lab/api-server/api-server.ts'
import type { NodeObject, StoredNode } from '../../../lib/lab/api-server/objects.ts'
import { wholeAsProtobuf } from '../../../lib/lab/api-server/protobuf-representation.ts'
import { createStore } from '../../../lib/lab/api-server/store.ts'
import { allKeys, annotationKeys } from '../../../lib/leases/annotations.ts'
import { startNodeStream } from '../../../lib/leases/follow/node-stream.ts'
import type { WatchMode } from '../../../lib/leases/follow/node-stream-parts.ts'
import { openKubeTarget } from '../../../lib/leases/http/kube-config.ts'
import { createNodeFormats } from '../../../lib/leases/wire/kube-formats.ts'
import type { NodeFacts } from '../../../lib/leases/wire/node-facts.ts'
import { createToldPrints } from '../../../lib/leases/wire/told-prints.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { type Answer, bookmark, event, open, openProtobuf, startScriptedHttp } from '../../support/scripted-http.ts'
import { createMemoryLog, PREFIX, until } from '../support.ts'

/** Less than the ten seconds that a connection may take. */
const LONGEST_PAUSE_MS = 9000
const MARK = `${PREFIX}/public-ip`
const wanted = allKeys(annotationKeys(PREFIX))
const protobuf = createNodeFormats().of('application/vnd.kubernetes.protobuf')

/** The frames of these states of Nodes, as MODIFIED. */
function framesOf(...states: readonly NodeObject[]): Buffer {
  const store = createStore(100, () => undefined)
  return Buffer.concat(states.flatMap((state) => [...wholeAsProtobuf.event('MODIFIED', store.put(state))]))
}

const few = <T>(...values: readonly T[]) => fc.constantFrom(...values)
const metadataParts = {
  name: few('a', 'b', 'aa'),
  uid: few('u1', 'u2', ''),
  creationTimestamp: few('2026-01-01T00:00:00Z', '2026-01-01T00:00:01Z'),
  annotations: fc.dictionary(few(MARK, `${PREFIX}/backend-type`, 'others/x', 'a'), few('1', '2', '11', ''), {
    maxKeys: 3,
  }),
}
const spec = few<NonNullable<NodeObject['spec']>>(
  {},
  { podCIDR: '10.42.1.0/24' },
  { podCIDR: '10.42.1.0/24', podCIDRs: ['10.42.1.0/24'] },
  { podCIDR: '10.42.1.0/24', podCIDRs: ['10.42.1.0/24', 'fd00::/64'] },
  { podCIDRs: ['10.42.11.0/24'] },
  { podCIDR: '10.42.1.0/24', taints: [{ key: 'k', value: '', effect: 'NoSchedule' }] },
)
const state = fc.record({ metadata: fc.record(metadataParts), spec })

/** Two states of which the second often differs in little or nothing from the first. */
const two = fc
  .tuple(state, fc.record({ metadata: fc.record(metadataParts, { requiredKeys: [] }), spec }, { requiredKeys: [] }))
  .map(([one, change]) => [one, { ...one, ...change, metadata: { ...one.metadata, ...change.metadata } }] as const)

test('a Node with one print is one with the same facts, whatever it was before', () => {
  let same = 0
  fc.assert(
    fc.property(two, ([one, other]) => {
      const prints = createToldPrints()
      const decoder = protobuf.createDecoder(wanted, 'me', () => prints)
      const [first] = [...decoder.push(framesOf(one))]
      assert.ok(first?.kind === 'put' && first.print !== undefined)
      prints.note(first.print)
      const [second] = [...decoder.push(framesOf(other))]
      const [plain] = [...protobuf.createDecoder(wanted, 'me').push(framesOf(other))]
      if (second?.kind !== 'same') return
      same += 1
      assert.deepEqual(plain?.kind === 'put' && plain.node, first.node)
    }),
    { numRuns: 3000 },
  )
  assert.ok(same > 100 && same < 2900, `${same} were the same`)
})

test('what a heartbeat changes is not in the print, and the version of the event is told', () => {
  const before: NodeObject = {
    metadata: { name: 'a', uid: 'u', annotations: { [MARK]: '1' }, resourceVersion: '7' },
    spec: { podCIDR: '10.42.1.0/24' },
    status: { conditions: [{ type: 'Ready', status: 'True', lastHeartbeatTime: '2026-01-01T00:00:00Z' }] },
  }
  const managedFields = [{ manager: 'kubelet', operation: 'Update', time: '2026-01-01T00:05:00Z' }]
  for (const later of [
    before,
    { ...before, metadata: { ...before.metadata, resourceVersion: '8' } },
    { ...before, metadata: { ...before.metadata, managedFields, labels: { a: 'b' }, generation: 3 } },
    { ...before, status: { conditions: [{ type: 'Ready', status: 'False' }], phase: 'Terminated' } },
    { metadata: before.metadata, spec: before.spec ?? {} },
  ]) {
    const prints = createToldPrints()
    const decoder = protobuf.createDecoder(wanted, 'me', () => prints)
    const events = []
    for (const one of decoder.push(framesOf(before, later))) {
      events.push(one)
      if (one.kind === 'put' && one.print !== undefined) prints.note(one.print)
    }
    assert.deepEqual(events[1], { kind: 'same', resourceVersion: '3' }, JSON.stringify(later))
  }
})

test('our own Node is told each time, and nothing is recognised where nothing was noted', () => {
  const prints = createToldPrints()
  const decoder = protobuf.createDecoder(wanted, 'me', () => prints)
  const me: NodeObject = { metadata: { name: 'me', uid: 'u' } }
  const events = [...decoder.push(framesOf(me, me, { metadata: { name: 'a' } }, { metadata: { name: 'a' } }))]
  assert.deepEqual(
    events.map((one) => one.kind === 'put' && one.print !== undefined),
    [false, false, true, true],
  )
  assert.deepEqual(
    [...protobuf.createDecoder(wanted, 'me').push(framesOf(me))].map((one) => 'print' in one),
    [false],
  )
})

/** A stream, and what it has told: of each Node its facts, and how often any was read. */
function follow(t: TestContext, apiUrl: string, watch: WatchMode) {
  const clock = createManualClock()
  let told = new Map<string, NodeFacts>()
  const reads: string[] = []
  const stream = startNodeStream<NodeFacts>({
    open: () => openKubeTarget({ kubeconfigFile: undefined, apiUrl }),
    ownName: () => 'me',
    formats: createNodeFormats(),
    wanted,
    watch,
    clock,
    log: createMemoryLog(),
    random: () => 0,
    read(node) {
      reads.push(node.name)
      return node
    },
    onChange(change) {
      if (change.kind === 'put') told.set(change.name, change.node)
      else if (change.kind === 'delete') told.delete(change.name)
      else told = change.nodes
    },
    onTrouble: () => undefined,
  })
  t.after(() => stream.close())
  return {
    stream,
    get told() {
      return told
    },
    /** Names, in the order in which their Nodes were read. */
    reads,
    /** Lets pauses pass, not the times after which a connection or a stream is given up. */
    until: (check: () => boolean, what: string): Promise<void> =>
      until(() => {
        if (check()) return true
        if (clock.nextIn !== undefined && clock.nextIn < LONGEST_PAUSE_MS) clock.advance(clock.nextIn)
        return false
      }, what),
  }
}

/** What the stream should have told, as far as it is told in this mode. */
function truth(api: ApiServer): string[] {
  return api.nodes.list().map(({ metadata: { name, uid, annotations }, spec: is }: StoredNode) => {
    const claims = annotations?.[MARK] !== undefined || name === 'me'
    return [name, uid, annotations?.[MARK], ...(claims ? (is?.podCIDRs ?? []) : [])].join(' ')
  })
}

function toldOf(nodes: ReadonlyMap<string, NodeFacts>): string[] {
  const texts = [...nodes.values()].map(({ name, uid, annotations, podCidrs }) => {
    const claims = annotations[MARK] !== undefined || name === 'me'
    return [name, uid, annotations[MARK], ...(claims ? podCidrs : [])].join(' ')
  })
  return texts.sort()
}

const NAMES = ['a', 'b', 'c'] as const
const kinds = ['beat', 'beat', 'mark', 'unmark', 'others', 'taint', 'assign', 'again', 'delete', 'own'] as const
const streamKinds = ['end', 'cut', 'compacted'] as const
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: few(...kinds), name: few(...NAMES), value: few('1', '2') }) },
  { weight: 1, arbitrary: fc.record({ kind: few(...streamKinds), name: few('a'), value: few('1') }) },
)
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

let beats = 0
function beat(api: ApiServer, name: string): void {
  beats += 1
  const condition = { type: 'Ready', status: 'True', message: String(beats) }
  api.nodes.patchStatus(name, { status: { conditions: [condition] } })
}

/** What each step does to Node `name`; one that is not there is made first. */
const ACTS: Readonly<Record<(typeof kinds)[number], (api: ApiServer, name: string, value: string) => void>> = {
  beat,
  own: (api) => beat(api, 'me'),
  mark: (api, name, value) => update(api, name, { [MARK]: value }),
  unmark: (api, name) => update(api, name, { [MARK]: undefined }),
  others: (api, name, value) => update(api, name, { 'others/x': value }),
  taint: (api, name, value) => update(api, name, {}, { taints: [{ key: 'k', value, effect: 'NoSchedule' }] }),
  assign: (api, name) => update(api, name, {}, podCidrsOf(name)),
  again(api, name, value) {
    const { annotations = {}, uid = '' } = api.nodes.get(name)?.metadata ?? {}
    api.nodes.delete(name)
    // No API server makes a UID twice; nothing here rests on that.
    api.nodes.create({ metadata: { name, annotations, ...(value === '1' ? { uid } : {}) }, spec: podCidrsOf(name) })
  },
  delete: (api, name) => api.nodes.delete(name),
}
const STREAM_ACTS: Readonly<Record<(typeof streamKinds)[number], (api: ApiServer) => void>> = {
  end: (api) => api.endWatches(),
  cut: (api) => api.disconnectAll(),
  compacted(api) {
    api.compact()
    api.disconnectAll()
  },
}

function update(api: ApiServer, name: string, marks: Record<string, string | undefined>, spec: object = {}): void {
  const now = api.nodes.get(name)
  if (now === undefined) return
  const entries = Object.entries({ ...now.metadata.annotations, ...marks })
  const annotations = Object.fromEntries(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
  api.nodes.update({ ...now, metadata: { ...now.metadata, annotations }, spec: { ...now.spec, ...spec } })
}

function podCidrsOf(name: string) {
  const cidr = `10.42.${NAMES.indexOf(name as 'a')}.0/24`
  return { podCIDR: cidr, podCIDRs: [cidr] }
}

function play(api: ApiServer, { kind, name, value }: Step): void {
  if (kind === 'end' || kind === 'cut' || kind === 'compacted') STREAM_ACTS[kind](api)
  else if (api.nodes.get(name) !== undefined) ACTS[kind](api, name, value)
  else api.nodes.create({ metadata: { name, annotations: value === '1' ? {} : { [MARK]: '1' } } })
}

for (const watch of ['nodes', 'metadata'] as const)
  test(`watching ${watch}: after any history what was told is true, and heartbeats alone tell nothing`, async (t) => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const api = await startApiServer()
        t.after(() => api.close())
        api.nodes.create({ metadata: { name: 'me' }, spec: { podCIDR: '10.42.9.0/24', podCIDRs: ['10.42.9.0/24'] } })
        const followed = follow(t, api.url, watch)
        const right = (): boolean => toldOf(followed.told).join() === truth(api).join()
        const caughtUp = (what: string): Promise<void> =>
          followed.until(right, `${what}: ${truth(api).join()}, told ${toldOf(followed.told).join()}`)
        await caughtUp('the list')
        for (const [index, one] of steps.entries()) {
          play(api, one)
          // Sometimes after each event, sometimes many at once.
          if (index % 3 === 0) await caughtUp(JSON.stringify(one))
        }
        await caughtUp('the end')

        // Whoever lacks a podCIDR is looked at each time, as it may have been given one.
        const complete = api.nodes.list().filter(({ spec: is }) => is?.podCIDRs !== undefined)
        const others = complete.map(({ metadata: { name } }) => name).filter((name) => name !== 'me')
        const round = async (): Promise<string[]> => {
          const before = followed.reads.length
          for (const name of others) beat(api, name)
          api.nodes.delete('me')
          api.nodes.create({ metadata: { name: 'me' } })
          await caughtUp('a round of heartbeats')
          return followed.reads.slice(before).filter((name) => others.includes(name))
        }
        // The first may still be told by a list, and the second is then the first that has prints.
        await round()
        await round()
        assert.deepEqual(await round(), [])
        await followed.stream.close()
        await api.close()
      }),
      { numRuns: 40 },
    )
  })

test('what a list told in between is not forgotten', async (t) => {
  const api = await startApiServer()
  t.after(() => api.close())
  api.nodes.create({ metadata: { name: 'me' } })
  api.nodes.create({ metadata: { name: 'a' }, spec: podCidrsOf('a') })
  const followed = follow(t, api.url, 'nodes')
  const mark = (value: string): void => update(api, 'a', { [MARK]: value })
  const shows = (value: string | undefined): Promise<void> =>
    followed.until(() => {
      const a = followed.told.get('a')
      return a !== undefined && a.annotations[MARK] === value
    }, `the mark ${value}`)
  await shows(undefined)
  mark('1')
  await shows('1')
  // The pause after this is in manual time, so nothing but a list can tell what follows.
  STREAM_ACTS.compacted(api)
  mark('2')
  api.compact()
  await shows('2')
  mark('1')
  await shows('1')
})

test('what was told as JSON in between is not forgotten', async (t) => {
  const server = await startScriptedHttp(t)
  const ended =
    (answer: Answer): Answer =>
    (response, request) => {
      answer(response, request)
      response.end()
    }
  const frame = framesOf({ metadata: { name: 'a', uid: 'u', annotations: { [MARK]: '1' } } })
  const other = event('MODIFIED', { name: 'a', uid: 'u', annotations: { [MARK]: '2' } }, '4')
  server.script(
    ended(open(event('ADDED', { name: 'me' }, '1'), bookmark('1', true))),
    ended(openProtobuf(frame)),
    ended(open(other)),
    openProtobuf(frame),
  )
  const followed = follow(t, server.url, 'nodes')
  const seen: (string | undefined)[] = []
  await followed.until(() => {
    const now = followed.told.get('a')?.annotations[MARK]
    if (now !== seen.at(-1)) seen.push(now)
    return followed.reads.length >= 4
  }, 'all that was told')
  assert.deepEqual(seen.at(-1), '1')
  assert.equal(server.requests.length, 4)
})
