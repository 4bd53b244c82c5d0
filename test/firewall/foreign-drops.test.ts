/** Who drops what our rules accept is named with the remedy, from what the real tools show of rules in the real kernel. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDropFinder } from '../../lib/firewall/find-drops.ts'
import type { FilterNote } from '../../lib/firewall/port.ts'
import type { Family } from '../../lib/net/ip.ts'
import { createIptablesHost, type IptablesHost, needs } from './iptables-host.ts'
import { DOCKER, firewalld, KUBE, OURS, REDHAT, UFW } from './others-rules.ts'
import { WANTED } from './support.ts'

async function dropsOn(host: IptablesHost, family: Family = 'ipv4'): Promise<readonly FilterNote[]> {
  const { run, tables } = host
  const find = createDropFinder({ family, run, tables, device: 'flannel.1', vxlanPort: 8472 })
  const notes = await find(WANTED[family])
  assert.ok(notes !== undefined)
  return notes
}

/** A base chain of nft's with these rules. */
const own = (base: string, rules: string, more = ''): string =>
  `nft -f - <<'X'\ntable inet my { ${more}\nchain c { type filter hook ${base}; ${rules}; }\n}\nX`

const PODS_DROPPED =
  /^the chain .* drops what pods of this node send to pods of others, what pods of other nodes send to pods of this one/

/** What is on the host, what is said of pods' packets and of VXLAN's; undefined: nothing. */
const ROWS: readonly (readonly [what: string, script: string, pods: RegExp | undefined, vxlan?: RegExp])[] = [
  ['nothing', 'true', undefined],
  [
    "Docker's policy DROP",
    DOCKER,
    /^the chain FORWARD in table filter of iptables-V, by its policy drops .* pods of others, .*--firewall=iptables.* or iptables-V -t filter -I DOCKER-USER -s 10\.42\.0\.0\/16 -j ACCEPT; iptables-V -t filter -I DOCKER-USER -d/,
  ],
  [
    "Docker's beside kube-proxy's and kube-router's rules",
    `${DOCKER}\n${KUBE}`,
    /the chain FORWARD in table filter of iptables-V, by its policy/,
  ],
  ["Docker's policy DROP, and our rules in the same chain", `${DOCKER}\n${OURS}`, undefined],
  ["Docker's, kube-proxy's and ours", `${KUBE}\n${DOCKER}\n${OURS}`, undefined],
  [
    "Red Hat's own rules",
    REDHAT,
    /the chain FORWARD in table filter of iptables-V, by its rule "-A FORWARD -j REJECT --reject-with icmp-host-prohibited" drops/,
    /the chain INPUT in .* drops VXLAN packets of other nodes \(UDP port 8472\); iptables-V -I INPUT 5 -p udp --dport 8472 -j ACCEPT/,
  ],
  [
    'ufw',
    UFW,
    /the chain ufw-reject-forward in table filter of iptables-V, reached from FORWARD, by its rule .*; ufw route allow from 10\.42\.0\.0\/16 && ufw route allow to/,
    /the chain INPUT .* by its policy drops VXLAN packets of other nodes .*; ufw allow 8472\/udp/,
  ],
  [
    'a DROP of one pod, of one node, of a port, of a link',
    'iptables-V -A FORWARD -s 10.42.1.7 -j DROP; iptables-V -A FORWARD -d 10.42.7.0/24 -j DROP; iptables-V -A FORWARD -p tcp -m tcp --dport 25 -j DROP; iptables-V -A FORWARD -o eth9 -j DROP',
    undefined,
  ],
  [
    'a DROP that a limit, a string or a set of marks may spare',
    'iptables-V -A FORWARD -m limit --limit 1/s -j DROP; iptables-V -A FORWARD -m string --algo bm --string x -j DROP; iptables-V -A FORWARD -m recent --update --name x -j DROP',
    undefined,
  ],
  [
    'an ACCEPT that may spare them before a DROP',
    'iptables-V -P FORWARD DROP; iptables-V -A FORWARD -m connmark --mark 1 -j ACCEPT',
    undefined,
  ],
  [
    'a chain that may mark before an ACCEPT by mark',
    'iptables-V -P FORWARD DROP; iptables-V -t mangle -A PREROUTING -m statistic --mode random --probability 0.5 -j MARK --set-mark 7; iptables-V -A FORWARD -m mark --mark 7 -j ACCEPT',
    undefined,
  ],
  ['a DROP of the whole pod network', 'iptables-V -A FORWARD -s 10.0.0.0/8 -j DROP', PODS_DROPPED],
  [
    'a DROP of what does not come from the office',
    'iptables-V -N gate; iptables-V -A gate ! -s 192.0.2.0/24 -j DROP; iptables-V -A FORWARD -j gate',
    /^the chain gate in table filter of iptables-V, reached from FORWARD/,
  ],
  [
    'a DROP in mangle and in raw',
    'iptables-V -t mangle -A FORWARD -j DROP; iptables-V -t raw -A PREROUTING -p udp --dport 8472 -j DROP',
    /table mangle/,
    /table raw/,
  ],
  [
    'a DROP of all VXLAN that leaves',
    'iptables-V -A OUTPUT -p udp --dport 8472 -j DROP',
    undefined,
    /the chain OUTPUT .* drops VXLAN packets to other nodes/,
  ],
  [
    'a policy DROP of INPUT with the port open to some, who may be all',
    'iptables-V -P INPUT DROP; iptables-V -A INPUT -s 192.0.2.0/24 -p udp --dport 8472 -j ACCEPT',
    undefined,
  ],
  [
    'a policy DROP of INPUT with the port open',
    'iptables-V -P INPUT DROP; iptables-V -A INPUT -p udp -m multiport --dports 53,8000:9000 -j ACCEPT',
    undefined,
  ],
]

