/**
 * `vtepd peers`: whom the running agent knows, and whether their entries stand. Must not: find out anything itself.
 */
import type { PeerReport } from '../../agent/window/report.ts'
import { ConfigError } from '../../errors.ts'
import { output } from '../../host/output.ts'
import { reportCommand } from '../report-command.ts'
import { findAgent } from '../window/ask.ts'
import { columns } from '../window/columns.ts'
import { WINDOW_FLAGS, WINDOW_FOOTER } from '../window/flags.ts'
import { askPeers } from '../window/whose.ts'

const ABOUT = {
  name: 'vtepd peers',
  words: '[NAME|ADDRESS]',
  summary: `The peers that the agent on this host knows, one a line and family: podCIDR, underlay address, MAC address of the VTEP, and
whether their entries stand in the kernel. With a name, or an address of a pod or a node: those it belongs to.`,
  footer: `${WINDOW_FOOTER}

Examples:
  vtepd peers
  vtepd peers worker-7
  vtepd peers 10.42.7.23        whose pod that is

Exit status: 0, or 1 when an entry does not stand, nothing is found, or no agent answers; 2 wrong flags.`,
} as const

/** What --json prints. */
export interface Report {
  readonly peers: readonly PeerReport[]
}

export const PEERS = { flags: WINDOW_FLAGS, about: ABOUT }

/** Resolves with the exit status; rejects with HostError where no agent answers. */
export function peersCommand(argv: readonly string[]): Promise<number> {
  return reportCommand(argv, {
    ...PEERS,
    async work(flags, words) {
      const [wanted, ...more] = words
      if (more.length > 0) throw new ConfigError(`argument '${more[0]}'`, 'give one name or address, or none')
      const peers = await askPeers(await findAgent(flags), wanted)
      const well = peers.every(({ stands }) => stands) && (wanted === undefined || peers.length > 0)
      return { report: { peers }, status: well ? 0 : 1 }
    },
    render: ({ peers }) => renderPeers(peers),
  })
}

function renderPeers(peers: readonly PeerReport[]): string {
  if (peers.length === 0) return 'no such peer\n'
  const rows = peers.map(({ node, subnet, underlay, lladdr, stands }) => [
    node,
    subnet,
    underlay,
    lladdr ?? '-',
    stands ? 'in place' : 'NOT in place',
  ])
  const heading = ['node', 'podCIDR', 'underlay', 'VTEP', 'entries']
  return `${columns([heading, ...rows], output.columns).join('\n')}\n`
}
