/**
 * An embedded API server for Nodes, and what stands for them (OverlayClaims, a Lease), over HTTP or HTTPS: enough of kube-apiserver 1.34 (list, watch, WatchList, patches, Status objects)
 * for `vtepd lab`, tests and benchmarks, with its faults on demand. Listens where its process lives: the network namespace is
 * the caller's business. Must not: be used for anything that matters; it keeps everything in memory.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../host/clock.ts'
import type { Clock } from '../../util/clock.ts'
import { type ApiUser, refusalFor, userOf, type Verb } from './access.ts'
import { sendRefusal } from './answers.ts'
import { findHealth } from './health.ts'
import { renderKubeconfig } from './kubeconfig.ts'
import { type ApiServerTls, tlsOptions, urlOf } from './listening.ts'
import { createNodes, createNodeWrites, type Nodes } from './nodes.ts'
import type { PodObject } from './objects.ts'
import { type Claims, createOtherResources } from './other-resources.ts'
import { createWaiters } from './reached.ts'
import { createRequestBook, type RequestRecord } from './request-book.ts'
import { findRoute, type Route, type RouteParts } from './routes.ts'
import { internal, StatusError, unauthorized, unavailable } from './status.ts'
import { createStore, type Backup as StoreBackup } from './store.ts'
import { createWatches } from './watches.ts'

export interface ApiServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free one. */
  readonly port?: number
  /** When set, everything but health and version needs it as bearer token (else 401). For one who may do everything. */
  readonly token?: string
  /** When set, instead of `token`: who may do what (else 401, 403). */
  readonly users?: readonly ApiUser[]
  /** When set, the server speaks HTTPS. */
  readonly tls?: ApiServerTls
  /** false: JSON is all it speaks. */
  readonly protobuf?: boolean
  /** Default 60,000; the real one sends them every 60 to 61 s. */
  readonly bookmarkIntervalMs?: number
  /** How many changes stay known: resumes from before get 410, slower watches are ended. Default 20,000. */
  readonly historyEvents?: number
  readonly clock?: Clock
  /** The wall clock of creationTimestamp. */
  readonly now?: () => Date
  /** false: sendInitialEvents is refused with 422, as by servers with that feature off (1.33's default). */
  readonly watchList?: boolean
  /** A watch that cannot start (410, 504): as ERROR event behind a 200, as the real one does, or as HTTP status. */
  readonly watchGone?: 'event' | 'status'
  /** true: OverlayClaims are a resource, as with deploy/claims.yaml. */
  readonly claims?: boolean
}

/**
 * `true` answers 503 to everything, `'drop'` closes every connection without an answer, `'stall'` accepts and never answers while
 * running watches go silent (a hung proxy). Every change but the one to `'stall'` cuts the connections.
 */
export type Unavailability = boolean | 'drop' | 'stall'

/** What an etcd backup would hold. Opaque to callers. */
export interface Backup {
  readonly nodes: StoreBackup
  readonly others: readonly StoreBackup[]
}

export interface ApiServer {
  readonly url: string
  readonly port: number
  /** Current revision of the store, as a list would show it. */
  readonly resourceVersion: string
  readonly nodes: Nodes
  readonly claims: Claims
  /** For agents that learn their node's name from their pod. */
  readonly pods: { create(pod: PodObject): void; delete(namespace: string, name: string): void }
  /** Requests since the start by verb; health and version count as `other`. */
  readonly counters: Readonly<Record<Verb, number>>
  /** The newest 1,000 requests, oldest first. */
  readonly requestLog: readonly RequestRecord[]
  /** Events that the watches of a client's address were told since the start, bookmarks and what a watch began with not counted. */
  eventsTold(client: string): number
  /** Watches open now. */
  readonly watchCount: number
  /** YAML of a kubeconfig for the first user; `server` replaces the URL where clients see another address. */
  kubeconfig(server?: string): string
  /** Forgets all history: older resourceVersions and continue tokens get 410, up-to-date watches go on. */
  compact(): void
  /** etcd's history alone, as its compaction does: what this server still knows by itself, it still tells. */
  compactEtcd(): void
  /** What an etcd backup would hold; `restore` brings it back: the resourceVersion falls, newer objects vanish, clients are cut off. */
  backup(): Backup
  restore(backup: Backup): void
  /** Cuts every connection, as a load balancer does; new ones are served. */
  disconnectAll(): void
  /** Cuts every connection, and refuses new ones until `start`. */
  stop(): Promise<void>
  /** The same port; watches from before the stop get 410 where anything has changed. Other certificates and users as given. */
  start(changes?: Pick<ApiServerOptions, 'tls' | 'users'>): Promise<void>
  /** Ends every watch cleanly, as at the end of its time. */
  endWatches(): void
  setUnavailable(how: Unavailability): void
  close(): Promise<void>
}

