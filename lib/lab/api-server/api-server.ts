/**
 * An embedded API server for Nodes over plain HTTP: enough of kube-apiserver 1.34 (list, watch, WatchList, patches, Status objects)
 * for `vtepd lab`, tests and benchmarks, with its faults on demand. Listens where its process lives: the network namespace is
 * the caller's business. Must not: be used for anything that matters; it keeps everything in memory.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { systemClock } from '../../host/clock.ts'
import type { Clock } from '../../util/clock.ts'
import { renderKubeconfig } from './kubeconfig.ts'
import { createNodes, createNodeWrites, type Nodes } from './nodes.ts'
import type { PodObject } from './objects.ts'
import { createRequestBook, type RequestRecord } from './request-book.ts'
import { findRoute, type Route, type RouteParts, sendJson, sendStatus, type Verb } from './routes.ts'
import { internal, StatusError, unauthorized, unavailable } from './status.ts'
import { type Backup, createStore, type Store } from './store.ts'
import { createWatches } from './watches.ts'

export interface ApiServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default 0: any free one. */
  readonly port?: number
  /** When set, everything but health and version needs it as bearer token (else 401). */
  readonly token?: string
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
}

/**
 * `true` answers 503 to everything, `'drop'` closes every connection without an answer, `'stall'` accepts and never answers while
 * running watches go silent (a hung proxy). Every change but the one to `'stall'` cuts the connections.
 */
export type Unavailability = boolean | 'drop' | 'stall'

export interface ApiServer {
  readonly url: string
  readonly port: number
  /** Current revision of the store, as a list would show it. */
  readonly resourceVersion: string
  readonly nodes: Nodes
  /** For agents that learn their node's name from their pod. */
  readonly pods: { create(pod: PodObject): void; delete(namespace: string, name: string): void }
  /** Requests since the start by verb; health and version count as `other`. */
  readonly counters: Readonly<Record<Verb, number>>
  /** The newest 1,000 requests, oldest first. */
  readonly requestLog: readonly RequestRecord[]
  /** Watches open now. */
  readonly watchCount: number
  /** YAML of a kubeconfig; `server` replaces the URL where clients see another address. */
  kubeconfig(server?: string): string
  /** Forgets the history: older resourceVersions and continue tokens get 410, up-to-date watches go on. */
  compact(): void
  /** What an etcd backup would hold; `restore` brings it back: the resourceVersion falls, newer objects vanish, clients are cut off. */
  backup(): Backup
  restore(backup: Backup): void
  /** Cuts every connection, as a restart does; new ones are served. */
  disconnectAll(): void
  /** Ends every watch cleanly, as at the end of its time. */
  endWatches(): void
  setUnavailable(how: Unavailability): void
  close(): Promise<void>
}

const AHEAD_WAIT_MS = 3000

