/**
 * Where the attributes of one message stand: found in one pass, read one by one as they are wanted, without an object in between.
 * For tables of which there are 100,000 lines; attributes.ts is for everything else. Must not: know a message type.
 */
import { LITTLE_ENDIAN } from '../addon/host-order.ts'
import type { Attributes, AttributeValues } from './attributes.ts'
import { HEAD_BYTES, TYPE_MASK } from './byte-writer.ts'

export interface AttributeIndex<F> {
  /** Finds those from `start` up to `end`; what was found before is forgotten. Ends where the framing is broken. */
  find(view: DataView, start: number, end: number): void
  /** The mask of some attributes, of numbers below 32, for `hasAny`. */
  maskOf(...keys: readonly (keyof F)[]): number
  hasAny(mask: number): boolean
  /** Where the payload of one begins; 0: it is not there, or shorter than `bytes`. */
  at(key: keyof F, bytes?: number): number
  /** The value; undefined: it is not there, or, named in `faults`, cannot be read. */
  read<K extends keyof F>(view: DataView, key: K, faults: string[]): AttributeValues<F & Fields>[K]
  /** Copies the attribute's bytes into `into` where it has as many; false: it is not there, or has not. */
  copy(view: DataView, key: keyof F, into: Uint8Array): boolean
}

// biome-ignore lint/suspicious/noExplicitAny: the type of each value is inferred from its codec
type Fields = Readonly<Record<string, readonly [number, any]>>

/** For one message at a time. */
export function attributeIndex<F extends Fields>({ fields }: Attributes<F>): AttributeIndex<F> {
  const most = Math.max(...Object.values(fields).map(([id]) => id))
  const begins = new Int32Array(most + 1)
  const ends = new Int32Array(most + 1)
  let found = 0
  return {
    find(view, start, end) {
      begins.fill(0)
      found = 0
      for (let at = start; at + HEAD_BYTES <= end; ) {
        const length = view.getUint16(at, LITTLE_ENDIAN)
        if (length < HEAD_BYTES || at + length > end) return
        const id = view.getUint16(at + 2, LITTLE_ENDIAN) & TYPE_MASK
        if (id <= most) {
          found |= 1 << id
          begins[id] = at + HEAD_BYTES
          ends[id] = at + length
        }
        at += (length + 3) & ~3
      }
    },
    maskOf: (...keys) => keys.reduce((mask, key) => mask | (1 << (fields[key] as F[keyof F])[0]), 0),
    hasAny: (mask) => (found & mask) !== 0,
    at(key, bytes = 0) {
      const [id] = fields[key] as F[typeof key]
      const begin = begins[id] ?? 0
      return begin !== 0 && (ends[id] ?? 0) - begin >= bytes ? begin : 0
    },
    read(view, key, faults) {
      const [id, codec] = fields[key] as F[typeof key]
      const begin = begins[id] ?? 0
      if (begin === 0) return undefined
      const value = codec.read(view, begin, ends[id] ?? 0, key as string, faults)
      if (value === undefined) faults.push(key as string)
      return value
    },
    copy(view, key, into) {
      const [id] = fields[key] as F[typeof key]
      const begin = begins[id] ?? 0
      if (begin === 0 || (ends[id] ?? 0) - begin !== into.length) return false
      for (let i = 0; i < into.length; i += 1) into[i] = view.getUint8(begin + i)
      return true
    },
  }
}
