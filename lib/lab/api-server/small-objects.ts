/**
 * Writing small objects (OverlayClaims, Leases): create, replace, merge patch, server-side apply, delete, by the rules of
 * kube-apiserver for custom resources. Throws StatusError. Must not: speak HTTP, or know what a field means (claim-rules.ts).
 */
import { randomUUID } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import { type Application, applyFields } from './field-ownership.ts'
import { applyMergePatch } from './merge-patch.ts'
import { isJsonObject, type JsonObject, type NodeObject } from './objects.ts'
import { badRequest, internal, invalid, type StatusCause, StatusError } from './status.ts'
import type { Entry, Store } from './store.ts'

export interface ResourceKind {
  readonly group: string
  readonly apiVersion: string
  readonly kind: string
  /** Plural, as in paths. */
  readonly resource: string
  /** Whether spec and status have endpoints of their own. */
  readonly statusApart: boolean
  prune(object: JsonObject): JsonObject
  causes(old: JsonObject | undefined, next: JsonObject): StatusCause[]
}

export type Endpoint = '' | 'status'

export interface SmallObjects {
  read(name: string): Entry
  create(body: unknown): Entry
  put(name: string, body: unknown, endpoint: Endpoint): Entry
  merge(name: string, patch: JsonObject, endpoint: Endpoint): Entry
  /** `made`: it did not exist. */
  apply(name: string, body: unknown, how: Omit<Application, 'apiVersion' | 'time'>): { entry: Entry; made: boolean }
  /** `options` is a DeleteOptions, of which the preconditions count. Resolves with the UID of what is gone. */
  remove(name: string, options: unknown): string
}

export function createSmallObjects(of: ResourceKind, store: Store, now: () => Date): SmallObjects {
  const missing = (name: string): StatusError =>
    new StatusError(404, 'NotFound', `${of.resource}.${of.group} "${name}" not found`, {
      details: { name, group: of.group, kind: of.resource },
    })
  const conflict = (name: string, because: string): StatusError =>
    new StatusError(
      409,
      'Conflict',
      `Operation cannot be fulfilled on ${of.resource}.${of.group} "${name}": ${because}`,
      {
        details: { name, group: of.group, kind: of.resource },
      },
    )
  const read = (name: string): Entry => {
    const entry = store.get(name)
    if (entry === undefined) throw missing(name)
    return entry
  }
  const check = (old: JsonObject | undefined, next: JsonObject, name: string): void => {
    const causes = of.causes(old, next)
    if (causes.length > 0) throw invalid(of.kind, name, causes)
  }
  const insert = (object: JsonObject): Entry => {
    const name = nameOf(object)
    if (name === '')
      throw invalid(of.kind, '', [{ reason: 'FieldValueRequired', message: 'Required value', field: 'metadata.name' }])
    const { status: _, ...withoutStatus } = object
    const next = of.prune(of.statusApart ? withoutStatus : object)
    check(undefined, next, name)
    const metadata = isJsonObject(next.metadata) ? next.metadata : {}
    const identity = { uid: randomUUID(), creationTimestamp: timestamp(now()), generation: 1 }
    return store.put(asNode({ ...next, metadata: { ...metadata, ...identity } }))
  }
  const commit = (entry: Entry, wanted: JsonObject, endpoint: Endpoint): Entry => {
    const old = bodyOf(entry)
    const name = nameOf(old)
    checkVersion(old, wanted, (because) => conflict(name, because))
    const { spec, status } = of.statusApart ? partsOf(old, wanted, endpoint) : wanted
    const next: JsonObject = of.prune({
      ...(spec === undefined ? {} : { spec }),
      ...(status === undefined ? {} : { status }),
      metadata: { ...metadataOf(endpoint === 'status' ? withManaged(old, wanted) : wanted), ...identityOf(old) },
    })
    check(old, next, name)
    if (isDeepStrictEqual(plain(next), plain({ ...old }))) return entry
    const grown = isDeepStrictEqual(next.spec, old.spec) ? 0 : 1
    const generation = Number(metadataOf(old).generation ?? 1) + grown
    return store.put(asNode({ ...next, metadata: { ...metadataOf(next), generation } }))
  }

  return {
    read,
    create(body) {
      const object = decode(body, of)
      if (store.get(nameOf(object)) !== undefined) {
        const name = nameOf(object)
        throw new StatusError(409, 'AlreadyExists', `${of.resource}.${of.group} "${name}" already exists`, {
          details: { name, group: of.group, kind: of.resource },
        })
      }
      return insert(object)
    },
    put: (name, body, endpoint) => commit(read(name), decode(body, of), endpoint),
    merge(name, patch, endpoint) {
      const entry = read(name)
      return commit(entry, applyMergePatch(bodyOf(entry), patch), endpoint)
    },
    apply(name, body, { manager, force, subresource }) {
      const object = decode(body, of)
      if (nameOf(object) !== '' && nameOf(object) !== name)
        throw badRequest(`the name of the object (${nameOf(object)}) does not match the name on the URL (${name})`)
      const how = { manager, force, subresource, apiVersion: of.apiVersion, time: timestamp(now()) }
      const pruned = of.prune(object)
      if (!isDeepStrictEqual(pruned, object))
        throw internal('failed to create typed patch object: field not declared in schema')
      const { spec, status, metadata } = pruned
      const metaPart = metadata === undefined ? {} : { metadata }
      const part: JsonObject =
        subresource === 'status'
          ? status === undefined
            ? {}
            : { status }
          : { ...metaPart, ...(spec === undefined ? {} : { spec }) }
      const entry = store.get(name)
      if (entry !== undefined) {
        const wanted = applyFields(bodyOf(entry), part, how)
        return { entry: commit(entry, wanted, subresource), made: false }
      }
      if (subresource === 'status') throw missing(name)
      const made = applyFields({ metadata: { name } }, part, how)
      return { entry: insert(made), made: true }
    },
    remove(name, options) {
      const old = bodyOf(read(name))
      const wanted = isJsonObject(options) && isJsonObject(options.preconditions) ? options.preconditions : {}
      for (const field of ['uid', 'resourceVersion'] as const)
        if (wanted[field] !== undefined && wanted[field] !== metadataOf(old)[field])
          throw conflict(name, `Precondition failed: ${field}`)
      store.remove(name, asNode(old))
      return String(metadataOf(old).uid)
    },
  }
}

