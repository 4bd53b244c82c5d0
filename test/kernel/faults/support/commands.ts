/** What is asked on node1, and how it is left alone with its kernel: what the faults have in common. Must not: know any of them. */
import type { FaultCluster, FaultNode } from './cluster.ts'
import type { Fault } from './fault.ts'

export const files = ({ folder }: FaultNode): readonly string[] => [
  `--run-dir=${folder.path}/run`,
  `--state-dir=${folder.path}/state`,
]
export const explain = ({ node1, node2 }: FaultCluster): readonly string[] => ['explain', node2.pod.ip, ...files(node1)]
export const status = ({ node1: { folder } }: FaultCluster): readonly string[] => [
  'status',
  `--run-dir=${folder.path}/run`,
]
export const check =
  (...more: readonly string[]) =>
  ({ node1: { folder, kubeconfig } }: FaultCluster): readonly string[] => [
    'check',
    ...folder.flags.filter((flag) => !flag.startsWith('--log')),
    ...(more.some((flag) => flag.startsWith('--kubeconfig')) ? [] : [`--kubeconfig-file=${kubeconfig}`]),
    '--firewall=none',
    ...(more.length > 0 ? more : ['--iface=mgmt0']),
  ]

/** While no agent runs on node1, which would mend it at once. */
export function alone(seed: (cluster: FaultCluster) => readonly string[]): Fault['seed'] {
  return async (cluster) => {
    await cluster.node1.stop()
    await cluster.node1.shell(...seed(cluster))
  }
}

export const agentAgain: NonNullable<Fault['well']> = async ({ node1 }) => node1.start()

export async function lladdrOf({ netns }: FaultNode): Promise<string> {
  return (await netns.exec('cat', '/sys/class/net/flannel.1/address')).trim()
}
