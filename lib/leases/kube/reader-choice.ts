/**
 * By which of several kubeconfigs Nodes are read: k3s has one for its agent and one for its kubelet, and its version decides which
 * of them may list Nodes. Must not: follow Nodes.
 */
import { KubeError } from '../../errors.ts'
import { fetchAnswer, type KubeTarget } from '../../kube-api/kube-http.ts'
import type { Clock } from '../../util/clock.ts'

/**
 * Each call opens the files in order, and resolves with the first that may list Nodes, so that the least account is used as soon as it
 * may; where none may, with the first that could be opened, whose own refusal then says what is wrong. Rejects with the first file's
 * error where none can.
 */
export function createReaderChoice(parts: {
  readonly files: readonly string[]
  readonly open: (file: string) => Promise<KubeTarget>
  readonly clock: Clock
  readonly signal: AbortSignal
}): () => Promise<KubeTarget> {
  const { files, open, clock, signal } = parts
  const attempt = async (file: string): Promise<KubeTarget | KubeError> => {
    let target: KubeTarget
    try {
      target = await open(file)
    } catch (error) {
      if (error instanceof KubeError) return error
      throw error
    }
    try {
      // One page of one Node: who may have it may have all.
      const request = { method: 'GET', path: '/api/v1/nodes?limit=1', what: 'list nodes' } as const
      await fetchAnswer({ target, request, clock, signal })
      return target
    } catch (error) {
      target.close()
      if (error instanceof KubeError && isRefusal(error)) return error
      throw error
    }
  }
  return async () => {
    const refusals = new Map<string, KubeError>()
    for (const file of files) {
      const target = await attempt(file)
      if (!(target instanceof KubeError)) return target
      refusals.set(file, target)
    }
    const refused = files.find((file) => isRefusal(refusals.get(file)))
    if (refused !== undefined) return open(refused)
    throw refusals.get(files[0] ?? '') ?? new KubeError({ request: 'credentials', status: 0, reason: 'none are given' })
  }
}

function isRefusal(error: KubeError | undefined): boolean {
  return error?.status === 401 || error?.status === 403
}
