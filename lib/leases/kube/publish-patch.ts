/**
 * What has to be written on our own Node so that the others see our VTEP: a strategic merge patch for its status
 * subresource (flannel-contract 3 and 12). Must not: send it (kube.ts).
 */

import type { OwnNode } from '../../cluster/lease.ts'
import type { OwnVtep } from '../../cluster/view.ts'
import type { Ip } from '../../net/ip.ts'
import { type AnnotationKeys, renderBackendData } from '../annotations.ts'
import type { NodeFacts } from '../wire/node-facts.ts'

/** Serialised as it is with Content-Type application/strategic-merge-patch+json. */
export interface NodePatch {
  readonly metadata?: { readonly annotations: Readonly<Record<string, string>> }
  readonly status?: { readonly conditions: readonly NodeCondition[] }
}

interface NodeCondition {
  readonly type: string
  readonly status: string
  readonly lastHeartbeatTime: string
  readonly lastTransitionTime: string
  readonly reason: string
  readonly message: string
}

export interface PublishPlan {
  /** The annotations that say who we are. */
  readonly wanted: Readonly<Record<string, string>>
  /** undefined: the Node says it all already. */
  readonly patch: NodePatch | undefined
}

/**
 * A family that `own` lacks is left as it stands. `setCondition`: NetworkUnavailable
 * must be False too; somebody else's reason for the same False is left alone. `now` is only written, nothing decides by it.
 */
export function planPublish(parts: {
  readonly keys: AnnotationKeys
  readonly node: NodeFacts
  readonly publishInstead: OwnNode['publishInstead']
  readonly own: OwnVtep
  readonly setCondition: boolean
  readonly now: Date
}): PublishPlan {
  const { node, own } = parts
  const wanted = renderOwn(parts.keys, own, parts.publishInstead)
  const differing = Object.entries(wanted).filter(([key, value]) => node.annotations[key] !== value)
  const needsCondition = parts.setCondition && node.networkUnavailable !== 'False'
  if (differing.length === 0 && !needsCondition) return { wanted, patch: undefined }
  const patch = {
    ...(differing.length > 0 ? { metadata: { annotations: Object.fromEntries(differing) } } : {}),
    ...(needsCondition ? { status: { conditions: [networkIsUp(parts.now)] } } : {}),
  }
  return { wanted, patch }
}

/** The annotations that say who we are; `publishInstead` goes before the address that we use ourselves. */
export function renderOwn(
  keys: AnnotationKeys,
  own: OwnVtep,
  publishInstead: OwnNode['publishInstead'],
): Readonly<Record<string, string>> {
  const type = own.vni === undefined ? 'host-gw' : 'vxlan'
  const values: Record<string, string> = { [keys.subnetManager]: 'true', [keys.backendType]: type }
  for (const family of ['ipv4', 'ipv6'] as const) {
    const vtep = own[family]
    if (vtep === undefined) continue
    const published: Ip = publishInstead[family] ?? vtep.underlay
    values[keys[family].backendData] = renderBackendData(own.vni, vtep.lladdr)
    values[keys[family].publicIp] = published
  }
  return values
}

function networkIsUp(now: Date): NodeCondition {
  // metav1.Time: RFC 3339 without a fraction.
  const time = now.toISOString().replace(/\.[0-9]+Z$/, 'Z')
  return {
    type: 'NetworkUnavailable',
    status: 'False',
    lastHeartbeatTime: time,
    lastTransitionTime: time,
    reason: 'FlannelIsUp',
    message: 'Flannel is running on this node',
  }
}
