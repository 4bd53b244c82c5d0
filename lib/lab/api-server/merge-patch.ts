/**
 * The two patch languages that Node clients use: JSON merge patch (RFC 7386) and Kubernetes' strategic merge patch with the merge
 * keys of a Node. Pure: answers a new document. Must not: know what the result may be (node-rules.ts).
 */
import { isJsonObject, type Json, type JsonObject } from './objects.ts'
import { badRequest, internal } from './status.ts'

// Lists of a Node that merge instead of being replaced; the value is the key of their elements, '' for plain values.
// Source: the patchStrategy and patchMergeKey tags of the core/v1 types. Taints and images have none: they are replaced.
const MERGED_LISTS: Readonly<Record<string, string>> = {
  'metadata.ownerReferences': 'uid',
  'metadata.finalizers': '',
  'spec.podCIDRs': '',
  'status.addresses': 'type',
  'status.conditions': 'type',
}

/** RFC 7386: objects merge, null deletes, everything else replaces. */
export function applyMergePatch(target: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = { ...target }
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key]
    else if (isJsonObject(value)) {
      const old = result[key]
      result[key] = applyMergePatch(isJsonObject(old) ? old : {}, value)
    } else result[key] = value
  }
  return result
}

/** Strategic merge patch on a Node, with the directives `$patch`, `$setElementOrder/…` and `$deleteFromPrimitiveList/…`. */
export function applyStrategicMergePatch(target: JsonObject, patch: JsonObject, path = ''): JsonObject {
  if (patch.$patch === 'delete') return {}
  if (patch.$patch === 'replace') return withoutDirectives(patch)
  if (patch.$patch !== undefined && patch.$patch !== 'merge') {
    throw badRequest(`unknown $patch ${JSON.stringify(patch.$patch)} at '${path}'`)
  }
  const result: JsonObject = { ...target }
  for (const key of namedKeys(patch)) {
    const value = patch[key]
    const where = path === '' ? key : `${path}.${key}`
    const old = result[key]
    const mergeKey = MERGED_LISTS[where]
    if (value === null) delete result[key]
    else if (mergeKey !== undefined && (value === undefined || Array.isArray(value))) {
      const list = mergeList(
        Array.isArray(old) ? old : undefined,
        value ?? [],
        directivesOf(patch, key),
        mergeKey,
        where,
      )
      if (list.length > 0 || old !== undefined) result[key] = list
    } else if (isJsonObject(value)) {
      result[key] = applyStrategicMergePatch(isJsonObject(old) ? old : {}, value, where)
    } else if (value !== undefined) result[key] = value
  }
  return result
}

interface ListDirectives {
  readonly order: readonly Json[] | undefined
  readonly remove: readonly Json[]
}

function withoutDirectives(patch: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(patch).filter(([key]) => !key.startsWith('$')))
}

/** Keys that the patch is about: its own, and those that only a directive (`$setElementOrder/conditions`) names. */
function namedKeys(patch: JsonObject): ReadonlySet<string> {
  return new Set(Object.keys(patch).flatMap((key) => (key.startsWith('$') ? key.split('/').slice(1, 2) : [key])))
}

function directivesOf(patch: JsonObject, key: string): ListDirectives {
  const order = patch[`$setElementOrder/${key}`]
  return { order: Array.isArray(order) ? order : undefined, remove: arrayOr(patch[`$deleteFromPrimitiveList/${key}`]) }
}

/** `known` undefined: there is no list yet, and nothing has to be found in it by its merge key. */
function mergeList(
  known: readonly Json[] | undefined,
  patch: readonly Json[],
  directives: ListDirectives,
  mergeKey: string,
  where: string,
): Json[] {
  const old = known ?? []
  const order = (directives.order ?? patch).map((item) => keyOf(item, mergeKey))
  if (mergeKey === '') {
    const merged = [...new Set([...old, ...patch])].filter((item) => !directives.remove.includes(item))
    return arrange(merged, old, order, mergeKey)
  }
  if (patch.some((item) => isJsonObject(item) && item.$patch === 'replace' && item[mergeKey] === undefined)) {
    return patch.filter((item) => !isJsonObject(item) || item.$patch === undefined)
  }
  const merged: (Json | undefined)[] = [...old]
  for (const item of patch) {
    const id = keyOf(item, mergeKey)
    if (!isJsonObject(item) || (id === undefined && known !== undefined)) {
      throw internal(`an element of '${where}' in the patch lacks its merge key '${mergeKey}'`)
    }
    // Looked up among the old elements only: two new addresses of one type are both added.
    const at = id === undefined ? -1 : old.findIndex((candidate) => keyOf(candidate, mergeKey) === id)
    const present = merged[at]
    if (item.$patch === 'delete') {
      if (at >= 0) merged[at] = undefined
    } else if (isJsonObject(present)) merged[at] = applyStrategicMergePatch(present, item, `${where}[]`)
    else merged.push(applyStrategicMergePatch({}, item, `${where}[]`))
  }
  return arrange(
    merged.filter((item) => item !== undefined),
    old,
    order,
    mergeKey,
  )
}

/**
 * kube-apiserver's order after a merge: what the patch names comes in the patch's order, what is new as early as that allows
 * (flannel's NetworkUnavailable stands first in a node's conditions); the rest keeps its own order.
 */
function arrange(
  merged: readonly Json[],
  old: readonly Json[],
  order: readonly (Json | undefined)[],
  mergeKey: string,
): Json[] {
  const oldRank = (item: Json): number => old.findIndex((other) => keyOf(other, mergeKey) === keyOf(item, mergeKey))
  const named = merged.filter((item) => order.includes(keyOf(item, mergeKey)))
  named.sort((a, b) => order.indexOf(keyOf(a, mergeKey)) - order.indexOf(keyOf(b, mergeKey)))
  const result: Json[] = []
  let next = 0
  for (const other of merged.filter((item) => !order.includes(keyOf(item, mergeKey)))) {
    for (let item = named[next]; item !== undefined && oldRank(item) < oldRank(other); item = named[next]) {
      result.push(item)
      next += 1
    }
    result.push(other)
  }
  return [...result, ...named.slice(next)]
}

function arrayOr(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : []
}

function keyOf(item: Json | undefined, mergeKey: string): Json | undefined {
  if (mergeKey === '') return item
  return isJsonObject(item) ? item[mergeKey] : undefined
}
