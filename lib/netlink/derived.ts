/** Codecs made of others: narrower ones, and values that are others on the wire. Must not: know which attribute they stand in. */

import type { Family, Ip } from '../net/ip.ts'
import { wrongType } from '../util/wrong-input.ts'
import { asBoolean, asInteger, asIpOf, asObject, unknownKey } from './check.ts'
import type { Codec } from './codec.ts'
import { ip, u32 } from './scalars.ts'
import { struct } from './structs.ts'

/** What only the kernel says. */
export function readOnly<T>(codec: Codec<T>): Codec<T> {
  return {
    ...codec,
    write(_out, _value, name) {
      throw new TypeError(`${name}: it can be read only`)
    },
  }
}

/** Where the kernel takes less than the bytes can say; what it says itself is read as it is. */
export function within(codec: Codec<number>, least: number, most: number): Codec<number> {
  return { ...codec, write: (out, value, name) => codec.write(out, asInteger(name, value, least, most), name) }
}

/** An address of one family alone. */
export function ipOf(family: Family): Codec<Ip> {
  return { ...ip, write: (out, value, name) => ip.write(out, asIpOf(name, value, family), name) }
}

/** USER_HZ: clock_t of what the kernel tells is in hundredths of a second on every architecture that Node runs on. */
export const CLOCK_TICKS = 100

/** clock_t, of a codec for integers, as seconds; what is finer than a tick is not written. */
export function clock(codec: Codec<number>): Codec<number> {
  return mapped<number, number>(
    codec,
    (told) => told / CLOCK_TICKS,
    (value, name) => {
      if (typeof value !== 'number') throw wrongType(name, 'a number', value)
      const ticks = value * CLOCK_TICKS
      const whole = Math.round(ticks)
      // 0.1 + 0.2 is meant to be 0.3.
      if (Math.abs(whole - ticks) > 1e-9 * Math.abs(ticks))
        throw new RangeError(`${name}: ${value} is finer than 10 ms`)
      return whole
    },
  )
}

/** One bit for each name, in an integer: what is not named is zero. */
export function flagBits<N extends string>(
  codec: Codec<number>,
  names: Readonly<Record<N, number>>,
): Codec<{ readonly [K in N]?: boolean }> {
  return mapped(
    codec,
    (number) => booleansOf(names, number, -1),
    (value, name) => checkBits(names, value, name).on,
  )
}

/** Bits and a mask of those that are meant, both of four bytes: what is not named stays. */
export function maskedBits<N extends string>(
  names: Readonly<Record<N, number>>,
): Codec<{ readonly [K in N]?: boolean }> {
  return mapped(
    struct({ on: u32, mask: u32 }) as Codec<{ on?: number; mask?: number }>,
    ({ on = 0, mask = 0 }) => booleansOf(names, on, mask),
    (value, name) => checkBits(names, value, name),
  )
}

/** A value that is another one on the wire. `write` has the field's name for what it refuses. */
export function mapped<R, T>(
  codec: Codec<R>,
  read: (raw: R) => T | undefined,
  write: (value: T, name: string) => R,
): Codec<T> {
  const { size, nested, flag, locate } = codec
  return {
    ...(size === undefined ? {} : { size }),
    ...(nested === undefined ? {} : { nested }),
    ...(flag === undefined ? {} : { flag }),
    ...(locate === undefined ? {} : { locate: locate.bind(codec) }),
    write: (out, value, name) => codec.write(out, write(value, name), name),
    read(view, start, end, name, faults) {
      const raw = codec.read(view, start, end, name, faults)
      return raw === undefined ? undefined : read(raw)
    },
  }
}

function booleansOf<N extends string>(names: Readonly<Record<N, number>>, on: number, mask: number) {
  const value: { [K in N]?: boolean } = {}
  for (const name of Object.keys(names) as N[]) if ((mask & names[name]) !== 0) value[name] = (on & names[name]) !== 0
  return value
}

function checkBits(names: Readonly<Record<string, number>>, value: unknown, field: string) {
  let [on, mask] = [0, 0]
  for (const [name, wanted] of Object.entries(asObject(field, value))) {
    const bit = Object.hasOwn(names, name) ? names[name] : undefined
    if (bit === undefined) throw unknownKey(field, name, Object.keys(names))
    if (wanted === undefined) continue
    mask |= bit
    if (asBoolean(`${field}.${name}`, wanted)) on |= bit
  }
  return { on, mask }
}
