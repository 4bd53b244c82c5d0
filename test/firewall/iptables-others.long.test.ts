/** iptables beside rules of others: they stay as they are, to the byte, and ours take a place among them that suffices. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { seedForeignRules } from './foreign-rules.ts'
import { createIptablesHost, needs, VARIANTS, writesOf } from './iptables-host.ts'
import { WANTED } from './support.ts'

const JUMP = '-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD'
const OUR_JUMP = ['-m', 'comment', '--comment', 'flanneld forward', '-j', 'FLANNEL-FWD']

for (const variant of ['nft', 'legacy'] as const)
  for (const family of ['ipv4', 'ipv6'] as const)
    test(
      `iptables-${variant}, ${family}: a whole life leaves hundreds of rules of others as they were`,
      needs(variant),
      async (t) => {
        const host = await createIptablesHost(t, { host: variant })
        const taken = await seedForeignRules(host, variant, family)
        assert.ok(taken >= 200, `only ${taken} rules were taken`)
        const before = await host.snapshot()
        const filter = host.filter(family)
        await filter.ensure(WANTED[family])
        for (const damage of [
          ['-D', 'FORWARD', ...OUR_JUMP],
          ['-F', 'FLANNEL-FWD'],
          ['-t', 'nat', '-F', 'FLANNEL-POSTRTG'],
          ['-I', 'FORWARD', ...OUR_JUMP],
        ]) {
          await host.ipt(variant, family, ...damage)
          assert.equal((await filter.ensure(WANTED[family])).outcome, 'written', damage.join(' '))
        }
        assert.equal((await filter.ensure(WANTED[family])).outcome, 'right')
        assert.notEqual(await host.snapshot(), before)
        await filter.remove()
        assert.equal(await host.snapshot(), before, 'after a switch to nftables')
        await host.filter(family).ensure(WANTED[family])
        await host.filter(family).remove()
        assert.equal(await host.snapshot(), before, 'and back')
      },
    )

/** What may stand in FORWARD before and behind us; `ends` logs and rejects, `user` returns. */
const PLACES: readonly (readonly [what: string, before: readonly string[], after: readonly string[]])[] = [
  ['nothing', [], [JUMP]],
  [
    'a policy DROP and chains, as Docker has',
    ['-j USER', '-o docker0 -j ACCEPT'],
    ['-A FORWARD -j USER', '-A FORWARD -o docker0 -j ACCEPT', JUMP],
  ],
  [
    'a REJECT of everything',
    ['-i lo -j ACCEPT', '-j REJECT --reject-with icmp-host-prohibited'],
    ['-A FORWARD -i lo -j ACCEPT', JUMP, '-A FORWARD -j REJECT --reject-with icmp-host-prohibited'],
  ],
  [
    'a commented DROP of everything',
    ['-m comment --comment "-s 10" -j DROP'],
    [JUMP, '-A FORWARD -m comment --comment "-s 10" -j DROP'],
  ],
  [
    'a DROP of some',
    ['-s 192.0.2.1/32 -j DROP', '-i eth9 -j DROP'],
    ['-A FORWARD -s 192.0.2.1/32 -j DROP', '-A FORWARD -i eth9 -j DROP', JUMP],
  ],
  [
    'a jump of ours behind a DROP of everything',
    ['-j DROP', '-m comment --comment "flanneld forward" -j FLANNEL-FWD', '-i lo -j ACCEPT'],
    [JUMP, '-A FORWARD -j DROP', '-A FORWARD -i lo -j ACCEPT'],
  ],
  [
    'a chain that rejects everything, as ufw has it',
    ['-j USER', '-j LOG', '-j ends'],
    ['-A FORWARD -j USER', '-A FORWARD -j LOG', JUMP, '-A FORWARD -j ends'],
  ],
  ['a chain that rejects some', ['-i eth9 -j ends'], ['-A FORWARD -i eth9 -j ends', JUMP]],
]

for (const variant of ['nft', 'legacy'] as const)
  for (const [what, before, after] of PLACES)
    test(`iptables-${variant}: our place in FORWARD, where there is ${what}`, needs(variant), async (t) => {
      const host = await createIptablesHost(t, { host: variant, has: [variant] })
      for (const rule of [
        '-N USER',
        '-A USER -s 192.0.2.1 -j DROP',
        '-N ends',
        '-A ends -j LOG',
        '-A ends -m comment --comment "all of it" -j REJECT',
        '-N FLANNEL-FWD',
        '-P FORWARD DROP',
        ...before.map((words) => `-A FORWARD ${words}`),
      ])
        await host.netns.exec('sh', '-c', `iptables-${variant} ${rule}`)
      const filter = host.filter()
      await filter.ensure(WANTED.ipv4)
      assert.deepEqual(await host.rules(variant, 'ipv4', 'filter', 'FORWARD'), ['-P FORWARD DROP', ...after])
      assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'right')
      await filter.remove()
      assert.deepEqual(await host.rules(variant, 'ipv4', 'filter', 'FORWARD'), [
        '-P FORWARD DROP',
        ...after.filter((rule) => rule !== JUMP),
      ])
    })

