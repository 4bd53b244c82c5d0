/** Codecs that attributes of links need beyond those of the open floor. Must not: know which attribute they stand in. */
import { type Family, familyOf, type Ip } from '../../net/ip.ts'
import { type Codec, checkInteger, checkObject, shown } from '../../netlink/codec.ts'
import { ip, u32, u64 } from '../../netlink/scalars.ts'
import { struct } from '../../netlink/structs.ts'
import { nearest } from '../../util/wrong-input.ts'

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
  return { ...codec, write: (out, value, name) => codec.write(out, checkInteger(name, value, least, most), name) }
}

/** An address of one family alone. */
export function ipOf(family: Family): Codec<Ip> {
  return {
    ...ip,
    write(out, value, name) {
      if (typeof value === 'string' && familyOf(value) !== family)
        throw new RangeError(`${name}: ${shown(value)} is not an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address`)
      ip.write(out, value, name)
    },
  }
}

/** A time of the kernel in hundredths of a second (clock_t) as seconds. */
export const seconds32: Codec<number> = seconds(u32, 0xffffffff)
export const seconds64: Codec<number> = mapped<bigint, number>(
  u64,
  (hundredths) => Number(hundredths) / 100,
  (value, name) => BigInt(hundredthsOf(value, name, Number.MAX_SAFE_INTEGER)),
)

/** One bit for each name, in an integer: what is not named is zero. */
export function bits<N extends string>(
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

function seconds(codec: Codec<number>, most: number): Codec<number> {
  return mapped<number, number>(
    codec,
    (hundredths) => hundredths / 100,
    (value, name) => hundredthsOf(value, name, most),
  )
}

function hundredthsOf(value: unknown, name: string, most: number): number {
  if (typeof value !== 'number') throw new TypeError(`${name}: ${shown(value)} is not a number`)
  const hundredths = Math.round(value * 100)
  if (!(hundredths >= 0 && hundredths <= most))
    throw new RangeError(`${name}: ${value} is not a time from 0 to ${Math.floor(most / 100)} seconds`)
  return hundredths
}

function booleansOf<N extends string>(names: Readonly<Record<N, number>>, on: number, mask: number) {
  const value: { [K in N]?: boolean } = {}
  for (const name of Object.keys(names) as N[]) if ((mask & names[name]) !== 0) value[name] = (on & names[name]) !== 0
  return value
}

function checkBits(names: Readonly<Record<string, number>>, value: unknown, field: string) {
  let [on, mask] = [0, 0]
  for (const [name, wanted] of Object.entries(checkObject(field, value))) {
    if (!Object.hasOwn(names, name))
      throw new TypeError(`${field}.${name}: there is no such flag${nearest(name, Object.keys(names))}`)
    if (wanted === undefined) continue
    if (typeof wanted !== 'boolean') throw new TypeError(`${field}.${name}: ${shown(wanted)} is not a boolean`)
    mask |= names[name] ?? 0
    if (wanted) on |= names[name] ?? 0
  }
  return { on, mask }
}
