/** The lab's API server with a Node object per node of the plan. Must not: write what agents shall write (annotations). */
import { randomBytes } from 'node:crypto'
import type { LabPlan, NodePlan } from './address-plan.ts'
import { startApiServer } from './api-server/api-server.ts'
import type { NodeObject } from './api-server/objects.ts'

export interface NodeApi {
  readonly url: string
  /** Text of a kubeconfig that the agents can use. */
  readonly kubeconfig: string
}

/** Listens on the underlay bridge, which every node reaches. It ends with this process. */
export async function startNodeApi(plan: LabPlan): Promise<NodeApi> {
  const server = await startApiServer({ host: plan.apiAddress, token: randomBytes(16).toString('hex') })
  for (const node of plan.nodes) server.nodes.create(nodeObject(node))
  return { url: server.url, kubeconfig: server.kubeconfig() }
}

/** As a kubelet and the node IPAM controller leave it: podCIDRs and addresses, nothing of flannel's. */
export function nodeObject(node: NodePlan): NodeObject {
  const [podCIDR] = node.subnets
  return {
    metadata: { name: node.name, labels: { 'kubernetes.io/hostname': node.name } },
    spec: { ...(podCIDR === undefined ? {} : { podCIDR }), podCIDRs: [...node.subnets] },
    status: {
      addresses: [
        ...node.underlay.map((address) => ({ type: 'InternalIP', address })),
        { type: 'Hostname', address: node.name },
      ],
      conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'a node of the lab' }],
    },
  }
}
