/**
 * A real kube-apiserver on a real etcd, in a folder that is its own, on one address. Must not: build the programs (programs.ts), or
 * be reachable from outside of where the caller lives.
 */
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import https from 'node:https'
import { createServer } from 'node:net'
import path from 'node:path'
import { monotonicMs } from '../../host/clock.ts'
import { askServer, type KubeQuestion, type KubeReply } from './ask.ts'
import { createProgram, type Program } from './program.ts'
import type { KubePrograms } from './programs.ts'

export interface KubeAccount {
  readonly name: string
  readonly token: string
  /** `system:masters` may do everything. */
  readonly groups?: readonly string[]
}

/** Paths of PEM files. */
export interface ServingFiles {
  readonly cert: string
  readonly key: string
  /** What clients trust. */
  readonly ca: string
  /** Whoever has a certificate of this one is who its common name says. */
  readonly clientCa?: string
}

export interface RealServerOptions {
  readonly programs: KubePrograms
  /** Everything is written there; the caller's to remove. */
  readonly folder: string
  /** An address of this network namespace. etcd listens on 127.0.0.1 all the same. */
  readonly host: string
  readonly accounts: readonly KubeAccount[]
  /** Default: kube-apiserver makes its own. */
  readonly serving?: ServingFiles
  /** As pods of the cluster need it: their accounts are mounted into them, and the service `kubernetes` leads here. Default false. */
  readonly forPods?: boolean
  /** More for kube-apiserver. */
  readonly flags?: readonly string[]
}

export interface RealServer {
  readonly url: string
  /** What clients trust; exists once the server has been started. */
  readonly caFile: string
  readonly etcd: Program
  readonly apiServer: Program
  readonly etcdUrl: string
  /** Where etcd keeps its data, to be touched while it is stopped only. */
  readonly etcdFolder: string
  startEtcd(): void
  /** Resolves when it is ready; rejects with the end of its log. */
  startApiServer(): Promise<void>
  stop(): Promise<void>
  /** For the next start of the API server. */
  setAccounts(accounts: readonly KubeAccount[]): void
  ask(method: string, at: string, question: KubeQuestion): Promise<KubeReply>
}

const READY_MS = 60_000
const LOOK_EVERY_MS = 50

/** Chooses free ports; starts nothing. */
export async function prepareRealServer(options: RealServerOptions): Promise<RealServer> {
  const { folder, host, programs } = options
  const file = (name: string): string => path.join(folder, name)
  const [port, etcdPort, peerPort] = await freePorts([host, '127.0.0.1', '127.0.0.1'])
  const url = `https://${host.includes(':') ? `[${host}]` : host}:${port}`
  const etcdUrl = `http://127.0.0.1:${etcdPort}`
  const etcd = createProgram(programs.etcd, file('etcd.log'))
  const apiServer = createProgram(programs.apiServer, file('kube-apiserver.log'))
  const caFile = options.serving?.ca ?? file('certs/apiserver.crt')
  let agent: https.Agent | undefined
  let readyToken = ''
  const setAccounts = (accounts: readonly KubeAccount[]): void => {
    readyToken = accounts[0]?.token ?? ''
    writeFileSync(file('tokens.csv'), accounts.map(accountLine).join(''), { mode: 0o600 })
  }
  const ask: RealServer['ask'] = (method, at, question) => {
    agent ??= new https.Agent({ keepAlive: true, ca: readFileSync(caFile) })
    return askServer(agent, `${url}${at}`, method, question)
  }
  const forgetConnections = (): void => {
    agent?.destroy()
    agent = undefined
  }
  const untilReady = async (): Promise<void> => {
    const deadline = monotonicMs() + READY_MS
    for (;;) {
      const reply = await ready(ask, readyToken)
      if (reply) return
      if (apiServer.ended || etcd.ended || monotonicMs() > deadline)
        throw new Error(`kube-apiserver is not ready:\n${(etcd.ended ? etcd : apiServer).lastWords()}`)
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS))
    }
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(file('service-accounts.key'), privateKey(), { mode: 0o600 })
  setAccounts(options.accounts)
  return {
    url,
    caFile,
    etcd,
    apiServer,
    etcdUrl,
    etcdFolder: file('etcd'),
    startEtcd: () => etcd.start(etcdFlags(file('etcd'), etcdUrl, `http://127.0.0.1:${peerPort}`)),
    async startApiServer() {
      forgetConnections()
      apiServer.start([...apiServerFlags(file, options, port ?? 0, etcdUrl), ...(options.flags ?? [])])
      await untilReady()
    },
    async stop() {
      forgetConnections()
      await apiServer.stop()
      await etcd.stop()
    },
    setAccounts,
    ask,
  }
}

async function ready(ask: RealServer['ask'], token: string): Promise<boolean> {
  try {
    return (await ask('GET', '/readyz', { token })).status === 200
  } catch {
    return false
  }
}

function accountLine({ name, token, groups = [] }: KubeAccount): string {
  return `${[token, name, name, ...(groups.length > 0 ? [`"${groups.join(',')}"`] : [])].join(',')}\n`
}

function privateKey(): string {
  return generateKeyPairSync('rsa', { modulusLength: 2048 })
    .privateKey.export({ type: 'pkcs1', format: 'pem' })
    .toString()
}

function etcdFlags(folder: string, client: string, peer: string): string[] {
  return [
    '--unsafe-no-fsync',
    ...['--data-dir', folder],
    ...['--listen-client-urls', client, '--advertise-client-urls', client],
    ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
    ...['--initial-cluster', `default=${peer}`],
    ...['--quota-backend-bytes', String(8 * 2 ** 30)],
  ]
}

function apiServerFlags(
  file: (name: string) => string,
  { host, serving, forPods }: RealServerOptions,
  port: number,
  etcdUrl: string,
): string[] {
  return [
    ...['--etcd-servers', etcdUrl],
    ...['--secure-port', String(port), '--bind-address', host, '--advertise-address', host],
    ...['--cert-dir', file('certs')],
    ...(serving === undefined ? [] : ['--tls-cert-file', serving.cert, '--tls-private-key-file', serving.key]),
    ...(serving?.clientCa === undefined ? [] : ['--client-ca-file', serving.clientCa]),
    ...['--service-account-issuer', 'https://kubernetes.default.svc'],
    ...['--service-account-key-file', file('service-accounts.key')],
    ...['--service-account-signing-key-file', file('service-accounts.key')],
    ...['--token-auth-file', file('tokens.csv'), '--authorization-mode', 'RBAC,Node', '--anonymous-auth=false'],
    // Of the family of the address, or it does not start.
    ...['--service-cluster-ip-range', host.includes(':') ? 'fd43::/112' : '10.43.0.0/16'],
    ...(forPods
      ? ['--allow-privileged']
      : ['--disable-admission-plugins', 'ServiceAccount', '--endpoint-reconciler-type', 'none']),
  ]
}

/** All of them held at once, so that no two are the same. */
async function freePorts(hosts: readonly string[]): Promise<number[]> {
  const servers = hosts.map(() => createServer())
  const ports = await Promise.all(
    servers.map(
      (server, index) =>
        new Promise<number>((resolve, reject) => {
          server.once('error', reject)
          server.listen(0, hosts[index], () => {
            const address = server.address()
            resolve(typeof address === 'object' && address !== null ? address.port : 0)
          })
        }),
    ),
  )
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
