/**
 * Everything that can break between the agent and its API server: afterwards the view is right again within a bound, and
 * meanwhile it stands still. The clock is moved by hand, and only when nothing moves on the wire.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { LeaseView } from '../../../lib/cluster/view.ts'
import { startApiServer } from '../../../lib/lab/api-server/api-server.ts'
import type { WatchMode } from '../../../lib/leases/follow/node-stream-parts.ts'
import { createKubeSource } from '../../../lib/leases/kube.ts'
import { type Fault, startFaultProxy } from '../../support/fault-proxy.ts'
import { createManualClock } from '../../support/manual-clock.ts'
import { createMemoryLog, flannelNode, PREFIX, until, v4Network } from '../support.ts'

const WATCHDOG_MS = 150_000
const OTHERS_MS = 35_000
/** The wire counts as still after so many looks without a byte. */
const STILL_LOOKS = 30

function nodeOf(name: string, n: number) {
  const { annotations, podCidrs } = flannelNode(name, n)
  return { metadata: { name, annotations }, spec: { podCIDR: podCidrs[0] ?? '', podCIDRs: podCidrs } }
}

async function setUp(t: TestContext, watch: WatchMode = 'nodes') {
  const api = await startApiServer()
  t.after(() => api.close())
  const proxy = await startFaultProxy(t, api)
  const clock = createManualClock()
  const log = createMemoryLog()
  const source = createKubeSource({
    config: {
      kubeconfigFile: undefined,
      apiUrl: `http://127.0.0.1:${proxy.port}`,
      annotationPrefix: PREFIX,
      setNodeNetworkUnavailable: true,
      node: { name: 'me' },
      watch,
    },
    network: v4Network,
    log,
    clock,
    random: () => 0,
  })
  t.after(() => source.close())
  for (const [name, n] of [
    ['me', 9],
    ['a', 1],
    ['b', 2],
  ] as const)
    api.nodes.create(nodeOf(name, n))
  const views: LeaseView[] = []
  source.start(() => void views.push(source.view()))
  const peers = (): string => [...source.view().peers.keys()].sort().join()
  await until(() => source.view().synced && peers() === 'a,b', 'the first view')

  /** Lets the time pass whenever nothing else moves; resolves with the milliseconds until `check` held. */
  const timeUntil = async (check: () => boolean, what: string, limitMs = 1_000_000): Promise<number> => {
    const startedAt = clock.now()
    let still = 0
    let activity = -1
    await until(() => {
      if (check()) return true
      still = proxy.activity === activity ? still + 1 : 0
      activity = proxy.activity
      if (still < STILL_LOOKS || clock.nextIn === undefined) return false
      still = 0
      assert.ok(clock.now() + clock.nextIn - startedAt <= limitMs, `${what}: more than ${limitMs} ms`)
      clock.advance(clock.nextIn)
      return false
    }, what)
    return clock.now() - startedAt
  }
  return {
    api,
    proxy,
    clock,
    log,
    source,
    views,
    timeUntil,
    /** News that the agent cannot hear now. */
    change(): void {
      api.nodes.delete('a')
      api.nodes.create(nodeOf('c', 3))
    },
    /** Right again, and at no time had it told of a complete view without `b`, which was always there. */
    async rightAgain(limitMs: number): Promise<void> {
      await timeUntil(
        () => source.view().synced && peers() === 'b,c' && source.stale === undefined,
        'the view',
        limitMs,
      )
      assert.ok(views.every((view) => view.peers.has('b')))
      assert.equal(log.of('leases.kube-bug').length, 0)
    },
  }
}

const WATCHES: readonly WatchMode[] = ['nodes', 'metadata']

/** Faults that end by themselves: the agent finds out, and comes back. */
for (const [name, fault, limitMs] of [
  ['a connection that goes dead without a word', { kind: 'half-open' }, WATCHDOG_MS],
  [
    'bytes of something else in the stream',
    { kind: 'garbage', bytes: Buffer.from('\x00\xffHTTP/1.1 200 OK\r\n\r\n{') },
    OTHERS_MS,
  ],
  ['an event cut off in its middle', { kind: 'truncate', after: 100 }, OTHERS_MS],
  ['a connection closed after the last whole event', { kind: 'truncate', after: 0 }, OTHERS_MS],
  ['bytes that come one by one', { kind: 'slow' }, 0],
] as const satisfies readonly (readonly [string, Fault, number])[])
  for (const watch of WATCHES)
    test(`${name}, following ${watch}: the view stands still, and is right again`, async (t) => {
      const { proxy, change, rightAgain, source } = await setUp(t, watch)
      const before = source.view()
      await proxy.set(fault)
      assert.equal(source.view(), before)
      change()
      await rightAgain(limitMs)
    })

