/**
 * What a namespace's kernel holds, as iproute2 reads it: `ip` and `bridge` alone, never vtepd's own netlink code.
 * Must not: judge it (cluster.ts knows what is right).
 */
import { runProgram } from '../../../support/run-program.ts'
import { deviceName, type Family, type FamilyTables, routeLine } from './cluster.ts'

type Row = Readonly<Record<string, unknown>>

const BETWEEN = '=== next'

/** One shell for all questions: they are asked often. */
function questions(family: Family): string {
  const flag = family === 'ipv4' ? '-4' : '-6'
  const device = deviceName(family)
  return [
    `ip -d -j link show dev ${device}`,
    `ip ${flag} -j address show dev ${device}`,
    `ip ${flag} -j neigh show dev ${device} nud permanent`,
    `bridge -j fdb show dev ${device}`,
    `ip ${flag} -j route show table main`,
    `cat /proc/sys/net/ipv6/conf/${device}/accept_ra`,
  ].join(` 2>/dev/null; echo '${BETWEEN}'; `)
}

export async function readTables(netns: string, family: Family): Promise<FamilyTables> {
  const command = `${questions(family)} 2>/dev/null || true`
  const result = await runProgram('ip', ['netns', 'exec', netns, 'sh', '-c', command])
  if (result.outcome !== 'exited' || result.status !== 0) throw new Error(`reading ${netns}: ${JSON.stringify(result)}`)
  const [link = '', addresses = '', neighbours = '', fdb = '', routes = '', acceptRa = ''] = result.stdout.split(
    `${BETWEEN}\n`,
  )
  return {
    device: deviceOf(rowsOf(link)[0]),
    addresses: rowsOf(addresses).flatMap(globalAddresses).sort(),
    acceptRa: acceptRa.trim(),
    neighbours: rowsOf(neighbours).map(neighbourLine).sort(),
    fdb: rowsOf(fdb).map(fdbLine).sort(),
    routes: rowsOf(routes)
      .filter((route) => route.protocol !== 'kernel')
      .map(routeOf)
      .sort(),
  }
}

/** iproute2 prints nothing, or `[ ]`, where there is nothing. */
function rowsOf(text: string): Row[] {
  return text.trim() === '' ? [] : (JSON.parse(text) as Row[])
}

function deviceOf(link: Row | undefined): FamilyTables['device'] {
  if (link === undefined) return 'absent'
  const { info_kind: kind, info_data: data = {} } = (link.linkinfo ?? {}) as { info_kind?: string; info_data?: Row }
  if (kind !== 'vxlan') return { name: link.ifname, kind }
  return {
    name: link.ifname,
    up: (link.flags as readonly string[]).includes('UP'),
    mtu: link.mtu,
    lladdr: link.address,
    master: link.master,
    vni: data.id,
    port: data.port,
    local: data.local ?? data.local6,
    parent: data.link,
    learning: data.learning,
    gbp: data.gbp ?? false,
  }
}

function globalAddresses(row: Row): string[] {
  const infos = (row.addr_info ?? []) as readonly Row[]
  return infos
    .filter(({ scope }) => scope === 'global')
    .map(({ local, prefixlen, tentative, dadfailed, deprecated }) => {
      const marks = Object.entries({ tentative, dadfailed, deprecated }).filter(([, is]) => is === true)
      return [`${local}/${prefixlen}`, ...marks.map(([mark]) => mark)].join(' ')
    })
}

function neighbourLine({ dst, lladdr, state, protocol, ...rest }: Row): string {
  return [`${dst} is ${lladdr} ${(state as string[]).join(' ')} proto ${protocol}`, ...Object.keys(rest)].join(' ')
}

/** Members that are not expected are shown by name: another VNI, port or interface is another entry. */
function fdbLine({ mac, dst, state, flags, ...rest }: Row): string {
  return [`${mac} at ${dst} ${state} ${(flags as string[]).join(' ')}`, ...Object.keys(rest)].join(' ')
}

function routeOf({ dst, gateway, dev, metric, protocol, flags, type }: Row): string {
  return routeLine(
    `${dst}`,
    gateway as string | undefined,
    dev as string | undefined,
    Number(metric ?? 0),
    `${protocol ?? 'boot'}`,
    flags as string[],
    type as string | undefined,
  )
}
