/**
 * etcd, kube-apiserver, kube-controller-manager and kube-scheduler, in the network namespace of the test. Must not: know nodes or
 * what runs on them.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { prepareRealServer } from '../../../lib/lab/real-kube/server.ts'
import type { ClusterPrograms } from '../../kube/cluster-programs.ts'
import type { KubePrograms } from '../../kube/programs.ts'
import { ROLES } from '../../kube/users.ts'
import { CONTROL_PLANE, type Families, POD_NETWORKS, SERVICE_NETWORKS, underlayAddress } from './plan.ts'
import { type Service, startService } from './shell.ts'

export interface ControlPlane {
  /** As admin; rejects on a status of 300 or more, but for those in `accepted`. Undefined where it has no body of JSON. */
  ask<T>(method: string, at: string, body?: object, accepted?: readonly number[]): Promise<T>
  /** Of kube-apiserver. */
  readonly url: string
  /** Writes a kubeconfig for that account into `file`. */
  writeKubeconfig(account: string, file: string): void
  close(): Promise<void>
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const AGENTS = 'overlay'

/** `nodes`: kubelets that may come, by name; `daemonSets`: with what those and their pods need. Resolves when the API server is ready and accounts have their rights. */
export async function startControlPlane(
  folder: string,
  programs: KubePrograms & ClusterPrograms,
  families: Families,
  nodes: readonly string[],
  daemonSets: boolean,
): Promise<ControlPlane> {
  const accounts = [
    { name: 'admin', groups: ['system:masters'] },
    { name: AGENTS, groups: [] },
    // kube-apiserver makes roles for these by itself.
    { name: 'system:kube-proxy', groups: [] },
    { name: 'system:kube-scheduler', groups: [] },
    ...nodes.map((node) => ({ name: `system:node:${node}`, groups: ['system:nodes'] })),
  ].map((account) => ({ ...account, token: `token-of-${account.name}` }))
  const server = await prepareRealServer({
    programs,
    folder,
    host: underlayAddress(families[0], CONTROL_PLANE),
    accounts,
    forPods: daemonSets,
    flags: ['--service-cluster-ip-range', networks(SERVICE_NETWORKS, families)],
  })
  const services: Service[] = []
  const close = async (): Promise<void> => {
    await Promise.all(services.map((service) => service.stop()))
    await server.stop()
  }
  const ask: ControlPlane['ask'] = async <T>(
    method: string,
    at: string,
    body?: object,
    accepted: readonly number[] = [],
  ) => {
    const contentType = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
    const reply = await server.ask(method, at, { token: 'token-of-admin', contentType, ...(body && { body }) })
    if (reply.status >= 300 && !accepted.includes(reply.status))
      throw new Error(`${method} ${at}: ${reply.status} ${reply.body}`)
    return JSON.parse(reply.body.toString()) as T
  }
  const plane: ControlPlane = {
    ask,
    url: server.url,
    writeKubeconfig: (account, file) =>
      writeFileSync(file, kubeconfig(server.url, readFileSync(server.caFile), `token-of-${account}`), { mode: 0o600 }),
    close,
  }
  try {
    server.startEtcd()
    await server.startApiServer()
    await grantAgents(ask)
    services.push(
      ...startManagers(folder, programs.kubernetes, families, plane, daemonSets ? server.caFile : undefined),
    )
    return plane
  } catch (error) {
    await close()
    throw error
  }
}

/** The account that vtepd and flanneld use, with the rights that the manifests give. */
export const AGENT_ACCOUNT = AGENTS

async function grantAgents(ask: ControlPlane['ask']): Promise<void> {
  const metadata = { name: AGENTS }
  const rules = ROLES.vtepd.map((rule) => ({ apiGroups: [''], ...rule }))
  await ask('POST', `${RBAC}/clusterroles`, { metadata, rules })
  await ask('POST', `${RBAC}/clusterrolebindings`, {
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: AGENTS },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: AGENTS }],
  })
}

const CONTROLLERS = ['node-ipam-controller', 'node-lifecycle-controller', 'endpointslice-controller']
/** Of pods that talk to the API server. */
const FOR_DAEMON_SETS = [
  'daemonset-controller',
  'deployment-controller',
  'replicaset-controller',
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
  'garbage-collector-controller',
]

/** `rootCa`: what pods shall trust, where there are DaemonSets. */
function startManagers(
  folder: string,
  kubernetes: string,
  families: Families,
  plane: ControlPlane,
  rootCa: string | undefined,
): Service[] {
  const file = (name: string): string => path.join(folder, name)
  plane.writeKubeconfig('admin', file('admin.kubeconfig'))
  plane.writeKubeconfig('system:kube-scheduler', file('scheduler.kubeconfig'))
  const alone = ['--leader-elect=false', '--secure-port=0']
  return [
    startService(file('kube-controller-manager.log'), [
      kubernetes,
      'kube-controller-manager',
      ...alone,
      `--kubeconfig=${file('admin.kubeconfig')}`,
      `--controllers=${[...CONTROLLERS, ...(rootCa === undefined ? [] : FOR_DAEMON_SETS)].join(',')}`,
      ...(rootCa === undefined ? [] : [`--root-ca-file=${rootCa}`]),
      '--allocate-node-cidrs',
      `--cluster-cidr=${networks(POD_NETWORKS, families)}`,
      `--service-cluster-ip-range=${networks(SERVICE_NETWORKS, families)}`,
    ]),
    startService(file('kube-scheduler.log'), [
      kubernetes,
      'kube-scheduler',
      ...alone,
      `--kubeconfig=${file('scheduler.kubeconfig')}`,
    ]),
  ]
}

function networks(of: typeof POD_NETWORKS, families: Families): string {
  return families.map((family) => of[family]).join(',')
}

function kubeconfig(url: string, ca: Buffer, token: string): string {
  return [
    'apiVersion: v1',
    'kind: Config',
    `clusters: [{ name: c, cluster: { server: "${url}", certificate-authority-data: ${ca.toString('base64')} } }]`,
    `users: [{ name: u, user: { token: "${token}" } }]`,
    'contexts: [{ name: x, context: { cluster: c, user: u } }]',
    'current-context: x',
    '',
  ].join('\n')
}