const NFT_ROWS: typeof ROWS = [
  [
    'firewalld',
    firewalld(),
    /^the chain filter_FORWARD in table inet firewalld of nftables, by its rule "reject with icmpx admin-prohibited" drops .*; firewall-cmd --permanent --zone=trusted --add-source=10\.42\.0\.0\/16 && firewall-cmd --reload/,
    /^the chain filter_INPUT in table inet firewalld .* drops VXLAN packets of other nodes \(UDP port 8472\); firewall-cmd --permanent --add-port=8472\/udp && firewall-cmd --reload/,
  ],
  [
    'firewalld that trusts the pods and opens the port',
    firewalld('ip saddr 10.42.0.0/16 goto filter_FWD_trusted;', 'udp dport 8472 accept;'),
    undefined,
  ],
  [
    'a base chain with policy drop',
    own('forward priority 5; policy drop', 'ct state established accept'),
    /^the chain c in table inet my of nftables, by its policy .*; nft add rule inet my c ip saddr 10\.42\.0\.0\/16 accept; nft add rule inet my c ip daddr/,
  ],
  [
    'a base chain that drops by a rule',
    own('forward priority -200; policy accept', 'iifname "docker0" accept; counter drop'),
    /by its rule "counter packets 0 bytes 0 drop" drops .*; nft insert rule inet my c position \d+ ip saddr/,
  ],
  [
    'a verdict map',
    own('forward priority 0; policy accept', 'ct state vmap { established : accept, related : accept, new : drop }'),
    PODS_DROPPED,
  ],
  [
    'a verdict map that leads to a drop',
    own(
      'forward priority 0; policy accept',
      'meta l4proto vmap { tcp : jump t, udp : accept }',
      'chain t { ip saddr 10.0.0.0-10.255.255.255 drop; }',
    ),
    /^the chain t in table inet my of nftables, reached from c/,
  ],
  [
    'a drop of the other family',
    own('forward priority 0; policy accept', 'meta nfproto ipv6 drop; ip6 saddr ::/0 drop'),
    undefined,
  ],
  [
    'a policy drop with a set that may hold the pods',
    own(
      'forward priority 0; policy drop',
      'ip saddr @s accept',
      'set s { type ipv4_addr; flags interval; elements = { 10.42.0.0/16 }; }',
    ),
    undefined,
  ],
  [
    'a policy drop for all but the pods',
    own('forward priority 0; policy drop', 'ip saddr { 10.42.0.0/16, 192.0.2.1 } accept; ip daddr 10.42.0.0/16 accept'),
    undefined,
  ],
  [
    'a table that is switched off',
    "nft -f - <<'X'\ntable inet off { flags dormant; chain c { type filter hook forward priority 0; policy drop; }\n}\nX",
    undefined,
  ],
  [
    'a drop of marked packets',
    own('forward priority 0; policy accept', 'meta mark & 0x4000 == 0x4000 drop; meta mark 5 drop'),
    undefined,
  ],
  ['a drop of unmarked packets', own('forward priority 0; policy accept', 'meta mark 0 drop'), PODS_DROPPED],
  [
    'ports that are open in INPUT',
    own('input priority 0; policy drop', 'udp dport { 53, 8000-9000 } accept'),
    undefined,
  ],
  [
    'INPUT that is closed',
    own('input priority 0; policy drop', 'tcp dport { 22, 443 } accept; iifname "lo" accept'),
    undefined,
    /the chain c in table inet my of nftables, by its policy drops VXLAN.*; nft add rule inet my c udp dport 8472 accept/,
  ],
]

