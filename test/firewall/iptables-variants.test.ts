/** Hosts that are not as one would like: two variants at once, old programs, a held lock, tables or programs that are missing. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type TestContext, test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Variant } from '../../lib/firewall/iptables-tool.ts'
import { chooseVariant, type VariantFacts } from '../../lib/firewall/iptables-variant.ts'
import type { FilterResult } from '../../lib/firewall/port.ts'
import { createManualClock } from '../support/manual-clock.ts'
import { createIptablesHost, type IptablesHost, lockOf, needs, outcomeOf, writesOf } from './iptables-host.ts'
import { WANTED } from './support.ts'

const both = needs('nft', 'legacy')

function keysOf(result: FilterResult): readonly string[] {
  return 'notes' in result ? result.notes.map(({ key }) => key) : []
}

async function holdsOurs(host: IptablesHost): Promise<readonly string[]> {
  const found: string[] = []
  for (const variant of ['nft', 'legacy'] as const)
    if (variant === 'nft' || (await host.tables('ipv4')).length > 0)
      if ((await host.netns.exec(`iptables-${variant}-save`)).includes('FLANNEL')) found.push(variant)
  return found
}

const EMPTY: VariantFacts = { kubernetes: false, rules: false }
const RULES: VariantFacts = { kubernetes: false, rules: true }
const KUBE: VariantFacts = { kubernetes: true, rules: true }

test('the variant is that of kube-proxy, else that of the host, and two that hold rules are named', () => {
  const rows: readonly [Variant, VariantFacts | undefined, VariantFacts | undefined, string][] = [
    ['nft', EMPTY, EMPTY, 'nft'],
    ['legacy', EMPTY, EMPTY, 'legacy'],
    ['nft', EMPTY, KUBE, 'legacy'],
    ['legacy', KUBE, EMPTY, 'nft'],
    ['legacy', KUBE, RULES, 'nft filter.both-variants'],
    ['nft', KUBE, KUBE, 'nft filter.both-variants'],
    ['legacy', KUBE, KUBE, 'legacy filter.both-variants'],
    ['legacy', RULES, RULES, 'legacy filter.both-variants'],
    ['legacy', RULES, EMPTY, 'legacy'],
    ['legacy', EMPTY, undefined, 'nft'],
    ['nft', undefined, EMPTY, 'legacy'],
    ['nft', undefined, undefined, 'nft'],
  ]
  for (const [host, nft, legacy, expected] of rows) {
    const facts = { ...(nft === undefined ? {} : { nft }), ...(legacy === undefined ? {} : { legacy }) }
    const { variant, notes } = chooseVariant(host, facts)
    assert.equal([variant, ...notes.map(({ key }) => key)].join(' '), expected)
  }
})

for (const [kube, host] of [
  ['nft', 'legacy'],
  ['legacy', 'nft'],
] as const)
  test(`kube-proxy has its rules in iptables-${kube}, the host's iptables is ${host}`, both, async (t) => {
    const machine = await createIptablesHost(t, { host })
    for (const rule of ['-N KUBE-POSTROUTING', '-A POSTROUTING -j KUBE-POSTROUTING'])
      await machine.netns.exec('sh', '-c', `iptables-${kube} -t nat ${rule}`)
    const filter = machine.filter()
    assert.deepEqual(keysOf(await filter.ensure(WANTED.ipv4)), [])
    assert.deepEqual(await holdsOurs(machine), [kube])
    await machine.ipt(host, 'ipv4', '-A', 'INPUT', '-s', '192.0.2.1', '-j', 'DROP')
    const result = await filter.ensure(WANTED.ipv4)
    assert.deepEqual([result.outcome, ...keysOf(result)], ['right', 'filter.both-variants'])
    assert.deepEqual(await holdsOurs(machine), [kube])
  })

test(
  'flannel had its rules in the other variant, and of old in the chains of the kernel: they go, when ours are there',
  both,
  async (t) => {
    const host = await createIptablesHost(t, { host: 'nft' })
    const old = await createIptablesHost(t, { host: 'legacy', has: [] })
    await host.filter().ensure(WANTED.ipv4)
    // As an old flannel has left them, in the same namespace, by the other variant.
    const text = (await host.netns.exec('iptables-nft-save')).replaceAll(/^#.*\n/gm, '')
    writeFileSync(path.join(old.folder, 'rules'), text)
    await host.netns.exec('sh', '-c', `iptables-legacy-restore --noflush < ${path.join(old.folder, 'rules')}`)
    for (const rule of [
      '-t nat -A POSTROUTING -s 10.42.0.0/16 -d 10.42.0.0/16 -m comment --comment "flanneld masq" -j RETURN',
      '-t nat -A POSTROUTING -s 10.42.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
      '-A FORWARD -s 10.42.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT',
      '-A FORWARD -s 192.0.2.1 -m comment --comment "not flanneld forward" -j ACCEPT',
    ])
      for (const variant of ['nft', 'legacy']) await host.netns.exec('sh', '-c', `iptables-${variant} ${rule}`)
    assert.deepEqual(await holdsOurs(host), ['nft', 'legacy'])
    assert.equal((await host.filter().ensure(WANTED.ipv4)).outcome, 'written')
    assert.deepEqual(await holdsOurs(host), ['nft'])
    const legacy = await host.netns.exec('iptables-legacy-save')
    assert.doesNotMatch(legacy, /"flanneld (?:masq|forward)"/)
    assert.match(legacy, /"not flanneld forward"/)
    assert.deepEqual((await host.rules('nft', 'ipv4', 'nat', 'POSTROUTING')).slice(1), [
      '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
    ])
  },
)

test('a look at an unused legacy iptables does not make its tables', both, async (t) => {
  const host = await createIptablesHost(t, { host: 'nft' })
  const filter = host.filter()
  await filter.ensure(WANTED.ipv4)
  await filter.ensure(WANTED.ipv4)
  await filter.remove()
  assert.deepEqual(await host.tables('ipv4'), [])
})

test('a chain to which a rule of others leads is emptied and named, not left filled', needs('nft'), async (t) => {
  for (const variant of ['nft', 'legacy'] as const) {
    const host = await createIptablesHost(t, { host: variant, has: [variant] })
    await host.filter().ensure(WANTED.ipv4)
    await host.ipt(variant, 'ipv4', '-A', 'INPUT', '-j', 'FLANNEL-FWD')
    assert.match(outcomeOf(await host.filter().remove()), /^failed: FLANNEL-FWD: empty, but could not be deleted/)
    assert.deepEqual(await host.rules(variant, 'ipv4', 'filter', 'FLANNEL-FWD'), ['-N FLANNEL-FWD'])
    assert.deepEqual(await host.rules(variant, 'ipv4', 'filter', 'INPUT'), [
      '-P INPUT ACCEPT',
      '-A INPUT -j FLANNEL-FWD',
    ])
  }
})

function replaceProgram(host: IptablesHost, name: string, script: string): void {
  const file = path.join(host.folder, name)
  rmSync(file, { force: true })
  writeFileSync(file, `#!/bin/sh\n${script}\n`)
  chmodSync(file, 0o755)
}

test(
  'an iptables that does not know --random-fully gets rules without it, and is named',
  needs('legacy'),
  async (t) => {
    const old = await createIptablesHost(t, { host: 'legacy', has: [] })
    replaceProgram(old, 'iptables', '[ "$1" = -V ] && exec echo "iptables v1.6.1"; exec /usr/sbin/iptables-legacy "$@"')
    const younger = await createIptablesHost(t, { host: 'legacy', has: [] })
    const refusal = 'echo "unknown option \\"--random-fully\\"" >&2; exit 2'
    replaceProgram(
      younger,
      'iptables-restore',
      `text=$(cat); case "$text" in *random-fully*) ${refusal};; esac; echo "$text" | exec /usr/sbin/iptables-legacy-restore "$@"`,
    )
    for (const host of [old, younger]) {
      const filter = host.filter()
      const result = await filter.ensure(WANTED.ipv4)
      assert.deepEqual([result.outcome, ...keysOf(result)], ['written', 'filter.not-fully-random'])
      assert.equal(
        (await host.rules('legacy', 'ipv4', 'nat', 'FLANNEL-POSTRTG')).filter((rule) => rule.endsWith('-j MASQUERADE'))
          .length,
        2,
      )
      assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'right')
      const wished = await filter.ensure({ ...WANTED.ipv4, fullyRandom: false })
      assert.deepEqual([wished.outcome, ...keysOf(wished)], ['right'])
    }
  },
)

/** Until the test ends. */
async function holdLock(t: TestContext, file: string): Promise<void> {
  const holder = spawn('flock', [file, 'sh', '-c', 'echo held; exec sleep 60'], {
    detached: true,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const ended = once(holder, 'close')
  t.after(async () => {
    if (holder.pid !== undefined) process.kill(-holder.pid)
    await ended
  })
  await once(holder.stdout, 'data')
}

test(
  'while another program holds the lock of legacy iptables nothing is believed and nothing hangs',
  needs('legacy'),
  async (t) => {
    const host = await createIptablesHost(t, { host: 'legacy', has: ['legacy'] })
    const filter = host.filter()
    await filter.ensure(WANTED.ipv4)
    const writes = writesOf(host)
    await holdLock(t, lockOf(host.folder))
    const result = await filter.ensure(WANTED.ipv4)
    assert.ok(result.outcome === 'failed')
    assert.match(result.because, /another program holds the lock of iptables/)
    assert.equal(result.missing, false)
    assert.equal(writesOf(host), writes)
  },
)

test(
  'neither variant, and no tables of one family, is unsupported, and said of that family alone',
  needs('nft'),
  async (t) => {
    const host = await createIptablesHost(t, { host: 'nft', has: [] })
    for (const suffix of ['', '-restore', '-save']) rmSync(path.join(host.folder, `ip6tables${suffix}`))
    assert.equal(
      outcomeOf(await host.filter('ipv6').ensure(WANTED.ipv6)),
      "unsupported: ip6tables is not installed (Debian's package is iptables)",
    )
    const says =
      "ip6tables v1.8.9 (legacy): can't initialize ip6tables table \\`nat': Table does not exist (do you need to insmod?)"
    replaceProgram(
      host,
      'ip6tables',
      `[ "$1" = -V ] && exec echo "ip6tables v1.8.9 (legacy)"; echo "${says}" >&2; exit 3`,
    )
    assert.match(
      outcomeOf(await host.filter('ipv6').ensure(WANTED.ipv6)),
      /^unsupported: this kernel has no tables of ip6tables \(nat\): /,
    )
    assert.equal((await host.filter('ipv4').ensure(WANTED.ipv4)).outcome, 'written')
  },
)

test('a program that fails is no proof that the rules are gone', needs('nft'), async (t) => {
  const host = await createIptablesHost(t, { host: 'nft', has: [] })
  const filter = host.filter()
  await filter.ensure(WANTED.ipv4)
  replaceProgram(
    host,
    'iptables',
    '[ "$1" = -V ] && exec echo "iptables v1.8.9 (nf_tables)"; echo "Could not fetch rule set generation id: Permission denied (you must be root)" >&2; exit 4',
  )
  const result = await filter.ensure(WANTED.ipv4)
  assert.ok(result.outcome === 'failed' && !result.missing)
  assert.match(result.because, /iptables ended with status 4: Could not fetch/)
  assert.equal(writesOf(host), 1)
})

test('a change of the nft variant is heard, and of the legacy one at the next second', both, async (t) => {
  for (const variant of ['nft', 'legacy'] as const) {
    const host = await createIptablesHost(t, { host: variant, has: [variant] })
    const clock = createManualClock()
    const filter = host.filter('ipv4', clock)
    await filter.ensure(WANTED.ipv4)
    let heard = 0
    filter.watch(() => {
      heard += 1
    })
    // The first look at the sizes has been.
    while (clock.pending === 0) await turn()
    for (const words of ['-F FLANNEL-FWD', '-F', '-t nat -F', '-t nat -F POSTROUTING', '-I FORWARD -j DROP']) {
      heard = 0
      await host.netns.exec('sh', '-c', `iptables-${variant} ${words}`)
      while (heard === 0) {
        if (variant === 'legacy') clock.advance(1_000)
        await turn()
      }
      await filter.ensure(WANTED.ipv4)
      if (variant === 'legacy') await clock.run(2_000)
    }
    await filter.close()
    while (clock.pending > 0) await turn()
  }
})

test('once a minute legacy tables are looked at although their sizes are the same', needs('legacy'), async (t) => {
  const host = await createIptablesHost(t, { host: 'legacy', has: ['legacy'] })
  const clock = createManualClock()
  const filter = host.filter('ipv4', clock)
  await filter.ensure(WANTED.ipv4)
  let heard = 0
  filter.watch(() => {
    heard += 1
  })
  const second = async (): Promise<void> => {
    while (clock.pending === 0) await turn()
    clock.advance(1_000)
    while (clock.pending === 0) await turn()
  }
  for (let n = 0; n < 58; n += 1) await second()
  assert.equal(heard, 0)
  await second()
  assert.equal(heard, 1)
})
