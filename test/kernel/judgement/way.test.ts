/**
 * The way of packets is looked at on the real kernel: what catches pods' traffic, or takes the outer packets elsewhere, is a
 * named fault with table, rule, device and remedy within seconds, makes the node unready where packets are certainly lost,
 * and is over when it has gone; the remedy that is told works.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { nodad } from '../handover/support/host.ts'
import { claimOf, deviceName, type Family, NETWORKS, peerNumbers } from '../healing/support/cluster.ts'
import type { Host } from '../healing/support/host.ts'
import { complaints, createHealthyPodHost, FAMILIES, IP } from './support/pod-host.ts'
import { shell } from './support/shell.ts'
import { SIDE_BY_SIDE } from './support/side-by-side.ts'

interface Trap {
  readonly name: string
  /** Commands without `ip`. */
  readonly set: (family: Family, host: Host) => readonly string[]
  readonly event: 'way.inner' | 'way.outer' | 'way.uplink' | 'way.mtu'
  readonly says: (family: Family) => RegExp
  /** How it goes; default: by what the fault tells to do. */
  readonly unset?: (family: Family, host: Host) => readonly string[]
  /** Default: the node is not ready meanwhile. */
  readonly warnsOnly?: true
}

const tunnel = (family: Family): string => `route add ${network(family)} dev tun0 table 52`
const network = (family: Family): string => NETWORKS[family]
const pods = (family: Family): string => claimOf(family, 1).subnet
const REFUSALS = [
  ['blackhole', 'are dropped'],
  ['unreachable', '(are refused as unreachable|have no route)'],
  ['prohibit', 'are prohibited'],
] as const

const TRAPS: readonly Trap[] = [
  {
    name: 'a rule to the network',
    set: (family) => [tunnel(family), `rule add to ${network(family)} lookup 52 priority 5270`],
    event: 'way.inner',
    says: () => /leave through tun0 \(table 52, by the policy rule of priority 5270\) instead of flannel/,
  },
  {
    name: 'a rule for everything',
    set: (family) => [
      tunnel(family),
      'rule add fwmark 0x80000/0xff0000 lookup 52 priority 5210',
      'rule add lookup 52 priority 5270',
    ],
    event: 'way.inner',
    says: () => /leave through tun0 \(table 52, by the policy rule of priority 5270\) instead of flannel/,
  },
  {
    name: 'a rule from our podCIDR',
    set: (family) => [tunnel(family), `rule add from ${pods(family)} lookup 52 priority 100`],
    event: 'way.inner',
    says: () => /packets of pods to .* leave through tun0 \(table 52, by the policy rule of priority 100\)/,
  },
  {
    name: 'a rule for what comes in by cni0',
    set: (family) => [tunnel(family), 'rule add iif cni0 lookup 52 priority 2'],
    event: 'way.inner',
    says: () => /packets of pods to .* leave through tun0 \(table 52, by the policy rule of priority 2\)/,
  },
  ...REFUSALS.map(
    ([action, words]): Trap => ({
      name: `a rule that says ${action}`,
      set: (family) => [`rule add to ${network(family)} ${action} priority 700`],
      event: 'way.inner',
      says: () => new RegExp(`packets of pods to .* ${words}.*policy rule of priority 700`),
    }),
  ),
  ...REFUSALS.map(
    ([type, words]): Trap => ({
      name: `a route of type ${type} in a table before main`,
      set: (family) => [`route add ${type} default table 52`, `rule add from ${pods(family)} lookup 52 priority 5270`],
      event: 'way.inner',
      says: () => new RegExp(`packets of pods to .* ${words}.*table 52, by the policy rule of priority 5270`),
    }),
  ),
  {
    name: 'routes of our own device to the peers themselves',
    set: (family) => peers(family).map((ip) => `route add ${ip} dev ${deviceName(family)}`),
    event: 'way.outer',
    says: (family) => new RegExp(`VXLAN packets to .* go into ${deviceName(family)} itself.*route show dev`),
    unset: (family) => peers(family).map((ip) => `route del ${ip} dev ${deviceName(family)}`),
  },
  {
    name: 'a rule that sends VXLAN packets into our own device',
    set: (family) => [
      `route add default dev ${deviceName(family)} table 77`,
      'rule add ipproto udp dport 8472 lookup 77 priority 300',
    ],
    event: 'way.outer',
    says: () => /VXLAN packets to .* go into flannel.* itself \(table 77, by the policy rule of priority 300\)/,
  },
  {
    name: 'routes that refuse the peers themselves',
    set: (family) => peers(family).map((ip) => `route add unreachable ${ip}`),
    event: 'way.outer',
    says: () => /VXLAN packets to .* are refused as unreachable/,
    unset: (family) => peers(family).map((ip) => `route del unreachable ${ip}`),
  },
  {
    name: "the peers' own addresses on this host",
    // While it is tentative, its prefix leads there without the address being this host's.
    set: (family) =>
      peers(family).map((ip) => `address add ${ip}/${family === 'ipv4' ? 32 : 128} dev up0${nodad(family)}`),
    event: 'way.outer',
    says: () => /VXLAN packets to .* stay on this host, which has that address too/,
    unset: (family) => peers(family).map((ip) => `address del ${ip}/${family === 'ipv4' ? 32 : 128} dev up0`),
  },
  {
    name: 'another uplink',
    set: (family) => peers(family).map((ip) => `route add ${ip} dev up0`),
    event: 'way.uplink',
    says: () => /VXLAN packets to .* leave through up0 \(veth\), not through mgmt0, which was chosen.*--iface/,
    unset: (family) => peers(family).map((ip) => `route del ${ip} dev up0`),
    warnsOnly: true,
  },
  {
    name: 'a smaller MTU on the way',
    set: (family) => peers(family).map((ip) => `route add ${ip} dev mgmt0 mtu 1400`),
    event: 'way.mtu',
    says: (family) => new RegExp(`has an MTU of 1400, too small for ${deviceName(family)}'s 14.0 bytes`),
    unset: (family) => peers(family).map((ip) => `route del ${ip} dev mgmt0`),
    warnsOnly: true,
  },
]

