/**
 * A node whose packets find their way is told no fault, in no mode. That it was looked at is shown by a fault that is real: it
 * is the only one told, before and after the node is healthy again.
 */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { claimOf, type Family, netConf, peerNumbers } from '../healing/support/cluster.ts'
import type { Host, HostOptions } from '../healing/support/host.ts'
import { complaints, createPodHost, IP } from './support/pod-host.ts'
import { shell } from './support/shell.ts'
import { SIDE_BY_SIDE } from './support/side-by-side.ts'

interface Mode extends Partial<HostOptions> {
  readonly name: string
  /** Done to the node before its agent starts. */
  readonly more?: (family: Family) => readonly string[]
  /** Instead of the network's own CIDRs. */
  readonly unbounded?: true
  /** A kind of link that not every kernel has. */
  readonly needs?: string
}

const once =
  (lines: readonly string[]) =>
  (family: Family): readonly string[] =>
    family === 'ipv4' ? lines : []

const STRICT = 'sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1'

const MODES: readonly Mode[] = [
  { name: 'IPv4', families: ['ipv4'] },
  { name: 'IPv6', families: ['ipv6'] },
  { name: 'both families' },
  { name: 'pinned', pinned: true },
  { name: 'with direct routing', backend: { DirectRouting: true } },
  { name: 'a network without bound', unbounded: true },
  {
    name: 'a VRF for the underlay',
    needs: 'vrf',
    pinned: true,
    more: once(['ip link add vrf0 type vrf table 10', 'ip link set vrf0 up', 'ip link set mgmt0 master vrf0']),
  },
  { name: 'chosen by the default route, of two next hops', choice: [], more: (family) => [multipath(family)] },
  { name: 'by --iface-can-reach', choice: [`--iface-can-reach=${claimOf('ipv4', 2).underlay}`] },
  {
    name: 'an address on the loopback, as routing protocols have it',
    choice: ['--iface=lo'],
    backend: { MTU: 1500 },
    more: (family) => [`ip address add ${family === 'ipv4' ? '192.0.2.1/32' : '2001:db8::1/128'} dev lo`],
  },
  { name: 'the bridge without a pod, and down', more: once(['ip link del pod0', 'ip link set cni0 down', STRICT]) },
  {
    name: 'the bridge without a pod, and up',
    more: once(['ip link del pod0', STRICT, 'sysctl -qw net.ipv4.conf.cni0.ignore_routes_with_linkdown=1']),
  },
  { name: 'no bridge yet', more: once(['ip link del cni0']) },
  { name: 'rp_filter is strict', more: once([STRICT]) },
  {
    name: 'beside Tailscale',
    more: (family) => [
      'ip tuntap add tailscale0 mode tun 2>/dev/null || true',
      'ip link set tailscale0 up',
      `${IP[family]} route add ${family === 'ipv4' ? '100.64.0.0/10' : 'fd7a:115c:a1e0::/48'} dev tailscale0 table 52`,
      `${IP[family]} rule add fwmark 0x80000/0xff0000 lookup main priority 5210`,
      `${IP[family]} rule add fwmark 0x80000/0xff0000 unreachable priority 5250`,
      `${IP[family]} rule add lookup 52 priority 5270`,
    ],
  },
  {
    name: 'beside a tunnel for everything but what main knows',
    more: (family) => [
      'ip tuntap add wg0 mode tun 2>/dev/null || true',
      'ip link set wg0 up',
      `${IP[family]} route add default dev wg0 table 51820`,
      `${IP[family]} rule add not fwmark 0xca6c lookup 51820 priority 32765`,
      `${IP[family]} rule add lookup main suppress_prefixlength 0 priority 32764`,
    ],
  },
]

test('a healthy node is told no fault', SIDE_BY_SIDE, async (t) => {
  await Promise.all(MODES.map((mode) => t.test(mode.name, (t) => isTrusted(t, mode))))
})

async function isTrusted(t: TestContext, { more, unbounded, needs, ...options }: Mode): Promise<void> {
  const host = await createPodHost(t, options)
  if (needs !== undefined && !(await has(host, needs))) return t.skip(`this kernel has no ${needs}`)
  const { families } = host.expected
  await host.buildParent()
  await shell(host.netns, 'true', ...(more === undefined ? [] : families.flatMap(more)))
  if (unbounded === true) writeNetConf(host, { Network: '0.0.0.0/0', IPv6Network: '::/0' })
  host.start()
  await host.agent.until('agent.ready')
  await stir(host)
  const from = host.agent.lines.length
  await shell(host.netns, ...families.flatMap(trap))
  const named = await Promise.all(families.map((family) => told(host, family, 'warn', from)))
  await shell(host.netns, ...families.flatMap((family) => peers.map(() => `${IP[family]} rule del priority 9`)))
  await stir(host)
  await Promise.all(families.map((family) => told(host, family, 'info', from)))
  assert.deepEqual(complaints(host, 0).sort(), named.map(({ event, msg }) => `${event} ${msg}`).sort())
}

function told(host: Host, family: Family, level: string, from: number) {
  return host.agent.until('way.inner', (line) => line.family === family && line.level === level, from)
}

async function has({ netns }: Host, kind: string): Promise<boolean> {
  const lines = [`ip link add probe0 type ${kind} table 99 2>/dev/null || exit 0`, 'ip link del probe0', 'echo yes']
  return (await shell(netns, ...lines)).includes('yes')
}

function writeNetConf({ folder, expected }: Host, changes: object): void {
  writeFileSync(`${folder.path}/net-conf.json`, JSON.stringify({ ...netConf(expected.families), ...changes }))
}

/** What marks the way as to be looked at, and changes nothing about it. */
async function stir(host: Host): Promise<void> {
  await shell(
    host.netns,
    'ip link add stir0 type veth peer name stir1',
    'ip link set stir0 up',
    'ip address add 198.51.100.77/32 dev stir0',
    'ip route add 203.0.113.77 dev stir0',
    'ip rule add from 203.0.113.78 lookup 78 priority 999',
    'ip rule del priority 999',
    'ip link del stir0',
  )
}

const peers = peerNumbers({ own: 1, peers: 5 })

function trap(family: Family): string[] {
  return [
    'ip tuntap add tun0 mode tun 2>/dev/null || true',
    'ip link set tun0 up',
    `${IP[family]} route add default dev tun0 table 4242`,
    ...peers.map((node) => `${IP[family]} rule add to ${claimOf(family, node).subnet} lookup 4242 priority 9`),
  ]
}

function multipath(family: Family): string {
  const [a, b] = family === 'ipv4' ? ['172.16.0.254', '172.16.0.253'] : ['fd00:1::fe', 'fd00:1::fd']
  return `${IP[family]} route add default nexthop via ${a} dev mgmt0 nexthop via ${b} dev mgmt0`
}
