/**
 * Requests to the API server over node:http and node:https: one answer, or one that streams. Owns connect and answer
 * limits, the wording of refusals, Retry-After. Must not: retry, know Nodes, or read credentials (kube-config.ts).
 */
import http, { type IncomingMessage } from 'node:http'
import https, { type RequestOptions } from 'node:https'
import { KubeError } from '../errors.ts'
import type { Clock } from '../util/clock.ts'
import type { KubeIdentity } from './identity.ts'
import { createKubeStream, type KubeStream } from './kube-stream.ts'
import { adviceOn } from './refusal-advice.ts'
import { readStatus } from './status.ts'

/** One set of fresh credentials. Closed by whoever opened it, when its last request is over. */
export interface KubeTarget {
  /** May have a path, which goes before that of every request (a server behind a proxy). */
  readonly url: URL
  readonly options: RequestOptions
  readonly identity: KubeIdentity
  /** To be called when the server does not accept them. */
  readonly refused: (() => void) | undefined
  close(): void
}

export interface KubeRequest {
  readonly method: 'GET' | 'PATCH' | 'POST' | 'DELETE'
  /** From `/api/…` or `/apis/…`, query included. */
  readonly path: string
  readonly accept?: string
  readonly body?: { readonly type: string; readonly text: string }
  /** What the log calls it: `list nodes`. */
  readonly what: string
}

/** A refusal or a failure; `retryAfterMs` is what the server asked for. */
export class KubeRefusal extends KubeError {
  readonly retryAfterMs: number | undefined
  constructor(
    fields: { request: string; status: number; reason: string; retryAfterMs: number | undefined },
    options?: { cause?: unknown },
  ) {
    super(fields, options)
    this.retryAfterMs = fields.retryAfterMs
  }
}

/** A server that asks for more patience than this is asked again all the same. */
export const LONGEST_RETRY_AFTER_MS = 300_000

const CONNECT_MS = 10_000
const ANSWER_MS = 60_000
const KEEPALIVE_MS = 30_000
/** A page of 500 Nodes of the largest size that is seen; a refusal has a few hundred bytes. */
const MAX_BODY = 256 << 20
const MAX_REFUSAL = 64 << 10

interface Call {
  readonly target: KubeTarget
  readonly request: KubeRequest
  readonly clock: Clock
  readonly signal: AbortSignal
}

/** A 2xx, whole. */
export interface KubeAnswer {
  readonly contentType: string | undefined
  /** When the server says that it answered (its header Date). */
  readonly date?: string | undefined
  readonly body: Buffer
}

/** Rejects with KubeRefusal, also for what never arrived (status 0). */
export async function fetchAnswer(call: Call): Promise<KubeAnswer> {
  const abort = new AbortController()
  const pass = (): void => abort.abort(call.signal.reason)
  call.signal.addEventListener('abort', pass)
  const late = call.clock.after(ANSWER_MS, () => abort.abort(new Error(`no answer in ${ANSWER_MS / 1000} s`)))
  try {
    const response = await accepted({ ...call, signal: abort.signal })
    const { date, 'content-type': contentType } = response.headers
    return { contentType, date, body: await readBody(response, MAX_BODY) }
  } catch (error) {
    throw toRefusal(call.request, abort.signal.aborted ? abort.signal.reason : error)
  } finally {
    late.cancel()
    call.signal.removeEventListener('abort', pass)
  }
}

/** Resolves when a 200 begins; its body is the caller's to read and to limit in time. Rejects as fetchAnswer. */
export async function openStream(call: Call): Promise<KubeStream> {
  try {
    return createKubeStream(await accepted(call))
  } catch (error) {
    throw toRefusal(call.request, error)
  }
}

async function accepted(call: Call): Promise<IncomingMessage> {
  const response = await send(call)
  const status = response.statusCode ?? 0
  if (status >= 200 && status < 300) return response
  if (status === 401) call.target.refused?.()
  throw await readRefusal(call.request, response, status)
}

function send({ target, request, clock, signal }: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { url, options } = target
    const module = url.protocol === 'http:' ? http : https
    const base = url.pathname.replace(/\/+$/, '')
    const sent = module.request(new URL(base + request.path, url), {
      ...options,
      method: request.method,
      signal,
      headers: {
        ...options.headers,
        accept: request.accept ?? 'application/json',
        // What is compressed for a second is slower than what is sent, and a proxy might take it for a wish.
        'accept-encoding': 'identity',
        'user-agent': 'vtepd',
        ...(request.body === undefined
          ? {}
          : { 'content-type': request.body.type, 'content-length': Buffer.byteLength(request.body.text) }),
      },
    })
    const late = clock.after(CONNECT_MS, () => sent.destroy(new Error(`no connection in ${CONNECT_MS / 1000} s`)))
    sent.on('socket', (socket) => {
      socket.setKeepAlive(true, KEEPALIVE_MS)
      if (socket.connecting) socket.once(url.protocol === 'http:' ? 'connect' : 'secureConnect', () => late.cancel())
      else late.cancel()
    })
    // Stays for good: an error that comes after the answer has ended must not be an uncaught one.
    sent.on('error', (error) => {
      late.cancel()
      reject(signal.aborted ? signal.reason : error)
    })
    sent.on('response', (response) => {
      late.cancel()
      response.on('error', () => undefined)
      resolve(response)
    })
    sent.end(request.body?.text)
  })
}

async function readBody(response: IncomingMessage, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  await createKubeStream(response).read((chunk) => {
    length += chunk.length
    if (length > limit) throw new Error(`an answer of more than ${limit} bytes`)
    chunks.push(chunk)
  })
  return Buffer.concat(chunks, length)
}

async function readRefusal(request: KubeRequest, response: IncomingMessage, status: number): Promise<KubeRefusal> {
  const body = await readBody(response, MAX_REFUSAL).catch(() => Buffer.alloc(0))
  const reason = said(body, response.headers['content-type']) || (http.STATUS_CODES[status] ?? 'unknown answer')
  const seconds = Number(response.headers['retry-after'] ?? Number.NaN)
  return new KubeRefusal({
    request: request.what,
    status,
    reason: `${reason}${adviceOn(request.method, request.path, status, reason)}`,
    retryAfterMs: Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined,
  })
}

/** The server's own words: those of its Status, else the first line of what it sent. */
function said(body: Buffer, contentType: string | undefined): string {
  try {
    const { reason } = readStatus(contentType, body)
    if (reason !== '') return reason
  } catch {
    // No Status: a proxy's page, perhaps.
  }
  return (body.toString('utf8').trim().split('\n', 1)[0] ?? '').slice(0, 200)
}

function toRefusal(request: KubeRequest, error: unknown): KubeError {
  if (error instanceof KubeError) return error
  const cause = error instanceof Error ? error : new Error(String(error))
  // Several addresses of one name were tried: the system's words stand in the parts.
  const reason = cause.message || (cause instanceof AggregateError ? cause.errors.map(String).join('; ') : cause.name)
  return new KubeRefusal({ request: request.what, status: 0, reason, retryAfterMs: undefined }, { cause })
}
