/**
 * A real kube-apiserver on a real etcd, on loopback, in a folder of its own; ends with its owner.
 * Must not: be more than a server (contract.ts says what is asked of it).
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { closeSync, cpSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { KubePrograms } from './programs.ts'

/** admin: everything. vtepd: the rights that the manifest gives. kubelet: those of node `me`'s kubelet. nobody: none. */
export type KubeUser = 'admin' | 'vtepd' | 'kubelet' | 'nobody'

export interface KubeReply {
  readonly status: number
  readonly contentType: string
  readonly body: Buffer
}

export interface RealKube {
  readonly url: string
  /** Certificate and folder of this cluster. */
  readonly caFile: string
  /** Text of a kubeconfig; `server` where a proxy stands before it. */
  kubeconfig(user: KubeUser, server?: string): string
  token(user: KubeUser): string
  ask(method: string, path: string, options?: AskOptions): Promise<KubeReply>
  stopApiServer(): Promise<void>
  /** Resolves when it is ready. */
  startApiServer(): Promise<void>
  /** Compacts etcd's history up to now. */
  compact(): Promise<void>
  /** What etcd holds, as a folder; both servers are restarted meanwhile. */
  backup(): Promise<string>
  restore(backup: string): Promise<void>
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

const READY_MS = 60_000
const USERS: readonly (readonly [name: KubeUser, line: string])[] = [
  ['admin', 'admin,admin,system:masters'],
  ['vtepd', 'vtepd,vtepd'],
  ['kubelet', 'system:node:me,kubelet,system:nodes'],
  ['nobody', 'nobody,nobody'],
]
const ROLE = {
  rules: [
    { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
    { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
    { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
  ],
}

/** Resolves when the server is ready and the users have their rights. `flags` go to kube-apiserver. */
export async function startRealKube(programs: KubePrograms, flags: readonly string[] = []): Promise<RealKube> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vtepd-real-kube-'))
  const file = (name: string): string => path.join(folder, name)
  const [port, etcdPort, peerPort] = [await freePort(), await freePort(), await freePort()]
  const url = `https://127.0.0.1:${port}`
  makeSecrets(file)
  const etcd = createProgram(programs.etcd, etcdFlags(file('etcd'), etcdPort, peerPort), file('etcd.log'))
  const apiServer = createProgram(
    programs.apiServer,
    [...apiServerFlags(file, port, etcdPort), ...flags],
    file('kube-apiserver.log'),
  )
  const agent = { current: new https.Agent({ keepAlive: true, ca: readFileSync(file('ca.crt')) }) }
  const ask: RealKube['ask'] = (method, at, options = {}) => askServer(agent.current, `${url}${at}`, method, options)
  const ready = async (): Promise<void> => {
    const deadline = Date.now() + READY_MS
    for (;;) {
      const reply = await ask('GET', '/readyz').catch(() => undefined)
      if (reply?.status === 200) return
      if (apiServer.ended || Date.now() > deadline)
        throw new Error(
          `kube-apiserver is not ready:\n${readFileSync(file('kube-apiserver.log'), 'utf8').slice(-2000)}`,
        )
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
  const startApiServer = async (): Promise<void> => {
    apiServer.start()
    await ready()
  }
  const stopAll = async (): Promise<void> => {
    await apiServer.stop()
    await etcd.stop()
  }
  const startAll = async (): Promise<void> => {
    etcd.start()
    await startApiServer()
  }
  let backups = 0

  const kube: RealKube = {
    url,
    caFile: file('ca.crt'),
    kubeconfig: (user, server = url) => renderKubeconfig(server, readFileSync(file('ca.crt')), tokenOf(user)),
    token: tokenOf,
    ask,
    stopApiServer: () => apiServer.stop(),
    startApiServer,
    compact: () => compactEtcd(etcdPort),
    async backup() {
      await stopAll()
      backups += 1
      const kept = file(`backup-${backups}`)
      cpSync(file('etcd'), kept, { recursive: true })
      await startAll()
      return kept
    },
    async restore(backup) {
      await stopAll()
      rmSync(file('etcd'), { recursive: true })
      cpSync(backup, file('etcd'), { recursive: true })
      await startAll()
    },
    rss: () => apiServer.rss(),
    async close() {
      agent.current.destroy()
      await stopAll()
      rmSync(folder, { recursive: true, force: true })
    },
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

function tokenOf(user: KubeUser): string {
  return `${user}-token`
}

function makeSecrets(file: (name: string) => string): void {
  const openssl = (...words: string[]): void => {
    const { status, stderr } = spawnSync('openssl', words, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`openssl ${words[0]}: ${stderr}`)
  }
  openssl('genrsa', '-out', file('sa.key'), '2048')
  const key = ['-newkey', 'rsa:2048', '-nodes', '-keyout', file('tls.key')]
  const names = ['-subj', '/CN=kube-apiserver', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  openssl('req', '-x509', ...key, '-out', file('ca.crt'), '-days', '2', ...names)
  writeFileSync(file('tokens.csv'), USERS.map(([user, line]) => `${tokenOf(user)},${line}\n`).join(''))
}

function etcdFlags(folder: string, port: number, peerPort: number): string[] {
  const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`]
  return [
    '--unsafe-no-fsync',
    ...['--data-dir', folder],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `default=${peer}`],
    ...['--quota-backend-bytes', String(8 << 30)],
  ]
}

function apiServerFlags(file: (name: string) => string, port: number, etcdPort: number): string[] {
  return [
    ...['--etcd-servers', `http://127.0.0.1:${etcdPort}`],
    ...['--secure-port', String(port), '--bind-address', '127.0.0.1', '--cert-dir', file('certs')],
    ...['--tls-cert-file', file('ca.crt'), '--tls-private-key-file', file('tls.key')],
    ...['--service-account-issuer', 'https://kubernetes.default.svc'],
    ...['--service-account-key-file', file('sa.key'), '--service-account-signing-key-file', file('sa.key')],
    ...['--token-auth-file', file('tokens.csv'), '--authorization-mode', 'RBAC,Node'],
    ...['--service-cluster-ip-range', '10.43.0.0/16', '--disable-admission-plugins', 'ServiceAccount'],
    ...['--endpoint-reconciler-type', 'none', '--advertise-address', '127.0.0.1'],
    ...['--anonymous-auth=false'],
  ]
}

interface Program {
  readonly ended: boolean
  start(): void
  stop(): Promise<void>
  rss(): number
}

function createProgram(program: string, flags: readonly string[], logFile: string): Program {
  let child: ChildProcess | undefined
  return {
    get ended() {
      return child === undefined || child.exitCode !== null || child.signalCode !== null
    },
    start() {
      const log = openSync(logFile, 'a')
      const started = spawn(program, flags, { stdio: ['ignore', log, log] })
      closeSync(log)
      child = started
      process.once('exit', () => started.kill('SIGKILL'))
    },
    async stop() {
      const running = child
      child = undefined
      if (running === undefined || running.exitCode !== null || running.signalCode !== null) return
      const ended = new Promise((resolve) => running.once('exit', resolve))
      // A clean end waits for the watches of a minute; etcd's files survive being killed.
      running.kill('SIGKILL')
      await ended
    },
    rss() {
      const status = readFileSync(`/proc/${child?.pid}/status`, 'utf8')
      return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024
    },
  }
}

function askServer(agent: https.Agent, url: string, method: string, options: AskOptions): Promise<KubeReply> {
  const { user = 'admin', accept = 'application/json', body, contentType = 'application/json' } = options
  const text = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const request = https.request(url, {
      agent,
      method,
      headers: {
        accept,
        authorization: `Bearer ${tokenOf(user)}`,
        ...(text === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }),
      },
    })
    request.on('error', reject)
    request.on('response', (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', reject)
      response.on('end', () => {
        const type = response.headers['content-type'] ?? ''
        resolve({ status: response.statusCode ?? 0, contentType: type, body: Buffer.concat(parts) })
      })
    })
    request.end(text)
  })
}

async function grant(ask: RealKube['ask']): Promise<void> {
  const api = '/apis/rbac.authorization.k8s.io/v1'
  const group = 'rbac.authorization.k8s.io'
  await must(ask('POST', `${api}/clusterroles`, { body: { metadata: { name: 'vtepd' }, ...ROLE } }))
  await must(
    ask('POST', `${api}/clusterrolebindings`, {
      body: {
        metadata: { name: 'vtepd' },
        roleRef: { apiGroup: group, kind: 'ClusterRole', name: 'vtepd' },
        subjects: [{ apiGroup: group, kind: 'User', name: 'vtepd' }],
      },
    }),
  )
}

async function must(asked: Promise<KubeReply>): Promise<void> {
  const { status, body } = await asked
  if (status >= 300) throw new Error(`${status}: ${body}`)
}

/** Through etcd's JSON gateway: the revision of now, then the compaction. */
async function compactEtcd(port: number): Promise<void> {
  const call = async (at: string, body: object): Promise<unknown> => {
    const reply = await fetch(`http://127.0.0.1:${port}/v3/kv/${at}`, { method: 'POST', body: JSON.stringify(body) })
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

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
