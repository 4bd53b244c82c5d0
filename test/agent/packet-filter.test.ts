import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { createPacketFilterKeeper, type FamilyFilters } from '../../lib/agent/packet-filter.ts'
import type { FilterKind, FilterNote, FilterResult, PacketFilter, WantedRules } from '../../lib/firewall/port.ts'
import { parseCidr } from '../../lib/net/cidr.ts'
import { WANTED as WANTED_OF } from '../firewall/support.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createKeptLog } from './support/log-lines.ts'

const WANTED = WANTED_OF.ipv4

/** A tool with state: what its rules are, and what keeps it from looking or writing. */
function createFakeTool(kind: FilterKind, deeds: string[]) {
  let rules: WantedRules | undefined
  let onDamage: () => void = () => undefined
  const fake = {
    blind: '',
    stubborn: '',
    missing: false,
    notes: [] as readonly FilterNote[],
    looks: 0,
    get rules() {
      return rules
    },
    had(some: WantedRules) {
      rules = some
    },
    damage(): void {
      rules = undefined
      onDamage()
    },
    touch: () => onDamage(),
    closed: false,
  }
  const write = (next: WantedRules | undefined, because: string): FilterResult => {
    if (fake.stubborn !== '') return { outcome: 'failed', because: fake.stubborn, missing: true }
    deeds.push(`${kind}: ${next === undefined ? 'removed' : 'written'}`)
    rules = next
    onDamage()
    return { outcome: 'written', because, notes: fake.notes }
  }
  const reach = (): FilterResult | undefined => {
    fake.looks += 1
    if (fake.missing) return { outcome: 'unsupported', because: `there is no ${kind}` }
    return fake.blind === '' ? undefined : { outcome: 'failed', because: fake.blind, missing: false }
  }
  const tool: PacketFilter = {
    kind,
    async ensure(wanted) {
      const failure = reach()
      if (failure !== undefined) return failure
      return JSON.stringify(rules) === JSON.stringify(wanted)
        ? { outcome: 'right', notes: fake.notes }
        : write(wanted, 'they were not there')
    },
    async remove() {
      return reach() ?? (rules === undefined ? { outcome: 'right', notes: [] } : write(undefined, 'they were there'))
    },
    compare: async () => ({ commands: [], unknown: null }),
    watch(listener) {
      onDamage = listener
    },
    async close() {
      fake.closed = true
    },
  }
  return { tool, fake }
}

function setUp(t: TestContext, options: Partial<FamilyFilters> & { readonly certain?: boolean } = {}) {
  const clock = createManualClock()
  const log = createKeptLog()
  const deeds: string[] = []
  const nft = createFakeTool('nftables', deeds)
  const xt = createFakeTool('iptables', deeds)
  let changes = 0
  const keeper = createPacketFilterKeeper({
    family: 'ipv4',
    filters: {
      tools: { nftables: nft.tool, iptables: xt.tool },
      choose: async () => ({ kind: 'nftables', because: 'the test', certain: options.certain ?? true }),
      ...options,
    },
    clock,
    log,
    onChange: () => {
      changes += 1
    },
  })
  t.after(() => keeper.stop())
  return { keeper, clock, log, deeds, nft: nft.fake, xt: xt.fake, changes: () => changes }
}

test('rules are made once it is known which; before, nothing is done and it is not ready', async (t) => {
  const { keeper, clock, deeds, nft } = setUp(t)
  await clock.run(200_000)
  assert.deepEqual([keeper.tried, keeper.unready, nft.looks], [false, 'its packet filter rules are to be written', 0])
  keeper.setWanted(WANTED)
  await clock.run(0)
  assert.deepEqual(deeds, ['nftables: written'])
  assert.deepEqual([keeper.tried, keeper.unready, nft.rules], [true, undefined, WANTED])
})

test('damage that is heard is repaired without a moment of waiting, and rules that are right are not written', async (t) => {
  const { keeper, clock, deeds, nft, log } = setUp(t)
  keeper.setWanted(WANTED)
  await clock.run(10_000)
  nft.damage()
  await clock.run(0)
  assert.deepEqual(deeds, ['nftables: written', 'nftables: written'])
  assert.equal(log.of('info filter.written').length, 2)
  await clock.run(10_000)
  nft.touch()
  await clock.run(600_000)
  assert.equal(deeds.length, 2)
})

test('damage that nobody heard of is found by the audit', async (t) => {
  const { keeper, clock, nft } = setUp(t)
  keeper.setWanted(WANTED)
  await clock.run(1000)
  nft.had({ ...WANTED, subnet: parseCidr('10.42.9.0/24') })
  await clock.run(80_000)
  assert.deepEqual(nft.rules, WANTED)
})

test('another subnet is another set of rules, at once', async (t) => {
  const { keeper, clock, nft } = setUp(t)
  const other = { ...WANTED, subnet: parseCidr('10.42.9.0/24') }
  keeper.setWanted(WANTED)
  await clock.run(0)
  keeper.setWanted(other)
  await clock.run(0)
  assert.deepEqual(nft.rules, other)
})

test('two programs do not fight at full speed, and the quarrel is told once a minute', async (t) => {
  const { keeper, clock, deeds, nft, log } = setUp(t)
  keeper.setWanted(WANTED)
  await clock.run(0)
  for (let round = 0; round < 1000; round += 1) {
    if (nft.rules !== undefined) nft.damage()
    await clock.run(10)
  }
  assert.ok(deeds.length > 10 && deeds.length < 60, `${deeds.length} writes in ten seconds`)
  assert.equal(log.of('warn repair.fight').length, 1)
  await clock.run(2000)
  assert.deepEqual(nft.rules, WANTED)
})

