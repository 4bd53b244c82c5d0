/**
 * What the embedded API server has beside Nodes: OverlayClaims as a custom resource, JSON only, with status apart and the
 * owner's end as theirs; Leases of one namespace by their names. Must not: hold Nodes (nodes.ts).
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Clock } from '../../util/clock.ts'
import { sendJson, sendNode } from './answers.ts'
import { claimCauses, pruneClaim } from './claim-rules.ts'
import { objectsAsJson } from './json-representation.ts'
import { isTrue, parseReadRevision } from './list-options.ts'
import { chooseRepresentation, readBody, requireJsonBody } from './negotiate.ts'
import { parsePatch } from './nodes.ts'
import { isJsonObject, type JsonObject } from './objects.ts'
import type { Representation } from './representation.ts'
import { type CollectionParts, parseJson, type Route, type RouteParts, readCollection, refuse } from './routes.ts'
import { bodyOf, createSmallObjects, type Endpoint, type ResourceKind, type SmallObjects } from './small-objects.ts'
import { badRequest, methodNotAllowed, tooLarge, unsupportedMediaType } from './status.ts'
import { type Backup, createStore, type Entry, type RevisionCounter, type Store } from './store.ts'
import { createWatches, type Watches } from './watches.ts'

const CLAIM: ResourceKind = {
  group: 'vtepd.dev',
  apiVersion: 'vtepd.dev/v1',
  kind: 'OverlayClaim',
  resource: 'overlayclaims',
  statusApart: true,
  prune: pruneClaim,
  causes: claimCauses,
}
const LEASE: ResourceKind = {
  group: 'coordination.k8s.io',
  apiVersion: 'coordination.k8s.io/v1',
  kind: 'Lease',
  resource: 'leases',
  statusApart: false,
  prune: (object) => object,
  causes: () => [],
}
const APPLY = 'application/apply-patch+yaml'
const MERGE = 'application/merge-patch+json'

/** Direct access for the program that runs the server, as `Nodes` is. */
export interface Claims {
  get(name: string): JsonObject | undefined
  /** By name. */
  list(): JsonObject[]
  delete(name: string): void
  /** As PATCH with server-side apply, forced. */
  apply(object: JsonObject, manager: string, endpoint?: Endpoint): JsonObject
}

export interface OtherResources {
  readonly claims: Claims
  /** In the order of all stores that need what happens to etcd. */
  readonly stores: readonly Store[]
  readonly watches: readonly Watches[]
  route(method: string, segments: readonly string[], url: URL): Route | undefined
  /** A Node is gone: what only it owned goes too, as by the controller manager. */
  nodeGone(uid: string): void
  backup(): readonly Backup[]
  restore(backup: readonly Backup[]): void
}

export interface OtherOptions {
  /** Whether OverlayClaims exist (deploy/claims.yaml was applied). */
  readonly claims: boolean
  readonly historyEvents: number
  readonly bookmarkIntervalMs: number
  readonly clock: Clock
  readonly now: () => Date
  readonly counter: RevisionCounter
  readonly onChange: () => void
  readonly served: Pick<RouteParts, 'watchList' | 'watchGone' | 'reached'>
}

export function createOtherResources(options: OtherOptions): OtherResources {
  const build = (kind: ResourceKind) => {
    const store: Store = createStore(
      options.historyEvents,
      () => {
        watches.changed()
        options.onChange()
      },
      options.counter,
    )
    const watches: Watches = createWatches(store, options.clock, options)
    const whole = objectsAsJson(kind)
    const objects = createSmallObjects(kind, store, options.now)
    return { kind, store, watches, whole, objects }
  }
  const claims = build(CLAIM)
  const leases = build(LEASE)
  const collection = ({ kind, store, watches, whole }: ReturnType<typeof build>): CollectionParts => ({
    ...options.served,
    store,
    watches,
    whole,
    protobuf: false,
    resource: kind.resource as 'overlayclaims' | 'leases',
  })
  const object = (entry: Entry): JsonObject => ({ apiVersion: CLAIM.apiVersion, kind: CLAIM.kind, ...bodyOf(entry) })

  return {
    claims: {
      get(name) {
        const entry = claims.store.get(name)
        return entry === undefined ? undefined : object(entry)
      },
      list: () => claims.store.sorted().map(object),
      delete: (name) => void claims.objects.remove(name, {}),
      apply(given, manager, subresource = '') {
        const { name } = isJsonObject(given.metadata) ? given.metadata : {}
        return object(claims.objects.apply(String(name), given, { manager, force: true, subresource }).entry)
      },
    },
    stores: [claims.store, leases.store],
    watches: [claims.watches, leases.watches],
    route(method, segments, url) {
      const [group, version, ...rest] = segments
      const query = url.searchParams
      if (segments.join('/') === CLAIM.apiVersion && method === 'GET' && options.claims) return discovery(CLAIM)
      if (group === 'vtepd.dev' && version === 'v1' && rest[0] === 'overlayclaims' && options.claims) {
        const [, name, endpoint, ...more] = rest
        if (more.length > 0 || (endpoint !== undefined && endpoint !== 'status')) return undefined
        if (name !== undefined) return single(claims, options, method, name, endpoint ?? '', query)
        return method === 'GET' ? readCollection(collection(claims), query) : createRoute(claims, method, {})
      }
      if (group === 'coordination.k8s.io' && version === 'v1' && rest[0] === 'namespaces' && rest[2] === 'leases') {
        const [, namespace = '', , name, ...more] = rest
        if (more.length > 0) return undefined
        if (name !== undefined) return single(leases, options, method, name, '', query, namespace)
        return createRoute(leases, method, { namespace })
      }
      return undefined
    },
    nodeGone(uid) {
      if (uid === '') return
      for (const entry of claims.store.sorted()) {
        // Parsing each of thousands would hold up everything else.
        if (!entry.body.includes(uid)) continue
        const { name, ownerReferences } = metadataOf(bodyOf(entry))
        const owners = Array.isArray(ownerReferences) ? ownerReferences.filter(isJsonObject) : []
        if (owners.length > 0 && owners.every((owner) => owner.uid === uid)) claims.objects.remove(String(name), {})
      }
    },
    backup: () => [claims.store.backup(), leases.store.backup()],
    restore(backup) {
      for (const [index, store] of [claims.store, leases.store].entries()) {
        const one = backup[index]
        if (one !== undefined) store.restore(one)
      }
    },
  }
}