/** Traps on one host come one after the other: of more a host the log would tell no more, as it bounds what comes and goes. */
const HOSTS = 5

test('what catches packets is named, with the remedy, and over when it has gone', SIDE_BY_SIDE, async (t) => {
  const chunks = Array.from({ length: HOSTS }, (_, i) => TRAPS.filter((_, at) => at % HOSTS === i))
  await Promise.all(chunks.map((chunk) => t.test(chunk.map(({ name }) => name).join('; '), (t) => onOneHost(t, chunk))))
})

async function onOneHost(t: TestContext, traps: readonly Trap[]): Promise<void> {
  const host = await createHealthyPodHost(t)
  await shell(
    host.netns,
    'ip tuntap add tun0 mode tun',
    'ip link set tun0 up',
    'ip link add up0 type veth peer name up1',
    'ip link set up0 up',
    'ip link set up1 up',
  )
  for (const trap of traps) await t.test(trap.name, () => isNamed(host, trap))
}

async function isNamed(host: Host, trap: Trap): Promise<void> {
  const from = host.agent.lines.length
  for (const family of FAMILIES)
    await shell(host.netns, ...trap.set(family, host).map((line) => `${IP[family]} ${line}`))
  const named = await Promise.all(
    FAMILIES.map((each) =>
      host.agent.until(trap.event, ({ family, level }) => family === each && level === 'warn', from),
    ),
  )
  for (const [i, family] of FAMILIES.entries()) assert.match(named[i]?.msg ?? '', trap.says(family))
  if (trap.warnsOnly !== true)
    await host.agent.until('agent.not-ready', ({ msg }) => named.some((line) => msg.includes(line.msg)), from)
  const gone = host.agent.lines.length
  for (const [i, family] of FAMILIES.entries()) {
    const lines = trap.unset?.(family, host).map((line) => `${IP[family]} ${line}`) ?? [remedyIn(named[i]?.msg ?? '')]
    await shell(host.netns, ...lines)
  }
  for (const each of FAMILIES)
    await host.agent.until(trap.event, ({ family, level }) => family === each && level === 'info', gone)
  await host.right()
  const others = complaints(host, from).filter((line) => !named.some(({ event, msg }) => line === `${event} ${msg}`))
  assert.deepEqual(others, [])
  if (trap.warnsOnly === true) assert.ok(!host.agent.lines.slice(from).some(({ event }) => event === 'agent.not-ready'))
  for (const family of FAMILIES) await shell(host.netns, ...clear(IP[family]))
}

/** What a person would type. */
function remedyIn(message: string): string {
  const remedy = /`(ip (-6 )?(?:rule|route) (?:add|del) [^`]*)`/.exec(message)?.[1]
  assert.ok(remedy, message)
  return remedy
}

/** What is left of trap and remedy; a flush takes the kernel's rule of the main table along. */
function clear(ip: string): string[] {
  const tables = [52, 77].map((table) => `${ip} route flush table ${table} 2>/dev/null || true`)
  return [
    `${ip} rule add lookup main priority 32765`,
    `${ip} rule flush`,
    `${ip} rule add lookup main priority 32766`,
    ...tables,
  ]
}

function peers(family: Family): string[] {
  return peerNumbers({ own: 1, peers: 5 }).map((node) => claimOf(family, node).underlay)
}
