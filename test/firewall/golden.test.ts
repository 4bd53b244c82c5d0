/** The rules, byte for byte as flannel has them (flannel-contract 10 and 11), and what `corrected` repairs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { WantedRules } from '../../lib/firewall/port.ts'
import { renderIptables } from '../../lib/firewall/render-iptables.ts'
import { renderNftChains, renderNftTable } from '../../lib/firewall/render-nftables.ts'
import { parseCidr } from '../../lib/net/cidr.ts'

const V4: WantedRules = {
  network: parseCidr('10.42.0.0/16'),
  subnet: parseCidr('10.42.1.0/24'),
  masquerade: true,
  forward: true,
  fullyRandom: true,
  style: 'flannel',
}
const V6: WantedRules = {
  ...V4,
  network: parseCidr('2001:cafe:42::/56'),
  subnet: parseCidr('2001:cafe:42:1::/64'),
}

const nft = (family: 'ipv4' | 'ipv6', wanted: WantedRules): string => renderNftTable(family, renderNftChains(wanted))

test("flannel's nftables rules", () => {
  assert.equal(
    nft('ipv4', V4),
    `table ip flannel-ipv4 {
	comment "rules for flannel-ipv4"
	chain postrtg {
		comment "chain to manage traffic masquerading by flannel"
		type nat hook postrouting priority srcnat; policy accept;
		meta mark 0x00004000 return
		ip saddr 10.42.1.0/24 ip daddr 10.42.0.0/16 return
		ip saddr 10.42.0.0/16 ip daddr 10.42.1.0/24 return
		ip saddr != 10.42.1.0/24 ip daddr 10.42.0.0/16 return
		ip saddr 10.42.0.0/16 ip daddr != 224.0.0.0/4 masquerade fully-random
		ip saddr != 10.42.0.0/16 ip daddr 10.42.0.0/16 masquerade fully-random
	}

	chain forward {
		comment "chain to accept flannel traffic"
		type filter hook forward priority filter; policy accept;
		ip saddr 10.42.0.0/16 accept
		ip daddr 10.42.0.0/16 accept
	}
}
`,
  )
})

test("flannel's nftables rules of IPv6", () => {
  assert.equal(
    nft('ipv6', V6),
    `table ip6 flannel-ipv6 {
	comment "rules for flannel-ipv6"
	chain postrtg {
		comment "chain to manage traffic masquerading by flannel"
		type nat hook postrouting priority srcnat; policy accept;
		meta mark 0x00004000 return
		ip6 saddr 2001:cafe:42:1::/64 ip6 daddr 2001:cafe:42::/56 return
		ip6 saddr 2001:cafe:42::/56 ip6 daddr 2001:cafe:42:1::/64 return
		ip6 saddr != 2001:cafe:42:1::/64 ip6 daddr 2001:cafe:42::/56 return
		ip6 saddr 2001:cafe:42::/56 ip6 daddr != ff00::/8 masquerade fully-random
		ip6 saddr != 2001:cafe:42::/56 ip6 daddr 2001:cafe:42::/56 masquerade fully-random
	}

	chain forward {
		comment "chain to accept flannel traffic"
		type filter hook forward priority filter; policy accept;
		ip6 saddr 2001:cafe:42::/56 accept
		ip6 daddr 2001:cafe:42::/56 accept
	}
}
`,
  )
})

test('corrected: the swapped rule is the right way round, and the mark is one bit of several', () => {
  const flannel = nft('ipv4', V4).split('\n')
  const corrected = nft('ipv4', { ...V4, style: 'corrected' }).split('\n')
  assert.equal(corrected.length, flannel.length)
  assert.deepEqual(
    corrected.filter((line, index) => line !== flannel[index]),
    ['\t\tmeta mark & 0x00004000 == 0x00004000 return', '\t\tip saddr != 10.42.0.0/16 ip daddr 10.42.1.0/24 return'],
  )
})

test('without fully-random, and with one of the two chains only', () => {
  const plain = nft('ipv4', { ...V4, fullyRandom: false })
  assert.equal(plain, nft('ipv4', V4).replaceAll(' fully-random', ''))
  const names = (wanted: WantedRules): readonly string[] => renderNftChains(wanted).map(({ name }) => name)
  assert.deepEqual(names({ ...V4, masquerade: false }), ['forward'])
  assert.deepEqual(names({ ...V4, forward: false }), ['postrtg'])
})

test("flannel's iptables rules, in either style", () => {
  for (const style of ['flannel', 'corrected'] as const) {
    const lines = renderIptables({ ...V4, style }).flatMap(({ table, chain, jump, rules }) => [
      `*${table}`,
      `-N ${chain}`,
      jump,
      ...rules,
    ])
    assert.deepEqual(lines, [
      '*nat',
      '-N FLANNEL-POSTRTG',
      '-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG',
      '-A FLANNEL-POSTRTG -m mark --mark 0x4000/0x4000 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG -s 10.42.1.0/24 -d 10.42.0.0/16 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG -s 10.42.0.0/16 -d 10.42.1.0/24 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG ! -s 10.42.0.0/16 -d 10.42.1.0/24 -m comment --comment "flanneld masq" -j RETURN',
      '-A FLANNEL-POSTRTG -s 10.42.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
      '-A FLANNEL-POSTRTG ! -s 10.42.0.0/16 -d 10.42.0.0/16 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully',
      '*filter',
      '-N FLANNEL-FWD',
      '-A FORWARD -m comment --comment "flanneld forward" -j FLANNEL-FWD',
      '-A FLANNEL-FWD -s 10.42.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT',
      '-A FLANNEL-FWD -d 10.42.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT',
    ])
  }
})

test("flannel's iptables rules of IPv6 leave ff00::/8 alone; --random-fully is left out where it is not wanted", () => {
  const rules = renderIptables({ ...V6, fullyRandom: false }).flatMap((chain) => chain.rules)
  assert.equal(
    rules[4],
    '-A FLANNEL-POSTRTG -s 2001:cafe:42::/56 ! -d ff00::/8 -m comment --comment "flanneld masq" -j MASQUERADE',
  )
  assert.ok(rules.every((rule) => !rule.includes('--random-fully')))
})