interface Resource {
  readonly kind: ResourceKind
  readonly store: Store
  readonly whole: Representation
  readonly objects: SmallObjects
}

/** What there is of the group and version, for everybody: no right is needed. */
function discovery({ apiVersion, kind, resource }: ResourceKind): Route {
  const resources = [{ name: resource, kind, namespaced: false }]
  const list = { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: apiVersion, resources }
  return { verb: 'get', answer: async (_, response) => sendJson(response, 200, list) }
}

function createRoute({ kind, objects, whole }: Resource, method: string, fixed: JsonObject): Route {
  if (method !== 'POST') return refuse(methodNotAllowed())
  return {
    verb: 'create',
    resource: kind.resource as 'overlayclaims' | 'leases',
    async answer(request, response) {
      requireJson(request)
      requireJsonBody(request)
      const body = parseJson(await readBody(request))
      const metadata = isJsonObject(body) && isJsonObject(body.metadata) ? body.metadata : {}
      const given = isJsonObject(body) ? { ...body, metadata: { ...metadata, ...fixed } } : body
      sendNode(response, 201, objects.create(given), whole)
    },
  }
}

function single(
  resource: Resource,
  { served }: OtherOptions,
  method: string,
  name: string,
  endpoint: Endpoint,
  query: URLSearchParams,
  namespace?: string,
): Route {
  const { kind, store, objects, whole } = resource
  const about = {
    resource: `${kind.resource}${endpoint === '' ? '' : '/status'}` as
      | 'overlayclaims'
      | 'overlayclaims/status'
      | 'leases',
    name,
    ...(namespace === undefined ? {} : { namespace }),
  }
  const answering = (
    verb: Route['verb'],
    answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
  ): Route => ({
    verb,
    ...about,
    answer(request, response) {
      requireJson(request)
      if (query.has('dryRun')) throw badRequest('dryRun is not supported by this server')
      return answer(request, response)
    },
  })
  switch (method) {
    case 'GET':
      return answering('get', async (_, response) => {
        const revision = parseReadRevision(query)
        await served.reached(revision)
        if (revision > store.revision) throw tooLarge(revision, store.revision)
        sendNode(response, 200, objects.read(name), whole)
      })
    case 'PUT':
      return answering('update', async (request, response) => {
        requireJsonBody(request)
        sendNode(response, 200, objects.put(name, parseJson(await readBody(request)), endpoint), whole)
      })
    case 'PATCH':
      return answering('patch', async (request, response) => {
        const type = (request.headers['content-type'] ?? '').split(';', 1)[0]?.trim()
        const text = await readBody(request)
        if (type === MERGE) return sendNode(response, 200, objects.merge(name, parsePatch(text), endpoint), whole)
        if (type !== APPLY) throw unsupportedMediaType(type ?? '', [MERGE, APPLY])
        const manager = query.get('fieldManager') ?? ''
        if (manager === '') throw badRequest('fieldManager is required for apply patch')
        const force = isTrue(query, 'force')
        const { entry, made } = objects.apply(name, parseJson(text), { manager, force, subresource: endpoint })
        sendNode(response, made ? 201 : 200, entry, whole)
      })
    case 'DELETE':
      if (endpoint === 'status') return refuse(methodNotAllowed())
      return answering('delete', async (request, response) => {
        const body = await readBody(request)
        const uid = objects.remove(name, body === '' ? {} : parseJson(body))
        const details = { name, group: kind.group, kind: kind.resource, uid }
        sendJson(response, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details })
      })
    default:
      return refuse(methodNotAllowed())
  }
}

function requireJson(request: IncomingMessage): void {
  chooseRepresentation(request, 'object', false)
}

function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object.metadata) ? object.metadata : {}
}
