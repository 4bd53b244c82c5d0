/**
 * How the API server is reached: kubeconfig, in-cluster files, or a bare URL. The only module that imports
 * @kubernetes/client-node, and itself imported dynamically, in Kubernetes mode only (it costs 60 ms and 15 MB).
 * Must not: use the library's requests, lists or watches (its watch ends for good on a reset), or keep a credential beyond one target.
 */
import { readFile } from 'node:fs/promises'
import http from 'node:http'
import https, { type RequestOptions } from 'node:https'
import path from 'node:path'
import { type Cluster, KubeConfig, type User } from '@kubernetes/client-node'
import { KubeError } from '../errors.ts'
import { isMissing, readIfExists } from '../host/files.ts'
import { isRecord } from '../util/go-json.ts'
import { messageOf } from '../util/message-of.ts'
import { environmentProxy } from './environment-proxy.ts'
import { askExecPlugin, type ExecPlugin, forgetExecCredential, readExecPlugin } from './exec-plugin.ts'
import { identityOf } from './identity.ts'
import type { KubeTarget } from './kube-http.ts'

export interface KubeAccessOptions {
  /** undefined: the files that Kubernetes puts into every pod. */
  readonly kubeconfigFile: string | undefined
  /** Goes before the server of the kubeconfig; alone, it needs no credentials. */
  readonly apiUrl: string | undefined
  /** Where a pod finds its token and CA; only tests give another. */
  readonly serviceAccountDir?: string
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Ends a program that is asked for credentials. */
  readonly signal?: AbortSignal
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

/**
 * Reads every file anew each time, so that what was rotated, or written late, is used by the next connection. Rejects with
 * KubeError (status 0) that names the file or variable: all of it can become right by itself.
 */
export async function openKubeTarget(options: KubeAccessOptions): Promise<KubeTarget> {
  const access =
    options.kubeconfigFile === undefined
      ? await inCluster(options)
      : await fromFile(options.kubeconfigFile, options.signal)
  const config = loadConfig(access, options)
  const cluster = config.getCurrentCluster()
  const server = cluster?.server
  const where = options.kubeconfigFile ?? 'the cluster'
  if (cluster === null || server === undefined)
    throw trouble(where, 'names no cluster: current-context, contexts and clusters must agree')
  const url = parseUrl(server, where)
  const given: RequestOptions = {}
  try {
    await config.applyToHTTPSOptions(given)
  } catch (cause) {
    throw trouble(where, `credentials cannot be read: ${messageOf(cause)}`, cause)
  }
  const agent = cluster.proxyUrl === undefined ? createAgent(url, given) : given.agent
  const { auth } = given
  const headers = { ...given.headers, ...access.headers }
  return {
    url,
    identity: identityOf(options.kubeconfigFile ?? whereOfPod(config, url), given),
    refused: access.refused,
    options: { agent, headers, ...(typeof auth === 'string' ? { auth } : {}) },
    close() {
      if (typeof agent === 'object') agent.destroy()
    },
  }
}

/** A bare URL has no account. */
function whereOfPod(config: KubeConfig, url: URL): string {
  return config.getCurrentUser()?.token === undefined ? url.href : 'the service account of this pod'
}

/** Bytes that are taken from a connection that rests; the rest stays in the kernel, which wakes nobody. */
const READ_AHEAD = 4096

/** Of one target, as the next one has fresh certificates; connections live on between the pages of a list. */
function createAgent(url: URL, given: RequestOptions): http.Agent {
  const keepAlive = true
  if (url.protocol === 'http:') return new http.Agent({ keepAlive })
  const { ca, cert, key, servername, rejectUnauthorized } = given
  const tls = Object.entries({ ca, cert, key, servername, rejectUnauthorized }).filter(
    ([, value]) => value !== undefined,
  )
  return new https.Agent({ keepAlive, highWaterMark: READ_AHEAD, ...Object.fromEntries(tls) } as https.AgentOptions)
}

function loadConfig({ cluster, user }: Access, options: KubeAccessOptions): KubeConfig {
  const server = options.apiUrl ?? cluster.server
  const proxyUrl = cluster.proxyUrl ?? proxyFor(server, options.env ?? process.env)
  // The library refuses plain HTTP unless TLS is skipped, and leaves the CA out where there is no user.
  const reached: Cluster = {
    ...cluster,
    name: 'cluster',
    server,
    skipTLSVerify: isPlain(server) || cluster.skipTLSVerify,
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
  }
  const config = new KubeConfig()
  config.loadFromOptions({
    clusters: [reached],
    users: [{ ...user, name: 'user' }],
    contexts: [{ name: 'context', cluster: 'cluster', user: 'user' }],
    currentContext: 'context',
  })
  return config
}

interface Access {
  readonly cluster: Cluster
  readonly user: User
  /** Of who asks in the name of another. */
  readonly headers?: Readonly<Record<string, string | string[]>>
  /** What was given last is not accepted. */
  readonly refused?: () => void
}

function proxyFor(server: string, env: Readonly<Record<string, string | undefined>>): string | undefined {
  if (!URL.canParse(server)) return undefined
  try {
    return environmentProxy(new URL(server), env)
  } catch (cause) {
    throw trouble('HTTPS_PROXY', `is no URL: ${messageOf(cause)}`, cause)
  }
}

async function fromFile(file: string, signal: AbortSignal | undefined): Promise<Access> {
  let text: string | undefined
  try {
    text = await readIfExists(file)
  } catch (cause) {
    throw trouble(file, `cannot be read: ${messageOf(cause)}`, cause)
  }
  if (text === undefined) throw trouble(file, 'does not exist yet')
  const config = new KubeConfig()
  try {
    config.loadFromString(text)
    config.makePathsAbsolute(path.dirname(file))
  } catch (cause) {
    throw trouble(file, `is no kubeconfig: ${messageOf(cause)}`, cause)
  }
  const cluster = config.getCurrentCluster()
  if (cluster === null) throw trouble(file, 'names no cluster: current-context, contexts and clusters must agree')
  const user = config.getCurrentUser() ?? { name: 'user' }
  const folder = path.dirname(file)
  const more = await unknownOf(text, user.name)
  const headers = impersonation(more)
  if (user.exec) return { ...(await withPlugin(file, { cluster, user, headers }, signal)) }
  const tokenFile = typeof more.tokenFile === 'string' ? more.tokenFile : undefined
  const token = await readToken(tokenFile, folder)
  return { cluster, user: token === undefined ? user : { ...user, token }, headers }
}

/** The library would wait for it without a bound, ask it for each connection, and tell it nothing. */
async function withPlugin(file: string, access: Access, signal: AbortSignal | undefined): Promise<Access> {
  const { cluster, user } = access
  const { exec, ...rest } = user
  try {
    const plugin = readExecPlugin(exec, path.dirname(file), await toldOf(cluster))
    const { token, cert, key } = await askExecPlugin(plugin, signal)
    const pem = (text: string): string => Buffer.from(text).toString('base64')
    return {
      ...access,
      user: {
        ...rest,
        ...(token === undefined ? {} : { token }),
        ...(cert === undefined || key === undefined ? {} : { certData: pem(cert), keyData: pem(key) }),
      },
      refused: () => forgetExecCredential(plugin),
    }
  } catch (cause) {
    throw trouble(file, `credentials cannot be had: ${messageOf(cause)}`, cause)
  }
}

/** As spec.cluster of an ExecCredential. */
async function toldOf({
  server,
  tlsServerName,
  skipTLSVerify,
  caData,
  caFile,
  proxyUrl,
}: Cluster): Promise<ExecPlugin['cluster']> {
  const ca = caFile === undefined ? caData : (await readFile(caFile)).toString('base64')
  return {
    server,
    'tls-server-name': tlsServerName,
    'insecure-skip-tls-verify': skipTLSVerify === true ? true : undefined,
    'certificate-authority-data': ca,
    'proxy-url': proxyUrl,
  }
}

/** What a user has that the library does not know; nothing where the text has none of it. */
async function unknownOf(text: string, userName: string): Promise<Readonly<Record<string, unknown>>> {
  if (!/tokenFile|as-uid|as-groups|as-user-extra/.test(text)) return {}
  const { parse } = await import('yaml')
  const config: unknown = parse(text)
  const users: unknown = isRecord(config) ? config.users : undefined
  const entry: unknown = Array.isArray(users) ? users.find((one) => isRecord(one) && one.name === userName) : undefined
  return isRecord(entry) && isRecord(entry.user) ? entry.user : {}
}

/** Of `as` the library knows the name alone. */
function impersonation(user: Readonly<Record<string, unknown>>): Readonly<Record<string, string | string[]>> {
  const headers: Record<string, string | string[]> = {}
  const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(String) : [])
  if (typeof user['as-uid'] === 'string') headers['impersonate-uid'] = user['as-uid']
  if (texts(user['as-groups']).length > 0) headers['impersonate-group'] = texts(user['as-groups'])
  for (const [key, values] of isRecord(user['as-user-extra']) ? Object.entries(user['as-user-extra']) : [])
    headers[`impersonate-extra-${encodeURIComponent(key.toLowerCase())}`] = texts(values)
  return headers
}

