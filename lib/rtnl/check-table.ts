/**
 * Packed tables that a caller hands over: their bytes as they are, whatever the object says of itself. Must not: look into
 * them; which bytes are an entry is entry-codec.ts's.
 */

import { ENTRY_BYTES } from '../addon/abi.ts'
import { asObject } from '../netlink/check.ts'
import { wrongType, wrongValue } from '../util/wrong-input.ts'

/** Of every Uint8Array, whatever a subclass or an own property says. */
const prototype: object = Object.getPrototypeOf(Uint8Array.prototype)
const intrinsic = (name: 'buffer' | 'byteOffset' | 'byteLength' | typeof Symbol.toStringTag) => {
  const get = Object.getOwnPropertyDescriptor(prototype, name)?.get
  return (of: unknown): unknown => get?.call(of)
}
const bufferOf = intrinsic('buffer') as (of: Uint8Array) => ArrayBufferLike
const offsetOf = intrinsic('byteOffset') as (of: Uint8Array) => number
const lengthOf = intrinsic('byteLength') as (of: Uint8Array) => number
const kindOf = intrinsic(Symbol.toStringTag)

function isBytes(value: unknown): value is Uint8Array {
  return kindOf(value) === 'Uint8Array'
}

function isShared(buffer: ArrayBufferLike): buffer is SharedArrayBuffer {
  return Object.prototype.toString.call(buffer) === '[object SharedArrayBuffer]'
}

export interface CheckedTable {
  /** A view of exactly the entries' bytes. */
  readonly bytes: Uint8Array
  readonly length: number
}

/** `bytes` a Uint8Array (a Buffer is one) that is neither shared nor detached, and has room for `length` entries. */
export function asTable(field: string, value: unknown): CheckedTable {
  const of = asObject(field, value)
  const plain = plainBytes(`${field}.bytes`, of.bytes)
  const { length } = of
  if (typeof length !== 'number') throw wrongType(`${field}.length`, 'a number', length)
  if (!Number.isInteger(length) || length < 0 || length * ENTRY_BYTES > plain.byteLength)
    throw wrongValue(`${field}.length`, length, `is no number of entries in ${plain.byteLength} bytes`)
  return { bytes: plain.subarray(0, length * ENTRY_BYTES), length }
}

/** The buffer of a table that nobody will read again; one without bytes where it is detached already. */
export function asTableOrReleased(field: string, value: unknown): { readonly buffer: ArrayBuffer } {
  const { bytes } = asObject(field, value)
  if (!isBytes(bytes)) throw wrongType(`${field}.bytes`, 'a Uint8Array', bytes)
  const buffer = bufferOf(bytes)
  if (isShared(buffer)) throw new TypeError(`${field}.bytes: shared memory is not ours to release`)
  return { buffer: buffer as ArrayBuffer }
}

/** A view of the bytes of entry `index`; undefined where the table or the index is wrong. Of 100,000 this is asked one by one. */
export function entryViewOf(table: { readonly bytes: Uint8Array; readonly length: number }, index: number) {
  const { bytes } = table
  if (!isBytes(bytes)) return undefined
  const { length } = table
  if (!Number.isInteger(length) || !Number.isInteger(index) || index < 0 || index >= length) return undefined
  const at = index * ENTRY_BYTES
  if (at + ENTRY_BYTES > lengthOf(bytes)) return undefined
  return new Uint8Array(bufferOf(bytes), offsetOf(bytes) + at, ENTRY_BYTES)
}

/** The same bytes as a plain Uint8Array, whose methods are nobody's own. */
export function plainBytes(field: string, value: unknown): Uint8Array<ArrayBuffer> {
  if (!isBytes(value)) throw wrongType(field, 'a Uint8Array', value)
  const buffer = bufferOf(value)
  if (isShared(buffer)) throw new TypeError(`${field}: shared memory may change while it is read; hand over a copy`)
  try {
    return new Uint8Array(buffer as ArrayBuffer, offsetOf(value), lengthOf(value))
  } catch {
    throw new TypeError(`${field}: its buffer is detached: it was released, or transferred to another thread`)
  }
}
