/**
 * When our own Node is written, on a manual clock: what is ours at once, patience only for whoever undoes it, and nobody
 * accused of what we did ourselves.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { OwnVtep } from '../../../lib/cluster/view.ts'
import type { KubeError } from '../../../lib/errors.ts'
import { KubeRefusal } from '../../../lib/kube-api/kube-http.ts'
import { annotationKeys } from '../../../lib/leases/annotations.ts'
import { createKubePublisher } from '../../../lib/leases/kube/kube-publish.ts'
import { createKubeTable } from '../../../lib/leases/kube/kube-table.ts'
import type { NodePatch } from '../../../lib/leases/kube/publish-patch.ts'
import type { NodeFacts } from '../../../lib/leases/wire/node-facts.ts'
import { parseVni } from '../../../lib/net/vni.ts'
import { createManualClock, settle } from '../../support/manual-clock.ts'
import { claim4, createMemoryLog, dualNetwork, flannelNode, PREFIX } from '../support.ts'

const keys = annotationKeys(PREFIX)
const publicIp = keys.ipv4.publicIp
const at = (n: number): OwnVtep => ({ vni: parseVni(1), ipv4: claim4(n, { subnet: '10.42.9.0/24' }), ipv6: undefined })

const refusal = (retryAfterMs: number | undefined): KubeError =>
  new KubeRefusal({ request: 'patch node me/status', status: 429, reason: 'refused', retryAfterMs })

/** Our own Node on a server, a stream that tells of it unless it is held back, and an agent that publishes what it is. */
function setUp(first = flannelNode('me', 9, { annotations: {} })) {
  const clock = createManualClock(1_000_000)
  const log = createMemoryLog()
  const patches: { readonly at: number; readonly ip: string | undefined }[] = []
  const state = { node: first, own: at(1), held: false, refusal: undefined as KubeError | undefined, reads: 0 }
  const table = createKubeTable({
    keys,
    network: dualNetwork,
    nodeName: () => 'me',
    clock,
    onChange: () => undefined,
    onKept: () => undefined,
  })
  let meanwhile: (() => Promise<void>) | undefined
  const tell = async (): Promise<void> => {
    if (state.held) return
    const before = table.ownFacts
    table.apply({ kind: 'put', name: 'me', node: table.read(state.node) })
    if (table.ownFacts !== before) await publish()
  }
  const write = (change: Partial<NodeFacts>): void => {
    state.node = { ...state.node, ...change }
  }
  const annotate = (annotations: Record<string, string>): void =>
    write({ annotations: { ...state.node.annotations, ...annotations } })
  const publisher = createKubePublisher({
    door: {
      async readOwnNode() {
        state.reads += 1
        return state.node
      },
      async patchOwnStatus(patch: NodePatch) {
        patches.push({ at: clock.now() - 1_000_000, ip: patch.metadata?.annotations[publicIp] })
        if (state.refusal !== undefined) throw state.refusal
        annotate(patch.metadata?.annotations ?? {})
        if (patch.status !== undefined) write({ networkUnavailable: 'False' })
        const answer = state.node
        const act = meanwhile
        meanwhile = undefined
        void act?.()
        // The event comes after the answer.
        void Promise.resolve().then(tell)
        return answer
      },
    },
    table,
    setCondition: false,
    clock,
    today: () => new Date(),
    log,
    again: () => void publish().catch(() => undefined),
  })
  /** One at a time, as the agent does. */
  let queue: Promise<unknown> = Promise.resolve()
  const publish = async (): Promise<void> => {
    const done = queue.then(() => publisher.publish(state.own))
    queue = done.catch(() => undefined)
    await done
    await settle()
  }
  return {
    clock,
    log,
    patches,
    state,
    publisher,
    publish,
    tell,
    ips: () => patches.map(({ ip }) => ip?.slice('192.168.0.'.length)).join(' '),
    become(n: number): Promise<void> {
      state.own = at(n)
      return publish()
    },
    /** What the stream tells is told. */
    async somebodyWrites(ip: string): Promise<void> {
      annotate({ [publicIp]: ip })
      await tell()
      await settle()
    },
    /** While the next patch is under way, when it is done on the server. */
    during(act: () => Promise<void>): void {
      meanwhile = act
    },
    accusations: () => log.of('lease.republished').map(({ message }) => message),
  }
}

