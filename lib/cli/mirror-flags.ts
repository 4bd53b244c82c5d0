/** Every flag of `vtepd mirror`. Data only; docs/flags.md tells the rest (a test compares the two). */
import type { FlagSpec } from './flag-spec.ts'
import { logFlags } from './log-flags.ts'

const SERVER = 'How the API server is reached'
const LOGS = 'Logs'

export const MIRROR_FLAGS = [
  {
    name: 'kubeconfig-file',
    kind: 'string',
    default: '',
    placeholder: 'file',
    group: SERVER,
    help: 'waited for until it exists; without it: in-cluster',
  },
  {
    name: 'kube-api-url',
    kind: 'string',
    default: '',
    placeholder: 'url',
    group: SERVER,
    help: 'API server to use instead of the one in the kubeconfig',
  },
  {
    name: 'kube-annotation-prefix',
    kind: 'string',
    default: 'flannel.alpha.coreos.com',
    placeholder: 'prefix',
    group: SERVER,
    help: 'prefix of the annotations of Node objects',
  },
  ...logFlags(LOGS),
] as const satisfies readonly FlagSpec[]

export const MIRROR_ABOUT = {
  name: 'vtepd mirror',
  summary: `Keeps one OverlayClaim a node (deploy/claims.yaml): the podCIDRs that a controller assigned to each Node, and whole claims
for nodes that have only annotations. Agents with --claims=objects follow those instead of Nodes (docs/scale.md).`,
  footer: `Runs anywhere, as often as one likes: one works, by the Lease kube-system/vtepd-mirror, the others stand by. It needs
nothing but the API.

Example:
  vtepd mirror --kubeconfig-file /etc/vtepd/kubeconfig

Exit status: 0 told to end (SIGINT, SIGTERM), 2 wrong flags.`,
} as const
