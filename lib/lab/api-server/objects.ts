/**
 * Node objects as the embedded API server holds them: minimal types of its own, the shape check of what clients send and the
 * one rendering that lists, reads and watches share. Must not: decide whether a change is allowed (node-rules.ts).
 */
import { badRequest } from './status.ts'

export type Json = null | boolean | number | string | Json[] | JsonObject
export interface JsonObject {
  [key: string]: Json
}

/** Fields that the server does not interpret (ownerReferences, managedFields, …) are kept as they came. */
export interface ObjectMeta {
  readonly name: string
  readonly namespace?: string
  readonly uid?: string
  readonly resourceVersion?: string
  /** RFC 3339 with whole seconds, UTC. */
  readonly creationTimestamp?: string
  /** Its deletion was asked for, and waits until `finalizers` is empty. */
  readonly deletionTimestamp?: string
  readonly finalizers?: readonly string[]
  readonly labels?: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly [field: string]: unknown
}

export interface NodeSpec {
  readonly podCIDR?: string
  readonly podCIDRs?: readonly string[]
  readonly [field: string]: unknown
}

export interface NodeCondition {
  readonly type: string
  readonly status: string
  readonly reason?: string
  readonly message?: string
  readonly lastHeartbeatTime?: string
  readonly lastTransitionTime?: string
}

export interface NodeStatus {
  readonly conditions?: readonly NodeCondition[]
  readonly addresses?: readonly { readonly type: string; readonly address: string }[]
  readonly [field: string]: unknown
}

/** What a caller hands in; the server fills uid, resourceVersion and creationTimestamp. */
export interface NodeObject {
  readonly kind?: 'Node'
  readonly apiVersion?: 'v1'
  readonly metadata: ObjectMeta
  readonly spec?: NodeSpec
  readonly status?: NodeStatus
}

/** A Node as the server answers it. */
export interface StoredNode extends NodeObject {
  readonly kind: 'Node'
  readonly apiVersion: 'v1'
  readonly metadata: ObjectMeta & {
    readonly uid: string
    readonly resourceVersion: string
    readonly creationTimestamp: string
  }
  readonly spec: NodeSpec
  readonly status: NodeStatus
}

/** `spec.nodeName` is what an agent reads to learn its node's name from its own pod. */
export interface PodObject {
  readonly metadata: ObjectMeta & { readonly namespace: string }
  readonly spec: { readonly nodeName?: string; readonly [field: string]: unknown }
}

// The order in which kube-apiserver writes them; clients cut raw JSON by it (`,"managedFields":[` comes last).
const META_ORDER = [
  ...['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp'],
  ...['deletionTimestamp', 'deletionGracePeriodSeconds'],
]
const META_MAPS = ['labels', 'annotations']

/** Rendered once per object version; a Node always has a status. */
export interface Body {
  /** Everything between `{"kind":"Node","apiVersion":"v1",` and the end, closing brace included. */
  readonly body: Buffer
  /** Of `"metadata":{…}`, with which `body` begins. Bytes. */
  readonly metadataLength: number
}

export function renderBody(node: NodeObject): Body {
  const metadata = `"metadata":${JSON.stringify(orderMeta(node.metadata))}`
  const status = node.status === undefined ? '' : `,"status":${JSON.stringify(node.status)}`
  const rest = `,"spec":${JSON.stringify(node.spec ?? {})}${status}}`
  return { body: Buffer.from(metadata + rest), metadataLength: Buffer.byteLength(metadata) }
}

/** The object of a body that `renderBody` made; a fresh copy each time. */
export function parseBody(body: Buffer): StoredNode {
  return JSON.parse(`{"kind":"Node","apiVersion":"v1",${body.toString()}`) as StoredNode
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** JSON of a client → Node; throws a 400 StatusError that names the field of the wrong type. */
export function decodeNode(document: unknown): NodeObject {
  const value = document ?? {}
  if (!isJsonObject(value)) throw cannotHandle('the body is not a JSON object')
  if (value.kind !== undefined && value.kind !== 'Node') throw cannotHandle(`kind is ${JSON.stringify(value.kind)}`)
  if (value.apiVersion !== undefined && value.apiVersion !== 'v1') {
    throw cannotHandle(`apiVersion is ${JSON.stringify(value.apiVersion)}`)
  }
  const metadata = decodeMeta(objectField(value, 'metadata'))
  const spec = objectField(value, 'spec')
  if (spec.podCIDR !== undefined && typeof spec.podCIDR !== 'string') throw cannotHandle('spec.podCIDR is not a string')
  if (!isStringList(spec.podCIDRs)) throw cannotHandle('spec.podCIDRs is not a list of strings')
  const status = objectField(value, 'status')
  for (const list of ['conditions', 'addresses']) {
    if (!isListOfObjects(status[list])) throw cannotHandle(`status.${list} is not a list of objects`)
  }
  return { kind: 'Node', apiVersion: 'v1', metadata, spec: spec as NodeSpec, status: status as NodeStatus }
}

/** A null is an absent field, as for Go's decoder. */
function withoutNulls(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null))
}

function decodeMeta(meta: JsonObject): ObjectMeta {
  for (const field of ['name', 'uid', 'resourceVersion', 'creationTimestamp']) {
    const value = meta[field] ?? ''
    if (typeof value !== 'string') throw cannotHandle(`metadata.${field} is not a string`)
  }
  if (!isStringList(meta.finalizers ?? undefined)) throw cannotHandle('metadata.finalizers is not a list of strings')
  for (const field of META_MAPS) {
    for (const [key, value] of Object.entries(objectField(meta, field, 'metadata.'))) {
      if (typeof value !== 'string') throw cannotHandle(`metadata.${field}[${JSON.stringify(key)}] is not a string`)
    }
  }
  const { name, ...rest } = Object.fromEntries(Object.entries(meta).filter(([, value]) => !isEmpty(value)))
  return { name: typeof name === 'string' ? name : '', ...rest }
}

/** Empty maps and lists of the metadata are the same as absent ones. */
function isEmpty(value: Json): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

function objectField(parent: JsonObject, field: string, prefix = ''): JsonObject {
  const value = parent[field] ?? {}
  if (!isJsonObject(value)) throw cannotHandle(`${prefix}${field} is not an object`)
  return withoutNulls(value)
}

function isStringList(value: Json | undefined): boolean {
  return value === undefined || (Array.isArray(value) && value.every((item) => typeof item === 'string'))
}

function isListOfObjects(value: Json | undefined): boolean {
  return value === undefined || (Array.isArray(value) && value.every(isJsonObject))
}

function cannotHandle(problem: string) {
  return badRequest(`Node in version "v1" cannot be handled as a Node: ${problem}`)
}

function orderMeta(meta: ObjectMeta): Record<string, unknown> {
  const ordered: Record<string, unknown> = {}
  for (const field of META_ORDER) if (meta[field] !== undefined) ordered[field] = meta[field]
  for (const field of META_MAPS) {
    const entries = Object.entries(meta[field] ?? {})
    if (entries.length > 0) ordered[field] = Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  for (const [field, value] of Object.entries(meta)) {
    if (field !== 'managedFields' && !META_MAPS.includes(field) && !(field in ordered)) ordered[field] = value
  }
  if (meta.managedFields !== undefined) ordered.managedFields = meta.managedFields
  return ordered
}
