/**
 * What hangs on the underlay's link, and the kernel's own limits, where they take packets that no table shows: XDP and tc programs,
 * ARP that is off, full tables. Only what is found is told. Must not: judge a program; that it is there is what can be seen.
 */
import type { ProgramResult, RunProgram } from '../../host/exec.ts'
import { readIfExists } from '../../host/files.ts'
import type { Link } from '../../rtnl/port.ts'
import { ends, flaw, type Hop } from './hop.ts'

/** What has an Ethernet neighbour behind it. */
const ASKS_FOR_NEIGHBOURS = new Set(['', 'veth', 'bridge', 'bond', 'team', 'vlan', 'macvlan', 'openvswitch'])

export async function linkHops(
  link: Link,
  run: RunProgram,
  readSysctl: (key: string) => Promise<string | undefined>,
): Promise<readonly Hop[]> {
  const found = await Promise.all([xdp(link, run), tc(link, run), conntrack(readSysctl), neighbours(readSysctl)])
  return [...arp(link), ...found.flat()]
}

function arp({ ifname, kind, noArp, lladdr }: Link): readonly Hop[] {
  if (!noArp || lladdr === undefined || !ASKS_FOR_NEIGHBOURS.has(kind)) return []
  return [ends('ARP', `is off on ${ifname}: nobody is asked for a MAC address there`, `ip link set ${ifname} arp on`)]
}

async function xdp({ ifname }: Link, run: RunProgram): Promise<readonly Hop[]> {
  const text = outputOf(await run('ip', ['-d', 'link', 'show', 'dev', ifname]))
  const [, mode] = /\b(xdp\w*)\b(?! off)/.exec(text.split('\n')[0] ?? '') ?? []
  const [, id] = /prog\/xdp id (\d+)/.exec(text) ?? []
  if (mode === undefined && id === undefined) return []
  const program = id === undefined ? 'an XDP program' : `the XDP program ${id}`
  return [
    flaw(
      'XDP',
      `${program} on ${ifname} sees every packet first, and may drop it`,
      `ip link set dev ${ifname} xdp off, if it is not meant (bpftool prog show names it)`,
    ),
  ]
}

/** Filters of its queues, and queues that lose or delay on purpose. */
async function tc({ ifname }: Link, run: RunProgram): Promise<readonly Hop[]> {
  const queues = outputOf(await run('tc', ['qdisc', 'show', 'dev', ifname]))
  const hops: Hop[] = []
  const netem = /^qdisc netem .*$/m.exec(queues)?.[0]
  if (netem !== undefined)
    hops.push(flaw('tc', `${ifname} loses or delays on purpose: ${netem.trim()}`, `tc qdisc del dev ${ifname} root`))
  for (const way of /\b(?:clsact|ingress)\b/.test(queues) ? ['ingress', 'egress'] : []) {
    const filters = outputOf(await run('tc', ['filter', 'show', 'dev', ifname, way])).trim()
    if (filters === '') continue
    const drops = /\baction order \d+: gact action drop|\bdirect-action\b|\bdrop\b/.test(filters)
    const what = drops ? 'that may drop' : 'that may change or redirect'
    hops.push(
      flaw(
        'tc',
        `${ifname} has filters ${what} at ${way}: ${filters.split('\n')[0]}`,
        `tc filter del dev ${ifname} ${way}, if they are not meant`,
      ),
    )
  }
  return hops
}

const NEARLY = 0.95

async function conntrack(readSysctl: (key: string) => Promise<string | undefined>): Promise<readonly Hop[]> {
  const [count, most] = [
    Number(await readSysctl('net/netfilter/nf_conntrack_count')),
    Number(await readSysctl('net/netfilter/nf_conntrack_max')),
  ]
  if (!(most > 0 && count >= NEARLY * most)) return []
  return [
    flaw(
      'conntrack',
      `${count} of ${most} connections are tracked: when the table is full, packets of new ones are dropped`,
      `sysctl -w net.netfilter.nf_conntrack_max=${most * 4}, and in /etc/sysctl.d; conntrack -S tells what was dropped`,
    ),
  ]
}

async function neighbours(readSysctl: (key: string) => Promise<string | undefined>): Promise<readonly Hop[]> {
  const most = Number(await readSysctl('net/ipv4/neigh/default/gc_thresh3'))
  const statistics = (await readIfExists('/proc/net/stat/arp_cache').catch(() => undefined)) ?? ''
  const count = Number.parseInt(statistics.split('\n')[1]?.trim().split(/\s+/)[0] ?? '', 16)
  if (!(most > 0 && count >= NEARLY * most)) return []
  return [
    flaw(
      'neighbour table',
      `${count} of ${most} neighbours are known: with no room, new ones are not asked for`,
      `sysctl -w net.ipv4.neigh.default.gc_thresh3=${most * 4} net.ipv4.neigh.default.gc_thresh2=${most * 2}, and in /etc/sysctl.d`,
    ),
  ]
}

function outputOf(result: ProgramResult): string {
  return result.outcome === 'exited' && result.status === 0 ? result.stdout : ''
}
