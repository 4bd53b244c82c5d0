/**
 * Whatever is done to our table in nftables, one after the other and at once, ends with our rules as they were and everybody
 * else's as they left them; the loop hears of it all by itself.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createPacketFilterKeeper } from '../../lib/agent/packet-filter.ts'
import { systemClock } from '../../lib/host/clock.ts'
import { createKeptLog } from '../agent/support/log-lines.ts'
import { createRandom, type Random } from '../kernel/healing/support/random.ts'
import { kernelTests } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { createFilterStage, WANTED } from './support.ts'

const bounded = { ...kernelTests, timeout: patience(120_000) }
/** A bound, not a measure. */
const PATIENCE_MS = patience(20_000)
const SEEDS = [1, 2, 3, 4, 5, 6]
const STEPS = 12

const OURS = 'ip flannel-ipv4'
const DAMAGES: readonly ((random: Random, step: number) => string)[] = [
  () => 'flush ruleset',
  () => `delete table ${OURS}`,
  () => `flush table ${OURS}`,
  () => `flush chain ${OURS} postrtg`,
  () => `delete chain ${OURS} forward`,
  () => `insert rule ${OURS} postrtg accept`,
  (_, step) => `add rule ${OURS} forward ip saddr 10.9.${step}.0/24 drop`,
  (random) => `delete rule ${OURS} postrtg handle ${2 + random.integer(8)}`,
  (_, step) => `add chain ${OURS} c${step}`,
  (_, step) => `add set ${OURS} s${step} { type ipv4_addr; }`,
  () => `add table ${OURS} { flags dormant; }`,
  () => `add chain ${OURS} forward { type filter hook forward priority filter; policy drop; }`,
  (_, step) => `add table ip others${step}; add chain ip others${step} c`,
  (_, step) => `add table ip6 flannel-ipv4; add chain ip6 flannel-ipv4 c${step}`,
]

for (const seed of SEEDS)
  test(`histories of damage end right (seed ${seed})`, bounded, async (t) => {
    const { filter, nft } = await createFilterStage(t)
    const random = createRandom(seed)
    const log = createKeptLog()
    const keeper = createPacketFilterKeeper({
      family: 'ipv4',
      filters: {
        tools: { nftables: filter },
        choose: async () => ({ kind: 'nftables', because: 'the test', certain: true }),
      },
      clock: systemClock,
      log,
      onChange: () => undefined,
    })
    t.after(() => keeper.stop())
    const ours = async (): Promise<string> => nft('list', 'table', 'ip', 'flannel-ipv4').catch(String)
    const until = async (right: string): Promise<void> => {
      const deadline = systemClock.now() + PATIENCE_MS
      while ((await ours()) !== right)
        if (systemClock.now() > deadline) assert.equal(await ours(), right, log.lines.join('\n'))
    }
    await filter.ensure(WANTED.ipv4)
    const right = await ours()
    keeper.setWanted(WANTED.ipv4)
    const done: string[] = []
    for (let step = 0; step < STEPS; step += 1) {
      const damage = random.pick(DAMAGES)(random, step)
      done.push(damage)
      // Refused where an earlier one has taken what it is about.
      await nft(damage).catch(() => undefined)
      if (random.integer(5) < 2) await until(right)
    }
    await until(right)
    const others = (await nft('list', 'tables'))
      .split('\n')
      .filter((line) => line !== '' && line !== 'table ip flannel-ipv4')
    const after = done.slice(done.lastIndexOf('flush ruleset') + 1)
    const made = after.flatMap((damage) => /^add table (ip6? (?:others|flannel-ipv4)\S*);/.exec(damage)?.[1] ?? [])
    assert.deepEqual(others.sort(), [...new Set(made)].map((name) => `table ${name}`).sort(), done.join('\n'))
    // What undid a write may have undone itself: the keeper finds out at its next look.
    const deadline = systemClock.now() + PATIENCE_MS
    while (keeper.unready !== undefined && systemClock.now() < deadline) await ours()
    assert.equal(keeper.unready, undefined)
  })
