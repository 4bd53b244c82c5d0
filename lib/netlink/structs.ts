/** Codecs of fixed layouts (C structs) and of packed arrays of them. Must not: know attributes. */
import { shown, wrongType } from '../util/wrong-input.ts'
import { asCodec, asFlag, asInteger, asObject, fieldsOf, keyName, unknownKey } from './check.ts'
import type { Codec, ValueOf } from './codec.ts'

/** An attribute holds no more. */
const LARGEST_PAD = 0xffff

type StructValue<F> = { readonly [K in keyof F]?: ValueOf<F[K]> | undefined }

/**
 * A C struct: fields in their order, without padding but where `pad(n)` stands. A field that is not given is written as zeros, one
 * that is not known is a TypeError; `whole`: so is one that is not given. A longer struct, as a newer kernel may send, is read as
 * far as it is known. Throws RangeError for a field without a size.
 */
// biome-ignore lint/suspicious/noExplicitAny: the type of each field is inferred from its codec
export function struct<F extends Readonly<Record<string, Codec<any>>>>(
  fields: F,
  options: { readonly whole?: boolean } = {},
): Codec<StructValue<F>> & { readonly size: number } {
  const isWhole = asFlag('whole', fieldsOf('options', options, ['whole']).whole) === true
  const parts = Object.entries(asObject('fields', fields)).map(([name, field]) => {
    const codec = asCodec(keyName(name), field)
    if (codec.size === undefined) throw new RangeError(`${name}: a field of a struct needs a size`)
    return { name, codec, size: codec.size }
  })
  const known = new Set(parts.map(({ name }) => name))
  const size = parts.reduce((sum, part) => sum + part.size, 0)
  const zeros = new DataView(new ArrayBuffer(size))
  const empty: Record<string, unknown> = {}
  for (const { name, codec, size: width } of parts)
    if (codec.read(zeros, 0, width, name, []) !== undefined) empty[name] = undefined
  return {
    size,
    write(out, value, name) {
      const given = asObject(name === '' ? 'value' : name, value)
      for (const key of Object.keys(given)) if (!known.has(key)) throw unknownKey(name, key, [...known])
      for (const part of parts) {
        const one = given[part.name]
        const place = name === '' ? part.name : `${name}.${part.name}`
        if (one !== undefined) part.codec.write(out, one, place)
        else if (isWhole) throw new TypeError(`${place}: it is missing`)
        else out.zeros(part.size)
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
  const size = asInteger('count', count, 0, LARGEST_PAD)
  return {
    size,
    write(out, value, name) {
      if (value !== undefined) throw wrongType(name, 'undefined: nobody reads it', value)
      out.zeros(size)
    },
    read: () => undefined,
  }
}

/** Values of one size, back to back. What is left at the end is passed over. */
export function packed<T>(item: Codec<T>): Codec<readonly T[]> {
  const { size } = asCodec('item', item)
  if (size === undefined || size === 0) throw new RangeError('item: an array needs items of a size')
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