/** Resolves when it listens; rejects with the error of listen (EADDRINUSE, EADDRNOTAVAIL). */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const clock = options.clock ?? systemClock
  const now = options.now ?? (() => new Date())
  const counter = { revision: 1 }
  const historyEvents = options.historyEvents ?? 20_000
  const bookmarkIntervalMs = options.bookmarkIntervalMs ?? 60_000
  const store = createStore(
    historyEvents,
    () => {
      watches.changed()
      waiters.changed()
    },
    counter,
  )
  const waiters = createWaiters(() => store.revision, clock)
  const watches = createWatches(store, clock, { bookmarkIntervalMs })
  const writes = createNodeWrites(store, now, (uid) => others.nodeGone(uid))
  const pods = new Map<string, PodObject>()
  const served = {
    watchList: options.watchList ?? true,
    watchGone: options.watchGone ?? 'event',
    reached: waiters.reached,
  } as const
  const others = createOtherResources({
    claims: options.claims ?? false,
    historyEvents,
    bookmarkIntervalMs,
    clock,
    now,
    counter,
    onChange: () => waiters.changed(),
    served,
  })
  const allStores = [store, ...others.stores]
  const allWatches = [watches, ...others.watches]
  const parts: RouteParts = {
    ...served,
    store,
    writes,
    watches,
    pods,
    protobuf: options.protobuf ?? true,
    others: others.route,
  }
  const requests = createRequestBook()
  let unavailability: Unavailability = false
  let users = options.users ?? (options.token === undefined ? undefined : [{ ...ANYBODY, token: options.token }])
  let { tls } = options
  const serve = (request: IncomingMessage, response: ServerResponse): void => {
    // A client that leaves while something is being written is no fault.
    response.on('error', () => {})
    const route = chooseRoute(parts, users, request)
    const record = requests.note(route.verb, request.method ?? 'GET', request.url ?? '/')
    if (unavailability === 'stall') return
    if (unavailability === 'drop') {
      request.destroy()
      return
    }
    const chosen = unavailability ? refusing(route, unavailable()) : route
    void answer(chosen, request, response, parts.protobuf).then(() => {
      if (response.headersSent) record.status = response.statusCode
    })
  }
  const server = tls === undefined ? createServer(serve) : createTlsServer(tlsOptions(tls), serve)
  server.keepAliveTimeout = 120_000
  const cutConnections = (): void => {
    for (const one of allWatches) one.forgetAll()
    server.closeAllConnections()
  }
  const host = options.host ?? '127.0.0.1'
  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject)
      server.listen(port, host, () => {
        server.off('error', reject)
        resolve()
      })
    })
  const stop = async (): Promise<void> => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    cutConnections()
    await closed
  }
  await listen(options.port ?? 0)
  const address = server.address() as AddressInfo
  const url = urlOf(address, tls !== undefined)

  return {
    url,
    port: address.port,
    get resourceVersion() {
      return String(store.revision)
    },
    nodes: createNodes(store, writes, now),
    claims: others.claims,
    pods: {
      create: (pod) => {
        pods.set(`${pod.metadata.namespace}/${pod.metadata.name}`, structuredClone(pod))
        store.touch()
      },
      delete: (namespace, name) => void pods.delete(`${namespace}/${name}`),
    },
    counters: requests.counters,
    requestLog: requests.log,
    eventsTold: (client) => sum(allWatches.map(({ told }) => told.get(client) ?? 0)),
    get watchCount() {
      return sum(allWatches.map(({ count }) => count))
    },
    kubeconfig: (serverUrl = url) => renderKubeconfig(serverUrl, users?.[0]?.token, tls?.ca ?? tls?.cert),
    compact() {
      for (const one of allWatches) one.flush()
      for (const one of allStores) {
        one.compact()
        one.forgetChanges()
      }
    },
    compactEtcd() {
      for (const one of allStores) one.compact()
    },
    backup: () => ({ nodes: store.backup(), others: others.backup() }),
    restore(backup) {
      cutConnections()
      others.restore(backup.others)
      store.restore(backup.nodes)
    },
    disconnectAll: cutConnections,
    stop,
    async start(changes = {}) {
      for (const one of allStores) one.forgetChanges()
      users = changes.users ?? users
      tls = changes.tls ?? tls
      if (changes.tls !== undefined && 'setSecureContext' in server) server.setSecureContext(tlsOptions(changes.tls))
      await listen(address.port)
    },
    endWatches() {
      for (const one of allWatches) one.endAll()
    },
    setUnavailable(how) {
      if (how === unavailability) return
      if (how !== 'stall') cutConnections()
      unavailability = how
      for (const one of allWatches) one.setSilent(how === 'stall')
    },
    async close() {
      waiters.finishAll()
      await stop()
    },
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0)
}

const ANYBODY: ApiUser = { name: 'anybody', rules: [{ resources: ['*'], verbs: ['*'] }] }

async function answer(
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
  protobuf: boolean,
): Promise<void> {
  try {
    await route.answer(request, response)
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy()
    else sendRefusal(request, response, error instanceof StatusError ? error : internal(String(error)), protobuf)
  }
}

/** Without credentials as with wrong ones: 401. (The real one answers 403 to the anonymous when it lets them in.) */
function chooseRoute(parts: RouteParts, users: readonly ApiUser[] | undefined, request: IncomingMessage): Route {
  const method = request.method ?? 'GET'
  const path = request.url ?? '/'
  const url = new URL(`http://server${path.startsWith('/') ? path : '/'}`)
  const health = findHealth(url.pathname, method)
  if (health !== undefined) return health
  const route = findRoute(parts, method, url)
  if (users === undefined) return route
  const user = userOf(users, request)
  const refusal = user === undefined ? unauthorized() : refusalFor(user, route)
  return refusal === undefined ? route : refusing(route, refusal)
}

function refusing(route: Route, refusal: StatusError): Route {
  return { ...route, answer: () => Promise.reject(refusal) }
}
