/**
 * Paths and methods → nodes, lists, watches. Owns what each endpoint answers. Must not: decide whether the server is reachable
 * or who may ask (api-server.ts).
 */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { isTrue, parseListRequest, parseReadRevision, parseWatchRequest } from './list-options.ts'
import { renderList, requiredRevision } from './lists.ts'
import { patchLanguage, readBody, requireJsonAccepted, requireJsonBody } from './negotiate.ts'
import type { Endpoint } from './node-rules.ts'
import { type NodeWrites, parsePatch } from './nodes.ts'
import type { PodObject } from './objects.ts'
import {
  badRequest,
  methodNotAllowed,
  notFound,
  type Status,
  type StatusError,
  tooLarge,
  unknownPath,
} from './status.ts'
import type { Entry, Store } from './store.ts'
import { refusal, type Watches } from './watches.ts'

/** Kubernetes' names of what a request does. */
export type Verb = 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'other'

export interface Route {
  readonly verb: Verb
  /** Throws StatusError before it has answered anything. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>
}

export interface RouteParts {
  readonly store: Store
  readonly writes: NodeWrites
  readonly watches: Watches
  readonly pods: ReadonlyMap<string, PodObject>
  readonly watchList: boolean
  readonly watchGone: 'event' | 'status'
  /** Resolves when the store has reached the revision, or after the 3 s that the real one waits. */
  reached(revision: number): Promise<void>
}

/** Answers for everything below /api; a request that nothing answers gets a 404 or 405 like any other Status. */
export function findRoute(parts: RouteParts, method: string, url: URL): Route {
  const segments = url.pathname.split('/').filter((segment) => segment !== '')
  const [api, version, resource, first, second, third, ...more] = segments.map(decodeSegment)
  if (api !== 'api' || version !== 'v1' || more.length > 0) return refuse(unknownPath())
  if (resource === 'nodes' && first === undefined) return collection(parts, method, url.searchParams)
  if (resource === 'nodes' && first !== undefined && third === undefined) {
    if (second === undefined) return single(parts, method, first, 'nodes', url.searchParams)
    if (second === 'status') return single(parts, method, first, 'status', url.searchParams)
  }
  if (resource === 'namespaces' && first !== undefined && second === 'pods' && third !== undefined) {
    return pod(parts, method, `${first}/${third}`, third)
  }
  return refuse(unknownPath())
}

/** One JSON document, a newline behind it as the real one has it. */
export function sendJson(response: ServerResponse, httpStatus: number, value: unknown): void {
  sendBuffer(response, httpStatus, Buffer.from(`${JSON.stringify(value)}\n`))
}

/** The Status of the error, with Retry-After when its details say so. */
export function sendStatus(response: ServerResponse, error: StatusError): void {
  const retryAfter = error.status.details?.retryAfterSeconds
  if (retryAfter !== undefined) response.setHeader('retry-after', String(retryAfter))
  sendJson(response, error.httpStatus, error.status)
}

function collection(parts: RouteParts, method: string, query: URLSearchParams): Route {
  if (method === 'POST') {
    return {
      verb: 'create',
      async answer(request, response) {
        prepareWrite(request, query)
        requireJsonBody(request)
        sendNode(response, 201, parts.writes.create(parseJson(await readBody(request))))
      },
    }
  }
  if (method !== 'GET') return refuse(methodNotAllowed())
  return isTrue(query, 'watch') ? watch(parts, query) : list(parts, query)
}

function list(parts: RouteParts, query: URLSearchParams): Route {
  return {
    verb: 'list',
    async answer(request, response) {
      requireJsonAccepted(request)
      const wanted = parseListRequest(query)
      await parts.reached(requiredRevision(wanted))
      const pieces = renderList(parts.store, wanted)
      response.writeHead(200, JSON_HEADERS)
      for (const piece of pieces) {
        if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')])
        if (response.destroyed) return
      }
      response.end()
    },
  }
}

function watch(parts: RouteParts, query: URLSearchParams): Route {
  return {
    verb: 'watch',
    async answer(request, response) {
      requireJsonAccepted(request)
      const wanted = parseWatchRequest(query, parts.watchList)
      if (wanted.from.kind === 'state') await parts.reached(wanted.from.notOlderThan)
      const gone = parts.watchGone === 'status' ? refusal(parts.store, wanted) : undefined
      if (gone !== undefined) throw gone
      if (!response.destroyed) parts.watches.open(response, wanted)
    },
  }
}

function single(parts: RouteParts, method: string, name: string, endpoint: Endpoint, query: URLSearchParams): Route {
  const { writes } = parts
  switch (method) {
    case 'GET':
      return { verb: 'get', answer: (request, response) => readNode(parts, name, query, request, response) }
    case 'PUT':
      return {
        verb: 'update',
        async answer(request, response) {
          prepareWrite(request, query)
          requireJsonBody(request)
          sendNode(response, 200, writes.put(name, parseJson(await readBody(request)), endpoint))
        },
      }
    case 'PATCH':
      return {
        verb: 'patch',
        async answer(request, response) {
          prepareWrite(request, query)
          const language = patchLanguage(request)
          sendNode(response, 200, writes.patch(name, parsePatch(await readBody(request)), language, endpoint))
        },
      }
    case 'DELETE':
      if (endpoint === 'status') return refuse(methodNotAllowed())
      return {
        verb: 'delete',
        async answer(request, response) {
          prepareWrite(request, query)
          const body = await readBody(request)
          const node = writes.remove(name, body === '' ? {} : parseJson(body))
          sendJson(response, 200, deleted(name, node.metadata.uid))
        },
      }
    default:
      return refuse(methodNotAllowed())
  }
}

async function readNode(
  parts: RouteParts,
  name: string,
  query: URLSearchParams,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  requireJsonAccepted(request)
  const revision = parseReadRevision(query)
  await parts.reached(revision)
  if (revision > parts.store.revision) throw tooLarge(revision, parts.store.revision)
  sendNode(response, 200, parts.writes.read(name))
}

function pod(parts: RouteParts, method: string, key: string, name: string): Route {
  if (method !== 'GET') return refuse(methodNotAllowed())
  return {
    verb: 'get',
    async answer(request, response) {
      requireJsonAccepted(request)
      const found = parts.pods.get(key)
      if (found === undefined) throw notFound('pods', name)
      sendJson(response, 200, { kind: 'Pod', apiVersion: 'v1', ...found })
    },
  }
}

function refuse(error: StatusError): Route {
  return { verb: 'other', answer: () => Promise.reject(error) }
}

function prepareWrite(request: IncomingMessage, query: URLSearchParams): void {
  requireJsonAccepted(request)
  if (query.has('dryRun')) throw badRequest('dryRun is not supported by this server')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badRequest(`the object provided is unrecognized: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

function deleted(name: string, uid: string): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: { name, kind: 'nodes', uid } }
}

function sendNode(response: ServerResponse, httpStatus: number, entry: Entry): void {
  sendBuffer(response, httpStatus, Buffer.concat([NODE_HEAD, entry.body, NEWLINE]))
}

function sendBuffer(response: ServerResponse, httpStatus: number, body: Buffer): void {
  response.writeHead(httpStatus, { ...JSON_HEADERS, 'content-length': body.length })
  response.end(body)
}

const JSON_HEADERS = { 'content-type': 'application/json', 'cache-control': 'no-cache, private' }
const NODE_HEAD = Buffer.from('{"kind":"Node","apiVersion":"v1",')
const NEWLINE = Buffer.from('\n')
