/** The packet filter by iptables, on the real kernel, by both variants and in both families. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Variant } from '../../lib/firewall/iptables-tool.ts'
import type { Family } from '../../lib/net/ip.ts'
import { createIptablesHost, type IptablesHost, needs, outcomeOf, writesOf } from './iptables-host.ts'
import { WANTED } from './support.ts'

const GOLDEN: Readonly<Record<Family, { readonly masq: string; readonly forward: string }>> = {
  ipv4: {
    masq: `-N FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.42.1.0/24 -d 10.42.0.0/16 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.42.0.0/16 -d 10.42.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG ! -s 10.42.0.0/16 -d 10.42.1.0/24 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 10.42.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 10.42.0.0/16 -d 10.42.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully`,
    forward: `-N FLANNEL-FWD
-A FLANNEL-FWD -s 10.42.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -d 10.42.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT`,
  },
  ipv6: {
    masq: `-N FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 2001:cafe:42:1::/64 -d 2001:cafe:42::/56 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 2001:cafe:42::/56 -d 2001:cafe:42:1::/64 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG ! -s 2001:cafe:42::/56 -d 2001:cafe:42:1::/64 -m comment --comment "flanneld masq" -j RETURN
-A FLANNEL-POSTRTG -s 2001:cafe:42::/56 ! -d ff00::/8 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
-A FLANNEL-POSTRTG ! -s 2001:cafe:42::/56 -d 2001:cafe:42::/56 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully`,
    forward: `-N FLANNEL-FWD
-A FLANNEL-FWD -s 2001:cafe:42::/56 -m comment --comment "flanneld forward" -j ACCEPT
-A FLANNEL-FWD -d 2001:cafe:42::/56 -m comment --comment "flanneld forward" -j ACCEPT`,
  },
}
const MASQ_JUMP = '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG'
const FORWARD_JUMP = '-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD'

async function assertGolden(host: IptablesHost, variant: Variant, family: Family): Promise<void> {
  const { masq, forward } = GOLDEN[family]
  assert.equal((await host.rules(variant, family, 'nat', 'FLANNEL-POSTRTG')).join('\n'), masq)
  assert.equal((await host.rules(variant, family, 'filter', 'FLANNEL-FWD')).join('\n'), forward)
  const jumps = [
    ...(await host.rules(variant, family, 'nat', 'POSTROUTING')),
    ...(await host.rules(variant, family, 'filter', 'FORWARD')),
  ].filter((rule) => rule.includes('FLANNEL'))
  assert.deepEqual(jumps, [MASQ_JUMP, FORWARD_JUMP])
}

const DAMAGES: readonly (readonly (readonly string[])[])[] = [
  [['-F']],
  [['-t', 'nat', '-F']],
  [['-F'], ['-X'], ['-P', 'FORWARD', 'DROP']],
  [
    ['-t', 'nat', '-F'],
    ['-t', 'nat', '-X'],
  ],
  [['-D', 'FORWARD', '-m', 'comment', '--comment', 'flanneld forward', '-j', 'FLANNEL-FWD']],
  [['-t', 'nat', '-F', 'POSTROUTING']],
  [['-D', 'FLANNEL-FWD', '1']],
  [['-I', 'FLANNEL-FWD', '-s', '192.0.2.1', '-j', 'DROP']],
  [['-R', 'FLANNEL-FWD', '2', '-j', 'DROP']],
  [['-t', 'nat', '-F', 'FLANNEL-POSTRTG']],
  [['-I', 'FORWARD', '-m', 'comment', '--comment', 'flanneld forward', '-j', 'FLANNEL-FWD']],
]

for (const variant of ['nft', 'legacy'] as const)
  for (const family of ['ipv4', 'ipv6'] as const) {
    const wanted = WANTED[family]

    test(
      `iptables-${variant}, ${family}: flannel's rules to the byte, and no second write`,
      needs(variant),
      async (t) => {
        const host = await createIptablesHost(t, { host: variant, has: [variant] })
        const filter = host.filter(family)
        const result = await filter.ensure(wanted)
        assert.match(
          outcomeOf(result),
          /^written: FLANNEL-POSTRTG was not in table nat, POSTROUTING did not lead to FLANNEL-POSTRTG, /,
        )
        await assertGolden(host, variant, family)
        assert.deepEqual(await filter.ensure(wanted), { outcome: 'right', notes: [] })
        assert.deepEqual(await host.filter(family).ensure(wanted), { outcome: 'right', notes: [] }, 'after a restart')
        assert.equal(writesOf(host), 1)
      },
    )

    for (const damage of DAMAGES) {
      const words = damage.map((args) => args.join(' ')).join('; ')
      const isOfFamily = family === 'ipv4' || !words.includes('192.0.2.1')
      if (isOfFamily)
        test(`iptables-${variant}, ${family}: what \`${words}\` damages is put back`, needs(variant), async (t) => {
          const host = await createIptablesHost(t, { host: variant, has: [variant] })
          const filter = host.filter(family)
          await filter.ensure(wanted)
          for (const args of damage) await host.ipt(variant, family, ...args)
          assert.equal((await filter.ensure(wanted)).outcome, 'written')
          await assertGolden(host, variant, family)
          assert.equal((await filter.ensure(wanted)).outcome, 'right')
          // And told as commands that do the same.
          for (const args of damage) await host.ipt(variant, family, ...args)
          const { commands } = await filter.compare(wanted)
          assert.ok(commands.length > 0)
          await host.netns.exec('sh', '-e', '-c', commands.join('\n'))
          await assertGolden(host, variant, family)
          assert.deepEqual(await filter.compare(wanted), { commands: [], unknown: null })
        })
    }

    test(`iptables-${variant}, ${family}: another subnet, and less that is wanted`, needs(variant), async (t) => {
      const host = await createIptablesHost(t, { host: variant, has: [variant] })
      const filter = host.filter(family)
      await filter.ensure({ ...wanted, subnet: wanted.network, fullyRandom: false })
      const text = (await host.rules(variant, family, 'nat', 'FLANNEL-POSTRTG')).join('\n')
      assert.equal(
        text,
        GOLDEN[family].masq.replaceAll(wanted.subnet, wanted.network).replaceAll(' --random-fully', ''),
      )
      await filter.ensure({ ...wanted, masquerade: false })
      await assert.rejects(host.rules(variant, family, 'nat', 'FLANNEL-POSTRTG'))
      assert.deepEqual(await host.rules(variant, family, 'nat', 'POSTROUTING'), ['-P POSTROUTING ACCEPT'])
      assert.equal((await host.rules(variant, family, 'filter', 'FLANNEL-FWD')).length, 3)
      assert.match(outcomeOf(await filter.remove()), /^written: FLANNEL-FWD was in table filter/)
      assert.equal((await filter.remove()).outcome, 'right')
      assert.doesNotMatch(await host.snapshot(), /FLANNEL|flannel/)
    })
  }
