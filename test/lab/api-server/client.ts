/**
 * A small HTTP client for the embedded API server's tests: whole answers, and watches read event by event.
 * Must not: share code with the server or with vtepd's own stream, so that a fault of theirs cannot hide itself.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import type { TestContext } from 'node:test'
import { type ApiServer, type ApiServerOptions, startApiServer } from '../../../lib/lab/api-server/api-server.ts'

export const STRATEGIC = 'application/strategic-merge-patch+json'
export const MERGE = 'application/merge-patch+json'

/** The parts of Kubernetes' answers that the tests look at. */
export interface Body {
  readonly kind: string
  readonly reason?: string
  readonly message?: string
  readonly code?: number
  readonly metadata: {
    readonly name?: string
    readonly uid?: string
    readonly resourceVersion?: string
    readonly creationTimestamp?: string
    readonly annotations?: Record<string, string>
    readonly labels?: Record<string, string>
    readonly continue?: string
    readonly remainingItemCount?: number
  }
  readonly details?: { readonly causes?: { reason: string; field?: string }[]; readonly uid?: string }
  readonly items?: Body[]
  readonly spec?: { readonly podCIDR?: string; readonly podCIDRs?: string[]; readonly nodeName?: string }
  readonly status?: {
    readonly conditions?: { type: string; status: string; reason?: string }[]
    readonly phase?: string
  }
}

export interface Answer {
  readonly httpStatus: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  readonly body: Body
}

export interface Event {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR'
  readonly object: Body
}

export interface WatchClient {
  readonly httpStatus: number
  /** The next event; undefined when the stream has ended. Rejects when it was cut. */
  next(): Promise<Event | undefined>
  /** Everything until the stream ends. */
  rest(): Promise<Event[]>
  /** Stops reading, so that the server feels back-pressure. */
  pause(): void
  resume(): void
}

/** A server that ends with the test. */
export async function serve(t: TestContext, options: ApiServerOptions = {}): Promise<ApiServer> {
  const server = await startApiServer(options)
  t.after(() => server.close())
  return server
}

/** Creates node-1 … node-COUNT. */
export function addNodes(server: ApiServer, count: number): void {
  for (let i = 1; i <= count; i += 1) server.nodes.create({ metadata: { name: `node-${i}` } })
}

/** One whole exchange on a connection of its own. `body` is sent as it is when it is a string. */
export async function ask(
  server: ApiServer,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const message = await send(server, method, path, text, headers)
  const parts: Buffer[] = []
  for await (const part of message as AsyncIterable<Buffer>) parts.push(part)
  const answer = Buffer.concat(parts).toString()
  const isJson = message.headers['content-type'] === 'application/json'
  return {
    httpStatus: message.statusCode ?? 0,
    headers: message.headers,
    text: answer,
    body: isJson ? JSON.parse(answer) : { kind: '', metadata: {} },
  }
}

/** `query` without `watch=1`. */
export async function watch(server: ApiServer, query: string): Promise<WatchClient> {
  const message = await send(server, 'GET', `/api/v1/nodes?watch=1&${query}`, undefined, {})
  const events = parseEvents(message)
  const next = async (): Promise<Event | undefined> => {
    const { value } = await events.next()
    return value ?? undefined
  }
  return {
    httpStatus: message.statusCode ?? 0,
    next,
    async rest() {
      const all: Event[] = []
      for await (const event of events) all.push(event)
      return all
    },
    pause: () => void message.socket.pause(),
    resume: () => void message.socket.resume(),
  }
}

/** `type name` of an event, `type` alone for a bookmark. */
export function short(event: Event | undefined): string {
  if (event === undefined) return 'end'
  return [event.type, event.object.metadata.name].filter((part) => part !== undefined).join(' ')
}

async function* parseEvents(message: IncomingMessage): AsyncGenerator<Event, undefined> {
  let text = ''
  for await (const part of message as AsyncIterable<Buffer>) {
    text += part.toString()
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield JSON.parse(text.slice(0, end))
      text = text.slice(end + 1)
    }
  }
  if (text !== '') throw new Error(`the stream ended in the middle of an event: ${text}`)
}

function send(
  server: ApiServer,
  method: string,
  path: string,
  body: string | undefined,
  headers: Record<string, string>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const options = { method, headers: { ...headers, ...length }, agent: false as const }
    const request: ClientRequest = httpRequest(`${server.url}${path}`, options, resolve)
    request.on('error', reject)
    request.end(body)
  })
}
