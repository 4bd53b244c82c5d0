/**
 * Paths and methods → nodes, lists, watches. Owns what each endpoint answers. Must not: decide whether the server is reachable
 * or who may ask (api-server.ts).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { messageOf } from '../../util/message-of.ts'
import type { Attempt } from './access.ts'
import { beginAnswer, sendJson, sendNode, sendStatus } from './answers.ts'
import { wholeAsJson } from './json-representation.ts'
import { isTrue, parseListRequest, parseReadRevision, parseWatchRequest } from './list-options.ts'
import { renderList, requiredRevision } from './lists.ts'
import {
  chooseRepresentation,
  patchLanguage,
  readBody,
  requireJsonAccepted,
  requireJsonBody,
  wantsListKind,
} from './negotiate.ts'
import type { Endpoint } from './node-rules.ts'
import { type NodeWrites, parsePatch } from './nodes.ts'
import type { PodObject } from './objects.ts'
import type { Representation } from './representation.ts'
import {
  badRequest,
  methodNotAllowed,
  notFound,
  type Status,
  type StatusError,
  tooLarge,
  unknownPath,
} from './status.ts'
import type { Store } from './store.ts'
import { refusal, type Watches } from './watches.ts'

/** What is wanted, and how it is answered. */
export interface Route extends Attempt {
  /** Throws StatusError before it has answered anything. */
  answer(request: IncomingMessage, response: ServerResponse): Promise<void>
}

export interface RouteParts {
  readonly store: Store
  readonly writes: NodeWrites
  readonly watches: Watches
  readonly pods: ReadonlyMap<string, PodObject>
  readonly protobuf: boolean
  readonly watchList: boolean
  readonly watchGone: 'event' | 'status'
  /** Resolves when the store has reached the revision, or after the 3 s that the real one waits. */
  reached(revision: number): Promise<void>
  /** Answers below /apis; undefined: nothing is there. */
  readonly others?: (method: string, segments: readonly string[], url: URL) => Route | undefined
}

/** What lists and watches of one resource need. */
export type CollectionParts = Pick<
  RouteParts,
  'store' | 'watches' | 'protobuf' | 'watchList' | 'watchGone' | 'reached'
> & {
  /** Default: nodes. */
  readonly resource?: Route['resource']
  /** Of what is not asked for as metadata alone; default: Nodes. */
  readonly whole?: Representation
}

/** Answers for everything below /api and /apis; a request that nothing answers gets a 404 or 405 like any other Status. */
export function findRoute(parts: RouteParts, method: string, url: URL): Route {
  const segments = url.pathname
    .split('/')
    .filter((segment) => segment !== '')
    .map(decodeSegment)
  if (segments[0] === 'apis') return parts.others?.(method, segments.slice(1), url) ?? refuse(unknownPath())
  const [api, version, resource, first, second, third, ...more] = segments
  if (api !== 'api' || version !== 'v1' || more.length > 0) return refuse(unknownPath())
  if (resource === 'nodes' && first === undefined) return collection(parts, method, url.searchParams)
  if (resource === 'nodes' && first !== undefined && third === undefined) {
    if (second === undefined) return single(parts, method, first, 'nodes', url.searchParams)
    if (second === 'status') return single(parts, method, first, 'status', url.searchParams)
  }
  if (resource === 'namespaces' && first !== undefined && second === 'pods' && third !== undefined) {
    return pod(parts, method, first, third)
  }
  return refuse(unknownPath())
}

function collection(parts: RouteParts, method: string, query: URLSearchParams): Route {
  if (method === 'POST') {
    return {
      verb: 'create',
      resource: 'nodes',
      async answer(request, response) {
        const as = prepareWrite(parts, request, query)
        requireJsonBody(request)
        sendNode(response, 201, parts.writes.create(parseJson(await readBody(request))), as)
      },
    }
  }
  if (method !== 'GET') return refuse(methodNotAllowed())
  return readCollection(parts, query)
}

/** A GET of a collection. */
export function readCollection(parts: CollectionParts, query: URLSearchParams): Route {
  return isTrue(query, 'watch') ? watch(parts, query) : list(parts, query)
}

function represented(parts: CollectionParts, chosen: Representation): Representation {
  return chosen === wholeAsJson ? (parts.whole ?? chosen) : chosen
}

