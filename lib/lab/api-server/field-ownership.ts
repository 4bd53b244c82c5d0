/**
 * Server-side apply as far as small objects need it: which field manager set which fields, kept in metadata.managedFields as
 * the API writes it, conflicts, and the removal of what a manager no longer applies. Lists are atomic, ownerReferences
 * excepted (by uid). Pure. Must not: validate what the result says.
 */
import { isJsonObject, type Json, type JsonObject } from './objects.ts'
import { StatusError } from './status.ts'

export interface Application {
  readonly manager: string
  /** Take fields away from other managers, instead of refusing with 409. */
  readonly force: boolean
  readonly subresource: '' | 'status'
  readonly apiVersion: string
  /** RFC 3339. */
  readonly time: string
}

/** A field, as the keys of FieldsV1 that lead to it. */
type FieldPath = string
const SEPARATOR = '\0'

interface ManagedEntry {
  readonly manager: string
  readonly subresource: string
  readonly fields: ReadonlySet<FieldPath>
}

/**
 * `old` with what `applied` says; `applied` holds only what this endpoint may change. Throws 409 that names the other
 * manager.
 */
export function applyFields(old: JsonObject, applied: JsonObject, how: Application): JsonObject {
  const managed = readManaged(old)
  const wanted = leavesOf(applied)
  const mine = (entry: ManagedEntry): boolean => entry.manager === how.manager && entry.subresource === how.subresource
  const others = managed.filter((entry) => !mine(entry))
  const taken = new Set<FieldPath>()
  for (const [path, value] of wanted)
    for (const { manager, fields } of others)
      if (fields.has(path) && !same(valueAt(old, path), value)) {
        if (!how.force) throw conflictWith(manager, path)
        taken.add(path)
      }
  const result = structuredClone(old)
  const held = new Set(others.flatMap(({ fields }) => [...fields]))
  for (const path of managed.find(mine)?.fields ?? [])
    if (!wanted.has(path) && !held.has(path)) removeAt(result, path.split(SEPARATOR))
  for (const [path, value] of wanted) setAt(result, path.split(SEPARATOR), value)
  const left = others.map((entry) => ({ ...entry, fields: without(entry.fields, taken) }))
  const now = { manager: how.manager, subresource: how.subresource, fields: new Set(wanted.keys()) }
  const all = [...left, now].filter(({ fields }) => fields.size > 0)
  const { managedFields: _, ...metadata } = isJsonObject(result.metadata) ? result.metadata : {}
  const managedFields = all.map((entry) => renderManaged(entry, how))
  return { ...result, metadata: { ...metadata, ...(managedFields.length > 0 ? { managedFields } : {}) } }
}

function conflictWith(manager: string, path: FieldPath): StatusError {
  const field = path
    .split(SEPARATOR)
    .map((key) => key.replace(/^f:/, '.').replace(/^k:(.*)$/, '[$1]'))
    .join('')
  const message = `Apply failed with 1 conflict: conflict with "${manager}": ${field}`
  return new StatusError(409, 'Conflict', message, {
    details: { causes: [{ reason: 'FieldManagerConflict', message: `conflict with "${manager}"`, field }] },
  })
}

/** Every leaf with its value; of the identity and of what belongs to the server none. */
function leavesOf(applied: JsonObject): Map<FieldPath, Json> {
  const found = new Map<FieldPath, Json>()
  const walk = (value: Json, path: readonly string[]): void => {
    if (isJsonObject(value) && Object.keys(value).length > 0)
      for (const [key, part] of Object.entries(value)) walk(part, [...path, `f:${key}`])
    else found.set(path.join(SEPARATOR), value)
  }
  const { metadata, apiVersion: _, kind: __, ...rest } = applied
  for (const [key, part] of Object.entries(rest)) walk(part, [`f:${key}`])
  const { labels, annotations, ownerReferences } = isJsonObject(metadata) ? metadata : {}
  for (const [key, part] of Object.entries({ labels, annotations }))
    if (isJsonObject(part)) walk(part, ['f:metadata', `f:${key}`])
  for (const owner of Array.isArray(ownerReferences) ? ownerReferences : [])
    if (isJsonObject(owner))
      found.set(['f:metadata', OWNERS, `k:${JSON.stringify({ uid: owner.uid })}`].join(SEPARATOR), owner)
  return found
}

const OWNERS = 'f:ownerReferences'

function readManaged(object: JsonObject): ManagedEntry[] {
  const list = isJsonObject(object.metadata) ? object.metadata.managedFields : undefined
  return (Array.isArray(list) ? list : []).filter(isJsonObject).map((entry) => ({
    manager: String(entry.manager),
    subresource: typeof entry.subresource === 'string' ? entry.subresource : '',
    fields: new Set(isJsonObject(entry.fieldsV1) ? treeLeaves(entry.fieldsV1, []) : []),
  }))
}

function treeLeaves(tree: JsonObject, path: readonly string[]): FieldPath[] {
  return Object.entries(tree).flatMap(([key, part]) =>
    isJsonObject(part) && Object.keys(part).length > 0
      ? treeLeaves(part, [...path, key])
      : [[...path, key].join(SEPARATOR)],
  )
}

function renderManaged({ manager, subresource, fields }: ManagedEntry, { apiVersion, time }: Application): JsonObject {
  const fieldsV1: JsonObject = {}
  for (const path of fields) {
    let tree = fieldsV1
    for (const key of path.split(SEPARATOR)) {
      const next = tree[key]
      const part = isJsonObject(next) ? next : {}
      tree[key] = part
      tree = part
    }
  }
  const where = subresource === '' ? {} : { subresource }
  return { manager, operation: 'Apply', apiVersion, time, fieldsType: 'FieldsV1', fieldsV1, ...where }
}

function valueAt(object: JsonObject, path: FieldPath): Json | undefined {
  let value: Json | undefined = object
  for (const key of path.split(SEPARATOR)) {
    if (key.startsWith('k:')) value = Array.isArray(value) ? value[positionOf(value, key)] : undefined
    else value = isJsonObject(value) ? value[key.slice(2)] : undefined
  }
  return value
}

function setAt(object: JsonObject, path: readonly string[], value: Json): void {
  const [key = '', ...rest] = path
  const name = key.slice(2)
  if (key === OWNERS) {
    const list = Array.isArray(object[name]) ? object[name] : []
    const at = positionOf(list, rest[0] ?? '')
    object[name] = at < 0 ? [...list, value] : list.map((item, index) => (index === at ? value : item))
  } else if (rest.length === 0) object[name] = value
  else {
    const next = object[name]
    const part = isJsonObject(next) ? next : {}
    object[name] = part
    setAt(part, rest, value)
  }
}

function removeAt(object: JsonObject, path: readonly string[]): void {
  const [key = '', ...rest] = path
  const name = key.slice(2)
  const part = object[name]
  if (rest.length === 0) delete object[name]
  else if (Array.isArray(part)) object[name] = part.filter((_, index) => index !== positionOf(part, rest[0] ?? ''))
  else if (isJsonObject(part)) {
    removeAt(part, rest)
    if (Object.keys(part).length === 0) delete object[name]
  }
}

function positionOf(owners: readonly Json[], key: string): number {
  return owners.findIndex((owner) => isJsonObject(owner) && `k:${JSON.stringify({ uid: owner.uid })}` === key)
}

function without(fields: ReadonlySet<FieldPath>, taken: ReadonlySet<FieldPath>): ReadonlySet<FieldPath> {
  return new Set([...fields].filter((path) => !taken.has(path)))
}

function same(a: Json | undefined, b: Json): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
