/**
 * A real kube-apiserver on a real etcd for tests and benchmarks: users with their rights, certificates, backups of etcd; on
 * loopback, in a temporary folder. Must not: know what is asked of it (test/kube/contract).
 */
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { KubeReply } from '../../lib/lab/real-kube/ask.ts'
import { prepareRealServer, type RealServer } from '../../lib/lab/real-kube/server.ts'
import { type Authority, createAuthority } from './certificates.ts'
import type { KubePrograms } from './programs.ts'
import { KUBE_USERS, type KubeUser, ROLES, tokenOf } from './users.ts'

export type { KubeReply } from '../../lib/lab/real-kube/ask.ts'
export type { KubeUser } from './users.ts'

export interface RealKube {
  readonly url: string
  /** Certificate of this cluster. */
  readonly caFile: string
  readonly authority: Authority
  /** Signs the tokens of service accounts; a PEM file. */
  readonly serviceAccountKey: string
  /** Text of a kubeconfig; `server` where a proxy stands before it. */
  kubeconfig(user: KubeUser, server?: string): string
  token(user: KubeUser): string
  ask(method: string, path: string, options?: AskOptions): Promise<KubeReply>
  stopApiServer(): Promise<void>
  /** Resolves when it is ready. */
  startApiServer(): Promise<void>
  /** From the next start of the API server on. */
  setToken(user: KubeUser, token: string): void
  /** A new authority, and certificates of it, in the files of the old ones; from the next start of the API server on. */
  renewAuthority(): void
  /** Compacts etcd's history up to now. */
  compact(): Promise<void>
  /** Sum of the samples of that metric of etcd's. */
  etcdMetric(name: string): Promise<number>
  /** What etcd holds now, as a folder. */
  backup(): Promise<string>
  /** Both servers are restarted meanwhile. */
  restore(backup: string): Promise<void>
  /** etcd starts anew with nothing in it; the users get their rights again. */
  empty(): Promise<void>
  /** Of the API server, in bytes. */
  rss(): number
  close(): Promise<void>
}

export interface AskOptions {
  readonly user?: KubeUser
  readonly accept?: string
  readonly body?: unknown
  readonly contentType?: string
}

const RBAC = '/apis/rbac.authorization.k8s.io/v1'
const RBAC_GROUP = 'rbac.authorization.k8s.io'

/** Resolves when the server is ready and the users have their rights. `flags` go to kube-apiserver. */
export async function startRealKube(programs: KubePrograms, flags: readonly string[] = []): Promise<RealKube> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-real-kube-'))
  const tokens = new Map<KubeUser, string>()
  const token = (user: KubeUser): string => tokens.get(user) ?? tokenOf(user)
  const accounts = () => KUBE_USERS.map(({ key, name, groups }) => ({ name, groups, token: token(key) }))
  let authority = createAuthority(folder)
  const serving = { ...authority.serving, ca: authority.ca, clientCa: authority.ca }
  const server = await prepareRealServer({ programs, folder, host: '127.0.0.1', accounts: accounts(), serving, flags })
  const ask: RealKube['ask'] = (method, at, { user = 'admin', ...options } = {}) =>
    server.ask(method, at, { ...options, token: token(user) })
  const startAll = async (): Promise<void> => {
    server.startEtcd()
    await server.startApiServer()
  }
  let backups = 0
  const kube: RealKube = {
    url: server.url,
    caFile: server.caFile,
    serviceAccountKey: path.join(folder, 'service-accounts.key'),
    get authority() {
      return authority
    },
    kubeconfig: (user, url = server.url) => renderKubeconfig(url, readFileSync(server.caFile), token(user)),
    token,
    ask,
    stopApiServer: () => server.apiServer.stop(),
    startApiServer: () => server.startApiServer(),
    setToken(user, value) {
      tokens.set(user, value)
      server.setAccounts(accounts())
    },
    renewAuthority() {
      authority = createAuthority(folder)
    },
    compact: () => compactEtcd(server.etcdUrl),
    etcdMetric: async (name) => sumOf(await (await fetch(`${server.etcdUrl}/metrics`)).text(), name),
    async backup() {
      backups += 1
      const kept = path.join(folder, `backup-${backups}`)
      // What a program that stands still has written is what a killed one leaves behind.
      await server.etcd.whilePaused(() => cpSync(server.etcdFolder, kept, { recursive: true }))
      return kept
    },
    async restore(backup) {
      await server.stop()
      rmSync(server.etcdFolder, { recursive: true })
      cpSync(backup, server.etcdFolder, { recursive: true })
      await startAll()
    },
    async empty() {
      await server.stop()
      rmSync(server.etcdFolder, { recursive: true })
      await startAll()
      await grant(ask)
    },
    rss: () => server.apiServer.rss(),
    close: () => closeAndForget(server, folder),
  }
  try {
    await startAll()
    await grant(ask)
    return kube
  } catch (error) {
    await kube.close()
    throw error
  }
}

async function closeAndForget(server: RealServer, folder: string): Promise<void> {
  await server.stop()
  rmSync(folder, { recursive: true, force: true })
}

/** Each user the rules of its role, by RBAC; a kubelet has its rights from the node authorizer. */
async function grant(ask: RealKube['ask']): Promise<void> {
  for (const { key, name } of KUBE_USERS) {
    const rules = ROLES[key]
    if (key === 'admin' || rules.length === 0) continue
    const metadata = { name: `user-${key}` }
    const role = { metadata, rules: rules.map((rule) => ({ apiGroups: [''], ...rule })) }
    await must(ask('POST', `${RBAC}/clusterroles`, { body: role }))
    const binding = {
      metadata,
      roleRef: { apiGroup: RBAC_GROUP, kind: 'ClusterRole', name: metadata.name },
      subjects: [{ apiGroup: RBAC_GROUP, kind: 'User', name }],
    }
    await must(ask('POST', `${RBAC}/clusterrolebindings`, { body: binding }))
  }
}

/** Of a metric in Prometheus' text; only the samples whose labels match `labels`. */
export function sumOf(text: string, name: string, labels = /./): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `))
  return lines.filter((line) => labels.test(line)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

async function must(asked: Promise<KubeReply>): Promise<void> {
  const { status, body } = await asked
  if (status >= 300) throw new Error(`${status}: ${body}`)
}

/** Through etcd's JSON gateway: the revision of now, then the compaction. */
async function compactEtcd(etcdUrl: string): Promise<void> {
  const call = async (at: string, body: object): Promise<unknown> => {
    const reply = await fetch(`${etcdUrl}/v3/kv/${at}`, { method: 'POST', body: JSON.stringify(body) })
    if (!reply.ok) throw new Error(`etcd ${at}: ${await reply.text()}`)
    return reply.json()
  }
  const range = (await call('range', { key: Buffer.from('x').toString('base64') })) as { header: { revision: string } }
  await call('compaction', { revision: range.header.revision, physical: true })
}

function renderKubeconfig(server: string, ca: Buffer, token: string): string {
  return [
    'apiVersion: v1',
    'kind: Config',
    `clusters: [{ name: c, cluster: { server: "${server}", certificate-authority-data: ${ca.toString('base64')} } }]`,
    `users: [{ name: u, user: { token: ${token} } }]`,
    'contexts: [{ name: x, context: { cluster: c, user: u } }]',
    'current-context: x',
    '',
  ].join('\n')
}