test('what this iptables cannot print stays, beside our rules and in their chains', needs('nft'), async (t) => {
  const host = await createIptablesHost(t, { has: ['nft'] })
  const filter = host.filter()
  await filter.ensure(WANTED.ipv4)
  const native = [
    'ct state vmap { invalid : drop, established : accept }',
    'ip saddr . ip daddr { 192.0.2.1 . 192.0.2.2 } accept',
  ]
  for (const rule of native) await host.netns.exec('nft', `insert rule ip filter FORWARD ${rule}`)
  await host.netns.exec('nft', 'add rule ip nat POSTROUTING ip protocol . th dport { tcp . 80 } return')
  const list = (): Promise<string> => host.netns.exec('nft', 'list', 'ruleset')
  const before = await list()
  assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'right')
  await host.ipt('nft', 'ipv4', '-D', 'FORWARD', ...OUR_JUMP)
  assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'written')
  assert.equal(await list(), before)
  await host.netns.exec('nft', 'insert rule ip filter FLANNEL-FWD ct state vmap { invalid : drop }')
  assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'written')
  assert.equal(await list(), before)
  assert.equal((await filter.remove()).outcome, 'written')
  const after = await list()
  assert.doesNotMatch(after, /FLANNEL/)
  assert.equal((await filter.remove()).outcome, 'right')
  for (const word of ['established : accept', '192.0.2.1 . 192.0.2.2', 'tcp . 80'])
    assert.ok(after.includes(word), word)
})

test("rules in the form of k3s' network policies stay before ours", needs('nft'), async (t) => {
  const host = await createIptablesHost(t)
  const script = `
    iptables-nft -N KUBE-ROUTER-FORWARD
    iptables-nft -N KUBE-POD-FW-ABCDEFGHIJKLMNOP
    iptables-nft -N KUBE-NWPLCY-DEFAULT
    iptables-nft -I FORWARD 1 -m comment --comment "kube-router netpol - TEMCG2JMHZYE7H7T" -j KUBE-ROUTER-FORWARD
    iptables-nft -A KUBE-ROUTER-FORWARD -d 10.42.1.5/32 -m comment --comment "rule to jump traffic destined to POD name:web namespace: default to chain KUBE-POD-FW-ABCDEFGHIJKLMNOP" -j KUBE-POD-FW-ABCDEFGHIJKLMNOP
    iptables-nft -A KUBE-POD-FW-ABCDEFGHIJKLMNOP -m comment --comment "rule for stateful firewall for pod" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
    iptables-nft -A KUBE-POD-FW-ABCDEFGHIJKLMNOP -m comment --comment "run through default ingress network policy chain" -j KUBE-NWPLCY-DEFAULT
    iptables-nft -A KUBE-POD-FW-ABCDEFGHIJKLMNOP -m comment --comment "rule to log dropped traffic POD name:web namespace: default" -m mark ! --mark 0x10000/0x10000 -m limit --limit 10/min --limit-burst 10 -j NFLOG --nflog-group 100
    iptables-nft -A KUBE-POD-FW-ABCDEFGHIJKLMNOP -m comment --comment "rule to REJECT traffic destined for POD name:web namespace: default" -m mark ! --mark 0x10000/0x10000 -j REJECT --reject-with icmp-port-unreachable
    iptables-nft -A KUBE-POD-FW-ABCDEFGHIJKLMNOP -j MARK --set-xmark 0/0x10000
    iptables-nft -A KUBE-POD-FW-ABCDEFGHIJKLMNOP -m comment --comment "set mark to ACCEPT traffic that comply to network policies" -j MARK --set-xmark 0x20000/0x20000
    iptables-nft -A KUBE-ROUTER-FORWARD -m comment --comment "rule to explicitly ACCEPT traffic that comply to network policies" -m mark --mark 0x20000/0x20000 -j ACCEPT
    iptables-nft -P FORWARD DROP`
  await host.netns.exec('sh', '-ec', script)
  const before = await host.snapshot()
  const filter = host.filter()
  await filter.ensure(WANTED.ipv4)
  assert.deepEqual(
    (await host.rules('nft', 'ipv4', 'filter', 'FORWARD')).map((rule) => rule.split(' ').at(-1)),
    ['DROP', 'KUBE-ROUTER-FORWARD', 'FLANNEL-FWD'],
  )
  await host.netns.exec('nft', 'flush', 'ruleset')
  await filter.ensure(WANTED.ipv4)
  await host.netns.exec('sh', '-ec', script)
  assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'right')
  assert.deepEqual(
    (await host.rules('nft', 'ipv4', 'filter', 'FORWARD')).map((rule) => rule.split(' ').at(-1)),
    ['DROP', 'KUBE-ROUTER-FORWARD', 'FLANNEL-FWD'],
    'the controller puts its own first',
  )
  await filter.remove()
  const chains = (text: string): readonly string[] =>
    text
      .split('\n')
      .filter((line) => line.includes('KUBE-'))
      .sort()
  assert.deepEqual(chains(await host.snapshot()), chains(before))
})

