/** One screen of how an agent is. Pure. Must not: ask it. */
import type { AgentReport, FamilyReport } from '../../agent/window/report.ts'
import { duration } from '../../util/duration.ts'
import type { Style } from '../../util/style.ts'
import { isMeshWell, meshInWords } from './render-mesh.ts'

export function renderStatus(report: AgentReport, style: Style, now: Date): string {
  const { leases } = report
  const uptime = duration(now.getTime() - Date.parse(report.startedAt))
  const memory = `${Math.round(report.memoryBytes / 1e6)} MB`
  const lines = [
    `${report.ready ? style.good('ready') : style.bad('not ready')}  ${report.text}`,
    `vtepd ${report.version}, process ${report.pid}, ${memory}, running for ${uptime}`,
    '',
    row('node', report.node ?? 'not known yet'),
    row('leases', leasesLine(report)),
    ...leases.rejected.slice(0, 5).map((text) => row('', `not accepted: ${text}`)),
    ...(leases.rejected.length > 5 ? [row('', `and ${leases.rejected.length - 5} more`)] : []),
    ...leases.silent.map((text) => row('', text)),
    ...report.families.flatMap((family) => ['', ...familyLines(family, style)]),
    ...checkLines(report, style),
    ...faultLines(report, style, now),
  ]
  return `${lines.join('\n')}\n`
}

const WIDTH = 10

function row(name: string, text: string): string {
  return `  ${name.padEnd(WIDTH)}${text}`
}

function leasesLine({ leases }: AgentReport): string {
  const from = leases.source === 'kube' ? 'from Kubernetes' : 'from a file'
  const old = leases.stale === null ? [] : [`may be old: ${leases.stale}`]
  const rest = [...(leases.incomplete === null ? [] : [leases.incomplete]), ...old]
  return [`${leases.peers} peers ${from}`, ...(rest.length === 0 ? ['up to date'] : rest)].join(', ')
}

function familyLines(family: FamilyReport, style: Style): readonly string[] {
  const { underlay, heals, peers, filter, mesh } = family
  const state = family.state === 'ready' ? style.good('ready') : style.bad(family.state)
  const behind = peers.known - peers.standing
  const facts = [
    family.ifindex === null ? undefined : `ifindex ${family.ifindex}`,
    family.lladdr ?? undefined,
    family.mtu === null ? undefined : `MTU ${family.mtu}`,
    family.pinned === true ? 'pinned to its parent' : undefined,
  ].filter((fact) => fact !== undefined)
  return [
    `${style.strong(family.device)}  ${family.family === 'ipv4' ? 'IPv4' : 'IPv6'}, ${family.backend}, ${state}${family.because === null ? '' : `: ${family.because}`}`,
    ...(facts.length === 0 ? [] : [row('device', facts.join(', '))]),
    row('subnet', `${family.subnet ?? 'not assigned yet'} of ${family.network}`),
    row('underlay', underlay === null ? 'not chosen' : underlayLine(underlay)),
    row(
      'peers',
      behind === 0 ? `${peers.known}, all in place` : style.bad(`${peers.known}, ${behind} of them not in place`),
    ),
    row('filter', filter === null ? 'not kept' : (filter.fault ?? `in place, in ${filter.tool ?? 'no tool yet'}`)),
    ...(mesh === null ? [] : [row('mesh', isMeshWell(mesh) ? meshInWords(mesh) : style.bad(meshInWords(mesh)))]),
    row('repairs', heals.last === null ? 'none since the start' : healLine(heals.count, heals.last)),
  ]
}

function underlayLine({ ifname, local, published }: NonNullable<FamilyReport['underlay']>): string {
  return `${local} on ${ifname}${published === local ? '' : `, published as ${published}`}`
}

function healLine(count: number, { cause, ms, written, agoMs }: NonNullable<FamilyReport['heals']['last']>): string {
  return `${count}, the last ${duration(agoMs)} ago in ${duration(ms)}: ${cause}; ${written} entries written`
}

function checkLines({ checks }: AgentReport, style: Style): readonly string[] {
  const failed = checks.flatMap(({ name, fault }) => (fault === null ? [] : [row(name, style.bad(fault))]))
  return failed.length === 0 ? [] : ['', 'Not ready because of', ...failed]
}

function faultLines({ faults }: AgentReport, style: Style, now: Date): readonly string[] {
  if (faults.length === 0) return []
  const lines = faults.map(({ sentence, since, event }) => {
    const age = duration(now.getTime() - Date.parse(since))
    return `  ${style.bad('!')} ${sentence} ${style.faint(`(${event}, for ${age})`)}`
  })
  return ['', 'What lasts (docs/errors.md explains each)', ...lines]
}