/** The object of an entry, without kind and version. */
export function bodyOf(entry: Entry): JsonObject {
  return JSON.parse(`{${entry.body.toString()}`) as JsonObject
}

function decode(body: unknown, of: ResourceKind): JsonObject {
  if (!isJsonObject(body)) throw badRequest('the body is not a JSON object')
  if ((body.kind ?? of.kind) !== of.kind || (body.apiVersion ?? of.apiVersion) !== of.apiVersion)
    throw badRequest(`the object is no ${of.kind} of ${of.apiVersion}`)
  return JSON.parse(JSON.stringify(body)) as JsonObject
}

function partsOf(old: JsonObject, wanted: JsonObject, endpoint: Endpoint): JsonObject {
  const [spec, status] = endpoint === 'status' ? [old.spec, wanted.status] : [wanted.spec, old.status]
  return { ...(spec === undefined ? {} : { spec }), ...(status === undefined ? {} : { status }) }
}

/** Of a custom resource's status endpoint the metadata stays, but for who owns what. */
function withManaged(old: JsonObject, wanted: JsonObject): JsonObject {
  const { managedFields } = metadataOf(wanted)
  return { metadata: { ...metadataOf(old), ...(managedFields === undefined ? {} : { managedFields }) } }
}

function checkVersion(old: JsonObject, wanted: JsonObject, conflict: (because: string) => StatusError): void {
  const { resourceVersion } = metadataOf(wanted)
  if (resourceVersion !== undefined && resourceVersion !== '' && resourceVersion !== metadataOf(old).resourceVersion)
    throw conflict('the object has been modified; apply your changes to its newest version and try again')
}

function identityOf(old: JsonObject): JsonObject {
  const { name, namespace, uid, creationTimestamp, generation, resourceVersion } = metadataOf(old)
  const all = { name, namespace, uid, creationTimestamp, generation, resourceVersion }
  return Object.fromEntries(Object.entries(all).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])))
}

/** Without the times at which managers wrote: writing the same again changes nothing. */
function plain(object: JsonObject): JsonObject {
  const { managedFields, ...metadata } = metadataOf(object)
  const managers = Array.isArray(managedFields)
    ? managedFields.map((entry) => ({ ...(isJsonObject(entry) ? entry : {}), time: '' }))
    : []
  return { ...object, metadata: { ...metadata, managers } }
}

function metadataOf(object: JsonObject): JsonObject {
  return isJsonObject(object.metadata) ? object.metadata : {}
}

function nameOf(object: JsonObject): string {
  const { name } = metadataOf(object)
  return typeof name === 'string' ? name : ''
}

function timestamp(now: Date): string {
  return now.toISOString().replace(/\.\d+Z$/, 'Z')
}

/** The store keeps whatever has metadata; a namespaced object is known by its name alone. */
function asNode(object: JsonObject): NodeObject {
  return object as unknown as NodeObject
}
