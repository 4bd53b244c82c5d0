/**
 * The lab's API server with a Node object per node of the plan. Must not: write what agents shall write (annotations), except
 * for a node that has no agent.
 */
import { randomBytes } from 'node:crypto'
import { annotationKeys, renderBackendData } from '../leases/annotations.ts'
import { familyOf } from '../net/ip.ts'
import { parseVni } from '../net/vni.ts'
import type { LabPlan, NodePlan } from './address-plan.ts'
import { startApiServer } from './api-server/api-server.ts'
import type { NodeObject } from './api-server/objects.ts'
import type { LabBackend } from './options.ts'

const VNI = parseVni(1)

export interface NodeApi {
  readonly url: string
  /** Text of a kubeconfig that the agents can use. */
  readonly kubeconfig: string
  create(node: NodeObject): Promise<void>
  /** Nobody answers any more; what it knows stays. */
  stop(): Promise<void>
  /** The same server again, with other Nodes as soon as it can have them. */
  start(changes: { readonly created: readonly NodeObject[]; readonly deleted: readonly string[] }): Promise<void>
}

/** Listens on the underlay bridge, which every node reaches. `claims`: OverlayClaims are a resource. It ends with this process. */
export async function startNodeApi(plan: LabPlan, claims: boolean): Promise<NodeApi> {
  const server = await startApiServer({ host: plan.apiAddress, token: randomBytes(16).toString('hex'), claims })
  for (const node of plan.nodes) server.nodes.create(nodeObject(node))
  return {
    url: server.url,
    kubeconfig: server.kubeconfig(),
    create: async (node) => void server.nodes.create(node),
    stop: () => server.stop(),
    async start({ created, deleted }) {
      for (const name of deleted) server.nodes.delete(name)
      for (const node of created) server.nodes.create(node)
      await server.start()
    },
  }
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

/** As an agent of its own would have left it: for a node that is not built. */
export function annotatedNode(node: NodePlan, backend: LabBackend): NodeObject {
  const keys = annotationKeys('flannel.alpha.coreos.com')
  const object = nodeObject(node)
  const vni = backend === 'vxlan' ? VNI : undefined
  const ofFamilies = node.underlay.flatMap((ip) => {
    const { backendData, publicIp } = keys[familyOf(ip)]
    return [
      [backendData, renderBackendData(vni, node.lladdr)],
      [publicIp, ip],
    ]
  })
  const annotations = { [keys.subnetManager]: 'true', [keys.backendType]: backend, ...Object.fromEntries(ofFamilies) }
  return { ...object, metadata: { ...object.metadata, annotations } }
}
