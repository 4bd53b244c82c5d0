/** Codecs of fixed layouts (C structs) and of packed arrays of them. Must not: know attributes. */
import { shown } from '../util/wrong-input.ts'
import { asObject } from './check.ts'
import type { Codec, ValueOf } from './codec.ts'

type StructValue<F> = { readonly [K in keyof F]?: ValueOf<F[K]> | undefined }

/**
 * A C struct: fields in their order, without padding but where `pad(n)` stands. A field that is not given is written as zeros.
 * A longer struct, as a newer kernel may send, is read as far as it is known. Throws RangeError for a field without a size.
 */
// biome-ignore lint/suspicious/noExplicitAny: the type of each field is inferred from its codec
export function struct<F extends Readonly<Record<string, Codec<any>>>>(
  fields: F,
): Codec<StructValue<F>> & { readonly size: number } {
  const parts = Object.entries(fields).map(([name, codec]) => {
    if (codec.size === undefined) throw new RangeError(`${name}: a field of a struct needs a size`)
    return { name, codec, size: codec.size }
  })
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  const zeros = new DataView(new ArrayBuffer(size))
  const empty: Record<string, unknown> = {}
  for (const { name, codec, size: width } of parts)
    if (codec.read(zeros, 0, width, name, []) !== undefined) empty[name] = undefined
  return {
    size,
    write(out, value, name) {
      const given = asObject(name, value)
      for (const part of parts) {
        const one = given[part.name]
        if (one === undefined) out.zeros(part.size)
        else part.codec.write(out, one, name === '' ? part.name : `${name}.${part.name}`)
      }
    },
    read(view, start, end, name, faults) {
      if (end - start < size) return undefined
      // Its keys are there before their values: objects of one shape.
      const value = { ...empty }
      let at = start
      for (const part of parts) {
        const one: unknown = part.codec.read(view, at, at + part.size, name, faults)
        if (one !== undefined) value[part.name] = one
        at += part.size
      }
      return value as StructValue<F>
    },
  }
}

/** `count` bytes that nobody reads, zero when written. */
export function pad(count: number): Codec<undefined> {
  return { size: count, write: (out) => out.zeros(count), read: () => undefined }
}

/** Values of one size, back to back. What is left at the end is passed over. */
export function packed<T>(item: Codec<T>): Codec<readonly T[]> {
  const { size } = item
  if (size === undefined || size === 0) throw new RangeError('an array needs items of a size')
  return {
    write(out, value, name) {
      if (!Array.isArray(value)) throw new TypeError(`${name}: ${shown(value)} is not an array`)
      for (const [i, one] of (value as readonly T[]).entries()) item.write(out, one, `${name}[${i}]`)
    },
    read(view, start, end, name, faults) {
      const value: T[] = []
      for (let at = start; at + size <= end; at += size) {
        const one = item.read(view, at, at + size, name, faults)
        if (one !== undefined) value.push(one)
      }
      return value
    },
  }
}
