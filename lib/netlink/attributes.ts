/**
 * Lists of attributes (struct nlattr) as objects with a key for each, by a schema: name → [number, codec]. What is unknown is
 * passed over, since newer kernels say more; of one that comes twice the last counts, as in the kernel itself.
 * Must not: know a message type.
 */

import { types } from 'node:util'
import { LITTLE_ENDIAN } from '../addon/host-order.ts'
import { shown, wrongType } from '../util/wrong-input.ts'
import { HEAD_BYTES, TYPE_MASK } from './byte-writer.ts'
import { asCodec, asFunction, asInteger, asObject, fieldsOf, keyName, optional, unknownKey } from './check.ts'
import type { Codec, ValueOf } from './codec.ts'

// biome-ignore lint/suspicious/noExplicitAny: the type of each value is inferred from its codec
type AttributeFields = Readonly<Record<string, readonly [id: number, codec: Codec<any>]>>

/** Every attribute may be missing. */
export type AttributeValues<F extends AttributeFields> = {
  readonly [K in keyof F]?: ValueOf<F[K][1]> | undefined
}

/** A schema: usable as codec of a nested attribute, and of what follows the fixed part of a message. */
export interface Attributes<F extends AttributeFields> extends Codec<AttributeValues<F>> {
  readonly nested: true
  readonly fields: F
  /** As `read`, into an object that has other keys already. */
  readInto(value: object, view: DataView, start: number, end: number, name: string, faults: string[]): void
}

/** Throws TypeError for what is no codec, RangeError for a number that is none, or that two attributes have. */
export function attributes<const F extends AttributeFields>(fields: F): Attributes<F> {
  const byId = new Map<number, { readonly key: string; readonly codec: Codec<unknown> }>()
  for (const [key, field] of Object.entries(asObject('fields', fields))) {
    const place = keyName(key)
    if (!Array.isArray(field)) throw wrongType(place, 'an attribute, [number, codec]', field)
    const id = asInteger(place, field[0], 0, TYPE_MASK)
    const codec = asCodec(place, field[1])
    const other = byId.get(id)
    if (other !== undefined) throw new RangeError(`${key}: attribute ${id} is ${other.key} already`)
    byId.set(id, { key, codec })
  }
  const readInto = (
    value: Record<string, unknown>,
    view: DataView,
    start: number,
    end: number,
    name: string,
    faults: string[],
  ): void =>
    eachAttribute(view, start, end, (id, from, to) => {
      const field = byId.get(id)
      if (field === undefined) return
      const place = joined(name, field.key)
      const one = field.codec.read(view, from, to, place, faults)
      if (one === undefined) faults.push(place)
      else value[field.key] = one
    })
  return {
    nested: true,
    fields,
    write(out, value, name) {
      for (const [key, one] of Object.entries(asObject(name === '' ? 'value' : name, value))) {
        if (one === undefined) continue
        const field = Object.hasOwn(fields, key) ? fields[key] : undefined
        if (field === undefined) throw unknownKey(name, key, Object.keys(fields))
        const [id, codec] = field
        if (codec.flag === true && one === false) continue
        const place = joined(name, key)
        out.attribute(id, codec.nested === true, place, () => codec.write(out, one, place))
      }
    },
    read(view, start, end, name, faults) {
      const value = {}
      readInto(value, view, start, end, name, faults)
      return value as AttributeValues<F>
    },
    readInto,
    locate(view, start, end, offset) {
      let found: string | undefined
      eachAttribute(view, start, end, (id, from, to) => {
        if (offset < from - HEAD_BYTES || offset >= to) return
        const field = byId.get(id)
        const key = field?.key ?? `attribute ${id}`
        const inner = offset < from ? undefined : field?.codec.locate?.(view, from, to, offset)
        found = inner === undefined ? key : `${key}.${inner}`
      })
      return found
    },
  }
}

/**
 * Attributes of one kind inside of another. `id`: the number of each, where it is given (IFLA_ALT_IFNAME in IFLA_PROP_LIST);
 * without it they are counted from 1, and any number is read (CTRL_ATTR_MCAST_GROUPS).
 */
export function listOf<T>(item: Codec<T>, options: { readonly id?: number } = {}): Codec<readonly T[]> {
  asCodec('item', item)
  const of = fieldsOf('options', options, ['id'])
  const id = optional('id', of.id, (field, number) => asInteger(field, number, 0, TYPE_MASK))
  return {
    nested: true,
    write(out, value, name) {
      if (!Array.isArray(value)) throw new TypeError(`${name}: ${shown(value)} is not an array`)
      for (const [i, one] of (value as readonly T[]).entries())
        out.attribute(id ?? i + 1, item.nested === true, name, () => item.write(out, one, `${name}[${i}]`))
    },
    read(view, start, end, name, faults) {
      const value: T[] = []
      eachAttribute(view, start, end, (type, from, to) => {
        if (id !== undefined && type !== id) return
        const one = item.read(view, from, to, `${name}[${value.length}]`, faults)
        if (one === undefined) faults.push(`${name}[${value.length}]`)
        else value.push(one)
      })
      return value
    },
    locate(view, start, end, offset) {
      let found: string | undefined
      let index = 0
      eachAttribute(view, start, end, (_type, from, to) => {
        if (offset >= from - HEAD_BYTES && offset < to) {
          const inner = offset < from ? undefined : item.locate?.(view, from, to, offset)
          found = inner === undefined ? `${index}` : `${index}.${inner}`
        }
        index += 1
      })
      return found
    },
  }
}

/** Calls `visit` with the number and the payload of each attribute from `start` up to `end`; ends where the framing is broken. */
export function eachAttribute(
  view: DataView,
  start: number,
  end: number,
  visit: (id: number, from: number, to: number) => void,
): void {
  if (!types.isDataView(view)) throw wrongType('view', 'a DataView', view)
  asInteger('end', end, asInteger('start', start, 0, view.byteLength), view.byteLength)
  asFunction('visit', visit)
  for (let at = start; at + HEAD_BYTES <= end; ) {
    const length = view.getUint16(at, LITTLE_ENDIAN)
    if (length < HEAD_BYTES || at + length > end) return
    visit(view.getUint16(at + 2, LITTLE_ENDIAN) & TYPE_MASK, at + HEAD_BYTES, at + length)
    at += (length + 3) & ~3
  }
}

function joined(name: string, key: string): string {
  return name === '' ? key : `${name}.${key}`
}
