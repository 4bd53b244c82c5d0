/** The nftables adapter on a real kernel: what it writes, what it leaves, what it calls right, and what it hears. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNftables } from '../../lib/firewall/nftables.ts'
import { renderNftChains, renderNftTable } from '../../lib/firewall/render-nftables.ts'
import { systemClock } from '../../lib/host/clock.ts'
import type { Family } from '../../lib/net/ip.ts'
import { kernelTests } from '../support/netns.ts'
import { patience } from '../support/patience.ts'
import { runProgram } from '../support/run-program.ts'
import { createFilterStage, WANTED } from './support.ts'

const bounded = { ...kernelTests, timeout: patience(60_000) }
const writes = (calls: readonly string[]): readonly string[] =>
  calls.filter((call) => call.startsWith('nft --echo') || call.startsWith('nft delete'))

for (const family of ['ipv4', 'ipv6'] as const satisfies readonly Family[])
  for (const style of ['flannel', 'corrected'] as const)
    test(
      `the ${style} rules of ${family} are in the kernel to the letter, and not written twice`,
      bounded,
      async (t) => {
        const { filter, calls, nft } = await createFilterStage(t, family)
        const wanted = { ...WANTED[family], style }
        assert.equal((await filter.ensure(wanted)).outcome, 'written')
        assert.equal(await nft('list', 'ruleset'), renderNftTable(family, renderNftChains(wanted)))
        const before = writes(calls).length
        assert.deepEqual(await filter.ensure(wanted), { outcome: 'right', notes: [] })
        assert.equal(writes(calls).length, before)
      },
    )

test("flannel's own table is right as it is for flannel's style, whatever program wrote it", bounded, async (t) => {
  const { filter, calls, load } = await createFilterStage(t)
  const wanted = { ...WANTED.ipv4, style: 'flannel' as const }
  await load(renderNftTable('ipv4', renderNftChains(wanted)))
  assert.equal((await filter.ensure(wanted)).outcome, 'right')
  assert.deepEqual(writes(calls), [])
})

const RULES = 'add rule ip flannel-ipv4'
const DAMAGES: readonly (readonly [name: string, nft: string])[] = [
  ['the ruleset is flushed', 'flush ruleset'],
  ['the table is deleted', 'delete table ip flannel-ipv4'],
  ['a chain is deleted', 'delete chain ip flannel-ipv4 forward'],
  ['a chain is flushed', 'flush chain ip flannel-ipv4 postrtg'],
  ['a foreign rule is inserted', 'insert rule ip flannel-ipv4 postrtg counter accept'],
  ['a foreign rule is added', `${RULES} forward ip saddr 10.42.3.0/24 drop`],
  ['a foreign chain is made in our table', 'add chain ip flannel-ipv4 other; add rule ip flannel-ipv4 other drop'],
  ['a foreign set is made in our table', 'add set ip flannel-ipv4 s { type ipv4_addr; }'],
  [
    'the policy is changed',
    'add chain ip flannel-ipv4 forward { type filter hook forward priority filter; policy drop; }',
  ],
  ['the table sleeps', 'add table ip flannel-ipv4 { flags dormant; }'],
  [
    'the chain is at another hook',
    'delete chain ip flannel-ipv4 forward; add chain ip flannel-ipv4 forward { type filter hook input priority 5; }; ' +
      `${RULES} forward ip saddr 10.42.0.0/16 accept; ${RULES} forward ip daddr 10.42.0.0/16 accept`,
  ],
  [
    'another network and subnet had them',
    `flush table ip flannel-ipv4; ${RULES} postrtg ip saddr 10.244.0.0/16 ip daddr != 224.0.0.0/4 masquerade`,
  ],
]

for (const [name, damage] of DAMAGES)
  test(`told as commands that mend it, and nothing written: ${name}`, bounded, async (t) => {
    const { filter, netns, load, calls } = await createFilterStage(t)
    await filter.ensure(WANTED.ipv4)
    assert.deepEqual(await filter.compare(WANTED.ipv4), { commands: [], unknown: null })
    await load(damage)
    const before = writes(calls).length
    const { commands } = await filter.compare(WANTED.ipv4)
    assert.equal(writes(calls).length, before)
    assert.ok(commands.length > 0)
    await netns.exec('sh', '-e', '-c', commands.join('\n'))
    assert.deepEqual(await filter.compare(WANTED.ipv4), { commands: [], unknown: null }, commands.join('\n'))
  })

for (const [name, damage] of DAMAGES)
  test(`put back, and nothing else written: ${name}`, bounded, async (t) => {
    const { filter, nft, load } = await createFilterStage(t)
    await filter.ensure(WANTED.ipv4)
    const right = await nft('list', 'table', 'ip', 'flannel-ipv4')
    await load(damage)
    const foreign = 'table ip6 flannel-ipv4 {\n\tchain postrtg {\n\t\tmeta mark 0x00000001 drop\n\t}\n}\n'
    await load(foreign)
    const result = await filter.ensure(WANTED.ipv4)
    assert.equal(result.outcome, 'written', JSON.stringify(result))
    assert.equal(await nft('list', 'table', 'ip', 'flannel-ipv4'), right)
    assert.equal(await nft('list', 'table', 'ip6', 'flannel-ipv4'), foreign)
    assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'right')
  })

test('what is not wanted any more is removed: a chain, then the whole table', bounded, async (t) => {
  const { filter, nft } = await createFilterStage(t)
  await filter.ensure(WANTED.ipv4)
  await filter.ensure({ ...WANTED.ipv4, masquerade: false })
  assert.doesNotMatch(await nft('list', 'ruleset'), /postrtg/)
  assert.equal((await filter.ensure({ ...WANTED.ipv4, masquerade: false, forward: false })).outcome, 'written')
  assert.equal(await nft('list', 'ruleset'), '')
  assert.equal((await filter.remove()).outcome, 'right')
})

test('an nft that cannot be asked is no proof of absence, and nothing is written on it', bounded, async (t) => {
  const { filter, netns, nft } = await createFilterStage(t)
  await filter.ensure(WANTED.ipv4)
  const right = await nft('list', 'ruleset')
  const weak = createNftables({
    family: 'ipv4',
    // As a user without any capability.
    run: (program, args, options) =>
      runProgram(
        'ip',
        [
          'netns',
          'exec',
          netns.name,
          'setpriv',
          '--bounding-set=-all',
          '--inh-caps=-all',
          '--ambient-caps=-all',
          program,
          ...args,
        ],
        options,
      ),
    openMonitor: () => ({ close() {} }),
    clock: systemClock,
  })
  const result = await weak.ensure({ ...WANTED.ipv4, masquerade: false })
  assert.ok(
    result.outcome === 'failed' && !result.missing && /not permitted/i.test(result.because),
    JSON.stringify(result),
  )
  assert.equal(await nft('list', 'ruleset'), right)
})

test(
  'beside 80,000 rules of others nft reads none of them, whatever has to be found out or written',
  bounded,
  async (t) => {
    // A third of what nft takes to read them.
    const { filter, nft, load } = await createFilterStage(t, 'ipv4', ['prlimit', `--as=${120 << 20}`])
    const rules = Array.from(
      { length: 80_000 },
      (_, i) => `add rule ip others c ip daddr 10.${i >> 16}.${(i >> 8) & 255}.${i & 255} counter accept\n`,
    )
    await load(`add table ip others\nadd chain ip others c\n${rules.join('')}`)
    const written = async (): Promise<void> => {
      const result = await filter.ensure(WANTED.ipv4)
      assert.equal(result.outcome, 'written', JSON.stringify(result))
      assert.deepEqual(await filter.ensure(WANTED.ipv4), { outcome: 'right', notes: [] })
    }
    await written()
    for (const damage of [
      'delete table ip flannel-ipv4',
      'flush table ip flannel-ipv4',
      'add chain ip flannel-ipv4 c',
    ]) {
      await nft(damage)
      await written()
    }
    assert.equal((await filter.remove()).outcome, 'written')
    assert.equal((await filter.remove()).outcome, 'right')
  },
)
