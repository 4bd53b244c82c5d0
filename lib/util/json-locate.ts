/**
 * Where something stands in a JSON text: what JSON.parse does not say (its messages carry a position on some versions of
 * Node only). Asked after something was found wrong. Must not: build values.
 */
import { type Node, type ParseError, parseTree } from 'jsonc-parser'

/** Keys and indexes from the top: `[2, 'ipv4', 'subnet']`. */
export type JsonPath = readonly (string | number)[]

/** Both counted from 1; the column counts UTF-16 units. */
export interface TextPosition {
  readonly line: number
  readonly column: number
}

/** Offset of the first word that JSON's grammar (RFC 8259) does not allow; undefined: the text is JSON. */
export function findJsonFault(text: string): number | undefined {
  return read(text).faults[0]?.offset
}

/** Offset of the value at `path`, of the last one where a key stands twice, as JSON.parse has it; undefined when there is none. */
export function locateJson(text: string, path: JsonPath): number | undefined {
  let node = read(text).root
  for (const step of path) {
    const entry =
      node?.type === 'array' && typeof step === 'number'
        ? node.children?.[step]
        : node?.children?.findLast(({ type, children }) => type === 'property' && children?.[0]?.value === step)
    node = entry?.type === 'property' ? entry.children?.[1] : entry
  }
  return node?.offset
}

/** A text nested so deeply that the library gives up is at fault from its beginning. */
function read(text: string): { root: Node | undefined; faults: readonly { readonly offset: number }[] } {
  const faults: ParseError[] = []
  try {
    return { root: parseTree(text, faults, { disallowComments: true }), faults }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    return { root: undefined, faults: [{ offset: 0 }] }
  }
}

export function positionAt(text: string, offset: number): TextPosition {
  const before = text.slice(0, offset).split('\n')
  return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 }
}