test('of 80,000 rules of others next to nothing passes through JavaScript', needs('nft', 'legacy'), async (t) => {
  for (const variant of VARIANTS) {
    const host = await createIptablesHost(t, { host: variant })
    await host.netns.exec(
      'sh',
      '-c',
      `{ echo '*filter'; echo ':KUBE-SERVICES - [0:0]'; echo '-A FORWARD -j KUBE-SERVICES'
         seq 80000 | awk '{ printf "-A KUBE-SERVICES -d 10.%d.%d.%d/32 -p tcp -m comment --comment \\"ns/service-%d has no endpoints\\" -m tcp --dport 80 -j REJECT\\n", $1 / 65536, $1 / 256 % 256, $1 % 256, $1 }'
         echo COMMIT; } | iptables-${variant}-restore --noflush`,
    )
    const filter = host.filter()
    assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'written')
    host.ran.length = 0
    assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'right')
    const bytes = host.ran.reduce((sum, one) => sum + one.bytes, 0)
    assert.ok(bytes < 8_192, `${variant}: ${bytes} bytes\n${host.ran.map(({ words }) => words).join('\n')}`)
  }
})

test('thousands of rules in FORWARD itself are not read to their end', needs('nft'), async (t) => {
  const host = await createIptablesHost(t)
  const load = `{ echo '*filter'; seq 20000 | awk '{ printf "-A FORWARD -s 10.%d.%d.1/32 -j DROP\\n", $1 / 256, $1 % 256 }'; echo COMMIT; } | iptables-nft-restore --noflush`
  await host.netns.exec('sh', '-c', load)
  const filter = host.filter()
  assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'written')
  assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'right')
  await host.ipt('nft', 'ipv4', '-D', 'FORWARD', ...OUR_JUMP)
  assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'written')
  await filter.remove()
  assert.doesNotMatch(await host.snapshot(), /FLANNEL/)
})

for (const variant of ['nft', 'legacy'] as const)
  test(
    `iptables-${variant}: whatever is done to both chains and their jumps, one write mends it and others' rules stay`,
    needs(variant),
    async (t) => {
      const host = await createIptablesHost(t, { host: variant, has: [variant] })
      for (const rule of [
        '-A FORWARD -s 192.0.2.1/32 -j DROP',
        '-t nat -A POSTROUTING -s 192.0.2.0/24 -j MASQUERADE',
        '-A FORWARD -j REJECT',
      ])
        await host.netns.exec('sh', '-c', `iptables-${variant} ${rule}`)
      const filter = host.filter()
      await filter.ensure(WANTED.ipv4)
      const right = await host.snapshot()
      const masqJump = '-m comment --comment "flanneld masq" -j FLANNEL-POSTRTG'
      const jump = '-m comment --comment "flanneld forward" -j FLANNEL-FWD'
      const moves = fc.constantFrom(
        `-D FORWARD ${jump}`,
        `-A FORWARD ${jump}`,
        `-I FORWARD ${jump}`,
        '-F FLANNEL-FWD',
        '-D FLANNEL-FWD 1',
        '-I FLANNEL-FWD -j DROP',
        '-A FLANNEL-FWD -s 192.0.2.7 -j ACCEPT',
        '-X FLANNEL-FWD',
        `-t nat -D POSTROUTING ${masqJump}`,
        `-t nat -I POSTROUTING ${masqJump}`,
        '-t nat -F FLANNEL-POSTRTG',
        '-t nat -D FLANNEL-POSTRTG 3',
        '-t nat -X FLANNEL-POSTRTG',
      )
      await fc.assert(
        fc.asyncProperty(fc.array(moves, { minLength: 1, maxLength: 8 }), async (history) => {
          // Moves that the tables refuse as they stand just then (-X of a chain in use) count as none.
          await host.netns.exec(
            'sh',
            '-c',
            history.map((move) => `iptables-${variant} ${move} 2>/dev/null || true`).join('\n'),
          )
          const isDamaged = (await host.snapshot()) !== right
          const writes = writesOf(host)
          const { outcome } = await filter.ensure(WANTED.ipv4)
          assert.ok(writesOf(host) - writes <= 1)
          assert.equal(sorted(await host.snapshot()), sorted(right))
          if (!isDamaged) assert.equal(outcome, 'right')
          assert.equal((await filter.ensure(WANTED.ipv4)).outcome, 'right')
        }),
        { numRuns: Number(process.env.VTEPD_PROPERTY_RUNS ?? 15) },
      )
    },
  )

/** The order of rules stays; where our jump stands among those that it may follow does not count, nor the order of chains. */
function sorted(snapshot: string): string {
  const lines = snapshot.split('\n')
  return [
    ...lines.filter((line) => line.startsWith(':') || line.includes('-j FLANNEL')).sort(),
    ...lines.filter((line) => !line.startsWith(':') && !line.includes('-j FLANNEL')),
  ].join('\n')
}
