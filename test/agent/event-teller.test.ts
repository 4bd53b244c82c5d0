/** What becomes an Event on our own Node, and how often. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AgentConfig } from '../../lib/agent/config.ts'
import { createEventTeller, type EventTellerParts } from '../../lib/agent/window/event-teller.ts'
import { createJournal } from '../../lib/agent/window/journal.ts'
import { tellEvents } from '../../lib/agent/window/tell-events.ts'
import type { LeaseView } from '../../lib/cluster/view.ts'
import { KubeError, LeaseError } from '../../lib/errors.ts'
import { createStandingLog } from '../../lib/util/standing-log.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createKeptLog } from './support/log-lines.ts'

const MINUTE = 60_000

function stage(more: Partial<EventTellerParts> = {}) {
  const clock = createManualClock()
  const kept = createKeptLog()
  const journal = createJournal(kept)
  const told: string[] = []
  let refusal: number | undefined
  const ask = (line: string): void => {
    if (refusal !== undefined) throw new KubeError({ request: 'create event', status: refusal, reason: 'Forbidden' })
    told.push(line)
  }
  const events = {
    async create({ type, reason, note }: { type: string; reason: string; note: string }) {
      ask(`${type} ${reason}: ${note}`)
      return `e${told.length}`
    },
    async repeat(name: string, { count, note }: { count: number; note: string }) {
      ask(`${name} x${count}: ${note}`)
    },
  }
  const teller = createEventTeller({
    journal,
    events: () => events,
    peers: () => 0,
    refusedToUs: () => undefined,
    clock,
    log: journal.log,
    random: () => 0,
    ...more,
  })
  const ipv4 = journal.log.with({ family: 'ipv4' })
  return {
    clock,
    log: journal.log,
    kept,
    ipv4,
    standing: createStandingLog(ipv4, clock),
    teller,
    told,
    refuse: (status: number | undefined) => {
      refusal = status
    },
  }
}

test('a fault that lasts is told by its name, and its end; one that passes is not', async () => {
  const { clock, standing, told } = stage()
  standing.stands('way.mtu', 'the underlay is too narrow')
  await clock.run(10_000)
  standing.over('way.mtu')
  await clock.run(MINUTE)
  assert.deepEqual(told, [])
  standing.stands('way.mtu', 'the underlay is too narrow')
  await clock.run(20_000)
  assert.deepEqual(told, ['Warning WayMtu: ipv4: the underlay is too narrow'])
  standing.over('way.mtu')
  await clock.run(20_000)
  assert.deepEqual(told.slice(1), ['Normal WayMtuEnded: ipv4: over: the underlay is too narrow'])
})

test('a fault that stands is told again before the server forgets it', async () => {
  const { clock, standing, told } = stage()
  standing.stands('mesh.down', 'n7 is away')
  await clock.run(70 * MINUTE)
  assert.deepEqual(told, ['Warning MeshDown: ipv4: n7 is away', 'Warning MeshDown: ipv4: n7 is away'])
  standing.over('mesh.down')
  await clock.run(130 * MINUTE)
  assert.equal(told.length, 3)
})

test('what happens again is counted on, at most once a minute', async () => {
  const { clock, ipv4, told } = stage()
  const heal = () => ipv4.info('overlay.healed', 'healed flannel.1', { slug: 'device_deleted' })
  heal()
  await clock.run(1)
  for (let i = 0; i < 5; i += 1) heal()
  ipv4.info('overlay.healed', 'healed flannel.1', { slug: 'entry_deleted' })
  await clock.run(MINUTE)
  assert.deepEqual(told, ['Normal OverlayHealed: ipv4: healed flannel.1', 'e1 x6: ipv4: healed flannel.1'])
  await clock.run(MINUTE * 60)
  heal()
  await clock.run(MINUTE)
  assert.equal(told[2], 'Normal OverlayHealed: ipv4: healed flannel.1', 'the server has forgotten the first one')
})

test('kinds follow one another in ten seconds, so that a node never tells many at once', async () => {
  const { clock, standing, told } = stage()
  for (let i = 0; i < 30; i += 1) standing.stands(`way.${'abcdefghijklmnopqrstuvwxyzabcdef'.slice(i, i + 3)}`, 'it is')
  await clock.run(15_000 + MINUTE)
  assert.ok(told.length > 0 && told.length <= 7, `${told.length}`)
})

test('the agents of a large cluster do not tell one fault at one time, nor what all of them see', async () => {
  const { clock, standing, told } = stage({ peers: () => 10_000, random: () => 0.5 })
  standing.stands('netconf.broken', 'not followed')
  standing.stands('leases.mirror-silent', 'the mirror is silent')
  await clock.run(100_000)
  assert.deepEqual(told, [])
  await clock.run(20_000)
  assert.deepEqual(told, ['Warning NetconfBroken: ipv4: not followed'])
  standing.stands('way.mtu', 'too narrow')
  await clock.run(MINUTE)
  standing.over('way.mtu')
  await clock.run(10 * MINUTE)
  assert.equal(told.length, 1, 'what is over before its turn is not told')
})

test('a refused claim is told by the node that makes it alone', async () => {
  const others = stage()
  others.log.warn('leases.rejected', 'not accepted: node b: …')
  const ours = stage({ refusedToUs: () => 'node b: 10.42.1.0/24 overlaps our own' })
  ours.log.warn('leases.rejected', 'not accepted: node b: …')
  await others.clock.run(MINUTE)
  await ours.clock.run(MINUTE)
  assert.deepEqual(others.told, [])
  assert.deepEqual(ours.told, ['Warning LeasesRejected: node b: 10.42.1.0/24 overlaps our own'])
})

test('without the right it is said once and tried again after an hour', async () => {
  const { clock, kept, standing, told, refuse } = stage()
  refuse(403)
  standing.stands('way.mtu', 'the underlay is too narrow')
  await clock.run(3_000_000)
  await clock.run(3_000_000)
  const said = kept.lines.filter((line) => line.startsWith('info events.refused'))
  assert.deepEqual(said, ['info events.refused: no Events are written on our Node: create event: 403 Forbidden'])
  refuse(undefined)
  await clock.run(3_600_000)
  assert.deepEqual(told, ['Warning WayMtu: ipv4: the underlay is too narrow'])
})

test('what the agent ends for is told at once, and waited for a second at most', async () => {
  const { clock, teller, told } = stage()
  await teller.gaveUp('CAP_NET_ADMIN is missing')
  assert.deepEqual(told, ['Warning AgentGaveUp: CAP_NET_ADMIN is missing'])
  const silent = stage({
    events: () => ({ create: () => new Promise(() => undefined), repeat: async () => undefined }),
  })
  const gaveUp = silent.teller.gaveUp('CAP_NET_ADMIN is missing')
  await silent.clock.run(1000)
  await gaveUp
  await clock.run(1)
})

test('an agent that is told to end tells no end of what stands', async () => {
  const { clock, standing, teller, told } = stage()
  standing.stands('way.mtu', 'the underlay is too narrow')
  await clock.run(20_000)
  teller.stop()
  standing.stop()
  await clock.run(MINUTE)
  assert.equal(told.length, 1)
})

test('the agent tells by its lease source, of claims that concern it; not with a file, nor when nobody wants it', async () => {
  const clock = createManualClock()
  const journal = createJournal(createKeptLog())
  const told: string[] = []
  const events = {
    async create({ reason, note }: { reason: string; note: string }) {
      told.push(`${reason}: ${note}`)
      return 'e'
    },
    async repeat() {},
  }
  const rejected = [
    new LeaseError('b', 'ipv4 subnet', '10.42.1.0/24 overlaps our own', { fault: 'ours' }),
    new LeaseError('c', 'ipv4 subnet', '10.43.1.0/24 is outside the network', { fault: 'outside_network' }),
    new LeaseError('me', 'spec.podCIDRs', 'two ipv4 podCIDRs'),
  ]
  const view = { peers: new Map(), own: { node: 'me' }, rejected, synced: true } as unknown as LeaseView
  const succession = { source: { view: () => view, events } } as unknown as Parameters<
    typeof tellEvents
  >[1]['succession']
  const parts = { succession, journal, clock, log: journal.log }
  const kube = { kind: 'kube' } as AgentConfig['leases']
  const file = { kind: 'file' } as AgentConfig['leases']
  assert.equal(tellEvents({ leases: file }, parts), undefined)
  assert.equal(tellEvents({ leases: kube, events: false }, parts), undefined)
  const teller = tellEvents({ leases: kube }, parts)
  journal.log.warn('leases.rejected', 'not accepted: …')
  await clock.run(6000)
  assert.deepEqual(told, [
    'LeasesRejected: node b: ipv4 subnet: 10.42.1.0/24 overlaps our own; node me: spec.podCIDRs: two ipv4 podCIDRs',
  ])
  teller?.stop()
})