function list(parts: CollectionParts, query: URLSearchParams): Route {
  return {
    verb: 'list',
    resource: parts.resource ?? 'nodes',
    async answer(request, response) {
      const as = represented(parts, chooseRepresentation(request, 'list', parts.protobuf))
      const wanted = parseListRequest(query)
      await parts.reached(requiredRevision(wanted))
      const pieces = renderList(parts.store, wanted, as)
      beginAnswer(response, as.type)
      for (const piece of pieces) {
        if (!response.write(piece)) await untilWritable(response)
        if (response.destroyed) return
      }
      response.end()
    },
  }
}

/** Or closed. */
function untilWritable(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}

function watch(parts: CollectionParts, query: URLSearchParams): Route {
  return {
    verb: 'watch',
    resource: parts.resource ?? 'nodes',
    async answer(request, response) {
      const as = represented(parts, chooseRepresentation(request, 'watch', parts.protobuf))
      const wanted = parseWatchRequest(query, parts.watchList)
      if (wanted.from.kind === 'state') await parts.reached(wanted.from.notOlderThan)
      const gone = parts.watchGone === 'status' ? refusal(parts.store, wanted) : undefined
      if (gone !== undefined) throw gone
      if (response.destroyed) return
      if (!wantsListKind(request)) return parts.watches.open(response, wanted, as)
      beginAnswer(response, as.watchType)
      response.end()
    },
  }
}

function single(parts: RouteParts, method: string, name: string, endpoint: Endpoint, query: URLSearchParams): Route {
  const { writes } = parts
  const about = { resource: endpoint === 'status' ? 'nodes/status' : 'nodes', name } as const
  switch (method) {
    case 'GET':
      return { verb: 'get', ...about, answer: (request, response) => readNode(parts, name, query, request, response) }
    case 'PUT':
      return {
        verb: 'update',
        ...about,
        async answer(request, response) {
          const as = prepareWrite(parts, request, query)
          requireJsonBody(request)
          sendNode(response, 200, writes.put(name, parseJson(await readBody(request)), endpoint), as)
        },
      }
    case 'PATCH':
      return {
        verb: 'patch',
        ...about,
        async answer(request, response) {
          const as = prepareWrite(parts, request, query)
          const language = patchLanguage(request)
          sendNode(response, 200, writes.patch(name, parsePatch(await readBody(request)), language, endpoint), as)
        },
      }
    case 'DELETE':
      if (endpoint === 'status') return refuse(methodNotAllowed())
      return {
        verb: 'delete',
        ...about,
        async answer(request, response) {
          const as = prepareWrite(parts, request, query)
          const body = await readBody(request)
          const removal = writes.remove(name, body === '' ? {} : parseJson(body))
          if (removal.gone) sendStatus(response, 200, deleted(name, removal.uid), as.type)
          else sendNode(response, 200, removal.entry, as)
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
  const as = chooseRepresentation(request, 'object', parts.protobuf)
  const revision = parseReadRevision(query)
  await parts.reached(revision)
  if (revision > parts.store.revision) throw tooLarge(revision, parts.store.revision)
  sendNode(response, 200, parts.writes.read(name), as)
}

function pod(parts: RouteParts, method: string, namespace: string, name: string): Route {
  if (method !== 'GET') return refuse(methodNotAllowed())
  return {
    verb: 'get',
    resource: 'pods',
    namespace,
    name,
    async answer(request, response) {
      requireJsonAccepted(request)
      const found = parts.pods.get(`${namespace}/${name}`)
      if (found === undefined) throw notFound('pods', name)
      sendJson(response, 200, { kind: 'Pod', apiVersion: 'v1', ...found })
    },
  }
}

/** Nobody needs a right to be told so. */
export function refuse(error: StatusError): Route {
  return { verb: 'other', answer: () => Promise.reject(error) }
}

/** How the object is answered. */
function prepareWrite(parts: RouteParts, request: IncomingMessage, query: URLSearchParams): Representation {
  const as = chooseRepresentation(request, 'object', parts.protobuf)
  if (query.has('dryRun')) throw badRequest('dryRun is not supported by this server')
  return as
}

/** Throws 400. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw badRequest(`the object provided is unrecognized: ${messageOf(error)}`)
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
