/** Pods and services of test/cluster, through the API. Must not: reach into a node other than for a pod's process. */
import type { ControlPlane } from './control-plane.ts'
import { IMAGE } from './image.ts'
import type { ClusterNode } from './node.ts'
import type { Families } from './plan.ts'
import { until } from './shell.ts'

export interface Pod {
  readonly name: string
  readonly node: ClusterNode
  /** In the order of the families. */
  readonly addresses: readonly string[]
  /** Whose network namespace is the pod's. */
  readonly pid: number
}

const PODS = '/api/v1/namespaces/default/pods'
const SERVICES = '/api/v1/namespaces/default/services'
export const PORT = 8080

interface PodObject {
  readonly metadata: { readonly uid: string }
  readonly status: { readonly phase: string; readonly podIPs?: readonly { readonly ip: string }[] }
}

export function createPod(plane: ControlPlane, name: string, node: ClusterNode): Promise<unknown> {
  return plane.ask('POST', PODS, {
    metadata: { name, labels: { app: 'echo', on: node.name } },
    spec: {
      nodeSelector: { 'kubernetes.io/hostname': node.name },
      containers: [
        {
          name: 'pod',
          image: IMAGE,
          imagePullPolicy: 'Never',
          command: ['/pod', 'serve'],
          // Without it a pod has next to no share of a busy machine, and answers late or not at all.
          resources: { requests: { cpu: '200m' } },
        },
      ],
      terminationGracePeriodSeconds: 2,
      automountServiceAccountToken: false,
    },
  })
}

/** Resolves when it runs. */
export async function podOf(plane: ControlPlane, name: string, node: ClusterNode): Promise<Pod> {
  let last: PodObject | undefined
  const { metadata, status } = await until(
    `the pod ${name} runs`,
    90,
    async () => {
      last = await plane.ask<PodObject>('GET', `${PODS}/${name}`)
      return last.status.phase === 'Running' && last.status.podIPs !== undefined && last
    },
    () => JSON.stringify(last?.status, undefined, 1),
  )
  const addresses = (status.podIPs ?? []).map(({ ip }) => ip)
  return { name, node, addresses, pid: await node.kubelet.processOf(metadata.uid) }
}

/** Resolves when they are gone from the API, which is after their sandboxes are gone. */
export async function deletePods(plane: ControlPlane): Promise<void> {
  await plane.ask('DELETE', PODS)
  let left: readonly unknown[] = []
  const areGone = async (): Promise<boolean> => {
    left = (await plane.ask<{ items: unknown[] }>('GET', PODS)).items
    return left.length === 0
  }
  await until('the pods are gone', 60, areGone, () => JSON.stringify(left, undefined, 1))
}

export interface KubeService {
  readonly clusterIps: readonly string[]
  readonly nodePort: number
}

/** Over all pods, or those of one node; UDP and TCP have the same port. */
export async function createService(
  plane: ControlPlane,
  name: string,
  families: Families,
  { externalTrafficPolicy, on }: { readonly externalTrafficPolicy: 'Cluster' | 'Local'; readonly on?: ClusterNode },
): Promise<KubeService> {
  const { spec } = await plane.ask<{ spec: { clusterIPs: string[]; ports: { nodePort: number }[] } }>(
    'POST',
    SERVICES,
    {
      metadata: { name },
      spec: {
        type: 'NodePort',
        externalTrafficPolicy,
        selector: { app: 'echo', ...(on === undefined ? {} : { on: on.name }) },
        ipFamilies: families.map((family) => (family === 'ipv4' ? 'IPv4' : 'IPv6')),
        ipFamilyPolicy: families.length > 1 ? 'RequireDualStack' : 'SingleStack',
        ports: ['UDP', 'TCP'].map((protocol) => ({ name: protocol.toLowerCase(), protocol, port: PORT })),
      },
    },
  )
  return { clusterIps: spec.clusterIPs, nodePort: spec.ports[0]?.nodePort ?? 0 }
}
