/**
 * Where something stands in a JSON text: what JSON.parse does not say (its messages carry a position on some versions
 * of Node only). Used after something was found wrong, so it is written for exactness, not for speed.
 * Must not: build values.
 */

/** Keys and indexes from the top: `[2, 'ipv4', 'subnet']`. */
export type JsonPath = readonly (string | number)[]

/** Both counted from 1; the column counts UTF-16 units. */
export interface TextPosition {
  readonly line: number
  readonly column: number
}

const MAX_DEPTH = 500
const LITERAL = /(?:true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)/y
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y
const SPACE = /[ \t\n\r]*/y

/** Thrown inside this file only: the text breaks JSON's grammar (RFC 8259) at `offset`. */
class Fault extends Error {
  readonly offset: number
  constructor(offset: number) {
    super()
    this.offset = offset
  }
}

interface Scanner {
  readonly text: string
  at: number
  /** Offset of the value that was looked for. */
  found: number | undefined
}

/** Offset of the first character that JSON's grammar does not allow, the text's length if it ends too early; undefined: the text is JSON. */
export function findJsonFault(text: string): number | undefined {
  const scanner: Scanner = { text, at: 0, found: undefined }
  try {
    scanWhole(scanner, undefined)
    return undefined
  } catch (error) {
    if (error instanceof Fault) return error.offset
    throw error
  }
}

/** Offset of the value at `path`, of the last one where a key stands twice; undefined when there is none. */
export function locateJson(text: string, path: JsonPath): number | undefined {
  const scanner: Scanner = { text, at: 0, found: undefined }
  try {
    scanWhole(scanner, path)
  } catch (error) {
    if (!(error instanceof Fault)) throw error
  }
  return scanner.found
}

export function positionAt(text: string, offset: number): TextPosition {
  let line = 1
  let start = 0
  for (let next = text.indexOf('\n'); next >= 0 && next < offset; next = text.indexOf('\n', start)) {
    line += 1
    start = next + 1
  }
  return { line, column: offset - start + 1 }
}

function scanWhole(s: Scanner, wanted: JsonPath | undefined): void {
  scanValue(s, wanted, 0)
  if (s.at < s.text.length) throw new Fault(s.at)
}

function scanValue(s: Scanner, wanted: JsonPath | undefined, depth: number): void {
  skipSpace(s)
  if (wanted?.length === 0) s.found = s.at
  const first = s.text[s.at]
  if (depth > MAX_DEPTH) throw new Fault(s.at)
  if (first === '{') scanMembers(s, '}', depth, (key) => below(wanted, key), true)
  else if (first === '[') scanMembers(s, ']', depth, (index) => below(wanted, index), false)
  else if (first === '"') scanString(s)
  else if (!take(s, LITERAL)) throw new Fault(s.at)
  skipSpace(s)
}

function scanMembers(
  s: Scanner,
  end: '}' | ']',
  depth: number,
  wantedOf: (step: string | number) => JsonPath | undefined,
  keyed: boolean,
): void {
  s.at += 1
  skipSpace(s)
  if (s.text[s.at] === end) {
    s.at += 1
    return
  }
  for (let index = 0; ; index += 1) {
    skipSpace(s)
    const step = keyed ? scanKey(s) : index
    scanValue(s, wantedOf(step), depth + 1)
    const next = s.text[s.at]
    if (next !== ',' && next !== end) throw new Fault(s.at)
    s.at += 1
    if (next === end) return
  }
}

function scanKey(s: Scanner): string {
  const start = s.at
  if (s.text[start] !== '"') throw new Fault(start)
  scanString(s)
  const key: unknown = JSON.parse(s.text.slice(start, s.at))
  skipSpace(s)
  if (s.text[s.at] !== ':') throw new Fault(s.at)
  s.at += 1
  return String(key)
}

function scanString(s: Scanner): void {
  s.at += 1
  for (;;) {
    const code = s.text.charCodeAt(s.at)
    if (Number.isNaN(code) || code < 0x20) throw new Fault(s.at)
    if (code === 0x5c) {
      if (!take(s, ESCAPE)) throw new Fault(s.at)
      continue
    }
    s.at += 1
    if (code === 0x22) return
  }
}

function skipSpace(s: Scanner): void {
  take(s, SPACE)
}

function take(s: Scanner, pattern: RegExp): boolean {
  pattern.lastIndex = s.at
  if (!pattern.test(s.text)) return false
  s.at = pattern.lastIndex
  return true
}

function below(wanted: JsonPath | undefined, step: string | number): JsonPath | undefined {
  return wanted !== undefined && wanted[0] === step ? wanted.slice(1) : undefined
}
