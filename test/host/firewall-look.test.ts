/** Whether somebody's rules masquerade and forward the pods' traffic. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RunProgram } from '../../lib/host/exec.ts'
import { lookIntoRules, packetFilterRulesExist } from '../../lib/host/firewall-look.ts'
import { parseCidr } from '../../lib/net/cidr.ts'

const NETWORK = parseCidr('10.42.0.0/16')
const FLANNEL = `*nat
:POSTROUTING ACCEPT [0:0]
-A POSTROUTING -m comment --comment "flanneld masq" -j FLANNEL-POSTRTG
-A FLANNEL-POSTRTG -s 10.42.0.0/16 ! -d 224.0.0.0/4 -m comment --comment "flanneld masq" -j MASQUERADE --random-fully
COMMIT
*filter
:FORWARD DROP [0:0]
-A FLANNEL-FWD -s 10.42.0.0/16 -m comment --comment "flanneld forward" -j ACCEPT
COMMIT`
const DOCKER = `*nat
-A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
COMMIT
*filter
:FORWARD DROP [0:0]
-A FORWARD -o docker0 -j ACCEPT
COMMIT`
const NFT = `table ip flannel-ipv4 {
	chain postrtg {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.42.0.0/16 ip daddr != 224.0.0.0/4 masquerade fully-random
	}
	chain forward {
		type filter hook forward priority filter; policy accept;
		ip saddr 10.42.0.0/16 accept
	}
}`

test("flannel's own rules are found, in iptables and in nftables", () => {
  assert.deepEqual(lookIntoRules(FLANNEL, 'ipv4', NETWORK), { masquerade: 'present', forward: 'present' })
  assert.deepEqual(lookIntoRules(NFT, 'ipv4', NETWORK), { masquerade: 'present', forward: 'present' })
})

test("another network's rules do not count, and a FORWARD policy of DROP is seen", () => {
  assert.deepEqual(lookIntoRules(DOCKER, 'ipv4', NETWORK), { masquerade: 'absent', forward: 'absent' })
  const nft = 'chain FORWARD { \n type filter hook forward priority filter; policy drop;\n }'
  assert.equal(lookIntoRules(nft, 'ipv4', NETWORK).forward, 'absent')
})

test('rules of the administrator that name the network count', () => {
  const rules = '-A POSTROUTING -s 10.42.0.0/16 ! -d 10.42.0.0/16 -j MASQUERADE'
  assert.deepEqual(lookIntoRules(rules, 'ipv4', NETWORK), { masquerade: 'present', forward: 'present' })
})

test('a host without any rule accepts what is forwarded and masquerades nothing', () => {
  assert.deepEqual(lookIntoRules('', 'ipv4', NETWORK), { masquerade: 'absent', forward: 'present' })
})

test('each family asks its own program, and without any program nothing is known', async () => {
  const asked: string[] = []
  const run: RunProgram = async (program) => {
    asked.push(program)
    return { outcome: 'missing' }
  }
  assert.deepEqual(await packetFilterRulesExist('ipv6', parseCidr('fd00::/56'), run), {
    masquerade: 'unknown',
    forward: 'unknown',
  })
  assert.deepEqual(asked, ['ip6tables-save', 'nft'])
})

test('a program that is refused (no privilege) counts as not asked', async () => {
  const run: RunProgram = async (program) =>
    program === 'nft'
      ? { outcome: 'exited', status: 1, stdout: '', stderr: 'Operation not permitted' }
      : { outcome: 'exited', status: 0, stdout: FLANNEL, stderr: '' }
  assert.deepEqual(await packetFilterRulesExist('ipv4', NETWORK, run), { masquerade: 'present', forward: 'present' })
})
