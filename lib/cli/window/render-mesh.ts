/** The table of probed peers, and the line of `vtepd status` about them. Pure. Must not: ask for them. */
import type { MeshPeerReport, MeshSummary } from '../../agent/window/mesh-report.ts'
import { duration } from '../../util/duration.ts'
import type { Style } from '../../util/style.ts'
import type { ClusterFault } from './cluster-mesh.ts'
import { columns } from './columns.ts'

/** `width`: characters of a line. */
export function renderMesh(
  { peers, faults }: { readonly peers: readonly MeshPeerReport[]; readonly faults: readonly string[] },
  style: Style,
  width?: number,
): string {
  const told = faults.map((sentence) => `${style.bad('!')} ${sentence}`)
  if (peers.length === 0) return `${['no such peer', ...told].join('\n')}\n`
  const rows = peers.map((peer) => [
    peer.node,
    peer.family === 'ipv4' ? 'IPv4' : 'IPv6',
    peer.state,
    duration(peer.forMs),
    peer.rttMs === null ? '-' : duration(peer.rttMs),
    lossOf(peer),
    narrowOf(peer),
    peer.refused ?? '-',
  ])
  const headings = ['node', 'family', 'state', 'for', 'round trip', 'lost there/back', 'path MTU', 'refused']
  const lines = columns([headings, ...rows], width)
  // One line a peer, behind the heading, unless there is no room for that.
  const isTable = lines.length === peers.length + 1
  const coloured = lines.map((line, i) => {
    const state = isTable ? peers[i - 1]?.state : undefined
    if (state === undefined || state === 'ok') return line
    return state === 'silent' ? style.faint(line) : style.bad(line)
  })
  return `${[...coloured, ...told].join('\n')}\n`
}

/** What the agents of a cluster say, a line each. */
export function renderCluster(faults: readonly ClusterFault[]): string {
  if (faults.length === 0) return 'no agent says that packets are lost\n'
  return faults
    .map(({ node, family, sentence, lastSaid }) => {
      const of = family === null ? '' : ` ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`
      return `${node}${of}: ${sentence} (${lastSaid})\n`
    })
    .join('')
}

/** `12 of 14 reached, 1 unreachable, 1 silent; 5 probes/s`. */
export function meshInWords({ peers, probesPerSecond }: MeshSummary): string {
  const { ok, ...others } = peers
  const all = Object.values(peers).reduce((sum, count) => sum + count, 0)
  const rest = Object.entries(others).flatMap(([state, count]) => (count === 0 ? [] : [`${count} ${state}`]))
  return `${[`${ok} of ${all} reached`, ...rest].join(', ')}; ${probesPerSecond} probes/s`
}

export function isMeshWell({ peers }: MeshSummary): boolean {
  return Object.entries(peers).every(([state, count]) => count === 0 || state === 'ok' || state === 'silent')
}

function lossOf({ lossThere, lossBack }: MeshPeerReport): string {
  const percent = (part: number | null): string => (part === null ? '-' : `${Math.round(part * 100)} %`)
  return lossThere === null && lossBack === null ? '-' : `${percent(lossThere)} / ${percent(lossBack)}`
}

function narrowOf({ narrow }: MeshPeerReport): string {
  return narrow === null
    ? '-'
    : `${narrow.mtu} of ${narrow.wanted}${narrow.path === 'underlay' ? ', in fragments' : ''}`
}
