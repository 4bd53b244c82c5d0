/** What a stream has told is true, whatever the history of the Nodes and of the stream. */
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { openKubeTarget } from '../../../lib/kube-api/kube-config.ts'
import { type ApiServer, startApiServer } from '../../../lib/lab/api-server/api-server.ts'
import type { StoredNode } from '../../../lib/lab/api-server/objects.ts'
import { allKeys, annotationKeys } from '../../../lib/leases/annotations.ts'
import { startNodeStream } from '../../../lib/leases/follow/node-stream.ts'
import type { WatchMode } from '../../../lib/leases/follow/node-stream-parts.ts'
import { createNodeFormats } from '../../../lib/leases/wire/kube-formats.ts'
import type { NodeFacts } from '../../../lib/leases/wire/node-facts.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { createMemoryLog, PREFIX, until } from '../support.ts'

/** Less than the ten seconds that a connection may take. */
const LONGEST_PAUSE_MS = 9000
const MARK = `${PREFIX}/public-ip`
const wanted = allKeys(annotationKeys(PREFIX))

const few = <T>(...values: readonly T[]) => fc.constantFrom(...values)

/** A stream, and what it has told: of each Node its facts, and how often any was read. */
function follow(t: TestContext, apiUrl: string, watch: WatchMode) {
  const clock = createManualClock()
  let told = new Map<string, NodeFacts>()
  const stream = startNodeStream<NodeFacts>({
    open: () => openKubeTarget({ kubeconfigFile: undefined, apiUrl }),
    ownName: () => 'me',
    formats: createNodeFormats(),
    wanted,
    watch,
    clock,
    log: createMemoryLog(),
    random: () => 0,
    read: (node) => node,
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
  test(`watching ${watch}: after any history what was told is true`, async (t) => {
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

        await followed.stream.close()
        await api.close()
      }),
      { numRuns: 25 },
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
