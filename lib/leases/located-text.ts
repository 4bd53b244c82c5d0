/**
 * JSON or YAML 1.2 as a value that still knows where each part of it stood, so that a fault found later is told with line and
 * column. Must not: read a file, or know what the value means.
 */
import { ConfigError } from '../errors.ts'
import { findJsonFault, type JsonPath, locateJson, positionAt } from '../util/json-locate.ts'
import { messageOf } from '../util/message-of.ts'

export interface LocatedText {
  readonly value: unknown
  /** `FILE:LINE:COLUMN` of the value at the path, or of the nearest one above it; lines and columns from 1. */
  place(path: JsonPath): string
}

/**
 * `where` is the file's name; one that ends in `.json` is JSON and nothing else. Rejects with ConfigError at the first word that
 * is neither.
 */
export async function parseLocatedText(text: string, where: string): Promise<LocatedText> {
  try {
    const value: unknown = JSON.parse(text)
    return {
      value,
      place: (path) =>
        placeOf(
          where,
          text,
          nearest(path, (part) => locateJson(text, part)),
        ),
    }
  } catch (cause) {
    if (where.endsWith('.json')) {
      const offset = findJsonFault(text) ?? 0
      throw new ConfigError(
        placeOf(where, text, offset),
        'not JSON: see the comma, quote or bracket here or just before',
        { cause },
      )
    }
  }
  return parseYaml(text, where)
}

/** Loaded when it is needed: most files that programs write are JSON. */
async function parseYaml(text: string, where: string): Promise<LocatedText> {
  const { isNode, parseDocument } = await import('./yaml-document.ts')
  const document = parseDocument(text, { prettyErrors: false })
  const fault = document.errors[0]
  if (fault !== undefined) throw new ConfigError(placeOf(where, text, fault.pos[0]), `not YAML: ${fault.message}`)
  let value: unknown
  try {
    value = document.toJS()
  } catch (cause) {
    throw new ConfigError(where, `not usable YAML: ${messageOf(cause)}`, { cause })
  }
  const offsetOf = (path: JsonPath): number | undefined => {
    const node = document.getIn(path, true)
    return isNode(node) ? node.range?.[0] : undefined
  }
  return { value, place: (path) => placeOf(where, text, nearest(path, offsetOf)) }
}

function nearest(path: JsonPath, offsetOf: (path: JsonPath) => number | undefined): number {
  for (let length = path.length; length > 0; length -= 1) {
    const offset = offsetOf(path.slice(0, length))
    if (offset !== undefined) return offset
  }
  return 0
}

function placeOf(where: string, text: string, offset: number): string {
  const { line, column } = positionAt(text, Math.min(offset, text.length))
  return `${where}:${line}:${column}`
}