/** Resolves when it listens; rejects with the error of listen (EADDRINUSE, EADDRNOTAVAIL). */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const clock = options.clock ?? systemClock
  const now = options.now ?? (() => new Date())
  const waiting = new Set<Waiter>()
  const store = createStore(options.historyEvents ?? 20_000, () => {
    watches.changed()
    for (const waiter of waiting) waiter.check()
  })
  const watches = createWatches(store, clock, { bookmarkIntervalMs: options.bookmarkIntervalMs ?? 60_000 })
  const writes = createNodeWrites(store, now)
  const pods = new Map<string, PodObject>()
  const parts: RouteParts = {
    store,
    writes,
    watches,
    pods,
    watchList: options.watchList ?? true,
    watchGone: options.watchGone ?? 'event',
    reached: (revision) => untilReached(store, clock, waiting, revision),
  }
  const requests = createRequestBook()
  let unavailability: Unavailability = false
  const server = createServer((request, response) => {
    // A client that leaves while something is being written is no fault.
    response.on('error', () => {})
    const route = chooseRoute(parts, options.token, request)
    const record = requests.note(route.verb, request.method ?? 'GET', request.url ?? '/')
    if (unavailability === 'stall') return
    if (unavailability === 'drop') {
      request.destroy()
      return
    }
    void answer(unavailability ? refuseAll(route) : route, request, response).then(() => {
      if (response.headersSent) record.status = response.statusCode
    })
  })
  server.keepAliveTimeout = 120_000
  const cutConnections = (): void => {
    watches.forgetAll()
    server.closeAllConnections()
  }
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve)
  })
  const address = server.address() as AddressInfo
  const url = `http://${urlHost(address)}:${address.port}`

  return {
    url,
    port: address.port,
    get resourceVersion() {
      return String(store.revision)
    },
    nodes: createNodes(store, writes, now),
    pods: {
      create: (pod) => {
        pods.set(`${pod.metadata.namespace}/${pod.metadata.name}`, structuredClone(pod))
        store.touch()
      },
      delete: (namespace, name) => void pods.delete(`${namespace}/${name}`),
    },
    counters: requests.counters,
    requestLog: requests.log,
    get watchCount() {
      return watches.count
    },
    kubeconfig: (serverUrl = url) => renderKubeconfig(serverUrl, options.token),
    compact() {
      watches.flush()
      store.compact()
    },
    backup: () => store.backup(),
    restore(backup) {
      cutConnections()
      store.restore(backup)
    },
    disconnectAll: cutConnections,
    endWatches: () => watches.endAll(),
    setUnavailable(how) {
      if (how === unavailability) return
      if (how !== 'stall') cutConnections()
      unavailability = how
      watches.setSilent(how === 'stall')
    },
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      cutConnections()
      for (const waiter of waiting) waiter.finish()
      await closed
    },
  }
}

async function answer(route: Route, request: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    await route.answer(request, response)
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy()
    else sendStatus(response, error instanceof StatusError ? error : internal(String(error)))
  }
}

/** Without a token as with a wrong one: 401. (The real one answers 403 to the anonymous when it lets them in.) */
function chooseRoute(parts: RouteParts, token: string | undefined, request: IncomingMessage): Route {
  const method = request.method ?? 'GET'
  const path = request.url ?? '/'
  const url = new URL(`http://server${path.startsWith('/') ? path : '/'}`)
  const health = findHealth(url, method)
  if (health !== undefined) return health
  const route = findRoute(parts, method, url)
  if (token === undefined || request.headers.authorization === `Bearer ${token}`) return route
  return { verb: route.verb, answer: () => Promise.reject(unauthorized()) }
}

function refuseAll({ verb }: Route): Route {
  return { verb, answer: () => Promise.reject(unavailable()) }
}

function findHealth(url: URL, method: string): Route | undefined {
  if (method !== 'GET') return undefined
  if (url.pathname === '/version') {
    return {
      verb: 'other',
      answer: async (_request, response) =>
        sendJson(response, 200, { major: '1', minor: '34', gitVersion: 'v1.34.0+vtepd' }),
    }
  }
  if (!/^\/(healthz|readyz|livez)$/.test(url.pathname)) return undefined
  return {
    verb: 'other',
    answer: async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' })
      response.end('ok')
    },
  }
}

interface Waiter {
  check(): void
  finish(): void
}

function untilReached(store: Store, clock: Clock, waiting: Set<Waiter>, revision: number): Promise<void> {
  if (store.revision >= revision) return Promise.resolve()
  return new Promise((resolve) => {
    const waiter: Waiter = {
      check() {
        if (store.revision >= revision) waiter.finish()
      },
      finish() {
        waiting.delete(waiter)
        timer.cancel()
        resolve()
      },
    }
    const timer = clock.after(AHEAD_WAIT_MS, () => waiter.finish())
    waiting.add(waiter)
  })
}

/** An address that a client on the same machine can use: the wildcard becomes loopback, IPv6 gets its brackets. */
function urlHost({ address }: AddressInfo): string {
  if (address === '0.0.0.0') return '127.0.0.1'
  if (address === '::') return '[::1]'
  return address.includes(':') ? `[${address}]` : address
}
