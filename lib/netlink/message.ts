/**
 * Whole messages: the header of netlink (struct nlmsghdr), the fixed part of a protocol and its attributes; and the messages of
 * what the kernel sent. Must not: send or receive.
 */

import { LITTLE_ENDIAN, viewOf } from '../addon/host-order.ts'
import { wrongType } from '../util/wrong-input.ts'
import type { Attributes, AttributeValues } from './attributes.ts'
import { ByteWriter } from './byte-writer.ts'
import { asBytes, asCodec, asInteger, asObject } from './check.ts'
import type { Codec } from './codec.ts'

export const HEADER_BYTES = 16
/** Of the fixed part of a protocol; the largest of rtnetlink has 24 bytes. */
const LARGEST_FIXED = 4096

/** A message of the kernel: its header, and a view of what follows. */
export interface NetlinkMessage {
  /** nlmsg_type. */
  readonly type: number
  /** nlmsg_flags: NLM_F_*. */
  readonly flags: number
  /** nlmsg_pid: of the socket that caused it; 0: the kernel, or nobody says. */
  readonly portId: number
  readonly payload: Uint8Array
}

/** NLM_F_*, of requests. REQUEST, ACK and the sequence number are added to every one. */
export const NLM_F_ROOT = 0x100
export const NLM_F_MATCH = 0x200
export const NLM_F_DUMP = NLM_F_ROOT | NLM_F_MATCH
export const NLM_F_REPLACE = 0x100
export const NLM_F_EXCL = 0x200
export const NLM_F_CREATE = 0x400
export const NLM_F_APPEND = 0x800
export const NLM_F_ECHO = 0x8

/** Codec of a payload: a fixed part (undefined: none) and attributes behind it, in one object. Their keys must differ. */
// biome-ignore lint/suspicious/noExplicitAny: the type of each attribute is inferred from its codec
export function message<H extends object, F extends Readonly<Record<string, readonly [number, Codec<any>]>>>(
  fixed: Codec<H> & { readonly size: number },
  schema: Attributes<F>,
): Codec<H & AttributeValues<F>> {
  asInteger('fixed.size', asCodec('fixed', fixed).size, 0, LARGEST_FIXED)
  asCodec('schema', schema)
  if (typeof schema.fields !== 'object') throw wrongType('schema', 'one of attributes()', schema)
  const keys = fixedKeys(fixed)
  const twice = [...keys].find((key) => Object.hasOwn(schema.fields, key))
  if (twice !== undefined) throw new RangeError(`${twice}: both the fixed part and an attribute have this name`)
  const head = (fixed.size + 3) & ~3
  return {
    write(out, value, name) {
      // Each field is read once.
      const given = Object.entries(asObject(name === '' ? 'value' : name, value))
      const partOf = (isFixed: boolean): object =>
        Object.fromEntries(given.filter(([key]) => keys.has(key) === isFixed))
      fixed.write(out, partOf(true) as H, name)
      out.align()
      schema.write(out, partOf(false) as AttributeValues<F>, name)
    },
    read(view, start, end, name, faults) {
      const first = fixed.read(view, start, Math.min(end, start + fixed.size), name, faults)
      if (first === undefined) return undefined
      schema.readInto(first, view, Math.min(end, start + head), end, name, faults)
      return first as H & AttributeValues<F>
    },
    locate: (view, start, end, offset) => schema.locate?.(view, start + head, end, offset),
  }
}

/** A whole message: type, flags and what `codec` makes of `value`. Throws TypeError and RangeError by the name of the field. */
export function encodeMessage<T>(type: number, flags: number, codec: Codec<T>, value: T): Uint8Array {
  asCodec('codec', codec)
  const out = new ByteWriter()
  out.u32(0)
  out.u16(asInteger('type', type, 16, 0xffff))
  out.u16(asInteger('flags', flags, 0, 0xffff))
  out.zeros(HEADER_BYTES - 8)
  codec.write(out, value, '')
  out.patchU32(0, out.length)
  return out.finish()
}

/** Which attribute of `request`, a whole message that `codec` wrote, has its head at `offset`, counted from the message's begin. */
export function attributeAt<T>(request: Uint8Array, codec: Codec<T>, offset: number): string | undefined {
  if (offset < HEADER_BYTES) return undefined
  return codec.locate?.(viewOf(request), HEADER_BYTES, request.length, offset)
}

/** The payload as a value, with the names of the parts that could not be read; undefined: it is none. */
export function decodePayload<T>(codec: Codec<T>, payload: Uint8Array): { value: T; faults: string[] } | undefined {
  asCodec('codec', codec)
  const faults: string[] = []
  const value = codec.read(viewOf(asBytes('payload', payload)), 0, payload.length, '', faults)
  return value === undefined ? undefined : { value, faults }
}

/** Calls `take` with each message; false where the framing is broken, behind the last whole one. */
export function eachMessage(bytes: Uint8Array, take: (message: NetlinkMessage) => void): boolean {
  const view = viewOf(bytes)
  return eachFrame(view, (_type, from, to) => take(messageAt(view, bytes, from, to)))
}

/** As eachMessage, by the type and the place of each, head included: of 100,000 none needs an object. */
export function eachFrame(view: DataView, take: (type: number, from: number, to: number) => void): boolean {
  const end = view.byteLength
  let at = 0
  while (at + HEADER_BYTES <= end) {
    const length = view.getUint32(at, LITTLE_ENDIAN)
    if (length < HEADER_BYTES || at + length > end) return false
    take(view.getUint16(at + 4, LITTLE_ENDIAN), at, at + length)
    at += (length + 3) & ~3
  }
  return at >= end
}

/** The message that stands there; its payload is a view of `bytes`, of which `view` is one too. */
export function messageAt(view: DataView, bytes: Uint8Array, from: number, to: number): NetlinkMessage {
  return {
    type: view.getUint16(from + 4, LITTLE_ENDIAN),
    flags: view.getUint16(from + 6, LITTLE_ENDIAN),
    portId: view.getUint32(from + 12, LITTLE_ENDIAN),
    payload: bytes.subarray(from + HEADER_BYTES, to),
  }
}

/** The keys of a fixed part, which is a struct (structs.ts) and so tells them by what it reads of zeros. */
function fixedKeys(fixed: Codec<object> & { readonly size: number }): ReadonlySet<string> {
  const zeros = fixed.read(new DataView(new ArrayBuffer(fixed.size)), 0, fixed.size, '', [])
  return new Set(Object.keys(zeros ?? {}))
}