async function inCluster(options: KubeAccessOptions): Promise<Access> {
  const env = options.env ?? process.env
  const folder = options.serviceAccountDir ?? SERVICE_ACCOUNT
  const host = env.KUBERNETES_SERVICE_HOST
  const ca = path.join(folder, 'ca.crt')
  if (options.apiUrl !== undefined && (await missing(ca)))
    return { cluster: { name: 'cluster', server: options.apiUrl, skipTLSVerify: false }, user: { name: 'user' } }
  if (options.apiUrl === undefined && (host === undefined || host === ''))
    throw trouble('KUBERNETES_SERVICE_HOST', 'is not set: this is no pod, so give --kubeconfig-file or --kube-api-url')
  const token = await readToken(path.join(folder, 'token'), '/')
  const authority = `${host?.includes(':') ? `[${host}]` : host}:${env.KUBERNETES_SERVICE_PORT ?? '443'}`
  return {
    cluster: { name: 'cluster', server: `https://${authority}`, caFile: ca, skipTLSVerify: false },
    user: { name: 'user', ...(token === undefined ? {} : { token }) },
  }
}

async function readToken(file: string | undefined, folder: string): Promise<string | undefined> {
  if (file === undefined) return undefined
  const absolute = path.resolve(folder, file)
  try {
    return (await readFile(absolute, 'utf8')).trim()
  } catch (cause) {
    throw trouble(absolute, `the token cannot be read: ${messageOf(cause)}`, cause)
  }
}

async function missing(file: string): Promise<boolean> {
  try {
    await readFile(file)
    return false
  } catch (error) {
    return isMissing(error)
  }
}

function isPlain(server: string): boolean {
  return server.startsWith('http:')
}

function parseUrl(server: string, where: string): URL {
  try {
    const url = new URL(server)
    if (url.protocol === 'http:' || url.protocol === 'https:') return url
  } catch {
    // Said below.
  }
  throw trouble(where, `'${server}' is no URL of an API server: write it like https://10.0.0.1:6443`)
}

function trouble(where: string, reason: string, cause?: unknown): KubeError {
  return new KubeError({ request: where, status: 0, reason }, { cause })
}
