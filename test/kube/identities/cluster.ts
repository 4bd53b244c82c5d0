/**
 * A real kube-apiserver as a cluster has it, with NodeRestriction and our manifests in force; kubelets' certificates, and tokens of
 * service accounts of every kind. Must not: know which of them may do what.
 */
import assert from 'node:assert/strict'
import { createSign } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseAllDocuments } from 'yaml'
import { askServer } from '../../../lib/lab/real-kube/ask.ts'
import type { Issued } from '../certificates.ts'
import { findPrograms } from '../programs.ts'
import { type RealKube, startRealKube } from '../real-kube.ts'

export const NODES = '/api/v1/nodes'
export const STRATEGIC = 'application/strategic-merge-patch+json'
const KUBE_SYSTEM = '/api/v1/namespaces/kube-system'
const FLAGS = ['--enable-admission-plugins', 'NodeRestriction', '--api-audiences', 'https://kubernetes.default.svc']

const COLLECTIONS: Readonly<Record<string, string>> = {
  ServiceAccount: `${KUBE_SYSTEM}/serviceaccounts`,
  Secret: `${KUBE_SYSTEM}/secrets`,
  ClusterRole: '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
  Role: '/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles',
  RoleBinding: '/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings',
  ValidatingAdmissionPolicy: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies',
  ValidatingAdmissionPolicyBinding: '/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicybindings',
}

/** Who asks: a bearer token, or a client certificate. */
export type Asker = { readonly token: string } | { readonly certificate: Issued }

/** `message` is that of the Status, or empty. */
export interface Told {
  readonly status: number
  readonly message: string
  readonly body: unknown
}

export interface Cluster {
  readonly kube: RealKube
  /** For files of a test; ends with the cluster. */
  readonly folder: string
  ask(who: Asker, method: string, at: string, body?: unknown): Promise<Told>
  /** As an administrator; fails when the answer is no 2xx. */
  must(method: string, at: string, body?: unknown): Promise<unknown>
  /** Creates every object of deploy/FILE. */
  apply(file: string): Promise<void>
  kubeletOf(node: string): Issued
  /** Of the time-limited kind, as a pod on `node` gets it, or bound to the Node itself; without: bound to nothing. */
  tokenOf(serviceAccount: string, node?: string, boundTo?: 'pod' | 'node'): Promise<string>
  /** Of the long-lived kind, as a controller would write it into a Secret. */
  secretTokenOf(serviceAccount: string): Promise<string>
  close(): Promise<void>
}

export async function startCluster(): Promise<Cluster> {
  const kube = await startRealKube(findPrograms(), FLAGS)
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-identities-'))
  const ca = readFileSync(kube.caFile)
  const common = new Agent({ keepAlive: true, ca })
  const ask: Cluster['ask'] = async (who, method, at, body) => {
    const own = 'token' in who ? undefined : agentOf(ca, who.certificate)
    const contentType = method === 'PATCH' ? { contentType: STRATEGIC } : {}
    const question = { token: 'token' in who ? who.token : '', body, ...contentType }
    const reply = await askServer(own ?? common, `${kube.url}${at}`, method, question)
    own?.destroy()
    const answer = JSON.parse(reply.body.toString()) as { kind: string; message?: string }
    return { status: reply.status, message: answer.kind === 'Status' ? (answer.message ?? '') : '', body: answer }
  }
  const must: Cluster['must'] = async (method, at, body) => {
    const told = await ask({ token: kube.token('admin') }, method, at, body)
    assert.ok(told.status < 300, `${method} ${at}: ${told.status} ${told.message}`)
    return told.body
  }
  let pods = 0
  const podOn = async (node: string, serviceAccount: string): Promise<object> => {
    pods += 1
    const name = `agent-${pods}`
    const containers = [{ name: 'agent', image: 'agent' }]
    const spec = { nodeName: node, serviceAccountName: serviceAccount, containers }
    const pod = (await must('POST', `${KUBE_SYSTEM}/pods`, { metadata: { name }, spec })) as Named
    return { kind: 'Pod', apiVersion: 'v1', name, uid: pod.metadata.uid }
  }
  const nodeItself = async (name: string): Promise<object> => {
    const { metadata } = (await must('GET', `${NODES}/${name}`)) as Named
    return { kind: 'Node', apiVersion: 'v1', name, uid: metadata.uid }
  }
  return {
    kube,
    folder,
    ask,
    must,
    async apply(file) {
      const text = readFileSync(path.join(import.meta.dirname, '../../../deploy', file), 'utf8')
      for (const document of parseAllDocuments(text)) {
        const object = document.toJS() as { kind: string }
        await must('POST', COLLECTIONS[object.kind] ?? assert.fail(`${file}: where do ${object.kind} go?`), object)
      }
    },
    kubeletOf: (node) => kube.authority.issue(`system:node:${node}`, path.join(folder, node), 'system:nodes'),
    async tokenOf(serviceAccount, node, boundTo = 'pod') {
      const bound = boundTo === 'pod' ? (on: string) => podOn(on, serviceAccount) : nodeItself
      const boundObjectRef = node === undefined ? undefined : await bound(node)
      const at = `${KUBE_SYSTEM}/serviceaccounts/${serviceAccount}/token`
      return ((await must('POST', at, { spec: { boundObjectRef } })) as { status: { token: string } }).status.token
    },
    async secretTokenOf(serviceAccount) {
      const account = (await must('GET', `${KUBE_SYSTEM}/serviceaccounts/${serviceAccount}`)) as Named
      const name = `${serviceAccount}-token`
      const token = signToken(readFileSync(kube.serviceAccountKey, 'utf8'), serviceAccount, account.metadata.uid, name)
      const data = { token: Buffer.from(token).toString('base64') }
      await must('PATCH', `${KUBE_SYSTEM}/secrets/${name}`, { data })
      return token
    },
    async close() {
      common.destroy()
      rmSync(folder, { recursive: true })
      await kube.close()
    },
  }
}

interface Named {
  readonly metadata: { readonly uid: string }
}

function agentOf(ca: Buffer, { cert, key }: Issued): Agent {
  return new Agent({ ca, cert: readFileSync(cert), key: readFileSync(key) })
}

/** What the token controller writes into a Secret: k8s.io/kubernetes/pkg/serviceaccount/legacy.go. */
function signToken(key: string, serviceAccount: string, uid: string, secret: string): string {
  const claims = {
    iss: 'kubernetes/serviceaccount',
    sub: `system:serviceaccount:kube-system:${serviceAccount}`,
    'kubernetes.io/serviceaccount/namespace': 'kube-system',
    'kubernetes.io/serviceaccount/service-account.name': serviceAccount,
    'kubernetes.io/serviceaccount/service-account.uid': uid,
    'kubernetes.io/serviceaccount/secret.name': secret,
  }
  const part = (of: object): string => Buffer.from(JSON.stringify(of)).toString('base64url')
  const signed = `${part({ alg: 'RS256' })}.${part(claims)}`
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(key).toString('base64url')}`
}