test('an address that changes two seconds after the start is told at once, and nobody is accused', async () => {
  const { become, clock, patches, ips, accusations, log } = setUp()
  await become(1)
  await clock.run(2000)
  await become(2)
  assert.deepEqual(
    patches.map((patch) => patch.at),
    [0, 2000],
  )
  assert.equal(ips(), '1 2')
  await clock.run(60_000)
  assert.deepEqual(accusations(), [])
  assert.equal(log.of('lease.published').length, 2)
})

test('of several changes within a second the first goes at once, the others are one patch that says the newest', async () => {
  const { become, clock, patches, state } = setUp()
  await become(1)
  for (const n of [2, 3, 4, 5]) {
    await clock.run(150)
    await become(n)
  }
  assert.equal(patches.length, 1)
  await clock.run(400)
  assert.deepEqual(patches, [
    { at: 0, ip: '192.168.0.1' },
    { at: 1000, ip: '192.168.0.5' },
  ])
  assert.equal(state.node.annotations[publicIp], '192.168.0.5')
  assert.equal(clock.pending, 0)
})

test('what changes and changes back within the second is no second patch', async () => {
  const { become, clock, patches } = setUp()
  for (const n of [1, 2, 1]) await become(n)
  await clock.run(10_000)
  assert.equal(patches.length, 1)
})

test('an address that flaps is told six times a minute, then spaced, and what it came to is told in the end', async () => {
  const { become, clock, patches, ips, state, accusations } = setUp()
  const until = 300
  for (let second = 0; second < until; second += 1) {
    await become((second % 7) + 1)
    await clock.run(1000)
  }
  const times = patches.map((patch) => patch.at / 1000)
  assert.deepEqual(times.slice(0, 6), [0, 1, 2, 3, 4, 5])
  for (let start = 0; start < until; start += 1) {
    const count = times.filter((time) => time >= start && time < start + 60).length
    assert.ok(count <= 6, `${count} in the minute from ${start} s: ${times}`)
  }
  const late = times.slice(6)
  assert.ok(late.length >= 20, `${times}`)
  for (const [index, time] of late.slice(1).entries()) assert.equal(time - (late[index] ?? 0), 10, `${times}`)
  await clock.run(60_000)
  assert.equal(state.node.annotations[publicIp], state.own.ipv4?.underlay, ips())
  assert.deepEqual(accusations(), [])
  await clock.run(60_000)
  const before = patches.length
  for (const n of [40, 41]) {
    await become(n)
    await clock.run(1000)
  }
  assert.equal(patches.length, before + 2, 'after a quiet minute each change is told at once again')
})

test('against a program that undoes us there is one patch in five seconds, and one line a minute that says what it wrote', async () => {
  const { become, clock, patches, somebodyWrites, accusations, state } = setUp()
  await become(1)
  for (let second = 0; second < 180; second += 1) {
    if (state.node.annotations[publicIp] === '192.168.0.1') await somebodyWrites('10.66.0.1')
    await clock.run(1000)
  }
  assert.deepEqual(
    patches.map((patch) => patch.at),
    Array.from({ length: 37 }, (_, index) => index * 5000),
  )
  const lines = accusations()
  assert.equal(lines.length, 3)
  assert.match(
    lines[0] ?? '',
    /^Node me did not say what we had published, published again: its .*\/public-ip was "10\.66\.0\.1"$/,
  )
  assert.match(lines[1] ?? '', /\(12 times since this was said last\)$/)
})

test('what we change while somebody undoes us is told at once', async () => {
  const { become, clock, patches, somebodyWrites, accusations } = setUp()
  await become(1)
  await clock.run(2000)
  await somebodyWrites('10.66.0.1')
  assert.equal(patches.length, 1)
  assert.equal(clock.nextIn, 3000)
  await clock.run(500)
  await become(2)
  assert.deepEqual(patches.at(-1), { at: 2500, ip: '192.168.0.2' })
  await clock.run(60_000)
  assert.equal(patches.length, 2)
  assert.deepEqual(accusations(), [])
})

