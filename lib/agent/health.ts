/**
 * The health server, with flannel's paths and texts (flannel-contract 12). `readyz` says what `ready()` says now, so it
 * turns false again when it stops being true. Must not: decide what ready means.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ConfigError } from '../errors.ts'
import type { Log } from '../util/log.ts'
import { messageOf } from '../util/message-of.ts'
import { printable, printableAll } from '../util/printable.ts'
import type { Check } from './checks.ts'

export interface HealthOptions {
  /** 0.0.0.0 and :: both mean every address of both families, as in Go. */
  readonly ip: string
  /** 0 lets the kernel choose (tests); flannel's "0 is off" is decided by the caller. */
  readonly port: number
  /** This page and no other, by a flag of its own; default: all, by the flags of the health server. */
  readonly only?: { readonly page: '/metrics'; readonly flag: string }
  readonly ready: () => boolean
  /** What `ready` is made of, for `/readyz?verbose` and for JSON. Default: none. */
  readonly checks?: () => readonly Check[]
  /** The text of `/metrics`. Default: there is no such page. */
  readonly metrics?: () => Promise<{ readonly text: string; readonly contentType: string }>
  /** Lines for `/readyz?verbose`, behind the checks: what is true although readyz says only yes or no. Default: none. */
  readonly details?: () => readonly string[]
  readonly log: Log
}

export interface HealthServer {
  /** The port in use. */
  readonly port: number
  /** Ends open connections too; resolves when the port is free. May be called twice. */
  close(): Promise<void>
}

/** Resolves when it listens; rejects with ConfigError when address or port cannot be had. */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer((request, response) => answer(request, response, options))
  const host = await listen(server, options)
  const { port } = server.address() as AddressInfo
  // After listening, an error (EMFILE on accept) concerns one connection only.
  server.on('error', (error) => options.log.warn('health.error', 'A health connection failed', { error }))
  const what = options.only === undefined ? 'healthz' : 'metrics'
  options.log.info('health.listening', `Start ${what} server on ${host.includes(':') ? `[${host}]` : host}:${port}`, {
    host,
    port,
  })
  let closing: Promise<void> | undefined
  return {
    port,
    close() {
      closing ??= new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      })
      return closing
    },
  }
}

function answer(request: IncomingMessage, response: ServerResponse, options: HealthOptions): void {
  const [path, query] = (request.url ?? '').split('?', 2)
  if (options.only !== undefined && path !== options.only.page) send(response, 404, '404 page not found\n')
  else if (path === '/healthz') send(response, 200, 'flanneld is running')
  else if (path === '/readyz') answerReadyz(request, response, new URLSearchParams(query), options)
  else if (path === '/metrics' && options.metrics !== undefined)
    options.metrics().then(
      ({ text, contentType }) => send(response, 200, text, contentType),
      (error: unknown) => send(response, 500, `${messageOf(error)}\n`),
    )
  else send(response, 404, '404 page not found\n')
}

function answerReadyz(
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
  { ready, checks = () => [], details = () => [] }: HealthOptions,
): void {
  const isReady = ready()
  const status = isReady ? 200 : 503
  const message = isReady ? 'flanneld is ready' : 'flanneld is not ready yet'
  const wantsJson = /\bapplication\/json\b/.test(request.headers.accept ?? '') || query.get('format') === 'json'
  if (wantsJson) {
    const list = checks().map(({ name, fault }) => ({ name, ok: fault === undefined, fault: fault ?? null }))
    const report = printableAll({ ready: isReady, message, checks: list, details: details() })
    send(response, status, `${JSON.stringify(report)}\n`, 'application/json')
  } else {
    const lines = query.has('verbose') ? [...checks().map(checkLine), ...details()] : []
    send(response, status, [message, ...lines.map((line) => printable(line))].join('\n'))
  }
}

/** As the API server's own `?verbose` writes them. */
function checkLine({ name, fault }: Check): string {
  return fault === undefined ? `[+]${name} ok` : `[-]${name} failed: ${fault}`
}

function send(response: ServerResponse, status: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(text) })
  response.end(text)
}

/** The wildcard listens on both families; where the kernel has no IPv6, on IPv4 alone. Returns the address in use. */
async function listen(server: Server, { ip, port, only }: HealthOptions): Promise<string> {
  const flags = only === undefined ? HEALTH_FLAGS : { ip: only.flag, port: only.flag }
  const wildcard = ip === '0.0.0.0' || ip === '::'
  const candidates = wildcard ? ['::', '0.0.0.0'] : [ip]
  for (const [index, host] of candidates.entries()) {
    const error = await tryListen(server, host, port)
    if (error === undefined) return host
    const noIpv6 = error.code === 'EAFNOSUPPORT' || error.code === 'EADDRNOTAVAIL'
    if (index === candidates.length - 1 || !noIpv6) throw cannotListen(ip, port, flags, error)
  }
  throw new ConfigError(flags.ip, `'${ip}' is no address to listen on`)
}

interface ListenFlags {
  readonly ip: string
  readonly port: string
}

const HEALTH_FLAGS: ListenFlags = { ip: '--healthz-ip', port: '--healthz-port' }

function tryListen(server: Server, host: string, port: number): Promise<NodeJS.ErrnoException | undefined> {
  return new Promise((resolve) => {
    const onError = (error: Error): void => resolve(error)
    server.once('error', onError)
    server.listen({ host, port }, () => {
      server.off('error', onError)
      resolve(undefined)
    })
  })
}

function cannotListen(ip: string, port: number, flags: ListenFlags, error: NodeJS.ErrnoException): ConfigError {
  switch (error.code) {
    case 'EADDRINUSE':
      return new ConfigError(
        flags.port,
        `port ${port} is taken on ${ip}, perhaps by a flanneld that still runs; stop that program, choose another port, or 0 for none`,
        { cause: error },
      )
    case 'EADDRNOTAVAIL':
      return new ConfigError(flags.ip, `no interface has the address ${ip}; use one that this host has, or 0.0.0.0`, {
        cause: error,
      })
    case 'EACCES':
      return new ConfigError(flags.port, `port ${port} needs CAP_NET_BIND_SERVICE; choose one above 1023`, {
        cause: error,
      })
    default:
      return new ConfigError(flags.ip, `cannot listen on ${ip} port ${port}: ${error.message}`, { cause: error })
  }
}
