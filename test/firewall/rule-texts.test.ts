/** Rules as iptables and nft show them, read without a kernel: spellings, catch-alls, and whatever else may stand there. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBaseChains, parseNftChain } from '../../lib/firewall/foreign-chains.ts'
import type { Packet } from '../../lib/firewall/judged-rule.ts'
import { parseXtablesRule } from '../../lib/firewall/xtables-rule.ts'
import {
  canonicalRule,
  chainDropsEverything,
  dropsEverything,
  isOldFlannelRule,
} from '../../lib/firewall/xtables-text.ts'
import { parseIp } from '../../lib/net/ip.ts'

test('a rule is the same in whatever order and spelling its options are printed', () => {
  const rule = '-A FLANNEL-FWD -s 10.42.1.0/32 -m mark --mark 0x1/0x1 -m comment --comment "a b" -j ACCEPT'
  for (const same of [
    '-A FLANNEL-FWD -m comment --comment "a b" -m mark --mark 0x1/0x1 -s 10.42.1.0 -j ACCEPT',
    '-A FLANNEL-FWD -s 10.42.1.0 -d 0.0.0.0/0 -m mark --mark 0x1/0x1 -m comment --comment "a b" -j ACCEPT',
  ])
    assert.equal(canonicalRule(same), canonicalRule(rule))
  for (const other of [
    rule.replace('-s', '! -s'),
    rule.replace('-s', '-d'),
    rule.replace('ACCEPT', 'DROP'),
    rule.replace('a b', 'a  b'),
    rule.replace('"a b"', '"a b" --random-fully'),
    rule.replace('-s 10.42.1.0/32', '! -s 0.0.0.0/0'),
  ])
    assert.notEqual(canonicalRule(other), canonicalRule(rule))
})

test('a rule drops everything when it drops, by itself or by a chain, and asks for nothing', () => {
  const dropping = new Set(['ends'])
  for (const [rule, expected] of [
    ['-A FORWARD -j DROP', true],
    ['-A FORWARD -j REJECT --reject-with icmp-host-prohibited', true],
    ['-A FORWARD -m comment --comment "-s 10.0.0.0/8" -j DROP', true],
    ['-A FORWARD -m comment --comment -s -j DROP', true],
    ['-A FORWARD -g ends', true],
    ['-A FORWARD -j other', false],
    ['-A FORWARD ! -s 0.0.0.0/0 -j DROP', false],
    ['-A FORWARD -i eth0 -j DROP', false],
    ['-A FORWARD -m rpfilter -j DROP', false],
    ['-A FORWARD -m comment --comment "-j DROP" -j ACCEPT', false],
    ['-A FORWARD -m comment --comment "-j DROP"', false],
  ] as const)
    assert.equal(dropsEverything(rule, dropping), expected, rule)
  assert.equal(chainDropsEverything(['-A X -m limit --limit 1/s -j LOG', '-A X -j NFLOG', '-A X -j DROP']), true)
  assert.equal(chainDropsEverything(['-A X -s 10.0.0.0/8 -j ACCEPT', '-A X -j DROP']), false)
  assert.equal(chainDropsEverything([]), false)
})

test("only rules that are flannel's in every word count as an old flannel's", () => {
  const comment = '-m comment --comment "flanneld masq"'
  for (const [rule, expected] of [
    [`-A POSTROUTING -s 10.42.0.0/16 -d 10.42.0.0/16 ${comment} -j RETURN`, true],
    [`-A POSTROUTING ! -s fd00::/48 -d fd00::/64 ${comment} -j MASQUERADE --random-fully`, true],
    [`-A POSTROUTING -s 10.42.0.0/16 -o eth0 ${comment} -j MASQUERADE`, false],
    [`-A POSTROUTING -s 10.42.0.0/16 ${comment} -j SNAT --to-source 192.0.2.1`, false],
    [`-A POSTROUTING ${comment} -j FLANNEL-POSTRTG`, false],
    [`-A PREROUTING -s 10.42.0.0/16 ${comment} -j RETURN`, false],
  ] as const)
    assert.equal(isOldFlannelRule(rule), expected, rule)
})

const PACKET: Packet = {
  family: 'ipv4',
  saddr: { kind: 'typical', ip: parseIp('10.42.1.253') },
  daddr: { kind: 'any' },
  iif: { kind: 'pod' },
  oif: { kind: 'is', ifname: 'flannel.1' },
  protocol: 'tcp',
  sport: 47_101,
  dport: 47_102,
  isLocal: false,
  marked: false,
}

test('whatever stands in a rule, it is read without an error, and each test has an answer', () => {
  const word = fc.oneof(
    fc.constantFrom(
      '-s',
      '-d',
      '!',
      '-m',
      '-j',
      '-g',
      '--mark',
      '--dport',
      '-p',
      '--ctstate',
      'mark',
      '"',
      '\\',
      '10.0.0.0/99',
    ),
    fc.string(),
  )
  fc.assert(
    fc.property(fc.array(word), (words) => {
      const { tests } = parseXtablesRule(`-A FORWARD ${words.join(' ')}`)
      for (const one of tests) assert.match(one(PACKET), /^(?:yes|no|unknown)$/)
    }),
  )
  const literal = fc.oneof(fc.jsonValue(), fc.constantFrom('10.0.0.0', '@set', 'new', 'docker0', 22))
  const expression = fc.oneof(
    fc.jsonValue(),
    fc.record({
      match: fc.record({
        op: fc.constantFrom('==', '!=', 'in', '<'),
        left: fc.oneof(
          fc.jsonValue(),
          fc.constantFrom(
            { meta: { key: 'iifname' } },
            { ct: { key: 'state' } },
            { payload: { protocol: 'ip', field: 'saddr' } },
          ),
        ),
        right: fc.oneof(
          literal,
          fc.record({ set: fc.array(literal) }),
          fc.record({ prefix: fc.record({ addr: literal, len: literal }) }),
        ),
      }),
    }),
    fc.record({ vmap: fc.record({ key: literal, data: fc.record({ set: fc.array(fc.tuple(literal, literal)) }) }) }),
  )
  fc.assert(
    fc.property(fc.array(expression), (expr) => {
      const chain = parseNftChain(JSON.stringify({ nftables: [{ chain: {} }, { rule: { handle: 1, expr } }] }), 'c')
      assert.ok(chain !== undefined)
      for (const { tests } of chain.rules) for (const one of tests) assert.match(one(PACKET), /^(?:yes|no|unknown)$/)
    }),
  )
  fc.assert(fc.property(fc.string(), (text) => assert.equal(parseNftChain(text, 'c')?.rules.length ?? 0, 0)))
})

test('base chains of the family that filter are found, with their priorities, and ours are not among them', () => {
  const chain = (name: string, base: string): string => `\tchain ${name} {\n\t\t${base}\n\t}\n`
  const text = [
    'table inet firewalld {\n',
    chain('a', 'type filter hook forward priority filter + 10; policy accept;'),
    chain('plain', ''),
    chain('b', 'type nat hook postrouting priority srcnat; policy accept;'),
    chain('c', 'type filter hook prerouting priority raw - 5; policy drop;'),
    chain('d', 'type filter hook input priority -7; policy drop;'),
    '}\ntable ip6 filter {\n',
    chain('FORWARD', 'type filter hook forward priority filter; policy drop;'),
    '}\ntable ip flannel-ipv4 {\n',
    chain('forward', 'type filter hook forward priority filter; policy accept;'),
    '}\ntable netdev x {\n',
    chain('i', 'type filter hook ingress device "eth0" priority filter; policy accept;'),
    '}\n',
  ].join('')
  assert.deepEqual(
    parseBaseChains(text, 'ipv4').map(({ table, name, hook, priority }) => `${table} ${name} ${hook} ${priority}`),
    ['firewalld a forward 10', 'firewalld c prerouting -305', 'firewalld d input -7'],
  )
  assert.ok(parseBaseChains(text, 'ipv6').some(({ name }) => name === 'FORWARD'))
})
