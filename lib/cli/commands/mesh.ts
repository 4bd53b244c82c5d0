/** `vtepd mesh`: what the probes between this node and the others say. Must not: send any itself. */
import path from 'node:path'
import type { MeshPeerReport } from '../../agent/window/mesh-report.ts'
import type { AgentReport } from '../../agent/window/report.ts'
import { ConfigError } from '../../errors.ts'
import { output } from '../../host/output.ts'
import { styleOf } from '../../util/style.ts'
import type { FlagValues } from '../flag-spec.ts'
import { apiUrlOf } from '../flag-values.ts'
import { type Reported, reportCommand } from '../report-command.ts'
import { askAgent, findAgent } from '../window/ask.ts'
import type { ClusterFault } from '../window/cluster-mesh.ts'
import { HOW, WINDOW_FLAGS, WINDOW_FOOTER } from '../window/flags.ts'
import { renderCluster, renderMesh } from '../window/render-mesh.ts'

const CLUSTER = 'Of the whole cluster'

const ABOUT = {
  name: 'vtepd mesh',
  words: '[NAME]',
  summary: `Whether packets of pods get through to each node and back, as the agent on this host has probed: state, round-trip time, loss
in each direction, and the path MTU where it is too small. With a name: that node alone.

States: ok; loss: many packets are lost; path-mtu: large ones are; unreachable: the underlay answers, the overlay does not; one-way: it
reaches us, we do not reach it; down: neither answers any more; silent: it never answered, as a flannel does not.`,
  footer: `${WINDOW_FOOTER}

Examples:
  vtepd mesh
  vtepd mesh --bad              only those that are not as they should be
  vtepd mesh worker-7 --json
  vtepd mesh --cluster --kubeconfig-file ~/.kube/config

Exit status: 0, or 1 when a node is neither ok nor silent, nothing is found, or nobody answers; 2 wrong flags.`,
} as const

/** What --json prints. */
export interface Report {
  readonly peers: readonly MeshPeerReport[]
  /** What stands of them, each with what to do. */
  readonly faults: readonly string[]
}

/** What --cluster --json prints. */
export interface ClusterReport {
  readonly nodes: readonly ClusterFault[]
}

export const MESH = {
  flags: [
    ...WINDOW_FLAGS,
    { name: 'bad', kind: 'bool', default: false, group: HOW, help: 'only nodes that are neither ok nor silent' },
    {
      name: 'cluster',
      kind: 'bool',
      default: false,
      group: CLUSTER,
      help: 'what the agents of all nodes have found, from the Events on their Nodes; no agent is asked',
    },
    {
      name: 'kubeconfig-file',
      kind: 'string',
      default: '',
      placeholder: 'file',
      group: CLUSTER,
      help: 'how to reach the API server; the account must be allowed to list Events; without it: in-cluster',
    },
    {
      name: 'kube-api-url',
      kind: 'string',
      default: '',
      placeholder: 'url',
      group: CLUSTER,
      help: 'API server to use instead of the one in the kubeconfig',
    },
  ],
  about: ABOUT,
} as const

/** Resolves with the exit status; rejects with HostError where no agent answers, with KubeError for --cluster. */
export function meshCommand(argv: readonly string[]): Promise<number> {
  return reportCommand<typeof MESH.flags, Report | ClusterReport>(argv, {
    ...MESH,
    async work(flags, words) {
      const [wanted, ...more] = words
      if (more.length > 0) throw new ConfigError(`argument '${more[0]}'`, 'give the name of one node, or none')
      if (flags.cluster) return await clusterWork(flags, wanted)
      const question = wanted === undefined ? 'mesh' : `mesh?${new URLSearchParams({ name: wanted })}`
      const agent = await findAgent(flags)
      const asked = (await askAgent<MeshPeerReport[]>(agent, question)).sort(worstFirst)
      const { faults } = await askAgent<AgentReport>(agent, 'status')
      const bad = asked.filter(({ state }) => state !== 'ok' && state !== 'silent')
      const isMissing = wanted !== undefined && asked.length === 0
      const told = faults.flatMap(({ event, sentence }) => (event.startsWith('mesh.') ? [sentence] : []))
      return { report: { peers: flags.bad ? bad : asked, faults: told }, status: bad.length > 0 || isMissing ? 1 : 0 }
    },
    render: (report) =>
      'nodes' in report
        ? renderCluster(report.nodes)
        : renderMesh(report, styleOf(output, process.env), output.columns),
  })
}

async function clusterWork(
  flags: FlagValues<typeof MESH.flags>,
  wanted: string | undefined,
): Promise<Reported<ClusterReport>> {
  const { askCluster } = await import('../window/cluster-mesh.ts')
  const file = flags['kubeconfig-file']
  const all = await askCluster({
    kubeconfigFile: file === '' ? undefined : path.resolve(file),
    apiUrl: apiUrlOf(flags['kube-api-url']),
  })
  const nodes = all.filter(({ node, sentence }) => wanted === undefined || node === wanted || sentence.includes(wanted))
  return { report: { nodes }, status: nodes.length > 0 ? 1 : 0 }
}

/** Then by name, IPv4 first. */
function worstFirst(a: MeshPeerReport, b: MeshPeerReport): number {
  const rank = ({ state }: MeshPeerReport): number => (state === 'ok' ? 2 : state === 'silent' ? 1 : 0)
  const order = (x: string, y: string): number => (x < y ? -1 : x > y ? 1 : 0)
  return rank(a) - rank(b) || order(a.node, b.node) || order(a.family, b.family)
}
