/** By whose credentials Nodes are read and ours is written on a host of k3s. Must not: open any. */
import type { HostFiles } from './host-files.ts'
import type { K3sPart } from './part.ts'
import type { K3sSettings } from './settings.ts'

export interface FoundAccess extends K3sPart {
  /** Kubeconfigs by which Nodes are read where the flag's may not list them. */
  readonly readers: readonly string[]
}

/**
 * Since Kubernetes 1.32 a kubelet may not list Nodes, and k3s gave the right to its controller; before that the controller lacks it
 * and the kubelet has it (k3s pull request 11569). Whoever may is found out by asking.
 */
export function findAccess(
  files: HostFiles,
  settings: K3sSettings,
  role: 'server' | 'agent',
  dataDir: string,
): FoundAccess {
  const agent = `${dataDir}/agent`
  const [reader, kubelet] = [`${agent}/k3scontroller.kubeconfig`, `${agent}/kubelet.kubeconfig`]
  const admin = settings.text('write-kubeconfig')?.value ?? '/etc/rancher/k3s/k3s.yaml'
  const readers = [kubelet, ...(role === 'server' && files.exists(admin) ? [admin] : [])]
  return {
    flags: [
      ['kubeconfig-file', { value: reader, by: agent }],
      ['publish-kubeconfig', { value: kubelet, by: agent }],
    ],
    readers,
    found: [
      `Nodes are read by the first that may of ${[reader, ...readers].join(', ')}; ours is written by ${kubelet}`,
    ],
  }
}
