/**
 * JSON objects as Go's encoding/json reads them, for the files and annotations that Go programs write and read too.
 * Must not: know what any key means.
 */

/** Narrows to a JSON object; an array or null is none. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A property of what may or may not be a JSON object. */
export function member(value: unknown, key: string): unknown {
  return isRecord(value) ? value[key] : undefined
}

export interface FoldedObject {
  /** The value whose key equals `name` whatever the case; undefined when absent or null (Go leaves the default then). */
  get(name: string): unknown
  /** Keys as they were written, where a later spelling of the same key took the place of an earlier one. */
  readonly shadowed: readonly string[]
}

/**
 * Keys match case-insensitively and the last one wins. Where one spelling stands twice, JSON.parse has already kept its
 * last value at its first place, so among three keys of two spellings the winner can differ from Go's.
 */
export function foldKeys(object: Readonly<Record<string, unknown>>): FoldedObject {
  const values = new Map<string, { key: string; value: unknown }>()
  const shadowed: string[] = []
  for (const [key, value] of Object.entries(object)) {
    const folded = key.toLowerCase()
    const earlier = values.get(folded)
    if (earlier !== undefined) shadowed.push(earlier.key)
    values.set(folded, { key, value })
  }
  return { get: (name) => values.get(name.toLowerCase())?.value ?? undefined, shadowed }
}
