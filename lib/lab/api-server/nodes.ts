/**
 * Reading and writing Nodes: rules applied, then stored. One implementation for HTTP clients and for the program that runs the
 * server; every function throws StatusError as an HTTP client would see it. Must not: speak HTTP.
 */
import { randomUUID } from 'node:crypto'
import { applyMergePatch, applyStrategicMergePatch } from './merge-patch.ts'
import { admitCreate, admitUpdate, type Endpoint } from './node-rules.ts'
import { decodeNode, isJsonObject, type JsonObject, type NodeObject, parseBody, type StoredNode } from './objects.ts'
import { alreadyExists, badRequest, conflict, invalid, notFound, StatusError } from './status.ts'
import type { Entry, Store } from './store.ts'

/** Direct access for the program that runs the server: seen by watches like any other write, not counted as requests. */
export interface Nodes {
  /** A uid or creationTimestamp that is given is kept, so that a test can decide which of two nodes is older. */
  create(node: NodeObject): StoredNode
  /** Replaces metadata, spec and status at once; podCIDR stays immutable. Unconditional without metadata.resourceVersion. */
  update(node: NodeObject): StoredNode
  delete(name: string): void
  get(name: string): StoredNode | undefined
  /** All, by name. */
  list(): StoredNode[]
  /** A strategic merge patch on the status endpoint: spec is not changed. */
  patchStatus(name: string, patch: object): StoredNode
}

export type PatchLanguage = 'merge' | 'strategic'

/** The same for decoded requests; entries instead of objects, since their bodies are answered as they are. */
export interface NodeWrites {
  create(body: unknown): Entry
  put(name: string, body: unknown, endpoint: Endpoint): Entry
  patch(name: string, patch: JsonObject, language: PatchLanguage, endpoint: Endpoint): Entry
  /** `options` is a DeleteOptions, of which the preconditions count. */
  remove(name: string, options: unknown): Removal
  read(name: string): Entry
}

export type Removal =
  | { readonly gone: true; readonly uid: string }
  /** Somebody has to take his finalizer away first; the Node says that it is being deleted. */
  | { readonly gone: false; readonly entry: Entry }

/** `onGone` is told the UID of each Node that is deleted. */
export function createNodeWrites(store: Store, now: () => Date, onGone: (uid: string) => void): NodeWrites {
  const read = (name: string): Entry => {
    const entry = store.get(name)
    if (entry === undefined) throw notFound('nodes', name)
    return entry
  }
  const commit = (entry: Entry, old: StoredNode, wanted: NodeObject, endpoint: Endpoint): Entry => {
    const next = admitUpdate(old, wanted, endpoint)
    if (next === undefined) return entry
    const { deletionTimestamp, finalizers = [] } = next.metadata
    // With the last finalizer of what is being deleted the object goes.
    if (deletionTimestamp !== undefined && finalizers.length === 0) {
      const gone = store.remove(next.metadata.name, next)
      onGone(old.metadata.uid)
      return gone
    }
    return store.put(next)
  }
  return {
    read,
    create: (body) => insert(store, decodeNode(body), newIdentity(now)),
    put(name, body, endpoint) {
      const entry = read(name)
      return commit(entry, parseBody(entry.body), decodeNode(body), endpoint)
    },
    patch(name, patch, language, endpoint) {
      const entry = read(name)
      const old = parseBody(entry.body)
      const apply = language === 'merge' ? applyMergePatch : applyStrategicMergePatch
      const wanted = decodePatched(apply(JSON.parse(JSON.stringify(old)), patch))
      if (wanted.metadata.name === name && wanted.metadata.uid !== old.metadata.uid) {
        const message = 'Invalid value: field is immutable'
        throw invalid('Node', name, [{ reason: 'FieldValueInvalid', message, field: 'metadata.uid' }])
      }
      return commit(entry, old, wanted, endpoint)
    },
    remove(name, options) {
      const entry = read(name)
      const node = parseBody(entry.body)
      checkPreconditions(node, options)
      const { finalizers = [], deletionTimestamp, uid } = node.metadata
      if (finalizers.length > 0) {
        if (deletionTimestamp !== undefined) return { gone: false, entry }
        const dying = { deletionTimestamp: timestamp(now()), deletionGracePeriodSeconds: 0 }
        return { gone: false, entry: store.put({ ...node, metadata: { ...node.metadata, ...dying } }) }
      }
      store.remove(name, node)
      onGone(uid)
      return { gone: true, uid }
    },
  }
}

export function createNodes(store: Store, writes: NodeWrites, now: () => Date): Nodes {
  return {
    create(node) {
      const { uid, creationTimestamp } = node.metadata
      const identity = newIdentity(now)
      const entry = insert(store, decodeNode(structuredClone(node)), {
        uid: uid ?? identity.uid,
        creationTimestamp: creationTimestamp ?? identity.creationTimestamp,
      })
      return parseBody(entry.body)
    },
    update: (node) => parseBody(writes.put(node.metadata.name, structuredClone(node), 'whole').body),
    delete: (name) => void writes.remove(name, {}),
    get(name) {
      const entry = store.get(name)
      return entry === undefined ? undefined : parseBody(entry.body)
    },
    list: () => store.sorted().map((entry) => parseBody(entry.body)),
    patchStatus: (name, patch) =>
      parseBody(writes.patch(name, JSON.parse(JSON.stringify(patch)), 'strategic', 'status').body),
  }
}

function insert(store: Store, node: NodeObject, identity: { uid: string; creationTimestamp: string }): Entry {
  const admitted = admitCreate(node, identity)
  if (store.get(admitted.metadata.name) !== undefined) throw alreadyExists(admitted.metadata.name)
  return store.put(admitted)
}

function newIdentity(now: () => Date): { uid: string; creationTimestamp: string } {
  return {
    uid: randomUUID(),
    creationTimestamp: timestamp(now()),
  }
}

/** As Kubernetes writes it: to the second. */
function timestamp(now: Date): string {
  return now.toISOString().replace(/\.\d+Z$/, 'Z')
}

function checkPreconditions({ metadata }: StoredNode, options: unknown): void {
  const wanted = isJsonObject(options) && isJsonObject(options.preconditions) ? options.preconditions : {}
  for (const field of ['uid', 'resourceVersion'] as const) {
    if (wanted[field] === undefined || wanted[field] === metadata[field]) continue
    throw conflict(
      metadata.name,
      `the precondition ${field} ${JSON.stringify(wanted[field])} is not ${metadata[field]}`,
    )
  }
}

/** A patch that makes a field of the wrong type is a well-formed request with a bad value: 422 instead of 400. */
function decodePatched(value: unknown): NodeObject {
  try {
    return decodeNode(value)
  } catch (error) {
    if (!(error instanceof StatusError)) throw error
    throw invalid('', '', [{ reason: 'FieldValueInvalid', message: `Invalid value: ${error.message}`, field: 'patch' }])
  }
}

/** Text of a patch → object; throws 400. */
export function parsePatch(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject
  } catch {
    // Falls through to the one answer for every unreadable patch.
  }
  throw badRequest('error decoding patch: it is not a JSON object')
}
