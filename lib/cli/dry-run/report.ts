/** What a rehearsal came to: a document, and lines for people that read like the commands that would do it. Pure. */

import { carriersOf } from '../../agent/carriers.ts'
import type { AgentConfig } from '../../agent/config.ts'
import { renderOp } from '../../device/op-command.ts'
import type { Ifindex } from '../../net/ifindex.ts'
import { renderCommand } from '../../overlay/entry-command.ts'
import type { Entry } from '../../rtnl/entries.ts'
import { sysctlName } from '../../way/sysctls.ts'
import type { Rehearsal } from './rehearse.ts'

/** What `vtepd run --dry-run --json` prints: every key is always there. */
export interface Report {
  /** Nothing would be written. */
  readonly unchanged: boolean
  /** Why not everything is known, in the agent's words; null: it would be ready. */
  readonly waiting: string | null
  /** Devices and their addresses, in order, then the reasons. */
  readonly device: Listing & { readonly because: readonly string[] }
  readonly neighbours: Listing
  readonly fdb: Listing
  readonly routes: Listing
  /** Each call of a packet filter's program, with the lines that it would be given. */
  readonly filter: Listing
  readonly sysctls: Listing
  readonly files: readonly { readonly path: string; readonly lines: readonly string[] }[]
  /** Of our own Node; null: it says it all, or there is none. */
  readonly node: { readonly annotations: Readonly<Record<string, string>>; readonly networkAvailable: boolean } | null
  /** Rivals and warnings, with their remedies. */
  readonly notes: readonly string[]
}

export interface Listing {
  /** At most MOST_LINES of them. */
  readonly commands: readonly string[]
  readonly count: number
}

const MOST_LINES = 1000

export function reportOf({ network }: Pick<AgentConfig, 'network'>, rehearsal: Rehearsal): Report {
  const { shadow, files, sysctls, programs, patch, said, rival, status } = rehearsal
  const all = shadow.entries()
  const entries = (kind: 'neighbour' | 'fdb' | 'route'): Listing => {
    const of = all
      .filter(({ entry }) => entry.kind === kind)
      .sort((a, b) => Number(isIpv6(a.entry)) - Number(isIpv6(b.entry)))
    const commands = of.slice(0, MOST_LINES).map(({ op, entry }) => renderCommand(op, entry, shadow.nameOf))
    return { commands, count: of.length }
  }
  const names = {
    ifnameOf: (ifindex: number) => shadow.nameOf(ifindex as Ifindex) ?? `if${ifindex}`,
    vni: network.backend.type === 'vxlan' ? network.backend.vni : undefined,
  }
  // To make one is to set it up, as commands have it.
  const device = listing([...new Set(shadow.ops.flatMap((op) => renderOp(op, names)))])
  const filter = listing(
    programs.written.flatMap(({ command, input }) => [
      command,
      ...(input ?? '')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => `  ${line.replaceAll('\t', '  ')}`),
    ]),
  )
  const parts = {
    device: { ...device, because: told(said, 'reason') },
    neighbours: entries('neighbour'),
    fdb: entries('fdb'),
    routes: entries('route'),
    filter,
    sysctls: listing([...sysctls.written].map(([key, value]) => `sysctl -w ${sysctlName(key)}=${value}`)),
  }
  const written = [...files].map(([path, text]) => ({ path, lines: text.trimEnd().split('\n') }))
  const node =
    patch === undefined
      ? null
      : { annotations: patch.metadata?.annotations ?? {}, networkAvailable: patch.status !== undefined }
  const count = Object.values(parts).reduce((sum, one) => sum + one.count, written.length + (node === null ? 0 : 1))
  return {
    unchanged: count === 0,
    waiting:
      status?.ready === true ? null : (status?.text ?? `${carriersOf(network).join(', ')}: nothing is known yet`),
    ...parts,
    files: written,
    node,
    notes: [
      ...(rival === undefined
        ? []
        : [
            `${rival.name} ${rival.certain ? 'keeps' : 'may keep'} the same device: vtepd run ${rival.certain ? 'would refuse to start beside it' : 'would name it'}`,
          ]),
      ...told(said, 'warning'),
    ],
  }
}

function isIpv6(entry: Entry): boolean {
  const address = entry.kind === 'route' ? entry.dst : entry.kind === 'neighbour' ? entry.ip : (entry.remote ?? '')
  return address.includes(':')
}

/** Each sentence once. */
function told(said: Rehearsal['said'], kind: Rehearsal['said'][number]['kind']): readonly string[] {
  return [...new Set(said.filter((one) => one.kind === kind).map(({ message }) => message))]
}

function listing(commands: readonly string[]): Listing {
  return { commands: commands.slice(0, MOST_LINES), count: commands.length }
}

export function renderDryRun(report: Report): string {
  const { device, neighbours, fdb, routes, filter, sysctls, files, node, notes, waiting } = report
  const section = (name: string, { commands, count }: Listing, because: readonly string[] = []): readonly string[] =>
    count === 0
      ? []
      : [
          `# ${name}: ${count}`,
          ...because.map((reason) => `# ${reason}`),
          ...commands,
          ...(count > commands.length ? [`# and ${count - commands.length} more`] : []),
        ]
  const lines = [
    ...section('device and addresses', device, device.because),
    ...section('neighbours', neighbours),
    ...section('FDB entries', fdb),
    ...section('routes', routes),
    ...section('packet filter', filter),
    ...section('sysctls', sysctls),
    ...files.flatMap(({ path, lines }) => [`# file ${path}`, ...lines.map((line) => `  ${line}`)]),
    ...(node === null
      ? []
      : [
          '# annotations of our Node',
          ...Object.entries(node.annotations).map(([key, value]) => `  ${key}: ${value}`),
          ...(node.networkAvailable ? ['# condition NetworkUnavailable of our Node: False'] : []),
        ]),
    ...notes.map((note) => `# note: ${note}`),
    ...(waiting === null ? [] : [`# ${waiting}`]),
    report.unchanged ? '# nothing would be changed' : '# nothing was changed: this is what vtepd run would do',
  ]
  return `${lines.join('\n')}\n`
}
