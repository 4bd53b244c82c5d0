/**
 * Whose credentials write our own Node: the agent's own, those of a file, or the kubelet's of this host. Chosen anew each time, so
 * that what was rotated, or written late, is used. Must not: write, or keep credentials.
 */
import { KubeError } from '../../errors.ts'
import { type KubeIdentity, nameIdentity } from '../../kube-api/identity.ts'
import type { KubeAccessOptions } from '../../kube-api/kube-config.ts'
import type { KubeTarget } from '../../kube-api/kube-http.ts'
import { messageOf } from '../../util/message-of.ts'

/**
 * `reader`: whoever reads the Nodes. `kubelet`: this host's kubelet, whom NodeRestriction lets write its own Node alone; where none
 * is found that fits, whoever reads. A file: that one, and no other.
 */
export type Publisher = 'reader' | 'kubelet' | { readonly kubeconfigFile: string }

export interface PublishTarget {
  readonly target: KubeTarget
  /** Who it is, and why not the kubelet: for the log. */
  readonly by: string
}

const KUBELET = 'system:node:'

/** Rejects with KubeError: not there yet, not readable, of another node, expired; each can become right by itself. */
export async function openPublishTarget(parts: {
  readonly access: KubeAccessOptions
  readonly publisher: Exclude<Publisher, 'reader'>
  readonly nodeName: string
  readonly today: Date
  /** Where this host's kubelet may have its kubeconfig, the likeliest first. */
  readonly find: () => Promise<readonly string[]>
}): Promise<PublishTarget> {
  const { access, publisher } = parts
  const { openKubeTarget } = await import('../../kube-api/kube-config.ts')
  const openFile = async (kubeconfigFile: string, found: boolean): Promise<PublishTarget> => {
    const target = await openKubeTarget({ ...access, kubeconfigFile })
    const against = reasonAgainst(target.identity, found, parts.nodeName, parts.today)
    if (against === undefined) return { target, by: nameIdentity(target.identity) }
    target.close()
    throw new KubeError({ request: kubeconfigFile, status: 0, reason: against })
  }
  if (publisher !== 'kubelet') return openFile(publisher.kubeconfigFile, false)
  const passedOver: string[] = []
  for (const file of await parts.find()) {
    try {
      return await openFile(file, true)
    } catch (error) {
      passedOver.push(messageOf(error))
    }
  }
  const target = await openKubeTarget(access)
  const because = passedOver.join(', ') || "no kubelet's credential was found (--publish-kubeconfig)"
  return { target, by: `${nameIdentity(target.identity)}, as ${because}` }
}

/** What can be said before anybody is asked. What was `found`, and not given, must show that it is our node's. */
function reasonAgainst(identity: KubeIdentity, found: boolean, nodeName: string, today: Date): string | undefined {
  const { user, expiresAt } = identity
  if (user?.startsWith(KUBELET) && user !== KUBELET + nodeName)
    return `is the credential of node ${user.slice(KUBELET.length)}, not of ours, ${nodeName}: is NODE_NAME right?`
  if (found && user !== KUBELET + nodeName)
    return "does not show that it is our node's: if it is, name it with --publish-kubeconfig"
  if (expiresAt !== undefined && expiresAt < today.getTime())
    return `has expired at ${new Date(expiresAt).toISOString()}: its kubelet renews it`
  return undefined
}