test('what the Node said already when we came, and somebody removes, is written again at once, and said', async () => {
  const { publish, tell, state, clock, patches, somebodyWrites, accusations } = setUp(flannelNode('me', 1))
  await tell()
  await publish()
  assert.equal(patches.length, 0)
  await clock.run(500)
  await somebodyWrites('10.66.0.1')
  assert.deepEqual(patches, [{ at: 500, ip: '192.168.0.1' }])
  assert.equal(state.node.annotations[publicIp], '192.168.0.1')
  assert.equal(accusations().length, 1)
})

test('a stream that lags, or tells nothing of what we wrote, makes neither a second patch nor an accusation', async () => {
  const { become, publish, tell, clock, patches, state, accusations } = setUp()
  await tell()
  await clock.run(0)
  patches.length = 0
  await clock.run(10_000)
  state.held = true
  await become(2)
  for (let second = 0; second < 60; second += 1) {
    await publish()
    await clock.run(1000)
  }
  assert.equal(patches.length, 1)
  assert.ok(state.reads <= 13, `${state.reads} reads`)
  const told = state.node
  await become(3)
  // The event of the patch before.
  state.held = false
  const newest = state.node
  state.node = told
  await tell()
  state.node = newest
  await settle()
  await tell()
  await clock.run(60_000)
  assert.equal(patches.length, 2)
  assert.deepEqual(accusations(), [])
})

test('who undoes us before the answer of the server has come is seen all the same', async () => {
  const { become, clock, patches, somebodyWrites, during, state } = setUp()
  await become(1)
  await clock.run(10_000)
  during(() => somebodyWrites('10.66.0.1'))
  await become(2)
  await clock.run(5000)
  assert.deepEqual(patches.slice(1), [
    { at: 10_000, ip: '192.168.0.2' },
    { at: 15_000, ip: '192.168.0.2' },
  ])
  assert.equal(state.node.annotations[publicIp], '192.168.0.2')
})

test('a Node that was made anew is told at once who we are', async () => {
  const { become, clock, patches, state, tell, accusations } = setUp()
  await become(1)
  await clock.run(1500)
  state.node = flannelNode('me', 9, { annotations: {}, uid: 'another' })
  await tell()
  await settle()
  assert.deepEqual(patches.at(-1), { at: 1500, ip: '192.168.0.1' })
  assert.deepEqual(accusations(), [])
})

test('a patch that fails is tried once a second however often it is asked for, and costs no change of ours', async () => {
  const { become, publish, clock, patches, state, log } = setUp()
  await become(1)
  await clock.run(20_000)
  state.refusal = refusal(undefined)
  await assert.rejects(become(2), /refused/)
  for (let tenth = 0; tenth < 100; tenth += 1) {
    await publish().catch(() => undefined)
    await clock.run(100)
  }
  const tries = patches.length - 1
  assert.ok(tries >= 10 && tries <= 11, `${tries} tries in ten seconds`)
  state.refusal = undefined
  for (const n of [2, 3, 4, 5, 6]) {
    await clock.run(1000)
    await become(n)
    assert.equal(state.node.annotations[publicIp], `192.168.0.${n}`)
  }
  assert.equal(log.of('lease.republished').length, 0)
})

test('a server that asks for patience is left alone, and then told what is true then', async () => {
  const { become, clock, patches, state } = setUp()
  state.refusal = refusal(20_000)
  await assert.rejects(become(1), /refused/)
  state.refusal = undefined
  await become(2)
  await clock.run(15_000)
  await become(3)
  assert.equal(patches.length, 1)
  await clock.run(5000)
  assert.deepEqual(patches.slice(1), [{ at: 20_000, ip: '192.168.0.3' }])
})

test('after close nothing is written and no timer runs', async () => {
  const { become, clock, publisher, state, somebodyWrites } = setUp()
  await become(1)
  await somebodyWrites('10.66.0.1')
  assert.equal(clock.pending, 1)
  publisher.close()
  assert.equal(clock.pending, 0)
  await assert.rejects(publisher.publish(state.own), /publishing: closed/)
  assert.equal(clock.pending, 0)
})
