/** What is said of others' rules, and what ours do beside them, by packets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createDropFinder } from '../../lib/firewall/find-drops.ts'
import { needs } from './iptables-host.ts'
import { createPassage } from './passage.ts'
import { WANTED } from './support.ts'

const MATCHES = [
  '',
  '-s 10.42.0.0/16',
  '! -s 10.42.0.0/16',
  '-d 10.0.0.0/8',
  '! -d 192.0.2.0/24',
  '-s 10.42.1.7/32',
  '-i cni0',
  '! -i docker0',
  '-o docker0',
  '-o flannel.1',
  '! -o flannel+',
  '-p tcp',
  '-p udp',
  '! -p icmp',
  '-p tcp -m tcp --dport 80',
  '-p tcp -m multiport ! --dports 80,443',
  '-p tcp -m tcp --dport 1024:65535',
  '-m conntrack --ctstate RELATED,ESTABLISHED',
  '-m conntrack --ctstate NEW',
  '-m conntrack ! --ctstate INVALID',
  '-m mark --mark 0x4000/0x4000',
  '-m mark ! --mark 0x1',
  '-m mark --mark 0x0/0xff',
  '-m addrtype --dst-type LOCAL',
  '-m addrtype ! --dst-type LOCAL',
  '-m limit --limit 100/sec',
  '-m connmark --mark 0x0',
  '-m statistic --mode nth --every 2 --packet 0',
  '-m length --length 0:1500',
]
const TARGETS = [
  '-j ACCEPT',
  '-j DROP',
  '-j REJECT',
  '-j RETURN',
  '-j U1',
  '-j U2',
  '-g U2',
  '-j LOG',
  '-j MARK --set-mark 1',
  '',
]
const NFT_RULES = [
  'ip saddr 10.42.0.0/16',
  'ip daddr != { 192.0.2.1, 198.51.100.0/24 }',
  'ip saddr 10.42.0.0-10.42.255.255',
  'iifname { "cni0", "docker0" }',
  'oifname != "flannel*"',
  'meta l4proto tcp',
  'meta l4proto != { icmp, udp }',
  'tcp dport { 80, 40000-50000 }',
  'udp dport != 53',
  'ct state new',
  'ct state != { established, related }',
  'ct status dnat',
  'meta mark 0',
  'meta mark & 0xff == 1',
  'meta nfproto ipv4',
  'ip6 saddr ::/0',
  'tcp flags syn',
  'limit rate 100/second',
  '',
]
const NFT_VERDICTS = ['accept', 'drop', 'reject', 'return', 'jump u', 'goto u', 'counter', 'meta mark set 1']

const line = fc.record({
  chain: fc.constantFrom('FORWARD', 'FORWARD', 'U1', 'U2'),
  match: fc.constantFrom(...MATCHES),
  target: fc.constantFrom(...TARGETS),
})
const nftRule = fc
  .tuple(fc.constantFrom(...NFT_RULES), fc.constantFrom(...NFT_VERDICTS))
  .map((words) => words.join(' '))
const nftMap = fc.constantFrom(
  'ct state vmap { established : accept, new : goto u, invalid : drop }',
  'meta l4proto vmap { tcp : drop, udp : accept }',
  'iifname vmap { "docker0" : drop, "cni0" : jump u }',
)

interface Rules {
  readonly variant: 'nft' | 'legacy'
  readonly policy: string
  readonly lines: readonly { readonly chain: string; readonly match: string; readonly target: string }[]
  readonly nft: { readonly policy: string; readonly chain: readonly string[]; readonly user: readonly string[] }
}

const rules: fc.Arbitrary<Rules> = fc.record({
  variant: fc.constantFrom('nft', 'legacy'),
  policy: fc.constantFrom('ACCEPT', 'DROP'),
  lines: fc.array(line, { maxLength: 8 }),
  nft: fc.record({
    policy: fc.constantFrom('accept', 'accept', 'drop'),
    chain: fc.array(fc.oneof(nftRule, nftRule, nftMap), { maxLength: 5 }),
    user: fc.array(
      nftRule.filter((rule) => !/ u$/.test(rule)),
      { maxLength: 3 },
    ),
  }),
})

function scriptOf({ variant, policy, lines, nft }: Rules): string {
  const program = `iptables-${variant}`
  // A chain leads only to those behind it, as the kernel wants it; what the program refuses is no rule.
  const isDown = ({ chain, target }: Rules['lines'][number]): boolean =>
    chain === 'FORWARD' || !target.includes('U') || (chain === 'U1' && target.includes('U2'))
  return [
    'nft flush ruleset',
    'iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F; iptables-legacy -X',
    `${program} -N U1; ${program} -N U2; ${program} -P FORWARD ${policy}`,
    ...lines.filter(isDown).map(({ chain, match, target }) => `${program} -A ${chain} ${match} ${target}`),
    "nft -f - <<'X'\ntable inet other {\nchain u {",
    ...nft.user,
    `}\nchain c {\ntype filter hook forward priority 10; policy ${nft.policy};`,
    ...nft.chain,
    '}\n}\nX',
  ].join('\n')
}

test('where a drop is named, no packet arrives', needs('nft', 'legacy'), async (t) => {
  const { host, arrives } = await createPassage(t)
  const { run, tables, netns } = host
  const find = createDropFinder({ family: 'ipv4', run, tables, device: 'flannel.1', vxlanPort: 8472 })
  let [named, passed] = [0, 0]
  await fc.assert(
    fc.asyncProperty(rules, async (what) => {
      await netns.exec('sh', '-c', `{ ${scriptOf(what)}\n} 2>/dev/null || true`)
      const text = (await find(WANTED.ipv4))?.map((note) => note.text).join('\n') ?? ''
      for (const [way, says] of [
        ['out', 'what pods of this node send to pods of others'],
        ['in', 'what pods of other nodes send to pods of this one'],
      ] as const) {
        const arrived = await arrives(way)
        if (text.includes(says)) named += 1
        else if (arrived) passed += 1
        assert.ok(!(arrived && text.includes(says)), `${way}: it arrived, although\n${text}\n${scriptOf(what)}`)
      }
    }),
    { numRuns: Number(process.env.VTEPD_PROPERTY_RUNS ?? 15), endOnFailure: true },
  )
  assert.ok(named > 0 && passed > 0, `${named} named, ${passed} passed`)
})

for (const variant of ['nft', 'legacy'] as const)
  test(
    `iptables-${variant}: our accept wins against a policy DROP and a last REJECT, not against a network policy`,
    needs(variant),
    async (t) => {
      const { host, arrives } = await createPassage(t)
      const filter = host.filter()
      const sh = (script: string): Promise<string> =>
        host.netns.exec('sh', '-ec', script.replaceAll('ipt ', `iptables-${variant} `))
      await sh(
        'ipt -P FORWARD DROP; ipt -A FORWARD -j REJECT; ipt -N KUBE-POSTROUTING -t nat; ipt -t nat -A POSTROUTING -j KUBE-POSTROUTING',
      )
      assert.deepEqual([await arrives('out'), await arrives('in')], [false, false])
      await filter.ensure(WANTED.ipv4)
      assert.deepEqual([await arrives('out'), await arrives('in')], [true, true])
      await sh(`ipt -N KUBE-ROUTER-FORWARD; ipt -N KUBE-POD-FW-A; ipt -I FORWARD -j KUBE-ROUTER-FORWARD
      ipt -A KUBE-ROUTER-FORWARD -d 10.42.1.253 -j KUBE-POD-FW-A
      ipt -A KUBE-POD-FW-A -m mark ! --mark 0x10000/0x10000 -j REJECT`)
      assert.deepEqual([await arrives('out'), await arrives('in')], [true, false])
      await host.ipt(
        variant,
        'ipv4',
        '-D',
        'FORWARD',
        '-m',
        'comment',
        '--comment',
        'flanneld forward',
        '-j',
        'FLANNEL-FWD',
      )
      await filter.ensure(WANTED.ipv4)
      assert.deepEqual([await arrives('out'), await arrives('in')], [true, false])
    },
  )
