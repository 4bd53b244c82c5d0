/**
 * The lab's Node objects on a real kube-apiserver with etcd, instead of the embedded one (node-api.ts).
 * Must not: build the programs; write what agents shall write (annotations).
 */

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { member } from '../util/go-json.ts'
import { messageOf } from '../util/message-of.ts'
import type { LabPlan } from './address-plan.ts'
import { renderKubeconfig } from './api-server/kubeconfig.ts'
import type { NodeObject } from './api-server/objects.ts'
import { LabError } from './lab-error.ts'
import { type NodeApi, nodeObject } from './node-api.ts'
import { requirePrograms } from './real-kube/programs.ts'
import { prepareRealServer, type RealServer } from './real-kube/server.ts'

/** Everything; the API of the agents. The rights of a real installation are in deploy/. */
const GROUPS = ['system:masters']

/** Listens on the underlay bridge, etcd on loopback; data under `folder`. Both end with this process. Rejects with LabError. */
export async function startRealNodeApi(
  plan: LabPlan,
  folder: string,
  programs: string | undefined,
  claims: boolean,
): Promise<NodeApi> {
  const token = randomBytes(16).toString('hex')
  const server = await prepareRealServer({
    programs: requirePrograms(programs),
    folder,
    host: plan.apiAddress,
    accounts: [{ name: 'lab', token, groups: GROUPS }],
  })
  try {
    server.startEtcd()
    await server.startApiServer()
    if (claims) await installClaims(server, token)
    for (const node of plan.nodes) await createNode(server, token, nodeObject(node))
  } catch (error) {
    const [first = '', ...log] = messageOf(error).trim().split('\n')
    throw new LabError(first, { log })
  }
  return {
    url: server.url,
    kubeconfig: renderKubeconfig(server.url, token, readFileSync(server.caFile, 'utf8')),
    create: (node) => createNode(server, token, node),
    stop: () => server.apiServer.stop(),
    async start({ created, deleted }) {
      await server.startApiServer()
      for (const name of deleted) await deleteNode(server, token, name)
      for (const node of created) await createNode(server, token, node)
    },
  }
}

/** Two levels above the file that this becomes. */
const MANIFEST = path.resolve(import.meta.dirname, '..', '..', 'deploy', 'claims.yaml')

/** The resource alone: everybody may do everything here. */
async function installClaims(server: RealServer, token: string): Promise<void> {
  const documents = parseAllDocuments(readFileSync(MANIFEST, 'utf8')).map((document) => document.toJS() as unknown)
  const body = documents.find((object) => member(object, 'kind') === 'CustomResourceDefinition')
  const at = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  const { status, body: answer } = await server.ask('POST', at, { token, body })
  if (status >= 300) throw new Error(`installing ${MANIFEST}: ${status} ${answer}`)
}

async function deleteNode(server: RealServer, token: string, name: string): Promise<void> {
  const { status, body } = await server.ask('DELETE', `/api/v1/nodes/${name}`, { token })
  if (status >= 300) throw new Error(`deleting Node ${name}: ${status} ${body}`)
}

/** With its status, as a kubelet registers it. */
async function createNode(server: RealServer, token: string, node: NodeObject): Promise<void> {
  const question = { token, body: { kind: 'Node', apiVersion: 'v1', ...node } }
  const { status, body } = await server.ask('POST', '/api/v1/nodes', question)
  if (status >= 300) throw new Error(`creating Node ${node.metadata.name}: ${status} ${body}`)
}
