/**
 * JSON objects → Protocol Buffers, by tables of field numbers (proto-schema.ts). Written from the end towards the front, so that
 * every length is known when it is written and no byte is moved. Must not: know any Kubernetes object.
 */

/** Fields in the order of their numbers, as Go writes them; fields that a table does not name are left out. */
export type Schema = readonly Field[]

export interface Field {
  readonly name: string
  readonly number: number
  /**
   * `time`: RFC 3339 → a message of seconds. `json`: any value, as a message with its JSON text. `quantity`: a string inside a
   * message. `map` has strings as values, `quantities` quantities. A schema: a message of that kind.
   */
  readonly type: 'string' | 'int' | 'time' | 'json' | 'quantity' | 'map' | 'quantities' | Schema
  /** The value is a list of what `type` says. */
  readonly repeated?: boolean
}

export interface Encoded {
  readonly bytes: Buffer
  /** Of the first field of the message, tag and length included. */
  readonly firstFieldLength: number
}

interface Scratch {
  bytes: Buffer
  /** Where what is written so far begins; it ends at the end of `bytes`. */
  at: number
}

// One for all: nothing is encoded while something else is.
const scratch: Scratch = { bytes: Buffer.allocUnsafe(64 << 10), at: 64 << 10 }
const NUMBER = 0
const BYTES = 2

/** The message that `value` is under `schema`; what has another type than the schema says is left out. */
export function encodeMessage(schema: Schema, value: unknown): Encoded {
  scratch.at = scratch.bytes.length
  let behindFirst = 0
  for (let i = schema.length - 1; i >= 0; i -= 1) {
    if (i === 0) behindFirst = written()
    putField(schema[i], value)
  }
  return { bytes: Buffer.from(scratch.bytes.subarray(scratch.at)), firstFieldLength: written() - behindFirst }
}

/** A field that holds `length` bytes: its tag and length, without the bytes. */
export function bytesHeader(number: number, length: number): Buffer {
  scratch.at = scratch.bytes.length
  putVarint(length)
  putVarint(number * 8 + BYTES)
  return Buffer.from(scratch.bytes.subarray(scratch.at))
}

function putFields(schema: Schema, value: unknown): void {
  for (let i = schema.length - 1; i >= 0; i -= 1) putField(schema[i], value)
}

function putField(field: Field | undefined, parent: unknown): void {
  const value = field === undefined ? undefined : memberOf(parent, field.name)
  if (field === undefined || value === undefined || value === null) return
  if (field.repeated !== true) putValue(field, value)
  else if (Array.isArray(value)) for (let i = value.length - 1; i >= 0; i -= 1) putValue(field, value[i])
}

function putValue({ number, type }: Field, value: unknown): void {
  if (type === 'map' || type === 'quantities') {
    const entries = Object.entries(value as object)
    const valueType = type === 'map' ? 'string' : 'quantity'
    for (let i = entries.length - 1; i >= 0; i -= 1) {
      const [key, entry] = entries[i] ?? []
      putInside(number, () => {
        putValue({ name: '', number: 2, type: valueType }, entry)
        putValue({ name: '', number: 1, type: 'string' }, key)
      })
    }
  } else if (type === 'int') {
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) return
    putVarint(value)
    putVarint(number * 8 + NUMBER)
  } else if (type === 'string') {
    if (typeof value === 'string') putText(number, value)
  } else if (type === 'quantity') putInside(number, () => putText(1, String(value)))
  else if (type === 'json') putInside(number, () => putText(1, JSON.stringify(value)))
  else if (type === 'time') {
    const seconds = Math.floor(Date.parse(String(value)) / 1000)
    putInside(number, () => putValue({ name: '', number: 1, type: 'int' }, seconds))
  } else putInside(number, () => putFields(type, value))
}

function putInside(number: number, put: () => void): void {
  const before = written()
  put()
  putVarint(written() - before)
  putVarint(number * 8 + BYTES)
}

function putText(number: number, text: string): void {
  const length = Buffer.byteLength(text)
  reserve(length)
  scratch.at -= length
  scratch.bytes.write(text, scratch.at)
  putVarint(length)
  putVarint(number * 8 + BYTES)
}

/** Seven bits a byte, the lowest first. */
function putVarint(value: number): void {
  let size = 1
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) size += 1
  reserve(size)
  scratch.at -= size
  let rest = value
  for (let i = 0; i < size; i += 1) {
    scratch.bytes[scratch.at + i] = (rest % 128) + (i < size - 1 ? 128 : 0)
    rest = Math.floor(rest / 128)
  }
}

function written(): number {
  return scratch.bytes.length - scratch.at
}

function reserve(length: number): void {
  if (length <= scratch.at) return
  const larger = Buffer.allocUnsafe(2 * scratch.bytes.length + length)
  const at = larger.length - written()
  scratch.bytes.copy(larger, at, scratch.at)
  scratch.bytes = larger
  scratch.at = at
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined
}
