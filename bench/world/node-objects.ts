/**
 * Node objects as a cluster with flannel has them: annotations, podCIDRs, and the status by which kubelets fill them.
 * Must not: store or serve them (lib/lab/api-server).
 */

import type { Lease } from '../../lib/cluster/lease.ts'
import type { NodeObject } from '../../lib/lab/api-server/objects.ts'
import { annotationKeys, renderBackendData } from '../../lib/leases/annotations.ts'
import type { Family } from '../../lib/net/ip.ts'
import { OUR_NAME, OURS, VNI } from './cluster.ts'

export const ANNOTATION_PREFIX = 'flannel.alpha.coreos.com'
export const KEYS = annotationKeys(ANNOTATION_PREFIX)

/** `beat`: what tells one heartbeat from the next. */
export function nodeObjectOf(lease: Lease, beat = 0): NodeObject {
  const families = (['ipv4', 'ipv6'] as const).filter((family) => lease[family] !== undefined)
  const podCIDRs = families.flatMap((family) => lease[family]?.subnet ?? [])
  return {
    metadata: {
      name: lease.node,
      labels: { 'kubernetes.io/hostname': lease.node, 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' },
      annotations: Object.assign(
        {
          [KEYS.subnetManager]: 'true',
          [KEYS.backendType]: 'vxlan',
          'volumes.kubernetes.io/controller-managed-attach-detach': 'true',
        },
        ...families.map((family) => annotationsOf(lease, family)),
      ),
    },
    spec: { podCIDR: podCIDRs[0] ?? '', podCIDRs },
    status: {
      ...statusOf(beat),
      addresses: families.map((family) => ({ type: 'InternalIP', address: lease[family]?.underlay ?? '' })),
    },
  }
}

/** Ours, as `ownNode` says it, published already. */
export function ownNodeObject(families: readonly Family[]): NodeObject {
  const of = (family: Family) => (families.includes(family) ? OURS[family] : undefined)
  return nodeObjectOf({ node: OUR_NAME, uid: undefined, seniority: '', ipv4: of('ipv4'), ipv6: of('ipv6') })
}

function annotationsOf(lease: Lease, family: Family): Record<string, string> {
  const claim = lease[family]
  if (claim === undefined) return {}
  const keys = KEYS[family]
  return { [keys.backendData]: renderBackendData(VNI, claim.lladdr), [keys.publicIp]: claim.underlay }
}

/** The conditions that a kubelet refreshes, and a list of images as long as they usually are. */
export function statusOf(beat: number) {
  const lastHeartbeatTime = new Date(1_780_000_000_000 + beat * 1000).toISOString().replace(/\.\d+Z$/, 'Z')
  const condition = (type: string, status: string, reason: string) => ({
    type,
    status,
    reason,
    message: `kubelet has ${reason}`,
    lastHeartbeatTime,
    lastTransitionTime: '2026-05-01T00:00:00Z',
  })
  return {
    conditions: [
      condition('MemoryPressure', 'False', 'KubeletHasSufficientMemory'),
      condition('DiskPressure', 'False', 'KubeletHasNoDiskPressure'),
      condition('PIDPressure', 'False', 'KubeletHasSufficientPID'),
      condition('Ready', 'True', 'KubeletReady'),
    ],
    images: Array.from({ length: 20 }, (_, i) => ({
      names: [`registry.example.org/team/image-${i}@sha256:${'0123456789abcdef'.repeat(4)}`],
      sizeBytes: 100_000_000 + i,
    })),
  }
}