async function check(host: IptablesHost, pods: RegExp | undefined, vxlan: RegExp | undefined): Promise<void> {
  const notes = await dropsOn(host)
  for (const [key, expected] of [
    ['filter.pods-dropped', pods],
    ['filter.vxlan-dropped', vxlan],
  ] as const) {
    const text = notes.find((note) => note.key === key)?.text
    if (expected === undefined) assert.equal(text, undefined)
    else assert.match(text ?? '(nothing)', expected)
  }
}

for (const variant of ['nft', 'legacy'] as const)
  for (const [what, script, pods, vxlan] of ROWS)
    test(
      `iptables-${variant}: ${(pods ?? vxlan === undefined) ? 'nothing is' : 'a drop is'} named where there is ${what}`,
      needs(variant),
      async (t) => {
        const host = await createIptablesHost(t, { host: variant })
        const inVariant = (pattern: RegExp | undefined): RegExp | undefined =>
          pattern === undefined ? undefined : new RegExp(pattern.source.replaceAll('iptables-V', `iptables-${variant}`))
        await host.netns.exec('sh', '-ec', script.replaceAll('iptables-V', `iptables-${variant}`))
        await check(host, inVariant(pods), inVariant(vxlan))
      },
    )

for (const [what, script, pods, vxlan] of NFT_ROWS)
  test(`nftables: what is said where there is ${what}`, needs('nft'), async (t) => {
    const host = await createIptablesHost(t)
    await host.netns.exec('sh', '-ec', script)
    await check(host, pods, vxlan)
  })

test('firewalld drops IPv6 alike, and IPv4 rules say nothing of IPv6', needs('nft'), async (t) => {
  const host = await createIptablesHost(t)
  await host.netns.exec('sh', '-ec', DOCKER.replaceAll('iptables-V', 'iptables-nft'))
  assert.deepEqual(await dropsOn(host, 'ipv6'), [])
  await host.netns.exec('sh', '-ec', firewalld())
  const [pods] = await dropsOn(host, 'ipv6')
  assert.match(pods?.text ?? '', /filter_FORWARD .*--add-source=2001:cafe:42::\/56/)
})

test('a look changes nothing, and is none where nft fails', needs('nft', 'legacy'), async (t) => {
  const host = await createIptablesHost(t)
  await host.netns.exec('sh', '-ec', `${DOCKER}\n${KUBE}`.replaceAll('iptables-V', 'iptables-nft'))
  const before = await host.netns.exec('nft', 'list', 'ruleset')
  await dropsOn(host)
  assert.equal(await host.netns.exec('nft', 'list', 'ruleset'), before)
  assert.deepEqual(await host.tables('ipv4'), [])
  const failing = createDropFinder({
    family: 'ipv4',
    run: async () => ({ outcome: 'exited', status: 1, stdout: '', stderr: 'Operation not permitted' }),
    tables: host.tables,
    device: 'flannel.1',
    vxlanPort: 8472,
  })
  assert.equal(await failing(WANTED.ipv4), undefined)
})

test(
  "among 80,000 rules of kube-proxy's the drop is found, and next to nothing passes through JavaScript",
  needs('nft'),
  async (t) => {
    const host = await createIptablesHost(t)
    await host.netns.exec('sh', '-ec', `${DOCKER}\n${KUBE}`.replaceAll('iptables-V', 'iptables-nft'))
    await host.netns.exec(
      'sh',
      '-c',
      `{ echo '*filter'; seq 80000 | awk '{ printf "-A KUBE-SERVICES -d 10.%d.%d.%d/32 -p tcp -m tcp --dport 80 -j REJECT\\n", $1 / 65536, $1 / 256 % 256, $1 % 256 }'; echo COMMIT; } | iptables-nft-restore --noflush`,
    )
    host.ran.length = 0
    const notes = await dropsOn(host)
    assert.match(
      notes.map(({ text }) => text).join(),
      /the chain FORWARD in table filter of iptables-nft, by its policy/,
    )
    const bytes = host.ran.reduce((sum, one) => sum + one.bytes, 0)
    assert.ok(bytes < 16_384, `${bytes} bytes\n${host.ran.map(({ words }) => words).join('\n')}`)
  },
)
