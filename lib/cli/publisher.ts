/** Who writes our own Node, of flags and environment. Must not: look for a credential (lib/host/kubelet-credential.ts). */
import path from 'node:path'
import type { KubeLeasesConfig } from '../agent/config.ts'
import { ConfigError } from '../errors.ts'
import type { RunFlags } from './run-flags.ts'

/**
 * In a pod never the kubelet's credential, which reads the Secrets of all pods of its node; a bare URL has no identity to leave.
 * `kubeconfigFile` is whoever reads, absolute. Throws ConfigError.
 */
export function publisherOf(
  flags: RunFlags,
  kubeconfigFile: string | undefined,
  env: NodeJS.ProcessEnv,
): NonNullable<KubeLeasesConfig['publisher']> {
  const given = flags['publish-kubeconfig']
  if (env.KUBERNETES_SERVICE_HOST) {
    if (given === '') return 'reader'
    throw new ConfigError(
      '--publish-kubeconfig',
      'is for a service of the host; this is a pod, whose own token writes the Node (deploy/rbac-daemonset.yaml), so remove it',
    )
  }
  if (given !== '' && path.resolve(given) !== kubeconfigFile) return { kubeconfigFile: path.resolve(given) }
  return given === '' && kubeconfigFile !== undefined ? 'kubelet' : 'reader'
}