/** Faults that last: right again soon after they are gone. */
for (const [name, fault, limitMs] of [
  ['a proxy that stalls', { kind: 'stall' }, WATCHDOG_MS],
  ['resets', { kind: 'reset' }, OTHERS_MS],
  ['500', { kind: 'answer', status: 500 }, OTHERS_MS],
  ['503 without a body', { kind: 'answer', status: 503 }, OTHERS_MS],
  ['429 with Retry-After', { kind: 'answer', status: 429, headers: { 'retry-after': '30' } }, OTHERS_MS],
  ['nobody who listens', { kind: 'refuse' }, OTHERS_MS],
] as const satisfies readonly (readonly [string, Fault, number])[])
  for (const watch of WATCHES)
    test(`ten minutes of ${name}, following ${watch}: the view stands still, and is right again afterwards`, async (t) => {
      const { proxy, change, rightAgain, source, clock, timeUntil, log } = await setUp(t, watch)
      const before = source.view()
      const began = clock.now()
      await proxy.set(fault)
      change()
      await timeUntil(() => clock.now() - began > 600_000, 'ten minutes')
      assert.equal(source.view(), before)
      assert.notEqual(source.stale, undefined)
      const lines = log.of('leases.kube').length
      // One a minute, from when it was found out.
      assert.ok(lines >= 8 && lines <= 12, `${lines} lines`)
      await proxy.set({ kind: 'none' })
      await rightAgain(limitMs)
    })

test('a stall for minutes ends in a new list', async (t) => {
  const { proxy, clock, timeUntil, source, api } = await setUp(t)
  await proxy.set({ kind: 'stall' })
  await timeUntil(() => source.stale !== undefined, 'the watchdog')
  const before = api.counters.watch
  await timeUntil(() => clock.now() > 200_000, 'a stalled question')
  await proxy.set({ kind: 'none' })
  await timeUntil(() => source.stale === undefined && api.counters.watch > before, 'the list', WATCHDOG_MS)
})

test('Retry-After is honoured to the second', async (t) => {
  const { proxy, timeUntil, source, clock } = await setUp(t)
  await proxy.set({ kind: 'answer', status: 429, headers: { 'retry-after': '77' } })
  await timeUntil(() => source.stale?.includes('429') === true, 'the refusal')
  const accepted = proxy.accepted
  // The pause, and the warning of the next minute.
  await until(() => clock.pending === 2, 'the pause')
  clock.advance(76_999)
  assert.equal(proxy.accepted, accepted)
  await proxy.set({ kind: 'none' })
  clock.advance(1)
  await until(() => source.stale === undefined, 'the answer')
})

for (const watch of WATCHES)
  test(`a thousand reconnects leave nothing behind, following ${watch}`, async (t) => {
    const { proxy, timeUntil, source, clock, change, rightAgain } = await setUp(t, watch)
    setFlagsFromString('--expose-gc')
    const collect = runInNewContext('gc') as () => void
    const reconnect = async (times: number): Promise<void> => {
      for (let i = 0; i < times; i += 1) {
        const before = proxy.accepted
        await proxy.set({ kind: 'reset' })
        await until(() => source.stale !== undefined, 'the loss')
        await proxy.set({ kind: 'none' })
        await until(() => {
          // The pause, and the warning of the next minute.
          if (clock.pending === 2 && source.stale !== undefined) clock.advance(clock.nextIn ?? 0)
          return source.stale === undefined && proxy.accepted > before
        }, 'the next connection')
      }
    }
    const used = (): number => {
      collect()
      return process.memoryUsage().heapUsed
    }
    await reconnect(100)
    const before = used()
    await reconnect(900)
    const grown = used() - before
    assert.ok(grown < 2_000_000, `${grown} bytes more after 900 reconnects`)
    assert.equal(clock.pending, 1)
    change()
    await timeUntil(() => source.view().peers.has('c'), 'the news')
    await rightAgain(0)
  })