test('a tool that is touched all the time, for nothing, is not looked at all the time', async (t) => {
  const { keeper, clock, nft } = setUp(t)
  keeper.setWanted(WANTED)
  await clock.run(0)
  for (let round = 0; round < 1000; round += 1) {
    nft.touch()
    await clock.run(10)
  }
  assert.ok(nft.looks < 60, `${nft.looks} looks in ten seconds`)
})

test('a look that fails is no proof of absence: nothing is written, and it stays ready', async (t) => {
  const { keeper, clock, deeds, nft, log } = setUp(t)
  keeper.setWanted(WANTED)
  await clock.run(0)
  nft.blind = 'nft did not end in time'
  nft.touch()
  await clock.run(100_000)
  assert.deepEqual([keeper.unready, deeds.length], [undefined, 1])
  assert.match(log.of('warn filter.failed')[0] ?? '', /cannot be looked at: nft did not end in time/)
  nft.blind = ''
  await clock.run(80_000)
  assert.equal(log.of('info filter.failed').length, 1)
})

test('rules that are missing and cannot be written make it not ready, with the reason, until they can', async (t) => {
  const { keeper, clock, nft, changes } = setUp(t)
  keeper.setWanted(WANTED)
  await clock.run(0)
  nft.stubborn = 'Operation not permitted'
  nft.damage()
  await clock.run(1000)
  assert.match(keeper.unready ?? '', /rules may be missing: Operation not permitted/)
  assert.equal(changes(), 2)
  nft.stubborn = ''
  await clock.run(5000)
  assert.equal(keeper.unready, undefined)
})

test('the first look fails: pods may start all the same, and it is not ready', async (t) => {
  const { keeper, clock, nft } = setUp(t)
  nft.blind = 'Operation not permitted'
  keeper.setWanted(WANTED)
  await clock.run(0)
  assert.equal(keeper.tried, true)
  assert.match(keeper.unready ?? '', /Operation not permitted/)
})

test('what the other tool has of ours goes once our rules stand, and not before', async (t) => {
  const { keeper, clock, deeds, nft, xt } = setUp(t)
  xt.had(WANTED)
  nft.stubborn = 'busy'
  keeper.setWanted(WANTED)
  await clock.run(60_000)
  assert.deepEqual([deeds, xt.rules], [[], WANTED])
  nft.stubborn = ''
  await clock.run(100_000)
  assert.deepEqual(deeds, ['nftables: written', 'iptables: removed'])
})

test('leftovers that cannot be removed are named until they can', async (t) => {
  const { keeper, clock, log, xt } = setUp(t)
  xt.had(WANTED)
  xt.blind = 'the lock is held'
  keeper.setWanted(WANTED)
  await clock.run(0)
  assert.match(log.of('warn filter.leftovers')[0] ?? '', /the lock is held/)
  xt.blind = ''
  await clock.run(100_000)
  assert.equal(xt.rules, undefined)
})

test('a tool that is not there gives way to the other one, unless a person named it', async (t) => {
  const free = setUp(t, { certain: false })
  free.nft.missing = true
  free.keeper.setWanted(WANTED)
  await free.clock.run(0)
  assert.deepEqual([free.deeds, free.keeper.unready], [['iptables: written'], undefined])
  free.xt.damage()
  await free.clock.run(0)
  assert.deepEqual(free.xt.rules, WANTED)

  const bound = setUp(t)
  bound.nft.missing = true
  bound.keeper.setWanted(WANTED)
  await bound.clock.run(0)
  assert.deepEqual(bound.deeds, [])
  assert.match(bound.keeper.unready ?? '', /no packet filter rules: there is no nftables/)
})

test('neither tool is there: named, in one line a minute', async (t) => {
  const { keeper, clock, log, nft, xt } = setUp(t, { certain: false })
  nft.missing = true
  xt.missing = true
  keeper.setWanted(WANTED)
  await clock.run(179_000)
  assert.match(keeper.unready ?? '', /there is no iptables/)
  assert.equal(log.of('warn filter.failed').length, 3)
  assert.equal(log.of('info filter.chosen').length, 2)
  nft.missing = false
  await clock.run(60_000)
  assert.deepEqual([keeper.unready, nft.rules], [undefined, WANTED])
})

test('notes stand for as long as they come, and who drops what we accept is asked for beside the loop', async (t) => {
  const note = { key: 'filter.foreign-drop', text: 'the chain x drops' }
  let drops: readonly FilterNote[] | undefined = [note]
  const { keeper, clock, log, nft } = setUp(t, { findForeignDrops: async () => drops })
  nft.notes = [{ key: 'filter.not-fully-random', text: 'not known here' }]
  keeper.setWanted(WANTED)
  await clock.run(0)
  assert.equal(log.of('warn filter.not-fully-random').length, 1)
  assert.deepEqual(log.of('warn filter.foreign-drop'), ['warn filter.foreign-drop: the chain x drops'])
  assert.equal(keeper.unready, undefined)
  // Not known is not over.
  drops = undefined
  await clock.run(100_000)
  assert.equal(log.of('info filter.foreign-drop').length, 0)
  drops = []
  await clock.run(100_000)
  assert.equal(log.of('info filter.foreign-drop').length, 1)
})

test('after stop nothing is done, and the tools are closed', async (t) => {
  const { keeper, clock, deeds, nft, xt } = setUp(t)
  keeper.setWanted(WANTED)
  await clock.run(0)
  await keeper.stop()
  nft.damage()
  await clock.run(200_000)
  assert.deepEqual([deeds.length, nft.closed, xt.closed, clock.pending], [1, true, true, 0])
})
