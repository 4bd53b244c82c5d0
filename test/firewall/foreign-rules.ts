/**
 * Rules of others for the tests, of every kind that this kernel and this iptables take: what it refuses is left out. Made from
 * matches and targets, not written down one by one. Must not: name a chain of ours.
 */
import type { Variant } from '../../lib/firewall/iptables-tool.ts'
import type { Family } from '../../lib/net/ip.ts'
import type { IptablesHost } from './iptables-host.ts'

const ADDRESS: Readonly<Record<Family, string>> = { ipv4: '192.0.2.1', ipv6: '2001:db8::1' }

function matchesOf(family: Family): readonly string[] {
  const address = ADDRESS[family]
  const dashed = family === 'ipv4' ? '192.0.2.1-192.0.2.9' : '2001:db8::1-2001:db8::9'
  return [
    '-p tcp -m multiport --dports 80,443,1000:2000',
    '-p udp -m udp --dport 53',
    '-p tcp -m tcp --tcp-flags SYN,RST SYN',
    '-m conntrack --ctstate RELATED,ESTABLISHED',
    '-m conntrack --ctstate NEW --ctorigdstport 80',
    '-m state --state INVALID',
    '-m comment --comment "a \\"quoted\\" comment -j DROP"',
    '-m mark --mark 0x20000/0x20000',
    '-m mark ! --mark 0x1/0xff',
    '-m connmark --mark 0x1/0xff',
    '-m limit --limit 5/min --limit-burst 7',
    '-m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name vtepd',
    '-m string --algo bm --string "-j FLANNEL-FWD"',
    '-m string --algo kmp --hex-string "|0d0a|"',
    '-m statistic --mode random --probability 0.5',
    '-m statistic --mode nth --every 3 --packet 1',
    '-m addrtype --dst-type LOCAL',
    '-m addrtype ! --src-type MULTICAST,BROADCAST',
    '-m u32 --u32 "0x0>>0x16&0x3c=0x1"',
    `-m iprange --src-range ${dashed}`,
    '-m recent --set --name vtepd --rsource',
    '-m recent --update --seconds 60 --name vtepd --rsource',
    '-m length --length 100:200',
    '-m mac --mac-source 00:11:22:33:44:55',
    '-m pkttype --pkt-type multicast',
    '-m time --timestart 01:00 --timestop 02:00',
    '-m tos --tos 0x10/0x3f',
    '-m dscp --dscp 0x2e',
    '-m connbytes --connbytes 1000:2000 --connbytes-dir both --connbytes-mode bytes',
    '-m connlimit --connlimit-above 10 --connlimit-mask 24',
    '-m helper --helper ftp',
    '-p tcp -m ecn --ecn-tcp-cwr',
    '-p tcp -m tcpmss --mss 500:1000',
    '-m quota --quota 1000000',
    '-m realm --realm 1',
    '-m cpu --cpu 0',
    '-m devgroup --src-group 0x1',
    '-m policy --dir in --pol none',
    '-m physdev --physdev-is-bridged',
    '-m rpfilter --invert',
    '-m cluster --cluster-total-nodes 2 --cluster-local-node 1 --cluster-hash-seed 0x1',
    '-m bpf --bytecode "1,6 0 0 0"',
    '-m conntrack --ctstatus DNAT',
    `-s ${address} ! -i eth9 -o br-+`,
    `! -d ${address}`,
    '-p esp -m esp --espspi 100:200',
    '-p sctp -m sctp --dport 80',
    family === 'ipv4' ? '-p icmp -m icmp --icmp-type 8' : '-p ipv6-icmp -m icmp6 --icmpv6-type 128',
    family === 'ipv4' ? '-m ttl --ttl-lt 5' : '-m hl --hl-lt 5',
  ]
}

function placesOf(family: Family): readonly (readonly [table: string, chain: string, target: string])[] {
  const address = ADDRESS[family]
  const [port, range] = family === 'ipv4' ? [`${address}:80`, `${address}-192.0.2.9`] : [`[${address}]:80`, address]
  return [
    ['filter', 'FORWARD', '-j ACCEPT'],
    ['filter', 'INPUT', '-j DROP'],
    ['filter', 'OTHERS', '-j RETURN'],
    ['filter', 'OTHERS', '-g OTHERS-2'],
    ['filter', 'FORWARD', '-j LOG --log-prefix "-j DROP: " --log-level 4'],
    ['filter', 'FORWARD', '-j NFLOG --nflog-prefix "x y" --nflog-group 5'],
    [
      'filter',
      'INPUT',
      `-j REJECT --reject-with ${family === 'ipv4' ? 'icmp-port-unreachable' : 'icmp6-port-unreachable'}`,
    ],
    ['filter', 'OTHERS', '-j NFQUEUE --queue-num 3 --queue-bypass'],
    ['filter', 'OUTPUT', '-j AUDIT --type accept'],
    ['nat', 'PREROUTING', `-p tcp -j DNAT --to-destination ${port}`],
    ['nat', 'POSTROUTING', `-j SNAT --to-source ${range}`],
    ['nat', 'POSTROUTING', '-p tcp -j MASQUERADE --to-ports 1024-2048 --random'],
    ['nat', 'OUTPUT', '-p tcp -j REDIRECT --to-ports 8080'],
    ['nat', 'PREROUTING', `-d ${address} -j NETMAP --to ${address}`],
    ['mangle', 'FORWARD', '-j MARK --set-xmark 0x1/0xff'],
    ['mangle', 'PREROUTING', '-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xff'],
    ['mangle', 'FORWARD', '-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu'],
    ['mangle', 'POSTROUTING', '-j CLASSIFY --set-class 1:10'],
    ['mangle', 'POSTROUTING', '-j DSCP --set-dscp 0x2e'],
    ['mangle', 'PREROUTING', '-p udp -j TPROXY --on-port 3128 --on-ip :: --tproxy-mark 0x1/0x1'],
    ['raw', 'PREROUTING', '-j CT --notrack'],
    ['raw', 'PREROUTING', '-j TRACE'],
  ]
}

/** Puts them in, each match with some of the targets, each target once by itself; resolves with how many were taken. */
export async function seedForeignRules(host: IptablesHost, variant: Variant, family: Family): Promise<number> {
  const matches = matchesOf(family)
  const places = placesOf(family)
  const rules = [...matches.keys()].flatMap((m) =>
    [0, 3, 7, 11, 13, 16].map((step) => {
      const [table, chain, target] = places[(m + step) % places.length] ?? ['filter', 'FORWARD', '']
      return `-t ${table} -A ${chain} ${matches[m]} ${target}`
    }),
  )
  const plain = places.map(([table, chain, target]) => `-t ${table} -A ${chain} ${target}`)
  const program = `ip${family === 'ipv4' ? '' : '6'}tables-${variant}`
  const chains = ['-N OTHERS', '-N OTHERS-2', '-A FORWARD -j OTHERS'].map((words) => `${program} ${words}`)
  const each = [...rules, ...plain].map((words) => `${program} ${words} 2>/dev/null && n=$((n + 1))`)
  const said = await host.netns.exec('sh', '-c', [...chains, 'n=0', ...each, 'echo $n'].join('\n'))
  return Number(said.trim().split('\n').at(-1))
}
