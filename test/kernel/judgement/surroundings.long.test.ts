/**
 * What others of this host have set so that pods are cut off although all of ours is right: one warning each, with a remedy
 * that works, and the node stays ready unless nothing is forwarded. What vtepd would set by itself is left to the remedy here.
 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { claimOf, type Family } from '../healing/support/cluster.ts'
import { bridgeAddress, complaints, createHealthyPodHost, FAMILIES, IP } from './support/pod-host.ts'
import { shell } from './support/shell.ts'
import { SIDE_BY_SIDE } from './support/side-by-side.ts'

interface Slip {
  readonly name: string
  readonly families?: readonly Family[]
  /** Default: false. */
  readonly unready?: boolean
  readonly event: string
  readonly set: (family: Family) => readonly string[]
  readonly says: (family: Family) => RegExp
  /** Default: the command in the message that matches this. */
  readonly unset?: (family: Family) => readonly string[]
  readonly remedy?: RegExp
}

const DOCKER = ['ip link add docker0 type bridge 2>/dev/null || true', 'ip link set docker0 up']
const pods = (family: Family): string => claimOf(family, 1).subnet

const SLIPS: readonly Slip[] = [
  {
    name: 'cni0 has the address of another podCIDR, of this cluster',
    event: 'host.old-bridge',
    set: (family) => [
      `ip address del ${bridgeAddress(family, 1)} dev cni0`,
      `ip address add ${bridgeAddress(family, 77)} dev cni0${family === 'ipv6' ? ' nodad' : ''}`,
    ],
    says: (family) =>
      new RegExp(`cni0 still has ${bridgeAddress(family, 77)}, but this node's podCIDR is ${pods(family)}`),
    remedy: /\((ip link delete cni0)\)/,
  },
  {
    name: 'docker0 has our podCIDR',
    event: 'host.pod-cidr-taken',
    set: (family) => [
      ...DOCKER,
      `ip address add ${bridgeAddress(family, 1)} dev docker0${family === 'ipv6' ? ' nodad' : ''}`,
    ],
    says: (family) => new RegExp(`docker0 has ${bridgeAddress(family, 1)}, which overlaps this node's podCIDR`),
    unset: (family) => [`ip address del ${bridgeAddress(family, 1)} dev docker0`],
  },
  {
    name: 'our podCIDR is routed to docker0',
    event: 'host.pod-cidr-taken',
    set: (family) => [
      ...DOCKER,
      `${IP[family]} address flush dev cni0 scope global`,
      `${IP[family]} route add ${pods(family)} dev docker0`,
    ],
    says: (family) => new RegExp(`packets to this node's own pods \\(${pods(family)}\\) leave through docker0:`),
    unset: (family) => [`${IP[family]} route del ${pods(family)} dev docker0`],
  },
  {
    name: 'our podCIDR is routed past the bridge',
    event: 'host.pod-cidr-taken',
    set: (family) => halves(family).map((half) => `${IP[family]} route add ${half} dev mgmt0`),
    says: () => /packets to this node's own pods .* leave through mgmt0 instead of cni0/,
    unset: (family) => halves(family).map((half) => `${IP[family]} route del ${half} dev mgmt0`),
  },
  {
    name: 'a rule takes the packets to our podCIDR elsewhere',
    event: 'host.pod-cidr-taken',
    set: (family) => [
      `${IP[family]} route add default dev mgmt0 table 52`,
      `${IP[family]} rule add to ${pods(family)} lookup 52 priority 500`,
    ],
    says: () => /own pods .* leave through mgmt0 \(table 52, by the policy rule of priority 500\) instead of cni0/,
    remedy: /`(ip (?:-6 )?rule add [^`]*)`/,
  },
  {
    name: 'nothing is forwarded',
    unready: true,
    event: 'host.forwarding',
    set: (family) => [`sysctl -qw ${forwarding(family)}=0`],
    says: (family) => new RegExp(`does not forward IPv. packets of pods \\(${forwarding(family)} is 0\\)`),
    remedy: /(sysctl -w \S+=1)/,
  },
  {
    name: 'what comes from pods is not forwarded',
    families: ['ipv4'],
    event: 'host.forwarding',
    set: () => ['sysctl -qw net.ipv4.conf.cni0.forwarding=0'],
    says: () => /does not forward IPv4 packets of pods \(net\.ipv4\.conf\.cni0\.forwarding is 0\)/,
    remedy: /(sysctl -w \S+=1)/,
  },
]

test(
  'what cuts pods off on this host is one warning, with its remedy, and mostly the node stays ready',
  SIDE_BY_SIDE,
  async (t) => {
    await Promise.all(SLIPS.map((slip) => t.test(slip.name, (t) => isWarnedOf(t, slip))))
  },
)

async function isWarnedOf(
  t: TestContext,
  { families = FAMILIES, unready = false, event, set, says, unset, remedy }: Slip,
): Promise<void> {
  const host = await createHealthyPodHost(t, { families, flags: ['--host-sysctls=warn'] })
  await shell(host.netns, ...families.flatMap(set), ...MARK)
  const named = await Promise.all(
    families.map((each) => host.agent.until(event, ({ family, level }) => family === each && level === 'warn')),
  )
  for (const [i, family] of families.entries()) assert.match(named[i]?.msg ?? '', says(family))
  if (unready) await host.agent.until('agent.not-ready')
  const from = host.agent.lines.length
  const lines = unset === undefined ? named.map(({ msg }) => `${remedy?.exec(msg)?.[1]}`) : families.flatMap(unset)
  await shell(host.netns, ...new Set(lines), ...MARK)
  await Promise.all(
    families.map((each) => host.agent.until(event, ({ family, level }) => family === each && level === 'info', from)),
  )
  await host.right()
  assert.deepEqual(complaints(host, 0).sort(), named.map(({ msg }) => `${event} ${msg}`).sort())
  assert.equal(
    host.agent.lines.some((line) => line.event === 'agent.not-ready'),
    unready,
  )
}

/** Sysctls are announced nowhere; what is announced makes the agent look. */
const MARK = ['ip link add mark0 type bridge', 'ip link del mark0']

function forwarding(family: Family): string {
  return family === 'ipv4' ? 'net.ipv4.ip_forward' : 'net.ipv6.conf.all.forwarding'
}

function halves(family: Family): string[] {
  const { overlay } = claimOf(family, 1)
  return family === 'ipv4'
    ? [`${overlay}/25`, overlay.replace(/0$/, '128/25')]
    : [`${overlay}/65`, overlay.replace(/::$/, ':8000::/65')]
}
